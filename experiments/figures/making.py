"""From a picture's name to the picture: training what is missing, drawing."""

from __future__ import annotations

import importlib
import pathlib
from collections.abc import Callable

import numpy as np

from experiments.climbing import Climb
from experiments.figures.table import Picture
from zoo.errors import UserError
from zoo.io import atomic_write
from zoo.runs import Run
from zoo.tuning.repeating.folder import Repeats
from zoo.tuning.repeating.request import seeds_from

Say = Callable[[str], None]

PIXELS_PER_INCH = 140
COLOURS = 256  # of a picture: a third of the bytes, and nobody sees it
# Readable where the picture is shown 600 pixels wide.
STYLE = {
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.edgecolor": "0.4",
    "legend.fontsize": 11.5,
    "legend.frameon": False,
}


def train(
    picture: Picture,
    scale: str,
    runs_dir: str,
    data_dir: str | None,
    say: Say,
) -> dict[str, list[Run]]:
    """Trains the recipes of a picture, as far as they are not yet.

    In the folder of their ladder: what `make ladder` has trained is taken, and
    what was begun is gone on with.

    Args:
        picture: whose runs are wanted.
        scale: of `ladders.SCALES`.
        runs_dir: folder that holds the ladders' folders.
        data_dir: of tensorflow-datasets, if given.
        say: prints a line.

    Returns:
        The runs of each rung by its title, seeds in order.

    Raises:
        UserError: a run could not be trained.
        Interrupted: a signal asked for an end; the same again goes on.
    """
    root = pathlib.Path(runs_dir, f"ladder-{picture.ladder}-{scale}")
    climb = Climb(picture.rungs, scale, picture.seeds, root, data_dir)
    climb.train(1, say)
    for (label, seed), why in climb.reasons.items():
        raise UserError(f"{label}, seed {seed}, has not been trained: {why}.")
    return {
        title: _chosen(climb.groups[label], picture.seeds)
        for label, title in picture.titles.items()
    }


def _chosen(repeats: Repeats, count: int) -> list[Run]:
    """Returns the runs of the recipe's own seed and those after it.

    There may be more, which somebody has asked the ladder for.
    """
    wanted = seeds_from(repeats.request.base.seed, count)
    by_seed = {member.config.seed: member for member in repeats.members}
    return [repeats.run(by_seed[seed]) for seed in wanted]


def draw(
    picture: Picture, runs: dict[str, list[Run]], target: pathlib.Path
) -> None:
    """Draws a picture of runs into a PNG, in the place of what is there.

    Raises:
        UserError: a run has no result, or the picture cannot be written.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    for run in (run for group in runs.values() for run in group):
        if not run.has_model:
            raise UserError(f"{run.path} has no result; it is {run.status}.")
    kind = importlib.import_module(f"experiments.figures.{picture.module}")
    with matplotlib.rc_context(STYLE):
        figure = Figure(picture.size, dpi=PIXELS_PER_INCH, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        kind.draw(figure, runs)
        target.parent.mkdir(parents=True, exist_ok=True)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3]
        small = Image.fromarray(pixels).quantize(
            COLOURS, dither=Image.Dither.NONE
        )
        with atomic_write(target) as file:
            small.save(file, "PNG", optimize=True)
