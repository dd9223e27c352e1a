"""Flags of the verbs that train several runs at once, and their way there."""

from __future__ import annotations

from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.options import INT, INT_OR_AUTO, Option, read_option
from zoo.resolve import resolve_names
from zoo.run_store import check_backend, group_of
from zoo.runs import Run, RunGroup
from zoo.tuning import devices
from zoo.tuning.repeating import folder
from zoo.tuning.repeating.knob import Knob
from zoo.tuning.repeating.request import MOST_SEEDS, Request, seeds_from

DONE, FAILED, DIVERGED, LOST = 0, 2, 3, 4  # as in `main`
SEEDS = Option(INT, "", "run", low=2, high=MOST_SEEDS)
WORKERS = Option(INT_OR_AUTO, "", "run", low=1, high=devices.LIMIT)


def define(command: Command) -> None:
    """Defines --seeds and --workers."""
    command.text(
        "seeds",
        None,
        "train so many runs that differ in the seed alone, from --seed on, "
        "and tell how they vary",
    )
    define_workers(command)


def define_workers(command: Command) -> None:
    """Defines --workers."""
    command.text(
        "workers",
        None,
        "runs to train side by side, or auto for as many as suit this machine "
        "(default 1)",
    )


def values(command: Command) -> tuple[int | None, int]:
    """Returns the number of seeds, if there is one, and that of workers."""
    text = command.values.seeds
    if text is None:
        refuse_workers(command, "a single run")
        return None, 1
    return read_option("seeds", SEEDS, text), workers(command)


def workers(command: Command) -> int:
    """Returns how many runs to train side by side."""
    text = command.values.workers
    if text is None:
        return 1
    number = read_option("workers", WORKERS, text)
    return devices.workers_at_once() if number == "auto" else number


def refuse_workers(command: Command, what: str) -> None:
    """Raises `UserError` if --workers was given where it has no effect."""
    if command.values.workers is not None:
        raise UserError(
            f"--workers={command.values.workers} has no effect on {what}; "
            "it goes with --seeds=3, or with `zoo vary`."
        )


def train(
    config: TrainConfig,
    knob: Knob | None,
    parent: Run | None,
    count: int | None,
    workers: int,
) -> int:
    """Trains a group; returns the exit code.

    Args:
        config: of all its runs; the name in it is that of the group.
        knob: what is varied, if anything is.
        parent: the run that is repeated, if it is one.
        count: of seeds, of which the config has the first; `None` is one.
        workers: runs side by side.

    Returns:
        0 if every run came to its end; 4 if one lost its worker in every try,
        3 if one diverged, and 2 if one could not be trained, after the others
        were.
    """
    devices.refuse_several(config)
    name = config.run_name
    base = resolve_names(config.replace(run_name=None)).replace(run_name=name)
    request = Request(base, seeds_from(base.seed, count or 1), knob)
    folder.find(request)  # mistakes are told before Keras is imported
    devices.hide_gpus()  # the runs need them
    with stderr.hold():
        from zoo.training.console import Console
        from zoo.tuning.repeating import running

        return _code(running.begin(request, parent, workers, Console().print))


def resume(group: RunGroup, workers: int) -> int:
    """Goes on with a group; returns the exit code, as `train` does."""
    repeats = folder.read(group)
    check_backend(group.path, group.name)
    devices.hide_gpus()
    with stderr.hold():
        from zoo.training.console import Console
        from zoo.tuning.repeating import running

        return _code(running.go_on(repeats, workers, Console().print))


def _code(ending) -> int:
    if ending.lost:
        return LOST
    if ending.diverged:
        return DIVERGED
    return FAILED if ending.failed else DONE


def first_seed(parent: Run | None, seed: int) -> int:
    """Returns the seed to begin with: that of a run, or of its group's first.

    So the same command does the same again, though `last` is by then the
    last run that it made.
    """
    group = parent and group_of(parent)
    if not group:
        return seed
    return folder.read(group).request.seeds[0]
