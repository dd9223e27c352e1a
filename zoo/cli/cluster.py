"""`--cluster` and `--workers`: where the runs of a sweep or group are trained.

Without a cluster they are trained by processes of this machine.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from zoo.cli.flags import Command
from zoo.errors import UserError
from zoo.options import FLOAT, INT_OR_AUTO, Option, read_option
from zoo.tuning import devices

if TYPE_CHECKING:
    from zoo.tuning.cluster import ClusterConfig
    from zoo.tuning.sweep import Work

AUTO = "auto"
FLAGS = ("cluster", "trial_gpus", "trial_cpus", "cluster_without_token")
NUMBERS = {
    "workers": Option(INT_OR_AUTO, "", "", low=1, high=devices.LIMIT),
    "trial_gpus": Option(FLOAT, "", "", low=0),
    "trial_cpus": Option(FLOAT, "", "", low=0, open_low=True),
}


@dataclasses.dataclass(frozen=True)
class Placement:
    """Where runs are trained, and how many at once.

    Attributes:
        max_workers: Number of runs at once at most, or `auto`; `None` was not
            given.
        cluster: Cluster that trains them; `None` is this machine.
    """

    max_workers: int | str | None
    cluster: ClusterConfig | None

    @property
    def flags(self) -> dict[str, str | float]:
        """Flags that place runs there again, for a command to be printed."""
        if self.cluster is None:
            return {}
        found = {"cluster": self.cluster.address}
        if self.cluster.num_gpus is not None:
            found["trial_gpus"] = self.cluster.num_gpus
        if self.cluster.num_cpus != 1:
            found["trial_cpus"] = self.cluster.num_cpus
        if self.cluster.without_token:
            found["cluster_without_token"] = True
        return found


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
        UserError: a value that cannot be, or a flag without effect.
    """
    values = command.values
    numbers = {
        name: read_option(name, option, text)
        for name, option in NUMBERS.items()
        if (text := getattr(values, name)) is not None
    }
    workers = numbers.get("workers")
    if values.cluster is None:
        for name in FLAGS[1:]:
            if name in command.given():
                raise UserError(
                    f"--{name} has no effect without --cluster=auto or "
                    "--cluster=HOST:PORT."
                )
        return Placement(workers, None)
    from zoo.tuning.cluster import ClusterConfig

    config = ClusterConfig(
        _address(values.cluster),
        numbers.get("trial_cpus", 1.0),
        numbers.get("trial_gpus"),
        values.cluster_without_token,
    )
    return Placement(workers, config)


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


@contextlib.contextmanager
def place(
    placement: Placement, runs_dir: str, say: Callable[[str], None]
) -> Iterator[tuple[Work, Callable[[int], int]]]:
    """Connects to the cluster, if there is one, while the block runs.

    Args:
        placement: as it was read.
        runs_dir: folder of the run folders.
        say: prints a line.

    Yields:
        What trains runs, as `pool.work` does, and a function that returns the
        number of runs at once for a number of runs at most.

    Raises:
        UserError: the cluster cannot be used.
    """
    number = placement.max_workers
    if placement.cluster is None:
        from zoo.tuning import pool

        here = devices.workers_at_once() if number == AUTO else number or 1
        limit = devices.max_workers()
        if here > limit:
            say(f"{limit} at once in place of {here}: this machine has no more")
            here = limit
        yield pool.work, lambda most: min(here, most)
        return
    from zoo.tuning.cluster import connect

    at_most = None if number == AUTO else number
    with connect(placement.cluster, runs_dir, at_most, say) as cluster:
        yield cluster.work, cluster.num_workers


def _address(text: str) -> str:
    """Returns an address as Ray takes it.

    Raises:
        UserError: it is none.
    """
    host, _, port = text.rpartition(":")
    if text != AUTO and not (host and port.isdecimal() and int(port) < 2**16):
        raise UserError(
            f"--cluster={text} is not an address; write --cluster=HOST:6379, "
            "where `ray start --head` runs, or --cluster=auto on one of its "
            "nodes."
        )
    return text
