"""`--coordinator` and its like: a run on several hosts.

JAX aborts a process in C++ when another one is lost. So the command starts
itself as a child process that trains, and reports how that ended.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from zoo import backend
from zoo.cli.flags import Command
from zoo.cli.output import LastingStream
from zoo.errors import Diverged, Interrupted, Lost, UserError, join_and
from zoo.io import atomic_write
from zoo.options import INT, Option, read_option
from zoo.training.signals import NUMBERS, SIGNALED

if TYPE_CHECKING:
    from zoo.training.process_group import (
        ProcessGroup,
        ProcessInfo,
    )

FLAGS = ("coordinator", "num_processes", "process_id")
AUTO = "auto"
EXAMPLE = "10.0.0.1:7000"
EXIT_MESSAGE = "ZOO_EXIT_MESSAGE"  # the file with it; set in the child alone
HEARTBEAT_INTERVAL_S = 1
PARENT_TIMEOUT_S = 20  # without a heartbeat of the parent
ABORTED = (-signal.SIGABRT, 128 + signal.SIGABRT)
MISTAKE, DIVERGED, LOST = 2, 3, 4  # exit codes


def define(command: Command) -> None:
    """Defines the flags, which only --helpfull shows."""
    about = {
        "coordinator": "HOST:PORT of process 0 of a run on several hosts (JAX "
        "only); give it to every process, with --num_processes and "
        "--process_id; auto detects all three from Slurm, Open MPI or "
        "Kubernetes",
        "num_processes": "number of processes of such a run, one a host",
        "process_id": "number of this process, from 0",
    }
    for name in FLAGS:
        command.text(name, None, about[name], common=False)


def read(command: Command, verb: str) -> ProcessInfo | None:
    """Returns how this process joins others; `None` if it is a single one.

    Raises:
        UserError: an invalid value, a missing flag, or a backend that cannot
            train on several hosts.
    """
    texts = {name: getattr(command.values, name) for name in FLAGS}
    given = [f"--{name}" for name in FLAGS if texts[name] is not None]
    if not given:
        return None
    name, _ = backend.selected()
    if name != "jax":
        raise UserError(
            f"{given[0]}: training on several hosts needs JAX, and this is "
            f"{backend.title(name)}, whose strategy for several hosts does "
            f"not work with Keras 3; set {backend.ENV_VARIABLE}=jax."
        )
    if texts["coordinator"] == AUTO and len(given) > 1:
        raise UserError(
            f"--coordinator=auto detects {join_and(given[1:])}; leave "
            "that out, or give --coordinator=HOST:PORT."
        )
    from zoo.training.process_group import ProcessInfo

    if texts["coordinator"] == AUTO:
        return ProcessInfo(command=f"zoo {verb}")
    missing = [f"--{name}" for name in FLAGS if texts[name] is None]
    if missing:
        raise UserError(
            f"{join_and(given)} needs {join_and(missing)} "
            "beside it; every process of a run gets all three."
        )
    coordinator = _address(texts["coordinator"])
    processes = read_option(
        "num_processes", Option(INT, "", "", low=2), texts["num_processes"]
    )
    process = read_option(
        "process_id",
        Option(INT, "", "", low=0, high=processes - 1),
        texts["process_id"],
    )
    return ProcessInfo(coordinator, processes, process, f"zoo {verb}")


def _address(text: str) -> str:
    """Returns HOST:PORT, as it was given.

    Raises:
        UserError: it is something else.
    """
    host, _, port = text.rpartition(":")
    if not host or not port:
        raise UserError(
            f"--coordinator={text} is not of the form HOST:PORT; write for "
            f"example --coordinator={EXAMPLE}, or --coordinator=auto."
        )
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise UserError(
            f"--coordinator={text} has no port {port}; a port is a whole "
            "number from 1 to 65535."
        )
    return text


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


def is_child() -> bool:
    """Whether this process trains, and its parent reports how that ended."""
    return EXIT_MESSAGE in os.environ


def run_as_child() -> int:
    """Starts this command again as a child; returns its exit code.

    Signals are passed on to the child, which has a session of its own, so
    that Ctrl-C does not reach it twice.

    Raises:
        Lost: another process of the run was lost, or the child.
        UserError: the processes did not all join.
        Interrupted: a signal ended the child before it trained.
    """
    with tempfile.TemporaryDirectory() as folder:
        message = pathlib.Path(folder, "exit.json")
        child = subprocess.Popen(
            [sys.executable, *sys.orig_argv[1:]],
            env={**os.environ, EXIT_MESSAGE: str(message)},
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        with _signals_passed_on(child) as passed_on:
            _wait(child)
        return _exit_code(child.returncode, message, passed_on)


def _exit_code(
    code: int, message: pathlib.Path, passed_on: list[signal.Signals]
) -> int:
    """Returns the exit code of a child, or raises what it could not report.

    Args:
        code: of the child; negative where a signal ended it.
        message: file with what the child wanted to be said in that case.
        passed_on: signals that the child was sent.
    """
    if code >= 0 and code not in ABORTED:
        return code
    if -code in passed_on:
        raise Interrupted("interrupted.", SIGNALED - code)
    killed = f"the training process was killed by signal {-code}"
    text, code_then = f"{killed} before it joined the others.", LOST
    if message.exists():
        noted, code_noted = json.loads(message.read_text(encoding="utf-8"))
        if code in ABORTED or code_noted == LOST:
            text, code_then = noted, code_noted
    errors = {MISTAKE: UserError, DIVERGED: Diverged, LOST: Lost}
    if code_then in errors:
        raise errors[code_then](text)
    raise Interrupted(text, code_then)


@contextlib.contextmanager
def _signals_passed_on(child: subprocess.Popen) -> Iterator[list]:
    """Sends a child the signals that ask for a stop; yields those sent."""
    passed_on = []

    def pass_on(number, frame) -> None:
        passed_on.append(number)
        child.send_signal(number)

    numbers = [n for n in NUMBERS if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        yield passed_on
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(child: subprocess.Popen) -> None:
    """Waits for a child, which ends itself should this process not wait."""
    while True:
        with contextlib.suppress(OSError):  # it has ended
            os.write(child.stdin.fileno(), b".")
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(HEARTBEAT_INTERVAL_S)
            child.stdin.close()
            return


@contextlib.contextmanager
def join(info: ProcessInfo | None) -> Iterator[ProcessGroup]:
    """Joins the other processes of a run, if there are any.

    Args:
        info: how to join; `None` is a single process.
    """
    from zoo.training.process_group import (
        SINGLE_PROCESS,
        ProcessGroup,
        exit_code,
    )

    if info is None:
        yield SINGLE_PROCESS
        return
    if info.process_id == 0:
        count = info.num_processes - 1
        others = "another process" if count == 1 else f"{count} processes"
        print(f"waiting for {others} at {info.coordinator}", flush=True)
    message = pathlib.Path(os.environ.pop(EXIT_MESSAGE))

    def set_exit_message(text: str, code: int) -> None:
        with atomic_write(message) as file:
            file.write(json.dumps([text, code]).encode())

    group = ProcessGroup(info, set_exit_message)
    watch = threading.Thread(target=_watch_parent, args=(group,), daemon=True)
    watch.start()
    try:
        with _stdout_apart(), group.join():
            yield group
    except BaseException as error:
        # JAX would wait for the others, who are gone, and abort after that.
        atexit.register(_exit_at_once, exit_code(error))
        raise


def _watch_parent(group: ProcessGroup) -> None:
    """Leaves the group when the parent is killed, or hangs."""
    while select.select([0], [], [], PARENT_TIMEOUT_S)[0] and os.read(0, 64):
        pass
    group.abandon()


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
        with os.fdopen(
            os.dup(terminal), "w", buffering=1, encoding="utf-8"
        ) as stream:
            sys.stdout = LastingStream(stream)
            yield
    finally:
        sys.stdout = ours
        os.dup2(terminal, 1)
        os.close(terminal)


def _exit_at_once(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
