"""The learning curves of runs in one picture.

Matplotlib's Agg backend as objects, without pyplot and without a display.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import UserError
from zoo.evaluation.kinship import by_recipe
from zoo.io import atomic_write
from zoo.models.registry import NO_OPTIONS
from zoo.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, apart for colour-blind eyes; line styles go with
# them, and change when the colours begin again.
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9",
    "#000000",
)  # fmt: skip
STYLES = ("-", "--", ":", "-.")
TITLES = {"val_loss": "validation loss", "val_accuracy": "validation accuracy"}
WIDE = 50  # times the lowest loss: above that, a logarithmic axis
LONGEST = 40  # characters of a run's name in the legend
ENDING = ".png"


def check_target(path: str) -> pathlib.Path:
    """Returns where a picture will be, or raises `UserError`."""
    target = pathlib.Path(path)
    if target.suffix.lower() != ENDING:
        raise UserError(
            f"--picture={path} is no name of a picture; write for example "
            "--picture=curves.png."
        )
    if not target.parent.is_dir() or target.is_dir():
        raise UserError(
            f"--picture={path} cannot be written: {target.parent} is no "
            "folder, or there is a folder of that name."
        )
    return target


def save(
    runs: Sequence[Run],
    target: pathlib.Path,
    labels: Mapping[pathlib.Path, str] = NO_OPTIONS,
) -> None:
    """Draws loss and accuracy by epoch, one colour a recipe, into a PNG.

    A picture that is there already is replaced.

    Args:
        runs: the runs; seeds of one recipe have one colour.
        target: where to draw.
        labels: what to call runs, by their folders; else by their names.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(draw(runs, labels))
    with atomic_write(target) as file:
        canvas.print_png(file)


def pixels(runs: Sequence[Run]) -> np.ndarray:
    """Returns the picture that `save` writes, uint8 `[H, W, 3]`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(draw(runs))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def draw(
    runs: Sequence[Run], labels: Mapping[pathlib.Path, str] = NO_OPTIONS
) -> Figure:
    """Returns a figure with loss and accuracy by epoch; see `save`."""
    from matplotlib.figure import Figure

    histories = {run.path: run.history for run in runs}
    columns = [
        column
        for column in TITLES
        if any(_points(rows, column) for rows in histories.values())
    ]
    figure = Figure(figsize=(6 * max(len(columns), 1), 4.5), dpi=110)
    figure.set_layout_engine("constrained")
    for place, column in enumerate(columns, 1):
        axes = figure.add_subplot(1, len(columns), place)
        for index, group in enumerate(by_recipe(runs)):
            label = _label(group, labels)
            _draw_recipe(axes, index, group, histories, column, label)
        axes.set_xlabel("epoch")
        axes.set_title(TITLES[column])
        axes.xaxis.get_major_locator().set_params(integer=True)
        if column == "val_loss" and _is_wide(histories.values(), column):
            axes.set_yscale("log")  # else a bad run hides all others
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return figure


def _is_wide(histories: Iterable, column: str) -> bool:
    """Whether values of runs lie powers of ten apart."""
    values = [v for rows in histories for _, v in _points(rows, column)]
    return min(values) > 0 and max(values) > WIDE * min(values)


def _draw_recipe(
    axes: Any,
    index: int,
    group: Sequence[Run],
    histories: dict,
    column: str,
    label: str | None,
) -> None:
    """Draws a thin line for each seed; the first of them has the name."""
    for run in group:
        points = _points(histories[run.path], column)
        if not points:
            continue
        epochs, values = zip(*points, strict=True)
        axes.plot(
            epochs,
            values,
            color=COLOURS[index % len(COLOURS)],
            linestyle=STYLES[index // len(COLOURS) % len(STYLES)],
            linewidth=1.2,
            marker="o" if len(points) == 1 else None,
            label=label,
        )
        label = None


def _label(group: Sequence[Run], labels: Mapping[pathlib.Path, str]) -> str:
    name = labels.get(group[0].path, group[0].name)
    # Matplotlib reads $...$ as a formula and hides names that start with _.
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
    name = f" {name}" if name.startswith("_") else name
    return name if len(group) == 1 else f"{name} ({len(group)} seeds)"


def _points(rows: list[dict], column: str) -> list[tuple[float, float]]:
    return [
        (row["epoch"], row[column])
        for row in rows
        if row.get(column) is not None
    ]
