"""Groups of runs: the flags of `zoo vary` and --seeds, and their training."""

from __future__ import annotations

from zoo.cli import cluster
from zoo.cli.flags import Command
from zoo.cli.output import redirect_stderr
from zoo.config import DEFAULTS, TrainConfig
from zoo.errors import UserError
from zoo.options import INT, Option, read_option
from zoo.resolve import resolve_names
from zoo.run_store import check_backend, group_of
from zoo.runs import Run, RunGroup
from zoo.tuning import multirun, workers
from zoo.tuning.cluster import Placement, open_workers
from zoo.tuning.multirun import (
    MAX_FOLDS,
    MAX_SEEDS,
    MultirunConfig,
    MultirunResult,
    all_folds,
    seeds_from,
)
from zoo.tuning.varied_option import VariedOption

DONE, FAILED, DIVERGED, LOST = 0, 2, 3, 4  # as in `main`
SEEDS = Option(INT, "", "run", low=2, high=MAX_SEEDS)
FOLDS = Option(INT, "", "run", low=2, high=MAX_FOLDS)


def define(command: Command) -> None:
    """Defines --seeds, --workers and the flags of a cluster."""
    command.text(
        "seeds",
        None,
        "train so many runs that differ in the seed alone, from --seed on, "
        "and print their mean and spread",
    )
    cluster.define(command)


def define_folds(command: Command) -> None:
    """Defines --folds."""
    command.text(
        "folds",
        None,
        "cross-validation: train so many runs, each validated on another part "
        "of the training images, and print their scores together",
    )


def folds(command: Command) -> VariedOption | None:
    """Returns the folds that vary; `None` if --folds was not given.

    Raises:
        UserError: The number is invalid, or contradicts another flag.
    """
    text = command.values.folds
    if text is None:
        return None
    count = read_option("folds", FOLDS, text)
    if command.values.seeds is not None:
        raise UserError(
            f"--folds={count} and --seeds={command.values.seeds} both ask for "
            "several runs; give one of them."
        )
    config = command.config()
    for name in ("fold", "val_fraction"):
        value = getattr(config, name)
        if value != DEFAULTS[name]:
            raise UserError(
                f"--folds={count} decides which images are for validation, "
                f"and so does --{name}={value}; give one of them."
            )
    return all_folds(count)


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
