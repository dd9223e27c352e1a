"""Makes a figure of the lectures: trains what is missing, and draws.

    python -m experiments.figures                        lists them
    python -m experiments.figures boundaries_l2
    python -m experiments.figures sgd --budget=smoke     does it run?
    python -m experiments.figures boundaries_l2 --keep   as part of the project

The same command resumes after an interruption. The figure is written to
`runs/figures`, and with `--keep` to `experiments/figures` too.
"""

from __future__ import annotations

import argparse
import importlib
import pathlib
import shutil
import sys
from collections.abc import Callable

import numpy as np

from experiments import figures
from experiments.figures import Figure
from zoo.cli.output import redirect_stderr
from zoo.config import DEFAULTS
from zoo.errors import Interrupted, UserError
from zoo.io import atomic_write
from zoo.runs import Run
from zoo.tuning import suites
from zoo.tuning.multirun import Multirun, seeds_from

PIXELS_PER_INCH = 140
NUM_COLORS = 256  # of the palette: a third of the bytes, without a difference
# Readable where the figure is shown 600 pixels wide.
STYLE = {
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.edgecolor": "0.4",
    "legend.fontsize": 11.5,
    "legend.frameon": False,
}


def main(argv: list[str] | None = None) -> int:
    """Makes the figure that is named; returns the exit code."""
    parser = argparse.ArgumentParser(
        figures.COMMAND,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", metavar="NAME")
    parser.add_argument(
        "--budget", choices=("smoke", "laptop"), default="laptop"
    )
    parser.add_argument("--runs_dir", default=DEFAULTS["runs_dir"])
    parser.add_argument("--data_dir")
    parser.add_argument("--keep", action="store_true")
    flags = parser.parse_args(argv)
    if not flags.name:
        print(figures.listing())
        return 0
    try:
        _make(flags)
    except UserError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    except Interrupted:
        print("stopped; the same command resumes.", file=sys.stderr)
        return 130
    return 0


def _make(flags: argparse.Namespace) -> None:
    figure = figures.find(flags.name)
    if flags.keep and flags.budget == "smoke":
        raise UserError(
            "--budget=smoke only checks that the figure can be made; leave out "
            "--keep."
        )
    suites.check_data(figure.suite, flags.data_dir)
    suffix = "" if flags.budget == "laptop" else f"-{flags.budget}"
    target = pathlib.Path(flags.runs_dir, "figures", f"{figure.name}{suffix}")
    target = target.with_suffix(".png")
    print(f"figure     {figure.name}: {figure.title}", flush=True)
    with redirect_stderr():
        where = flags.runs_dir, flags.data_dir
        draw(figure, train(figure, flags.budget, *where, _say), target)
    print(f"written    {target}")
    if flags.keep:
        shutil.copyfile(target, figure.path)
        print(f"stored     {figure.path}")


def _say(line: str) -> None:
    print(line, flush=True)


def train(
    figure: Figure,
    budget: str,
    runs_dir: str,
    data_dir: str | None,
    say: Callable[[str], None],
) -> dict[str, list[Run]]:
    """Trains the recipes of a figure that have no result yet.

    In the folder of their suite: runs of `zoo reproduce` are used, and
    interrupted ones resumed.

    Args:
        figure: The figure.
        budget: One of `suites.BUDGETS`.
        runs_dir: Folder of the suites' folders.
        data_dir: Folder of tensorflow-datasets, if given.
        say: Prints a line.

    Returns:
        The runs of each recipe by its title, seeds in order.

    Raises:
        UserError: A run could not be trained.
        Interrupted: A signal asked for an end; the same call resumes.
    """
    whole = suites.find_suite(figure.suite_name)
    root = suites.run_folder(whole, budget, runs_dir)
    suite_run = suites.SuiteRun(
        figure.suite, budget, figure.seeds, root, data_dir
    )
    suite_run.train(1, say)
    for (label, seed), why in suite_run.failures.items():
        raise UserError(f"{label}, seed {seed}, was not trained: {why}.")
    return {
        title: _first_seeds(
            suite_run.groups[label.replace("/", "-")], figure.seeds
        )
        for label, title in figure.titles.items()
    }


def _first_seeds(multirun: Multirun, count: int) -> list[Run]:
    """Returns the runs of the recipe's own seed and those after it.

    The suite may have been run with more seeds.
    """
    wanted = seeds_from(multirun.config.base.seed, count)
    by_seed = {spec.config.seed: spec for spec in multirun.specs}
    return [multirun.run(by_seed[seed]) for seed in wanted]


def draw(
    figure: Figure, runs: dict[str, list[Run]], target: pathlib.Path
) -> None:
    """Draws a figure of runs into a PNG.

    Raises:
        UserError: A run has no result, or the file cannot be written.
    """
    import matplotlib.figure
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    for run in (run for group in runs.values() for run in group):
        if not run.has_model:
            raise UserError(f"{run.path} has no result; it is {run.status}.")
    module, _, function = figure.function.partition(".")
    module = importlib.import_module(f"experiments.figures.{module}")
    with matplotlib.rc_context(STYLE):
        drawn = matplotlib.figure.Figure(
            figure.size, dpi=PIXELS_PER_INCH, layout="constrained"
        )
        canvas = FigureCanvasAgg(drawn)
        getattr(module, function)(drawn, runs)
        target.parent.mkdir(parents=True, exist_ok=True)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3]
        small = Image.fromarray(pixels).quantize(
            NUM_COLORS, dither=Image.Dither.NONE
        )
        with atomic_write(target) as file:
            small.save(file, "PNG", optimize=True)


if __name__ == "__main__":
    sys.exit(main())
