"""`--cluster` and `--workers`: where the runs of a sweep or group are trained.

Without a cluster they are trained by processes of this machine.
"""

from __future__ import annotations

from zoo.cli.flags import Command
from zoo.errors import UserError
from zoo.options import FLOAT, INT_OR_AUTO, Option, read_option
from zoo.tuning import workers
from zoo.tuning.cluster import ClusterConfig, Placement

FLAGS = ("cluster", "trial_gpus", "trial_cpus", "cluster_without_token")
NUMBERS = {
    "workers": Option(INT_OR_AUTO, "", "", low=1, high=workers.MAX_WORKERS),
    "trial_gpus": Option(FLOAT, "", "", low=0),
    "trial_cpus": Option(FLOAT, "", "", low=0, open_low=True),
}


def define(command: Command, common: bool = False) -> None:
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


def read(command: Command) -> Placement:
    """Reads the flags that `define` defines.

    Raises:
        UserError: A value is invalid, or a flag has no effect.
    """
    values = command.values
    numbers = {
        name: read_option(name, option, text)
        for name, option in NUMBERS.items()
        if (text := getattr(values, name)) is not None
    }
    max_workers = numbers.get("workers")
    if values.cluster is None:
        for name in FLAGS[1:]:
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


def refuse(command: Command, what: str) -> None:
    """Raises `UserError` if a flag was given where it has no effect.

    Args:
        command: that was typed.
        what: is trained, such as `a single run`.
    """
    for name in ("workers", *FLAGS):
        if name in command.given():
            value = command.values[name].value
            shown = f"--{name}" if value is True else f"--{name}={value}"
            raise UserError(
                f"{shown} has no effect on {what}; it goes with --seeds=3, "
                "`zoo vary` or `zoo sweep`."
            )
