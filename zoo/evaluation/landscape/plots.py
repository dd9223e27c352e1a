"""Plots of a loss surface, and the folder `landscape/` of a run.

    landscape.json        what was scanned, and how
    path.png line.png plane.png
    events.out.tfevents.* the plots for TensorBoard, under `landscape/...`

The folder is beside `train/` and `val/`, whose event files a resumed run
truncates: nothing is added to those. It replaces an older one as a whole, so
that an interruption leaves the old or the new one.

Matplotlib draws with its Agg backend: no pyplot, no display.
"""

from __future__ import annotations

import json
import math
import os
import pathlib
import shutil
from typing import Any

import numpy as np

from zoo.errors import UserError
from zoo.evaluation.landscape import PARTS
from zoo.runs import Run, RunWriter
from zoo.summaries.events import EventWriter

FOLDER_NAME = "landscape"
DESCRIPTIONS = {
    "path": "Loss along the straight line between two sets of weights, by "
    "default from the initial to the final ones; the axis names them. A smooth "
    "fall without a barrier is usual.",
    "line": "Loss along a random direction through the center, by default the "
    "final weights. A narrow valley is a sharp minimum.",
    "plane": "Loss over a plane of two random directions around the center, by "
    "default the final weights, as level lines.",
}
# Okabe and Ito's blue and vermilion, which color-blind readers can tell apart.
COLORS = {"train": "#0072B2", "val": "#D55E00"}
LINE_STYLES = {"train": "-", "val": "--"}
SAMPLE_NAMES = {"train": "training", "val": "validation"}
LOSS_UNITS = {
    "cross_entropy": "cross-entropy in nats",
    "hinge": "hinge",
    "squared_error": "squared error",
}
COLORMAP = "cividis"  # alike with and without red and green
NUM_LEVELS = 15  # of the contour plot
STEP_NOTE = "(1 = norm of each filter)"
GAP_GRAY = "0.8"  # where the loss is not finite
PIXELS_PER_INCH = 100
LOG_SCALE_RATIO = 30  # largest over lowest loss, above which the axis is log
MAX_TITLE_CHARS = 70


def save(run: Run, scanned: dict[str, Any]) -> pathlib.Path:
    """Writes the folder `landscape/` of a run; returns its path.

    Args:
        run: The run.
        scanned: What `scan_landscape` returns.

    Raises:
        UserError: the run is in use, or its folder cannot be written.
    """
    folder = run.path / FOLDER_NAME
    new, old = (run.path / f".{FOLDER_NAME}.{word}" for word in ("new", "old"))
    with RunWriter(run).lock():
        try:
            if old.exists() and not folder.exists():
                os.rename(old, folder)  # a kill came between two names
            for leftover in (new, old):
                shutil.rmtree(leftover, ignore_errors=True)
            new.mkdir()
            _write(new, run, scanned)
            if folder.exists():
                os.rename(folder, old)
            os.rename(new, folder)
        except OSError as error:
            if old.exists() and not folder.exists():
                os.rename(old, folder)
            raise UserError(
                f"{folder} cannot be written: "
                f"{os.strerror(error.errno or 0)}; its old content is kept."
            ) from error
        finally:
            for leftover in (new, old):
                shutil.rmtree(leftover, ignore_errors=True)
    return folder


def _write(folder: pathlib.Path, run: Run, scanned: dict[str, Any]) -> None:
    from PIL import Image

    text = json.dumps(as_json(scanned), indent=1, allow_nan=False)
    (folder / "landscape.json").write_text(text + "\n", encoding="utf-8")
    step = int(run.metrics.get("steps", 0))
    writer = EventWriter(folder)
    try:
        for part in PARTS:
            if part in scanned:
                pixels = draw(scanned, part)
                Image.fromarray(pixels).save(folder / f"{part}.png")
                tag = f"{FOLDER_NAME}/{part}"
                writer.image(tag, pixels, step, DESCRIPTIONS[part])
    finally:
        writer.close()


def as_json(value: Any) -> Any:
    """Returns JSON's types: lists for arrays, `null` for NaN."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list):
        return [as_json(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def draw(scanned: dict[str, Any], part: str) -> np.ndarray:
    """Returns a plot of `path`, `line` or `plane`, uint8 `[H, W, 3]`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6), dpi=PIXELS_PER_INCH, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    title = f"{_shorten(scanned['run'])}\n{scanned['batch_norm_note']}"
    figure.suptitle(title, fontsize=11, parse_math=False)
    if part == "plane":
        _draw_plane(figure, scanned)
    else:
        _draw_curves(figure, scanned, part)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _shorten(name: str) -> str:
    if len(name) <= MAX_TITLE_CHARS:
        return name
    return f"...{name[3 - MAX_TITLE_CHARS :]}"


def _draw_curves(figure, scanned: dict[str, Any], part: str) -> None:
    """Draws the loss above the accuracy, by position on the line."""
    curves = scanned[part]
    x = curves["fraction" if part == "path" else "step"]
    with_accuracy = curves["train"]["accuracy"] is not None
    axes = figure.subplots(
        1 + with_accuracy,
        sharex=True,
        squeeze=False,
        height_ratios=(2, 1) if with_accuracy else (1,),
    )[:, 0]
    _draw_losses(axes[0], x, scanned, part)
    if with_accuracy:
        for name in _samples(curves):
            accuracy = 100 * np.asarray(curves[name]["accuracy"])
            axes[1].plot(x, accuracy, **_line_style(name))
        axes[1].set_ylabel("accuracy in %")
        axes[1].set_ylim(-3, 103)
    axes[-1].set_xlabel(_x_label(curves, part))
    for panel in axes:
        panel.grid(color="0.9")


def _draw_losses(panel, x, scanned: dict[str, Any], part: str) -> None:
    curves = scanned[part]
    for name in _samples(curves):
        count = f"{scanned['examples'][name]:,} {scanned['unit']}"
        label = f"{SAMPLE_NAMES[name]}, {count}"
        panel.plot(x, curves[name]["loss"], label=label, **_line_style(name))
    if np.nanmax(curves["regularization_loss"], initial=0.0) > 0:
        total = curves["train"]["loss"] + curves["regularization_loss"]
        panel.plot(x, total, "k:", label="training, with regularization loss")
    losses = np.array([curves[name]["loss"] for name in _samples(curves)])
    y_label = f"loss: {LOSS_UNITS[scanned['loss']]}"
    if _needs_log(losses):
        panel.set_yscale("log")
        y_label += ", logarithmic"
    _shade_gaps(panel, x, curves["train"]["loss"])
    panel.set_ylabel(y_label)
    panel.legend()


def _shade_gaps(panel, x, losses: np.ndarray) -> None:
    """Shades where the loss is not finite, so that gaps are visible."""
    half = (x[1] - x[0]) / 2
    label = "not finite"
    for at in np.asarray(x)[~np.isfinite(losses)]:
        panel.axvspan(at - half, at + half, color=GAP_GRAY, lw=0, label=label)
        label = None


def _draw_plane(figure, scanned: dict[str, Any]) -> None:
    """Draws contours of the loss on a logarithmic scale."""
    panel = figure.subplots()
    panel.set_facecolor(GAP_GRAY)
    steps = scanned["plane"]["step"]
    losses = np.ma.masked_invalid(scanned["plane"]["train"]["loss"])
    if losses.count():
        _draw_contours(figure, panel, steps, losses, scanned)
    panel.plot(0, 0, "+", color="white", markersize=14, markeredgewidth=4)
    panel.plot(0, 0, "+", color="black", markersize=12, markeredgewidth=2)
    gaps = losses.size - losses.count()
    note = f"; gray: not finite ({gaps:,} points)" if gaps else ""
    panel.set_title(f"+ {_center(scanned['plane'])}{note}", fontsize=9)
    panel.set_xlim(steps[0], steps[-1])
    panel.set_ylim(steps[0], steps[-1])
    panel.set_xlabel(f"step along the 1st direction {STEP_NOTE}")
    panel.set_ylabel("step along the 2nd direction")
    panel.set_aspect("equal")


def _draw_contours(figure, panel, steps, losses, scanned) -> None:
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import FuncFormatter

    levels = contour_levels(losses.compressed())
    values = np.ma.clip(losses, levels[0], levels[-1])
    style = {"levels": levels, "norm": LogNorm(levels[0], levels[-1])}
    filled = panel.contourf(steps, steps, values, cmap=COLORMAP, **style)
    lines = panel.contour(
        steps, steps, values, colors="white", linewidths=0.6, **style
    )
    panel.clabel(lines, levels[1:-1:3], fmt=_format_loss, fontsize=8)
    bar = figure.colorbar(filled, ticks=levels[::2])
    formatter = FuncFormatter(lambda value, _: _format_loss(value))
    bar.ax.yaxis.set_major_formatter(formatter)
    bar.ax.minorticks_off()
    bar.set_label(
        f"training loss of {scanned['examples']['train']:,} "
        f"{scanned['unit']}: {LOSS_UNITS[scanned['loss']]}"
    )


def contour_levels(losses: np.ndarray) -> np.ndarray:
    """Returns increasing, positive contour levels that span finite losses.

    Equal steps of the logarithm, over at most six powers of ten.
    """
    high = max(float(losses.max()), 1e-6)
    low = max(float(losses.min()), high * 1e-6)
    if high < low * 1.001:
        low, high = low * 0.99, high * 1.01
    return np.geomspace(low, high, NUM_LEVELS)


def _needs_log(losses: np.ndarray) -> bool:
    finite = losses[np.isfinite(losses)]
    if not finite.size:
        return False
    return bool(finite.max() > LOG_SCALE_RATIO * finite.min() > 0)


def _samples(curves: dict[str, Any]) -> list[str]:
    return [name for name in SAMPLE_NAMES if name in curves]


def _line_style(name: str) -> dict[str, Any]:
    style = {"color": COLORS[name], "linestyle": LINE_STYLES[name]}
    return {**style, "marker": "o", "markersize": 3}


def _x_label(curves: dict[str, Any], part: str) -> str:
    if part == "path":
        return (
            f"fraction of the path from {_shorten(curves['start'])} (0) "
            f"to {_shorten(curves['end'])} (1)"
        )
    return f"step from {_center(curves)} in a random direction {STEP_NOTE}"


def _center(curves: dict[str, Any]) -> str:
    return f"{_shorten(curves['center'])} weights"


def _format_loss(value: float) -> str:
    return f"{value:.2g}" if value < 100 else f"{value:,.0f}"
