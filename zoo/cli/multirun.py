"""Groups of runs: the flags of `zoo vary`, --seeds, --workers and --cluster.

Without a cluster the runs of a group or sweep are trained by processes of this
machine.
"""

from __future__ import annotations

from zoo.cli.flags import Command
from zoo.cli.output import redirect_stderr
from zoo.config import DEFAULTS, TrainConfig
from zoo.errors import UserError
from zoo.options import FLOAT, INT, INT_OR_AUTO, Option, read_option
from zoo.resolve import resolve_names
from zoo.run_store import check_backend, group_of
from zoo.runs import Run, RunGroup
from zoo.tuning import multirun, workers
from zoo.tuning.cluster import ClusterConfig, Placement, open_workers
from zoo.tuning.multirun import (
    MAX_FOLDS,
    MAX_SEEDS,
    MultirunConfig,
    MultirunResult,
    all_folds,
    seeds_from,
)
from zoo.tuning.varied_option import VariedOption

PLACEMENT_FLAGS = (
    "cluster",
    "trial_gpus",
    "trial_cpus",
    "cluster_without_token",
)
PLACEMENT_NUMBERS = {
    "workers": Option(INT_OR_AUTO, "", "", low=1, high=workers.MAX_WORKERS),
    "trial_gpus": Option(FLOAT, "", "", low=0),
    "trial_cpus": Option(FLOAT, "", "", low=0, open_low=True),
}


def define_placement(command: Command, common: bool = False) -> None:
    """Defines --workers and the flags of a cluster.

    Args:
        command: that takes them.
        common: whether --help shows those of a cluster, or only --helpfull.
    """
    command.text(
        "workers",
        None,
        "runs trained at once, each in a process, or auto: one for each GPU, "
        "else as many as cores and memory allow (default 1; with --cluster, as "
        "many as fit)",
    )
    command.text(
        "cluster",
        None,
        "train on a Ray cluster: HOST:PORT of its head node, or auto for "
        "RAY_ADDRESS or the cluster that this machine is a node of; --runs_dir "
        "must be a folder that all nodes share",
        common,
    )
    command.text(
        "trial_gpus",
        None,
        "GPUs reserved for a run on a cluster; 0.5 puts two runs on a GPU "
        "(default 1 if the cluster has GPUs, else 0)",
        common,
    )
    command.text(
        "trial_cpus",
        None,
        "CPU cores reserved for a run on a cluster (default 1)",
        common,
    )
    command.switch(
        "cluster_without_token",
        "accept a cluster that anybody who can reach it can use",
        common,
    )


def read_placement(command: Command) -> Placement:
    """Reads the flags that `define_placement` defines.

    Raises:
        UserError: A value is invalid, or a flag has no effect.
    """
    values = command.values
    numbers = {
        name: read_option(name, option, text)
        for name, option in PLACEMENT_NUMBERS.items()
        if (text := getattr(values, name)) is not None
    }
    max_workers = numbers.get("workers")
    if values.cluster is None:
        for name in PLACEMENT_FLAGS[1:]:
            if name in command.given():
                raise UserError(
                    f"--{name} has no effect without --cluster=auto or "
                    "--cluster=HOST:PORT."
                )
        return Placement(max_workers, None)
    config = ClusterConfig(
        values.cluster,
        numbers.get("trial_cpus", 1.0),
        numbers.get("trial_gpus"),
        values.cluster_without_token,
    )
    return Placement(max_workers, config)


def refuse_placement(command: Command, what: str) -> None:
    """Raises `UserError` if a flag was given where it has no effect.

    Args:
        command: that was typed.
        what: is trained, such as `a single run`.
    """
    for name in ("workers", *PLACEMENT_FLAGS):
        if name in command.given():
            value = command.values[name].value
            shown = f"--{name}" if value is True else f"--{name}={value}"
            raise UserError(
                f"{shown} has no effect on {what}; it goes with --seeds=3, "
                "`zoo vary` or `zoo sweep`."
            )


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
    define_placement(command)


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
