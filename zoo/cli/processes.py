"""`--coordinator` and its like: a run on several machines."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from zoo import engines
from zoo.addresses import Address
from zoo.cli import lasting, stderr
from zoo.cli.flags import Command
from zoo.errors import UserError, join_words
from zoo.options import INT, Option, read_option

if TYPE_CHECKING:
    from zoo.training.distribution.crew import Crew
    from zoo.training.distribution.meeting import Place

FLAGS = ("coordinator", "num_processes", "process_id")


def define(command: Command) -> None:
    """Defines the flags, which only --helpfull shows."""
    about = {
        "coordinator": "HOST:PORT where process 0 of a run on several machines "
        "listens; give it to all of them, with --num_processes and "
        "--process_id",
        "num_processes": "processes of such a run, one a machine",
        "process_id": "number of this process, from 0",
    }
    for name in FLAGS:
        command.text(name, None, about[name], everyday=False)


def read(command: Command, verb: str) -> Place | None:
    """Returns the place of this process in its run; `None` if it is alone.

    Raises:
        UserError: a value that cannot be, a flag without the others, or an
            engine that knows no other processes.
    """
    texts = {name: getattr(command.values, name) for name in FLAGS}
    given = [f"--{name}" for name in FLAGS if texts[name] is not None]
    if not given:
        return None
    missing = [f"--{name}" for name in FLAGS if texts[name] is None]
    if missing:
        raise UserError(
            f"{join_words(given, 'and')} needs {join_words(missing, 'and')} "
            "beside it; every process of a run gets all three."
        )
    name, _ = engines.chosen()
    if name != "jax":
        raise UserError(
            f"--coordinator={texts['coordinator']} joins processes on JAX "
            f"alone, and this is {engines.title(name)}; set "
            f"{engines.VARIABLE}=jax."
        )
    from zoo.training.distribution.meeting import Place

    address = Address.parse(texts["coordinator"], "coordinator")
    processes = read_option(
        "num_processes", Option(INT, "", "", low=2), texts["num_processes"]
    )
    process = read_option(
        "process_id",
        Option(INT, "", "", low=0, high=processes - 1),
        texts["process_id"],
    )
    return Place(address, processes, process, verb)


def refuse(command: Command, what: str, *others: str) -> None:
    """Raises `UserError` if a flag was given where it has no effect.

    Args:
        command: that was typed.
        what: is to be done, such as `a sweep`.
        others: more flags that have none.
    """
    for name in (*FLAGS, *others):
        if (value := getattr(command.values, name)) is not None:
            raise UserError(
                f"--{name}={value} has no effect on {what}; it goes with a "
                "single run."
            )


@contextlib.contextmanager
def crew(place: Place | None, task: dict[str, Any]) -> Iterator[Crew]:
    """Meets the other processes of a run, if there are any.

    Args:
        place: of this process; `None` is one alone.
        task: what process 0 tells the others.
    """
    from zoo.training.distribution.crew import ALONE, Crew, exit_code

    if place is None:
        yield ALONE
        return
    if place.is_first:
        others = place.processes - 1
        what = "another process" if others == 1 else f"{others} processes"
        print(f"waiting for {what} at {place.address}", flush=True)
    try:
        with _stdout_apart(), Crew(place, leave).together(task) as found:
            yield found
    except BaseException as error:
        # JAX would wait for the others, who are gone, and abort after that.
        import jax

        if jax.distributed.is_initialized():
            atexit.register(_end_at_once, exit_code(error))
        raise


@contextlib.contextmanager
def _stdout_apart() -> Iterator[None]:
    """Keeps what JAX's libraries print away from standard output.

    They write to file descriptor 1, which is turned to that of standard
    error; Python's own output goes where it went before.
    """
    sys.stdout.flush()
    ours, terminal = sys.stdout, os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(terminal), "w", buffering=1) as stream:
            sys.stdout = lasting.Lasting(stream)
            yield
    finally:
        sys.stdout = ours
        os.dup2(terminal, 1)
        os.close(terminal)


def _end_at_once(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def leave(text: str, code: int) -> None:
    """Says a sentence and ends this process at once.

    The main thread may wait in JAX for a process that is gone.
    """
    stderr.show(f"zoo: {text}\n")
    os._exit(code)
