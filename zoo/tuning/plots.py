"""Plots of a sweep: `sweep.png`, and the columns of the HParams tab.

`sweep.png` has the score by hyperparameter, and the best score by time, drawn
by the Agg backend of Matplotlib as objects, without pyplot and a display.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from tensorboard.plugins.hparams import api_pb2

from zoo.config import BOOL, OPTIONS
from zoo.io import atomic_write
from zoo.options import FLOAT, INT, INT_OR_AUTO, INT_OR_FULL
from zoo.runs import SweepFolder
from zoo.summaries import registry, tabs
from zoo.summaries.events import EventWriter
from zoo.tuning.space import ARGUMENT, HyperParameter
from zoo.tuning.sweep_config import SweepConfig
from zoo.tuning.trials import (
    Execution,
    Trial,
    group_trials,
    rank_trials,
    trial_name,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLOT_FILE = "sweep.png"
MAX_COLUMNS = 4  # panels in a row, at most
WIDTH, HEIGHT = 3.4, 3.0  # inches, of a panel
DPI = 110
# Okabe and Ito's colors, distinct to color-blind readers.
TRIAL, BEST, FAILED, OUTLIER_COLOR = "#0072B2", "#D55E00", "#7A1F2B", "#8A959E"
BAND = "#F4F6F8"  # behind every other category
HEADS = {"val_accuracy": "validation accuracy", "val_loss": "validation loss"}
OUTLIER = 1.5  # quartile distances from which scores are at the edge
MARGIN = 0.06  # of the axis, on either side
JITTER = 0.32  # of trials of one category, of 1
GOLDEN_RATIO = 0.618034  # multiples of it never meet, modulo 1


@dataclasses.dataclass(frozen=True)
class Axis:
    """The axis of one hyperparameter.

    Attributes:
        name: Name of the option or argument.
        log: Whether the axis is logarithmic.
        labels: Labels of the categories at 0, 1, ...; empty on an axis of
            numbers.
        low, high: Ends of an axis of numbers.
    """

    name: str
    log: bool = False
    labels: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0

    @classmethod
    def of(cls, hp: HyperParameter) -> Axis:
        """Returns the axis of a hyperparameter.

        A range, with steps or without, is an axis of numbers; words and
        listed values are categories.
        """
        name = hp.name.removeprefix(ARGUMENT)
        words = hp.text.partition("=")[2]
        numbers = all(
            isinstance(value, int | float) and not isinstance(value, bool)
            for value in hp.bounds
        )
        if ":" in words and numbers:
            return cls(
                name,
                log=words.startswith("log:"),
                low=min(hp.bounds),
                high=max(hp.bounds),
            )
        return cls(name, labels=tuple(map(format_label, hp.values)))

    def position(self, value: Any, number: int) -> float:
        """Returns the position of a trial on the axis.

        Args:
            value: Its value of the hyperparameter.
            number: Its number; trials of one category are drawn side by side.
        """
        if not self.labels:
            return float(value)
        offset = (number * GOLDEN_RATIO) % 1 - 0.5
        return self.labels.index(format_label(value)) + 2 * JITTER * offset


def format_label(value: Any) -> str:
    """Returns a value as a short label; lists as (128,128)."""
    if isinstance(value, list | tuple):
        return f"({','.join(map(str, value))})"
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclasses.dataclass(frozen=True)
class ScoreAxis:
    """The axis of scores, and where outliers are drawn.

    Attributes:
        low, high: Its ends.
        edge: Place of trials without a score, or with one far off.
        worse: Direction of worse scores: -1 is down, 1 is up.
    """

    low: float
    high: float
    edge: float
    worse: int

    def contains(self, score: float) -> bool:
        """Whether a score is on the axis."""
        return self.low <= score <= self.high


def save(
    folder: SweepFolder, executions: Sequence[Execution], settings: SweepConfig
) -> None:
    """Writes the plot of a sweep, in place of an older one."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(draw(executions, settings))
    with atomic_write(folder.path / PLOT_FILE) as file:
        canvas.print_png(file)


def draw(executions: Sequence[Execution], settings: SweepConfig) -> Figure:
    """Draws a panel for each hyperparameter, and one for the time.

    Args:
        executions: Finished trainings, in the order of finishing.
        settings: Options of the sweep.
    """
    from matplotlib.figure import Figure

    trials = group_trials(executions, settings)
    by_name = {
        hp.name: Axis.of(hp) for hp in settings.search_space.hyperparameters
    }
    panels = len(by_name) + 1
    # As few rows as hold them, each as full as the others.
    rows = math.ceil(panels / MAX_COLUMNS)
    columns = math.ceil(panels / rows)
    figure = Figure(figsize=(WIDTH * columns, HEIGHT * rows + 0.5), dpi=DPI)
    figure.set_layout_engine("constrained")
    score_axis = make_score_axis(trials, settings)
    for place, (name, axis) in enumerate(by_name.items(), 1):
        axes = figure.add_subplot(rows, columns, place)
        _draw_trials(axes, name, axis, trials, settings, score_axis)
        _finish(axes, settings, score_axis, (place - 1) % columns == 0)
    axes = figure.add_subplot(rows, columns, panels)
    _draw_time(axes, executions, settings, score_axis)
    _finish(axes, settings, score_axis, (panels - 1) % columns == 0)
    figure.suptitle(_title(trials, settings, score_axis), fontsize=10)
    return figure


def make_score_axis(
    trials: Sequence[Trial], settings: SweepConfig
) -> ScoreAxis:
    """Returns an axis that separates the better trials.

    Scores that are far worse than most would compress all others; they are
    drawn at the edge, as failed trials are.
    """
    worse = -1 if settings.direction == "max" else 1
    scores = np.array([t.score for t in trials if t.score is not None])
    if not len(scores):
        return ScoreAxis(0.0, 1.0, 0.5 + worse * 0.5, worse)
    quarter, half = np.percentile(worse * scores, (75, 50))
    best = float((worse * scores).min())
    limit = half + OUTLIER * max(quarter - best, 1e-3 * max(1.0, abs(half)))
    kept = scores[worse * scores <= limit]
    low, high = float(kept.min()), float(kept.max())
    room = MARGIN * ((high - low) or max(abs(high), 1e-3))
    below, above = (2 * room, room) if worse < 0 else (room, 2 * room)
    low, high = low - below, high + above
    return ScoreAxis(low, high, low if worse < 0 else high, worse)


def _draw_trials(
    axes: Any,
    name: str,
    axis: Axis,
    trials: Sequence[Trial],
    settings: SweepConfig,
    score_axis: ScoreAxis,
) -> None:
    """Draws a point for each trial that has this hyperparameter."""
    best = rank_trials(trials, settings)[:1]
    for kind, style in (
        (
            "outlier",
            {"marker": _arrow(score_axis), "color": OUTLIER_COLOR, "s": 30},
        ),
        ("failed", {"marker": "x", "color": FAILED, "s": 34}),
        ("scored", {"marker": "o", "color": TRIAL, "s": 30, "alpha": 0.75}),
        ("best", {"marker": "*", "color": BEST, "s": 150, "zorder": 4}),
    ):
        points = [
            (
                axis.position(trial.values[name], trial.number),
                score_axis.edge
                if kind in ("outlier", "failed")
                else trial.score,
            )
            for trial in trials
            if name in trial.values and _kind(trial, best, score_axis) == kind
        ]
        if points:
            axes.scatter(*zip(*points, strict=True), clip_on=False, **style)
            axes.collections[-1].set_gid(kind)
    axes.set_xlabel(axis.name)
    _set_axis(axes, axis)


def _kind(trial: Trial, best: list[Trial], score_axis: ScoreAxis) -> str:
    if trial.score is None:
        return "failed"
    if best and trial.number == best[0].number:
        return "best"
    return "scored" if score_axis.contains(trial.score) else "outlier"


def _arrow(score_axis: ScoreAxis) -> str:
    """Marker that points to scores beyond the axis."""
    return "v" if score_axis.worse < 0 else "^"


def _set_axis(axes: Any, axis: Axis) -> None:
    if axis.labels:
        axes.set_xticks(range(len(axis.labels)), axis.labels)
        axes.set_xlim(-0.5, len(axis.labels) - 0.5)
        for place in range(0, len(axis.labels), 2):
            axes.axvspan(place - 0.5, place + 0.5, color=BAND, zorder=0)
        if sum(map(len, axis.labels)) > 28:
            axes.tick_params(axis="x", labelrotation=25)
        return
    if axis.log:
        axes.set_xscale("log")
        room = (axis.high / axis.low) ** MARGIN
        axes.set_xlim(axis.low / room, axis.high * room)
        return
    room = MARGIN * (axis.high - axis.low)
    axes.set_xlim(axis.low - room, axis.high + room)


def _draw_time(
    axes: Any,
    executions: Sequence[Execution],
    settings: SweepConfig,
    score_axis: ScoreAxis,
) -> None:
    """Draws the best score so far, by training time."""
    times, scores, spent, best = [], [], 0.0, None
    for count, one in enumerate(executions, 1):
        spent += one.seconds
        if one.score is None:
            continue
        # A trial of several seeds has its score with the last of them.
        ahead = rank_trials(
            group_trials(executions[:count], settings), settings
        )
        if ahead and ahead[0].score != best:
            best = ahead[0].score
            times.append(spent)
            scores.append(best)
    unit, name = (60.0, "minutes") if spent >= 120 else (1.0, "seconds")
    if times:
        times.append(spent)
        scores.append(best)
        marks = [time / unit for time in times]
        inside = np.clip(scores, score_axis.low, score_axis.high)
        axes.step(marks, inside, where="post", color=TRIAL, linewidth=1.6)
        axes.plot(
            marks[-2], inside[-2], "*", color=BEST, markersize=12, zorder=4
        )
    axes.set_xlim(0, max(spent / unit, 1e-3) * (1 + MARGIN))
    axes.set_xlabel(f"best so far, by {name} of training")


def _finish(
    axes: Any, settings: SweepConfig, score_axis: ScoreAxis, first: bool
) -> None:
    axes.set_ylim(score_axis.low, score_axis.high)
    axes.grid(alpha=0.25, axis="y" if axes.patches else "both")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if first:
        axes.set_ylabel(HEADS[settings.objective])
    else:
        axes.tick_params(labelleft=False)


def _title(
    trials: Sequence[Trial], settings: SweepConfig, score_axis: ScoreAxis
) -> str:
    """Returns the title, with the meaning of the markers."""
    config = settings.config
    words = [f"{config.model} on {config.dataset}, {len(trials)} trials"]
    best = rank_trials(trials, settings)[:1]
    words += [
        f"best: {trial_name(t.number)} with {t.score:.4f} (star)" for t in best
    ]
    failed = sum(trial.score is None for trial in trials)
    if failed:
        words.append(f"{failed} failed (crosses at the edge)")
    outliers = sum(
        _kind(trial, best, score_axis) == "outlier" for trial in trials
    )
    if outliers:
        words.append(f"{outliers} far worse (triangles at the edge)")
    return "; ".join(words)


# TensorBoard's HParams tab of a sweep: its columns.
#
# Each trial writes its own row, as every run does. An event file in the
# sweep's folder declares the columns: first the hyperparameters, each with all
# its values, then the common options of training, and the scores.


NUMERIC = (FLOAT, INT, INT_OR_FULL, INT_OR_AUTO)
# Scores by their tag in `train`, where the options are, and their heads. Of a
# curve TensorBoard knows the last point alone.
SCORES = {
    "best/val_accuracy": "validation accuracy, best epoch",
    "best/val_loss": "validation loss, best epoch",
    "accuracy": "last training accuracy",
    "loss": "last training loss",
}


def declare_columns(folder: SweepFolder, settings: SweepConfig) -> None:
    """Declares the columns, once; not if trials write no hyperparameters."""
    summaries = registry.select(settings.config.summaries, ("classes",))
    if "hparams" not in {kind.name for kind in summaries}:
        return
    if any(folder.path.glob("events.out.tfevents.*")):
        return
    writer = EventWriter(folder.path)
    writer.add(tabs.declare(table_columns(settings)), 0)
    writer.close()


def table_columns(settings: SweepConfig) -> api_pb2.Experiment:
    """Returns the columns of a sweep's table."""
    columns = [_searched(hp) for hp in settings.search_space.hyperparameters]
    names = {column.name for column in columns}
    columns += [
        _common(name) for name in _common_options() if name not in names
    ]
    return api_pb2.Experiment(
        name=settings.config.model,
        hparam_infos=columns,
        metric_infos=[
            api_pb2.MetricInfo(
                name=api_pb2.MetricName(tag=tag), display_name=words
            )
            for tag, words in SCORES.items()
            if not tag.endswith("accuracy")
            or settings.objective == "val_accuracy"
        ],
    )


def _searched(hp: HyperParameter) -> api_pb2.HParamInfo:
    """Returns the column of a hyperparameter, with all its values."""
    name = hp.name.removeprefix(ARGUMENT)
    info = api_pb2.HParamInfo(name=name, description=hp.text, differs=True)
    if not hp.values:
        info.type = api_pb2.DATA_TYPE_FLOAT64
        info.domain_interval.min_value = hp.low
        info.domain_interval.max_value = hp.high
        return info
    cells = [tabs.to_hparam(value) for value in hp.values]
    info.type = _type_of(cells)
    info.domain_discrete.extend(cells)
    return info


def _type_of(cells: list[Any]) -> int:
    """Returns the type of a column that has all these values."""
    if all(isinstance(cell, bool) for cell in cells):
        return api_pb2.DATA_TYPE_BOOL
    if all(
        isinstance(cell, int | float) and not isinstance(cell, bool)
        for cell in cells
    ):
        return api_pb2.DATA_TYPE_FLOAT64
    return api_pb2.DATA_TYPE_STRING


def _common_options() -> list[str]:
    """Returns the common options that a run's line has."""
    return [
        name
        for name, option in OPTIONS.items()
        if option.common and name not in tabs.PATH_OPTIONS
    ]


def _common(name: str) -> api_pb2.HParamInfo:
    kind = OPTIONS[name].type
    info = api_pb2.HParamInfo(name=name, description=OPTIONS[name].help)
    info.type = api_pb2.DATA_TYPE_STRING
    if kind in NUMERIC:
        info.type = api_pb2.DATA_TYPE_FLOAT64
    elif kind is BOOL:
        info.type = api_pb2.DATA_TYPE_BOOL
    return info
