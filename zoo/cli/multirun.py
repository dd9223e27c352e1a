"""Groups of runs: the flags of `zoo vary` and --seeds, and their training."""

from __future__ import annotations

from zoo.cli import cluster
from zoo.cli.flags import Command
from zoo.cli.output import redirect_stderr
from zoo.config import TrainConfig
from zoo.options import INT, Option, read_option
from zoo.resolve import resolve_names
from zoo.run_store import check_backend, group_of
from zoo.runs import Run, RunGroup
from zoo.tuning import multirun, workers
from zoo.tuning.cluster import Placement, open_workers
from zoo.tuning.multirun import (
    MAX_SEEDS,
    MultirunConfig,
    MultirunResult,
    seeds_from,
)
from zoo.tuning.varied_option import VariedOption

DONE, FAILED, DIVERGED, LOST = 0, 2, 3, 4  # as in `main`
SEEDS = Option(INT, "", "run", low=2, high=MAX_SEEDS)


def define(command: Command) -> None:
    """Defines --seeds, --workers and the flags of a cluster."""
    command.text(
        "seeds",
        None,
        "train so many runs that differ in the seed alone, from --seed on, "
        "and print their mean and spread",
    )
    cluster.define(command)


def seeds(command: Command) -> int | None:
    """Returns the number of seeds; `None` if it was not given."""
    text = command.values.seeds
    return None if text is None else read_option("seeds", SEEDS, text)


def train(
    config: TrainConfig,
    varied: VariedOption | None,
    parent: Run | None,
    count: int | None,
    placement: Placement,
) -> int:
    """Trains a group; returns the exit code.

    Args:
        config: Options of all its runs; its `run_name` is that of the group.
        varied: The varied option, if there is one.
        parent: The run that is varied, if it is one.
        count: Number of seeds, of which the config has the first; `None` is
            one.
        placement: Where the runs are trained.

    Returns:
        0 if every run came to its end; 4 if one lost its worker in every try,
        3 if one diverged, and 2 if one could not be trained, after the others
        were.
    """
    workers.require_single_device(config)
    name = config.run_name
    base = resolve_names(config.replace(run_name=None)).replace(run_name=name)
    asked = MultirunConfig(base, seeds_from(base.seed, count or 1), varied)
    multirun.find_multirun(asked)  # mistakes are refused before Keras loads
    workers.hide_gpus()  # the runs need them
    with redirect_stderr():
        from zoo.training.console import TrainingConsole

        return _exit_code(
            multirun.run_placed_multirun(
                asked, parent, placement, TrainingConsole().print
            )
        )


def resume(group: RunGroup, placement: Placement) -> int:
    """Resumes a group; returns the exit code, as `train` does."""
    found = multirun.read_multirun(group)
    check_backend(group.path, group.name)
    workers.hide_gpus()
    with redirect_stderr():
        from zoo.training.console import TrainingConsole

        print_fn, total = TrainingConsole().print, len(found.specs)
        with open_workers(placement, str(group.runs_dir), print_fn) as where:
            run_jobs, num_workers = where
            return _exit_code(
                multirun.resume_multirun(
                    found,
                    num_workers(total),
                    print_fn,
                    run_jobs,
                    placement.flags,
                )
            )


def _exit_code(result: MultirunResult) -> int:
    if result.lost:
        return LOST
    if result.diverged:
        return DIVERGED
    return FAILED if result.failed else DONE


def first_seed(parent: Run | None, seed: int) -> int:
    """Returns the first seed: that of a run, or of the first of its group.

    So the same command does the same again, though `last` is by then the last
    run that it made.
    """
    group = parent and group_of(parent)
    if not group:
        return seed
    return multirun.read_multirun(group).config.seeds[0]
