"""A pool of worker processes on this machine, each with one job at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
import signal
import time
from collections.abc import Iterator
from multiprocessing import connection, resource_tracker

from zoo.training import signals
from zoo.tuning import devices, worker
from zoo.tuning.worker import Job, Outcome


class ProcessPool:
    """Worker processes of this machine; see `pool.Pool`.

    A process is started when it gets its first job, and a new one takes the
    place of one that died.

    Args:
        workers: processes at once; cores and GPUs are divided among them.
        log: where their libraries print.
    """

    def __init__(self, workers: int, log: pathlib.Path | None = None):
        where = None if log is None else str(log)
        self._workers = [
            _Worker(environment, where)
            for environment in devices.environments(workers)
        ]

    @property
    def num_running(self) -> int:
        """Number of jobs that were submitted and have not ended."""
        return sum(worker.job is not None for worker in self._workers)

    @property
    def num_free(self) -> int:
        """Number of further jobs that can start at once."""
        return len(self._workers) - self.num_running

    def submit(self, job: Job) -> None:
        """Gives a job to a free process."""
        next(one for one in self._workers if one.job is None).start(job)

    def wait(self, timeout: float) -> list[Outcome]:
        """Waits until a job ends; returns what came of those that did."""
        running = {
            one.connection: one for one in self._workers if one.job is not None
        }
        if not running:
            time.sleep(timeout)
            return []
        ready = connection.wait(list(running), timeout)
        return [running[one].take() for one in ready]

    def terminate(self) -> None:
        """Asks every running job to save and stop."""
        for one in self._workers:
            one.signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends every running job at once."""
        for one in self._workers:
            one.signal(getattr(signal, "SIGKILL", signal.SIGTERM))

    def close(self) -> None:
        """Ends the processes, as soon as their jobs have ended."""
        for one in self._workers:
            one.close()


class _Worker:
    """A place for one process, which does one job at a time."""

    def __init__(self, environment: dict[str, str], log: str | None):
        self._arguments = (environment, log)
        self._process: multiprocessing.process.BaseProcess | None = None
        self._started = 0.0
        self.connection: connection.Connection | None = None
        self.job: Job | None = None

    def start(self, job: Job) -> None:
        """Sends a job to the process, which is started if there is none."""
        self.job, self._started = job, time.monotonic()
        if self._process is None or not self._process.is_alive():
            self._end()
            self._begin()
        # A process that dies just now is noticed when its answer is due.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(job)

    def take(self) -> Outcome:
        """Returns the outcome of the job, whose process answered or died."""
        job, self.job = self.job, None
        try:
            # The job that came back is a copy.
            return dataclasses.replace(self.connection.recv(), job=job)
        except (EOFError, OSError):
            seconds = round(time.monotonic() - self._started, 3)
            reason = _reason(self._end())
            return Outcome(job, "lost", reason=reason, seconds=seconds)

    def signal(self, number: int) -> None:
        """Sends the process a signal, if it has a job."""
        if self.job is not None and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def close(self) -> None:
        """Ends the process, as soon as its job has ended."""
        self._end()

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=worker.serve, args=(theirs, *self._arguments)
        )
        with _stop_signals_blocked():
            self._process.start()
        theirs.close()  # so that the death of the process closes the pipe

    def _end(self) -> int | None:
        """Waits for the process to exit; returns its exit code."""
        if self._process is None:
            return None
        # An idle process exits when its connection closes.
        self.connection.close()
        self._process.join()
        code = self._process.exitcode
        self._process.close()
        self._process = self.connection = None
        return code


@contextlib.contextmanager
def _stop_signals_blocked() -> Iterator[None]:
    """Blocks what stops a run; a process started meanwhile inherits that.

    It unblocks them itself once it handles them, so that a Ctrl-C during its
    start is neither lost nor printed as a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Its own start would unblock them.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals.NUMBERS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _reason(exit_code: int | None) -> str:
    """Says how a process died: negative exit codes are signals."""
    if exit_code is not None and exit_code < 0:
        try:
            name = signal.Signals(-exit_code).name
        except ValueError:
            name = f"signal {-exit_code}"
        if name == "SIGKILL":
            return "its process was killed (SIGKILL), as when memory runs out"
        return f"its process crashed ({name})"
    return f"its process ended with exit code {exit_code}"
