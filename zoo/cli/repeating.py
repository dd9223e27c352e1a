"""Flags of the verbs that train several runs at once, and their way there."""

from __future__ import annotations

from zoo.cli import cluster
from zoo.cli.cluster import Placement
from zoo.cli.flags import Command
from zoo.cli.output import redirect_stderr
from zoo.config import TrainConfig
from zoo.options import INT, Option, read_option
from zoo.resolve import resolve_names
from zoo.run_store import check_backend, group_of
from zoo.runs import Run, RunGroup
from zoo.tuning import devices
from zoo.tuning.repeating import folder
from zoo.tuning.repeating.knob import Knob
from zoo.tuning.repeating.request import MOST_SEEDS, Request, seeds_from

DONE, FAILED, DIVERGED, LOST = 0, 2, 3, 4  # as in `main`
SEEDS = Option(INT, "", "run", low=2, high=MOST_SEEDS)


def define(command: Command) -> None:
    """Defines --seeds, --workers and the flags of a cluster."""
    command.text(
        "seeds",
        None,
        "train so many runs that differ in the seed alone, from --seed on, "
        "and tell how they vary",
    )
    cluster.define(command)


def seeds(command: Command) -> int | None:
    """Returns the number of seeds; `None` if it was not given."""
    text = command.values.seeds
    return None if text is None else read_option("seeds", SEEDS, text)


def train(
    config: TrainConfig,
    knob: Knob | None,
    parent: Run | None,
    count: int | None,
    placement: Placement,
) -> int:
    """Trains a group; returns the exit code.

    Args:
        config: of all its runs; the name in it is that of the group.
        knob: what is varied, if anything is.
        parent: the run that is repeated, if it is one.
        count: of seeds, of which the config has the first; `None` is one.
        placement: where the runs are trained.

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
    with redirect_stderr():
        from zoo.training.console import TrainingConsole
        from zoo.tuning.repeating import running

        say, most = TrainingConsole().print, len(request.members())
        with cluster.place(placement, config.runs_dir, say) as (work, at_once):
            return _code(
                running.begin(
                    request, parent, at_once(most), say, work, placement.flags
                )
            )


def resume(group: RunGroup, placement: Placement) -> int:
    """Goes on with a group; returns the exit code, as `train` does."""
    repeats = folder.read(group)
    check_backend(group.path, group.name)
    devices.hide_gpus()
    with redirect_stderr():
        from zoo.training.console import TrainingConsole
        from zoo.tuning.repeating import running

        say, most = TrainingConsole().print, len(repeats.members)
        runs_dir = str(group.runs_dir)
        with cluster.place(placement, runs_dir, say) as (work, at_once):
            return _code(
                running.go_on(
                    repeats, at_once(most), say, work, placement.flags
                )
            )


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
