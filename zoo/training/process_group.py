"""The processes of one run on several hosts, joined by `jax.distributed`.

JAX's coordination service, which runs in process 0, lets the processes find
each other, watches their heartbeats, and aborts all of them when one is lost.
Its key-value store carries what they agree on: versions, the resolved config,
the checkpoint to start from, a request to stop, and how the run ended. That
store has no public name in JAX; this file alone uses it.

Nothing is signed or encrypted, neither here nor in JAX's own traffic: it is
for hosts that trust each other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import ipaddress
import json
import os
import pathlib
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import zoo
from zoo.errors import Diverged, Interrupted, UserError

INITIALIZATION_TIMEOUT_S = 120  # in which all processes have to join
HEARTBEAT_TIMEOUT_S = 30  # after which a silent process counts as lost
SHUTDOWN_TIMEOUT_S = 30
EXIT_TIMEOUT_S = 10  # for the others to read why this process exits
END_TIMEOUT_S = 7 * 24 * 3600  # for process 0 to save its results
POLL_INTERVAL_S = 0.5
CHUNK_BYTES = 2**20  # of a checkpoint, in one value of the store

MISTAKE, DIVERGED, LOST, INTERRUPTED = 2, 3, 4, 130  # exit codes
ABORTED = 128 + signal.SIGABRT  # the shell's exit code of an aborted process
PACKAGES = ("keras", "jax")  # whose versions must agree

# What may differ in `resolved.json`: paths, and the host itself.
IGNORED_KEYS = (
    *("started", "git_commit", "parent", "machine", "statistics", "zoo"),
    *("config.runs_dir", "config.run_name", "config.data_dir"),
)
NAMES = {"data.fingerprint": "the fingerprint of the data"}

SetExitMessage = Callable[[str, int], None]


@dataclasses.dataclass(frozen=True)
class ProcessInfo:
    """How a process joins the others of its run.

    Attributes:
        coordinator: HOST:PORT at which process 0 listens; `None` lets JAX
            detect it, and the two numbers below, from Slurm, Open MPI or
            Kubernetes.
        num_processes: Number of processes of the run.
        process_id: Number of this process, from 0.
        command: Command that all of them were started with.
    """

    coordinator: str | None = None
    num_processes: int | None = None
    process_id: int | None = None
    command: str = "train"


class ProcessGroup:
    """All processes of a run, as one of them sees them; or a single one.

    Process 0 keeps the run folder and prints; the others do neither.

    Attributes:
        num_processes: Number of processes.
        process_id: Number of this one.

    Args:
        info: how to join; `None` is a single process, for which every method
            does nothing.
        set_exit_message: called with the sentence and the exit code of this
            process should it be aborted from now on. JAX aborts in C++, so a
            parent process has to report it.
    """

    def __init__(
        self,
        info: ProcessInfo | None = None,
        set_exit_message: SetExitMessage = lambda text, code: None,
    ):
        self.info = info
        self.num_processes = (info and info.num_processes) or 1
        self.process_id = (info and info.process_id) or 0
        self._set_exit_message = set_exit_message
        self._client: Any = None
        self._exiting = threading.Lock()
        self._ended = threading.Event()
        self._stop: Callable[[], None] | None = None
        self._remedy = "nothing was saved yet; start all processes again."

    @property
    def is_first(self) -> bool:
        """Whether this process keeps the run folder and prints."""
        return self.process_id == 0

    @contextlib.contextmanager
    def join(self) -> Iterator[ProcessGroup]:
        """Joins the other processes, and ends with them.

        Raises:
            UserError: not all processes join, or they do not match.
        """
        self._initialize()
        try:
            threading.Thread(target=self._watch, daemon=True).start()
            self._check_versions()
            yield self
        except BaseException as error:
            self._announce(error)
            raise
        self._finish()

    def broadcast(self, value: Any = None) -> Any:
        """Returns what process 0 passes, in every process.

        Args:
            value: that JSON can hold; of process 0.
        """
        if self.num_processes == 1:
            return value
        if self.is_first:
            self._set("value", value)
        return self._wait_for("value")

    def assert_same_config(self, resolved: dict[str, Any]) -> None:
        """Raises `UserError` if the processes would not do the same.

        Args:
            resolved: contents of `resolved.json`.
        """
        if not self.is_first:
            self._set(f"resolved/{self.process_id}", resolved)
            return
        for process in range(1, self.num_processes):
            theirs = self._wait_for(f"resolved/{process}")
            if text := config_diff(theirs, resolved, process):
                raise UserError(text)

    def broadcast_checkpoint(self, path: pathlib.Path) -> None:
        """Gives all others the checkpoint file to start from."""
        if self.num_processes == 1:
            return
        size = path.stat().st_size
        with path.open("rb") as file:
            for start in range(0, size, CHUNK_BYTES):
                chunk = file.read(CHUNK_BYTES)
                self._client.key_value_set_bytes(f"checkpoint/{start}", chunk)
        self._set("checkpoint_size", size)
        self._barrier("checkpoint", END_TIMEOUT_S)
        self._client.key_value_delete("checkpoint/")  # frees the memory

    @contextlib.contextmanager
    def receive_checkpoint(self, name: str) -> Iterator[pathlib.Path]:
        """Yields a folder with the checkpoint that process 0 broadcasts.

        Args:
            name: of the file in it.
        """
        size = self._wait_for("checkpoint_size")
        with tempfile.TemporaryDirectory() as folder:
            with pathlib.Path(folder, name).open("wb") as file:
                for start in range(0, size, CHUNK_BYTES):
                    key = f"checkpoint/{start}"
                    file.write(self._client.key_value_try_get_bytes(key))
            self._barrier("checkpoint", END_TIMEOUT_S)
            yield pathlib.Path(folder)

    @contextlib.contextmanager
    def guard(
        self, resume: str = "", stop: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Guards training against lost processes, and takes requests to stop.

        Args:
            resume: command that resumes the run, in backquotes; of process 0.
            stop: requests a stop after the next step; of process 0.
        """
        if self.num_processes == 1:
            yield
            return
        if self.is_first:
            self._set("resume", resume)
        self._remedy = (
            f"{self._wait_for('resume')} resumes it from the last checkpoint, "
            "with any number of processes."
        )
        self._stop = stop
        text = f"a process of this run was lost; {self._remedy}"
        self._set_exit_message(text, LOST)
        try:
            yield
        except _jax_error():
            # A collective failed since another process is gone: JAX aborts
            # this one as soon as it knows, or `_watch` ends it.
            time.sleep(HEARTBEAT_TIMEOUT_S + EXIT_TIMEOUT_S)
            raise

    def request_stop(self) -> None:
        """Asks process 0 to save and stop."""
        self._set("stop", True)

    def abandon(self) -> None:
        """Ends this process, and notifies the others that it is lost."""
        if self._client is not None:
            text = f"process {self.process_id} of this run was lost"
            self._set("exit", [f"{text}; {self._remedy}", LOST])
        os._exit(ABORTED)

    def _initialize(self) -> None:
        """Joins under JAX.

        Not by `keras.distribution.initialize`, which passes no timeout and
        draws a seed for all: a run has its own.
        """
        import jax

        info = self.info
        self._set_exit_message(_not_joined(info), MISTAKE)
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        # It would take SIGTERM, which saves and stops as Ctrl-C does.
        jax.config.update("jax_enable_preemption_service", False)
        address = info.coordinator
        with _default_signals():
            try:
                jax.distributed.initialize(
                    address,
                    info.num_processes,
                    info.process_id,
                    initialization_timeout=INITIALIZATION_TIMEOUT_S,
                    heartbeat_timeout_seconds=HEARTBEAT_TIMEOUT_S,
                    shutdown_timeout_seconds=SHUTDOWN_TIMEOUT_S,
                    coordinator_bind_address=address
                    if address and _is_loopback(address)
                    else None,
                )
            except ValueError:
                raise UserError(
                    "--coordinator=auto found no job of Slurm, Open MPI or "
                    "Kubernetes here; give --coordinator=HOST:PORT with "
                    "--num_processes and --process_id."
                ) from None
            except RuntimeError:
                raise UserError(_not_joined(info)) from None
        from jax._src.distributed import global_state

        self._client = global_state.client
        self.process_id = global_state.process_id
        self.num_processes = global_state.num_processes
        text = f"a process of this run was lost; {self._remedy}"
        self._set_exit_message(text, LOST)

    def _check_versions(self) -> None:
        """Raises `UserError` if the processes run different code."""
        ours = {name: importlib.metadata.version(name) for name in PACKAGES}
        ours |= {"zoo": zoo.__version__, "the command": self.info.command}
        if not self.is_first:
            self._set(f"versions/{self.process_id}", ours)
            return
        for process in range(1, self.num_processes):
            theirs = self._wait_for(f"versions/{process}")
            for name, value in ours.items():
                if theirs.get(name) != value:
                    raise UserError(
                        f"{name} is {theirs.get(name)} in process {process} "
                        f"and {value} in process 0; it must be the same in all."
                    )

    def _watch(self) -> None:
        """Takes requests to stop, and exits as soon as another process does."""
        while not self._ended.wait(POLL_INTERVAL_S):
            if self._stop and self._get("stop"):
                self._stop()
            if message := self._get("exit"):
                self._exit(*message)

    def _exit(self, text: str, code: int) -> None:
        """Ends this process for what another one announced.

        The main thread may be waiting in a collective.
        """
        with self._exiting:
            if self._ended.is_set():
                return
            self._set_exit_message(text, code)
            self._barrier("exit", EXIT_TIMEOUT_S)
            os._exit(ABORTED)

    def _announce(self, error: BaseException) -> None:
        """Tells the others that this process exits, and why."""
        with self._exiting:
            self._ended.set()
            text, code = self._describe(error)
            self._set_exit_message(text, code)
            self._set("exit", [text, code])
            self._barrier("exit", EXIT_TIMEOUT_S)

    def _describe(self, error: BaseException) -> tuple[str, int]:
        """Returns the sentence and the exit code of the other processes."""
        if isinstance(error, Interrupted):
            return str(error), error.code
        if isinstance(error, UserError):
            return str(error), MISTAKE
        if isinstance(error, Diverged):
            return str(error), DIVERGED
        name = f"process {self.process_id}"
        if isinstance(error, KeyboardInterrupt):
            return f"{name} was interrupted; {self._remedy}", INTERRUPTED
        text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return f"{name} failed ({text}); {self._remedy}", LOST

    def _finish(self) -> None:
        """Ends together with the others."""
        import jax

        self._barrier("end", END_TIMEOUT_S)
        self._ended.set()
        jax.distributed.shutdown()

    def _set(self, key: str, value: Any) -> None:
        with contextlib.suppress(_jax_error()):  # it is there, or all is lost
            self._client.key_value_set(key, json.dumps(value))

    def _get(self, key: str) -> Any:
        """Returns a value of the store; `None` if it is not there."""
        try:
            return json.loads(self._client.key_value_try_get(key))
        except _jax_error():
            return None

    def _wait_for(self, key: str) -> Any:
        """Returns a value of the store as soon as it is there."""
        while (value := self._get(key)) is None:
            time.sleep(POLL_INTERVAL_S / 5)
        return value

    def _barrier(self, name: str, timeout: int) -> None:
        """Waits until all processes are here; gives up where one is lost."""
        with contextlib.suppress(_jax_error()):
            self._client.wait_at_barrier(name, timeout * 1000)


SINGLE_PROCESS = ProcessGroup()


def exit_code(error: BaseException) -> int:
    """Returns the exit code of a process that ends by an error."""
    if isinstance(error, Interrupted):
        return error.code
    codes = {UserError: MISTAKE, OSError: MISTAKE, MemoryError: MISTAKE}
    codes |= {Diverged: DIVERGED, KeyboardInterrupt: INTERRUPTED}
    return next((n for k, n in codes.items() if isinstance(error, k)), 1)


def config_diff(
    theirs: dict[str, Any], ours: dict[str, Any], process: int
) -> str | None:
    """Returns how two `resolved.json` differ; `None` if they do the same.

    Args:
        theirs: of another process.
        ours: of process 0.
        process: number of the other one.
    """
    left, right = dict(_flatten(theirs)), dict(_flatten(ours))
    for key in [*right, *left]:
        if left.get(key) != right.get(key):
            name = NAMES.get(key, key.replace("config.", "--", 1))
            return (
                f"{name} is {_truncate(left.get(key))} in process {process} "
                f"and {_truncate(right.get(key))} in process 0; start all "
                "with the same flags on the same data."
            )
    return None


def _flatten(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields every value with its path, except for `IGNORED_KEYS`."""
    if path in IGNORED_KEYS:
        return
    if isinstance(values, dict) and values:
        for key, value in values.items():
            yield from _flatten(value, f"{path}.{key}" if path else key)
    else:
        yield path, json.loads(json.dumps(values))


def _truncate(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _not_joined(info: ProcessInfo) -> str:
    """Returns the sentence about processes that did not find each other."""
    where, count, ids = "this job", "the", ""
    if info.coordinator:
        where = f"--coordinator={info.coordinator}"
        count = f"the {info.num_processes}"
        ids = (
            f" with its own --process_id from 0 to {info.num_processes - 1} "
            "and the same --num_processes"
        )
    return (
        f"not all of {count} processes joined at {where} within "
        f"{INITIALIZATION_TIMEOUT_S} s; start each of them within that time"
        f"{ids}, process 0 on the host that the address names."
    )


def _is_loopback(address: str) -> bool:
    """Whether only the host itself can connect to HOST:PORT."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextlib.contextmanager
def _default_signals() -> Iterator[None]:
    """Lets signals end this process while it waits in C++ for the others."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {n: signal.signal(n, signal.SIG_DFL) for n in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _jax_error() -> type[Exception]:
    """Returns what the store and failed collectives raise."""
    from jax.errors import JaxRuntimeError

    return JaxRuntimeError
