"""`sweep.png`: the score against each hyperparameter, and how it grew.

Matplotlib's Agg backend as objects, without pyplot and without a display.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.io import atomic_write
from zoo.runs import SweepFolder
from zoo.tuning.ledger import Execution
from zoo.tuning.results import Trial, ranked, trial_name, trials_of
from zoo.tuning.scales import Scale
from zoo.tuning.settings import SweepConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "sweep.png"
COLUMNS = 4  # panels in a row, at most
WIDTH, HEIGHT = 3.4, 3.0  # inches, of a panel
DPI = 110
# Okabe and Ito's colours, apart for colour-blind eyes.
TRIAL, BEST, FAILED, PALE = "#0072B2", "#D55E00", "#7A1F2B", "#8A959E"
BAND = "#F4F6F8"  # behind every other category
HEADS = {"val_accuracy": "validation accuracy", "val_loss": "validation loss"}
REACH = 1.5  # scores so many quartile distances off stand at the edge
ROOM = 0.06  # of the axis, beyond what is drawn


@dataclasses.dataclass(frozen=True)
class Window:
    """The axis of scores, and what lies beyond it.

    Attributes:
        low, high: its ends.
        edge: where that stands which has no score, or one that is far off.
        worse: which way is worse: -1 down, 1 up.
    """

    low: float
    high: float
    edge: float
    worse: int

    def holds(self, score: float) -> bool:
        """Whether a score has its place on the axis."""
        return self.low <= score <= self.high


def save(
    folder: SweepFolder, executions: Sequence[Execution], settings: SweepConfig
) -> None:
    """Draws a sweep into its folder, in place of an older picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(draw(executions, settings))
    with atomic_write(folder.path / NAME) as file:
        canvas.print_png(file)


def draw(executions: Sequence[Execution], settings: SweepConfig) -> Figure:
    """Draws a panel for each hyperparameter, and one for the time.

    Args:
        executions: in the order of finishing.
        settings: of the sweep.
    """
    from matplotlib.figure import Figure

    trials = trials_of(executions, settings)
    scales = {one.name: Scale.of(one) for one in settings.dimensions.dimensions}
    panels = len(scales) + 1
    # As few rows as hold them, each as full as the others.
    rows = math.ceil(panels / COLUMNS)
    columns = math.ceil(panels / rows)
    figure = Figure(figsize=(WIDTH * columns, HEIGHT * rows + 0.5), dpi=DPI)
    figure.set_layout_engine("constrained")
    window = window_of(trials, settings)
    for place, (key, scale) in enumerate(scales.items(), 1):
        axes = figure.add_subplot(rows, columns, place)
        _draw_trials(axes, key, scale, trials, settings, window)
        _finish(axes, settings, window, (place - 1) % columns == 0)
    axes = figure.add_subplot(rows, columns, panels)
    _draw_time(axes, executions, settings, window)
    _finish(axes, settings, window, (panels - 1) % columns == 0)
    figure.suptitle(_title(trials, settings, window), fontsize=10)
    return figure


def window_of(trials: Sequence[Trial], settings: SweepConfig) -> Window:
    """Returns an axis on which the better trials can be told apart.

    Scores that are far worse than most would press all others together;
    they stand at the edge, as failed trials do.
    """
    worse = -1 if settings.direction == "max" else 1
    scores = np.array([t.score for t in trials if t.score is not None])
    if not len(scores):
        return Window(0.0, 1.0, 0.5 + worse * 0.5, worse)
    quarter, half = np.percentile(worse * scores, (75, 50))
    best = float((worse * scores).min())
    limit = half + REACH * max(quarter - best, 1e-3 * max(1.0, abs(half)))
    kept = scores[worse * scores <= limit]
    low, high = float(kept.min()), float(kept.max())
    room = ROOM * ((high - low) or max(abs(high), 1e-3))
    below, above = (2 * room, room) if worse < 0 else (room, 2 * room)
    low, high = low - below, high + above
    return Window(low, high, low if worse < 0 else high, worse)


def _draw_trials(
    axes: Any,
    key: str,
    scale: Scale,
    trials: Sequence[Trial],
    settings: SweepConfig,
    window: Window,
) -> None:
    """Draws a point for each trial that has this hyperparameter."""
    best = ranked(trials, settings)[:1]
    for kind, style in (
        ("far", {"marker": _arrow(window), "color": PALE, "s": 30}),
        ("failed", {"marker": "x", "color": FAILED, "s": 34}),
        ("scored", {"marker": "o", "color": TRIAL, "s": 30, "alpha": 0.75}),
        ("best", {"marker": "*", "color": BEST, "s": 150, "zorder": 4}),
    ):
        points = [
            (
                scale.place(trial.values[key], trial.number),
                window.edge if kind in ("far", "failed") else trial.score,
            )
            for trial in trials
            if key in trial.values and _kind(trial, best, window) == kind
        ]
        if points:
            axes.scatter(*zip(*points, strict=True), clip_on=False, **style)
            axes.collections[-1].set_gid(kind)
    axes.set_xlabel(scale.name)
    _set_scale(axes, scale)


def _kind(trial: Trial, best: list[Trial], window: Window) -> str:
    if trial.score is None:
        return "failed"
    if best and trial.number == best[0].number:
        return "best"
    return "scored" if window.holds(trial.score) else "far"


def _arrow(window: Window) -> str:
    """Points to where a score lies that is off the axis."""
    return "v" if window.worse < 0 else "^"


def _set_scale(axes: Any, scale: Scale) -> None:
    if scale.labels:
        axes.set_xticks(range(len(scale.labels)), scale.labels)
        axes.set_xlim(-0.5, len(scale.labels) - 0.5)
        for place in range(0, len(scale.labels), 2):
            axes.axvspan(place - 0.5, place + 0.5, color=BAND, zorder=0)
        if sum(map(len, scale.labels)) > 28:
            axes.tick_params(axis="x", labelrotation=25)
        return
    if scale.log:
        axes.set_xscale("log")
        room = (scale.high / scale.low) ** ROOM
        axes.set_xlim(scale.low / room, scale.high * room)
        return
    room = ROOM * (scale.high - scale.low)
    axes.set_xlim(scale.low - room, scale.high + room)


def _draw_time(
    axes: Any,
    executions: Sequence[Execution],
    settings: SweepConfig,
    window: Window,
) -> None:
    """Draws the best score so far, against the time that it took."""
    times, scores, spent, best = [], [], 0.0, None
    for count, one in enumerate(executions, 1):
        spent += one.seconds
        if one.score is None:
            continue
        # A trial of several seeds has its score with the last of them.
        ahead = ranked(trials_of(executions[:count], settings), settings)
        if ahead and ahead[0].score != best:
            best = ahead[0].score
            times.append(spent)
            scores.append(best)
    unit, name = (60.0, "minutes") if spent >= 120 else (1.0, "seconds")
    if times:
        times.append(spent)
        scores.append(best)
        marks = [time / unit for time in times]
        inside = np.clip(scores, window.low, window.high)
        axes.step(marks, inside, where="post", color=TRIAL, linewidth=1.6)
        axes.plot(
            marks[-2], inside[-2], "*", color=BEST, markersize=12, zorder=4
        )
    axes.set_xlim(0, max(spent / unit, 1e-3) * (1 + ROOM))
    axes.set_xlabel(f"best so far, by {name} of training")


def _finish(
    axes: Any, settings: SweepConfig, window: Window, first: bool
) -> None:
    axes.set_ylim(window.low, window.high)
    axes.grid(alpha=0.25, axis="y" if axes.patches else "both")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if first:
        axes.set_ylabel(HEADS[settings.objective])
    else:
        axes.tick_params(labelleft=False)


def _title(
    trials: Sequence[Trial], settings: SweepConfig, window: Window
) -> str:
    """Says what is drawn, and what the marks mean."""
    config = settings.config
    words = [f"{config.model} on {config.dataset}, {len(trials)} trials"]
    best = ranked(trials, settings)[:1]
    words += [
        f"best: {trial_name(t.number)} with {t.score:.4f} (star)" for t in best
    ]
    failed = sum(trial.score is None for trial in trials)
    if failed:
        words.append(f"{failed} failed (crosses at the edge)")
    far = sum(_kind(trial, best, window) == "far" for trial in trials)
    if far:
        words.append(f"{far} far worse (triangles at the edge)")
    return "; ".join(words)
