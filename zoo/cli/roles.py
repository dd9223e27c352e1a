"""`--role=chief` and `--role=worker`: a sweep over several machines."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from zoo.addresses import EXAMPLE, Address
from zoo.cli.flags import Command
from zoo.commands import command
from zoo.config import TrainConfig
from zoo.console import expand_command
from zoo.errors import Interrupted, UserError, close_matches, join_and
from zoo.options import INT_OR_AUTO, Option, read_option
from zoo.runs import SweepFolder
from zoo.tuning import pool
from zoo.tuning.devices import LIMIT
from zoo.tuning.remote import key

if TYPE_CHECKING:
    from zoo.tuning.remote.door import Door
    from zoo.tuning.settings import SweepConfig
    from zoo.tuning.sweep import Work

CHIEF, WORKER = "chief", "worker"
FLAGS = ("role", "chief", "workers", "runs_dir", "data_dir")  # of a worker


@dataclasses.dataclass(frozen=True)
class Role:
    """What this machine does for a sweep.

    Attributes:
        name: chief or worker; `None` does all alone.
        address: of the chief.
        workers: processes at once, or `auto`.
    """

    name: str | None
    address: Address | None
    workers: int | str


def define(command: Command) -> None:
    """Defines --role and --chief."""
    command.text(
        "role",
        None,
        "for a sweep over several machines: chief hands out trials (and "
        "trains --workers of them, default none), worker trains them",
    )
    command.text(
        "chief",
        None,
        "HOST:PORT where the chief listens; 0.0.0.0:PORT lets other machines "
        f"in (default {EXAMPLE})",
    )


def read(command: Command) -> Role:
    """Reads --role, --chief and --workers.

    Raises:
        UserError: a value that cannot be, or a flag without effect.
    """
    values = command.values
    name, text = values.role, values.chief
    if name not in (None, CHIEF, WORKER):
        close = close_matches(name, (CHIEF, WORKER), 1)
        hint = f"did you mean {close[0]}? Choose" if close else "choose"
        raise UserError(f"--role={name} is not known; {hint} chief or worker.")
    if name is None and text is not None:
        raise UserError(
            f"--chief={text} has no effect without --role=chief, on the "
            "machine that hands out trials, or --role=worker, on others."
        )
    least = 0 if name == CHIEF else 1
    option = Option(INT_OR_AUTO, "", "", low=least, high=LIMIT)
    number = values.workers
    workers = (
        least if number is None else read_option("workers", option, number)
    )
    address = Address.parse(text or EXAMPLE) if name else None
    return Role(name, address, workers)


def read_worker(command: Command) -> None:
    """Raises `UserError` for a flag that a worker has no use for."""
    other = [name for name in command.given() if name not in FLAGS]
    if other:
        raise UserError(
            f"--{other[0]} has no place with --role=worker: its chief says "
            f"what is trained; a worker takes "
            f"{join_and(f'--{name}' for name in FLAGS[1:])}."
        )


def refuse(role: Role, what: str) -> None:
    """Raises `UserError` if there is a role where it has no effect."""
    if role.name is not None:
        raise UserError(
            f"--role={role.name} has no effect on {what}; it goes with a sweep."
        )


def count(workers: int | str) -> int:
    """Returns how many processes are meant."""
    from zoo.tuning.devices import workers_at_once

    return workers_at_once() if workers == "auto" else workers


def serve(role: Role, config: TrainConfig) -> int:
    """Works for a chief elsewhere; returns the exit code."""
    from zoo.training.console import Console
    from zoo.tuning.devices import hide_gpus
    from zoo.tuning.remote import helper

    hide_gpus()
    helper.Helper(
        role.address,
        lambda: key.read(config.runs_dir),
        count(role.workers),
        runs_dir=config.runs_dir,
        data_dir=config.data_dir,
        say=Console().print,
        patience=helper.PATIENCE,
    ).serve()
    return 0


@contextlib.contextmanager
def door(role: Role) -> Iterator[Door | None]:
    """Listens for workers while the block runs, if this is a chief."""
    if role.name != CHIEF:
        yield None
        return
    from zoo.tuning.remote.door import Door

    key.check()
    with Door(role.address) as found:
        yield found


def work(
    door: Door | None,
    folder: SweepFolder,
    settings: SweepConfig,
    say: Callable[[str], None],
) -> Work:
    """Returns what does the jobs of a sweep: this machine, or its workers.

    Args:
        door: of a chief; `None` leaves all to this machine.
        folder: of the sweep.
        settings: of the sweep.
        say: prints a line.
    """
    if door is None:
        return pool.work
    from zoo.tuning.remote.chief import Chief
    from zoo.tuning.remote.helper import Helper

    runs_dir = folder.runs_dir
    secret = key.make(runs_dir)

    def local(workers: int, log) -> None:
        own = Helper(
            door.address.from_here(),
            lambda: secret,
            workers,
            runs_dir=runs_dir,
            data_dir=settings.config.data_dir,
            log=log,
            patience=5.0,
        )
        # What there is to say, the chief says.
        with contextlib.suppress(Interrupted, UserError):
            own.serve()

    door.open(secret, folder.name)
    invitation = _invitation(door.address, runs_dir)
    return Chief(door, say, invitation, local).work


def _invitation(address: Address, runs_dir: str) -> str:
    """Returns what to type for a worker, and what it needs."""
    worker = command(
        "sweep",
        role="worker",
        chief=str(address.from_elsewhere()),
        runs_dir=runs_dir,
    )
    lines = [
        "waiting for workers; one joins with",
        f"  {expand_command(worker)}",
    ]
    if address.is_private:
        lines.append(
            f"on this machine: no other can call {address.host}; "
            f"--chief=0.0.0.0:{address.port} lets others in"
        )
    elif key.VARIABLE in os.environ:
        lines.append(f"where {key.VARIABLE} is as here")
    else:
        lines.append(
            f"where its --runs_dir is this folder, or has a copy of {key.NAME}"
        )
    return "\n".join(lines)
