"""How the processes of a run find each other, and who is refused.

Process 0 listens, the others call; they greet each other with what must be
the same, before JAX has a say. JAX itself would end a process that finds no
coordinator without a word.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import socket
import time
from typing import Any

import zoo
from zoo.addresses import Address
from zoo.errors import UserError, join_words
from zoo.training.distribution.line import Line

PATIENCE = 120.0  # seconds in which all processes have to find each other
TALK = 10.0  # seconds that a greeting may take
PAUSE = 0.5  # seconds between two calls
PACKAGES = ("keras", "jax")


@dataclasses.dataclass(frozen=True)
class Place:
    """The place of this process among those of a run.

    Attributes:
        address: where process 0 listens.
        processes: how many there are.
        process: the number of this one, from 0.
        verb: what they all do: train or resume.
        patience: seconds to find each other in.
    """

    address: Address
    processes: int
    process: int
    verb: str = "train"
    patience: float = PATIENCE

    @property
    def is_first(self) -> bool:
        """Whether the run folder and the console are those of this one."""
        return self.process == 0

    def greeting(self) -> dict[str, Any]:
        """Returns what this process says of itself."""
        versions = {name: importlib.metadata.version(name) for name in PACKAGES}
        return {
            "process_id": self.process,
            "num_processes": self.processes,
            "verb": self.verb,
            "zoo": zoo.__version__,
            **versions,
        }


def gather(place: Place, task: dict[str, Any]) -> tuple[list[Line], int]:
    """Waits for all others, as process 0.

    Args:
        place: of this process.
        task: what the others need to know.

    Returns:
        A line to each, and the port for JAX.

    Raises:
        UserError: somebody does not come, or does not fit; the others are
            told as well.
    """
    lines: dict[int, Line] = {}
    end = time.monotonic() + place.patience
    with _listener(place.address) as listener:
        try:
            while len(lines) < place.processes - 1:
                line, theirs = _answer(listener, place, lines, end)
                lines[theirs["process_id"]] = line
        except UserError as error:
            for line in lines.values():
                _refuse(line, error)
            raise
    port = _free_port(place.address)
    found = [lines[number] for number in sorted(lines)]
    for line in found:
        line.send("welcome", port=port, task=task)
    return found, port


def call(place: Place) -> tuple[Line, dict[str, Any]]:
    """Calls process 0, as one of the others.

    Returns:
        The line to it, and its welcome.

    Raises:
        UserError: nobody answers, or this process is refused.
    """
    end = time.monotonic() + place.patience
    while time.monotonic() < end:
        try:
            line = Line(place.address.call(TALK), "process 0")
            line.send("hello", **place.greeting())
            welcome = line.next(max(end - time.monotonic(), PAUSE))
        except (OSError, EOFError, ValueError):
            time.sleep(PAUSE)
            continue
        if welcome and welcome.get("say") == "refused":
            raise UserError(welcome["text"])
        if welcome and welcome.get("say") == "welcome":
            return line, welcome
        line.close()
    raise UserError(
        f"no process 0 answered at --coordinator={place.address} within "
        f"{place.patience:.0f} s; start it there with --process_id=0, or mend "
        "the address."
    )


def _listener(address: Address) -> socket.socket:
    """Listens to this machine alone, or else to all that call it."""
    if not address.is_private:
        address = dataclasses.replace(address, host="0.0.0.0")
    return address.listen()


def _free_port(address: Address) -> int:
    host = address.host if address.is_private else "0.0.0.0"
    with dataclasses.replace(address, host=host, port=0).listen() as found:
        return found.getsockname()[1]


def _answer(
    listener: socket.socket, place: Place, lines: dict[int, Line], end: float
) -> tuple[Line, dict[str, Any]]:
    """Returns the next process that calls, and what it says of itself."""
    while (left := end - time.monotonic()) > 0:
        listener.settimeout(left)
        try:
            line = Line(listener.accept()[0], "a process")
            theirs = line.next(TALK)
        except (OSError, EOFError, ValueError):
            continue  # late, or no process of ours
        if not theirs or theirs.get("say") != "hello":
            line.close()
            continue
        try:
            _check(place, theirs, lines)
        except UserError as error:
            _refuse(line, error)
            raise
        line.name = f"process {theirs['process_id']}"
        return line, theirs
    missing = set(range(1, place.processes)) - set(lines)
    names = join_words((f"--process_id={n}" for n in sorted(missing)), "and")
    raise UserError(
        f"nobody called --coordinator={place.address} with {names} within "
        f"{place.patience:.0f} s; start every process within that time."
    )


def _check(
    place: Place, theirs: dict[str, Any], lines: dict[int, Line]
) -> None:
    """Raises `UserError` for a process that does not fit."""
    number = theirs.get("process_id")
    ours = place.greeting()
    for name in ours:
        if name != "process_id" and theirs.get(name) != ours[name]:
            raise UserError(
                f"{name} is {theirs.get(name)} in process {number} and "
                f"{ours[name]} in process 0; it must be the same in all."
            )
    if number not in range(1, place.processes) or number in lines:
        raise UserError(
            f"two processes have --process_id={number}; number them from 0 to "
            f"{place.processes - 1}."
        )


def _refuse(line: Line, error: UserError) -> None:
    try:
        line.send("refused", text=str(error))
    except OSError:
        pass  # gone already
    line.close()
