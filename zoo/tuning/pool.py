"""Several ordinary runs, each in a process of its own.

Every worker is a pool of one process: if one dies, killed or out of memory,
it is known whose job died with it, and the others go on.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import os
import pathlib
import signal
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool

from zoo.errors import Interrupted
from zoo.training.stopping import StopRequest, listen
from zoo.tuning import devices, worker
from zoo.tuning.worker import Job, Outcome

__all__ = ["Job", "Outcome", "work"]

TICK = 0.2  # seconds between two looks at signals
DIED = "its process died: killed from outside, or out of memory"


class Slot:
    """A place for one process, which does one job at a time."""

    def __init__(self, environment: dict[str, str], log: str | None):
        self._begin = (environment, log)
        self._pool: concurrent.futures.ProcessPoolExecutor | None = None
        self._pid: int | None = None
        self._started = 0.0
        self.job: Job | None = None
        self.future: concurrent.futures.Future | None = None

    def start(self, job: Job) -> None:
        """Gives a free slot a job."""
        self.job, self._started = job, time.monotonic()
        try:
            if self._pool is None:
                self._pool = concurrent.futures.ProcessPoolExecutor(
                    max_workers=1,
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=worker.begin,
                    initargs=self._begin,
                )
                self._pid = self._pool.submit(os.getpid).result()
            self.future = self._pool.submit(worker.run, job)
        except BrokenProcessPool as error:
            self.future = concurrent.futures.Future()
            self.future.set_exception(error)

    def take(self) -> Outcome:
        """Returns the outcome of the job that has ended; frees the slot."""
        future, job = self.future, self.job
        self.future = self.job = None
        try:
            return future.result()
        except BrokenProcessPool:
            self._pool.shutdown(wait=False)
            self._pool = self._pid = None
            seconds = round(time.monotonic() - self._started, 3)
            return Outcome(job, "failed", reason=DIED, seconds=seconds)

    def signal(self, number: int) -> None:
        """Sends the process a signal, if it is at work."""
        if self.future is not None and self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def close(self) -> None:
        """Ends the process, when its job has ended."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def work(
    jobs: Iterator[Job | None],
    workers: int = 1,
    log: pathlib.Path | None = None,
    *,
    stop: StopRequest | None = None,
) -> Iterator[Outcome]:
    """Does jobs as processes get free, and yields what came of each.

    A job whose run is there already is gone on with, and one whose run is
    finished is not repeated.

    Args:
        jobs: asked for the next one whenever a process is free; `None` says
            that there is none before another outcome is known.
        workers: processes at once; cores and GPUs are divided among them.
        log: where their libraries print.
        stop: asks for an end from elsewhere than a signal. Where one may,
            jobs may come at any time: `None` is waited out.

    Raises:
        Interrupted: a signal, or `stop`, asked for an end; runs under way
            were saved.
    """
    waits = stop is not None
    where = None if log is None else str(log)
    slots = [Slot(share, where) for share in devices.environments(workers)]
    with listen(stop) as stop:
        try:
            yield from _outcomes(jobs, slots, stop, waits)
        except KeyboardInterrupt:
            _end(slots, getattr(signal, "SIGKILL", signal.SIGTERM))
            raise
        finally:
            _end(slots, signal.SIGTERM)
            for slot in slots:
                slot.close()
    if stop.requested:
        raise Interrupted("stopped")


def _outcomes(
    jobs, slots: list[Slot], stop: StopRequest, waits: bool
) -> Iterator[Outcome]:
    more, told = True, False
    while True:
        if more and not stop.requested:
            more = _fill(jobs, slots)
        at_work = [slot for slot in slots if slot.future is not None]
        if not at_work:
            if not more or stop.requested:
                return
            if not waits:
                raise RuntimeError("no job is under way, and none is given")
            time.sleep(TICK)
            continue
        concurrent.futures.wait(
            [slot.future for slot in at_work],
            timeout=TICK,
            return_when=concurrent.futures.FIRST_COMPLETED,
        )
        if stop.requested and not told:
            told = True
            _end(slots, signal.SIGTERM)
        for slot in at_work:
            if slot.future.done():
                outcome = slot.take()
                # One that was stopped is no outcome: its run goes on later.
                if not stop.requested or outcome.status != "interrupted":
                    yield _settled(outcome)


def _fill(jobs, slots: list[Slot]) -> bool:
    """Gives free slots jobs; returns whether there may be more."""
    for slot in slots:
        if slot.future is None:
            try:
                job = next(jobs)
            except StopIteration:
                return False
            if job is None:
                return True
            slot.start(job)
    return True


def _settled(outcome: Outcome) -> Outcome:
    """A job that a signal stopped, though nobody asked for it, has failed."""
    if outcome.status != "interrupted":
        return outcome
    reason = "its process was told to stop from outside"
    return Outcome(outcome.job, "failed", reason=reason)


def _end(slots: list[Slot], number: int) -> None:
    for slot in slots:
        slot.signal(number)
