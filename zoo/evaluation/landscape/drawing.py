"""Pictures of a loss surface, for eyes that see colours and for others.

Matplotlib's figures are drawn by its Agg backend as objects, without pyplot
and without a display.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Okabe and Ito's blue and vermilion: apart for colour-blind eyes, and the
# second is dashed.
COLOURS = {"train": "#0072B2", "val": "#D55E00"}
STYLES = {"train": "-", "val": "--"}
NAMES = {"train": "training", "val": "validation"}
UNITS = {
    "cross_entropy": "cross-entropy in nats",
    "hinge": "hinge",
    "squared_error": "squared error",
}
# `cividis` is read alike with and without red and green.
MAP = "cividis"
LEVELS = 15  # of the contour plot
STEP = "(1 = as long as each filter is)"
GAP = "0.8"  # grey: no number here
PIXELS_PER_INCH = 100
LARGE = 30  # times the least loss: from there on the axis is logarithmic


def draw(found: dict[str, Any], part: str) -> np.ndarray:
    """Draws `path`, `line` or `plane`; returns uint8 `[H, W, 3]`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6), dpi=PIXELS_PER_INCH, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    title = f"{_short(found['run'])}\n{found['about_batch_norm']}"
    figure.suptitle(title, fontsize=11, parse_math=False)
    if part == "plane":
        _draw_plane(figure, found)
    else:
        _draw_curves(figure, found, part)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _short(name: str) -> str:
    return name if len(name) <= 70 else f"...{name[-67:]}"


def _draw_curves(figure, found: dict[str, Any], part: str) -> None:
    """Draws loss above accuracy, each by place on the line."""
    curves = found[part]
    at = curves["share" if part == "path" else "step"]
    with_accuracy = curves["train"]["accuracy"] is not None
    axes = figure.subplots(
        1 + with_accuracy,
        sharex=True,
        squeeze=False,
        height_ratios=(2, 1) if with_accuracy else (1,),
    )[:, 0]
    _draw_losses(axes[0], at, found, part)
    if with_accuracy:
        for name in _samples(curves):
            accuracy = 100 * np.asarray(curves[name]["accuracy"])
            axes[1].plot(at, accuracy, **_look(name))
        axes[1].set_ylabel("accuracy in %")
        axes[1].set_ylim(-3, 103)
    axes[-1].set_xlabel(_place(curves, part))
    for panel in axes:
        panel.grid(color="0.9")


def _draw_losses(panel, at, found: dict[str, Any], part: str) -> None:
    curves = found[part]
    for name in _samples(curves):
        label = f"{NAMES[name]}, {found['examples'][name]:,} {found['noun']}"
        panel.plot(at, curves[name]["loss"], label=label, **_look(name))
    if np.nanmax(curves["penalty"], initial=0.0) > 0:
        total = curves["train"]["loss"] + curves["penalty"]
        panel.plot(at, total, "k:", label="training, with penalty")
    losses = np.array([curves[name]["loss"] for name in _samples(curves)])
    unit = f"loss: {UNITS[found['loss']]}"
    if _spans_far(losses):
        panel.set_yscale("log")
        unit += ", logarithmic"
    _mark_gaps(panel, at, curves["train"]["loss"])
    panel.set_ylabel(unit)
    panel.legend()


def _mark_gaps(panel, at, losses: np.ndarray) -> None:
    """Shades where there is no number, so that a gap is not overlooked."""
    half = (at[1] - at[0]) / 2
    label = "not a finite number"
    for place in np.asarray(at)[~np.isfinite(losses)]:
        panel.axvspan(place - half, place + half, color=GAP, lw=0, label=label)
        label = None


def _draw_plane(figure, found: dict[str, Any]) -> None:
    """Draws lines of equal loss on a logarithmic scale."""
    panel = figure.subplots()
    panel.set_facecolor(GAP)
    steps = found["plane"]["step"]
    losses = np.ma.masked_invalid(found["plane"]["train"]["loss"])
    if losses.count():
        _draw_contours(figure, panel, steps, losses, found)
    panel.plot(0, 0, "+", color="white", markersize=14, markeredgewidth=4)
    panel.plot(0, 0, "+", color="black", markersize=12, markeredgewidth=2)
    gaps = losses.size - losses.count()
    note = f"; grey: no finite number ({gaps:,} points)" if gaps else ""
    panel.set_title(f"+ marks {_weights(found['plane'])}{note}", fontsize=9)
    panel.set_xlim(steps[0], steps[-1])
    panel.set_ylim(steps[0], steps[-1])
    panel.set_xlabel(f"step along the 1st direction {STEP}")
    panel.set_ylabel("step along the 2nd direction")
    panel.set_aspect("equal")


def _draw_contours(figure, panel, steps, losses, found) -> None:
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import FuncFormatter

    levels = levels_of(losses.compressed())
    values = np.ma.clip(losses, levels[0], levels[-1])
    look = {"levels": levels, "norm": LogNorm(levels[0], levels[-1])}
    filled = panel.contourf(steps, steps, values, cmap=MAP, **look)
    lines = panel.contour(
        steps, steps, values, colors="white", linewidths=0.6, **look
    )
    panel.clabel(lines, levels[1:-1:3], fmt=_digits, fontsize=8)
    ticks = levels[::2]
    bar = figure.colorbar(filled, ticks=ticks)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: _digits(v)))
    bar.ax.minorticks_off()
    bar.set_label(
        f"training loss of {found['examples']['train']:,} {found['noun']}: "
        f"{UNITS[found['loss']]}"
    )


def levels_of(losses: np.ndarray) -> np.ndarray:
    """Returns rising, positive contour levels that span finite losses.

    Equal steps of the logarithm, over at most six powers of ten.
    """
    high = max(float(losses.max()), 1e-6)
    low = max(float(losses.min()), high * 1e-6)
    if high < low * 1.001:
        low, high = low * 0.99, high * 1.01
    return np.geomspace(low, high, LEVELS)


def _spans_far(losses: np.ndarray) -> bool:
    finite = losses[np.isfinite(losses)]
    return bool(finite.size) and finite.max() > LARGE * finite.min() > 0


def _samples(curves: dict[str, Any]) -> list[str]:
    return [name for name in NAMES if name in curves]


def _look(name: str) -> dict[str, Any]:
    look = {"color": COLOURS[name], "linestyle": STYLES[name]}
    return {**look, "marker": "o", "markersize": 3}


def _place(curves: dict[str, Any], part: str) -> str:
    if part == "path":
        return (
            f"share of the way from {_short(curves['start'])} (0) "
            f"to {_short(curves['end'])} (1)"
        )
    return f"step from {_weights(curves)} in a random direction {STEP}"


def _weights(curves: dict[str, Any]) -> str:
    return f"the {_short(curves['centre'])} weights"


def _digits(value: float) -> str:
    return f"{value:.2g}" if value < 100 else f"{value:,.0f}"
