"""Several ordinary runs at once, on whatever pool of workers there is.

A pool starts jobs and reports how they ended. What holds for every pool is
here: a job whose worker is lost is submitted again and resumes from its last
checkpoint, up to `TRIES` times in all, while the other jobs continue.
"""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Protocol

from zoo.errors import Interrupted
from zoo.training.signals import StopRequest, listen
from zoo.tuning.processes import ProcessPool
from zoo.tuning.worker import Job, Outcome

__all__ = ["Job", "Outcome", "Pool", "run_jobs", "work"]

TICK = 0.2  # seconds between two looks at signals
TRIES = 3  # times that a job is started whose worker is lost


class Pool(Protocol):
    """What trains jobs: processes of this machine, or those of a cluster."""

    @property
    def num_running(self) -> int:
        """Number of jobs that were submitted and have not ended."""

    @property
    def num_free(self) -> int:
        """Number of further jobs that can start at once."""

    def submit(self, job: Job) -> None:
        """Starts a job; call it only while `num_free` is not 0."""

    def wait(self, timeout: float) -> list[Outcome]:
        """Waits until a job ends, or for some seconds.

        Returns:
            What came of the jobs that ended; `outcome.job` is the submitted
            object. One whose worker died has the status `lost`.
        """

    def terminate(self) -> None:
        """Asks every running job to save and stop."""

    def kill(self) -> None:
        """Ends every running job at once."""

    def close(self) -> None:
        """Frees the workers, as soon as their jobs have ended."""


def work(
    jobs: Iterator[Job | None],
    workers: int = 1,
    log: pathlib.Path | None = None,
) -> Iterator[Outcome]:
    """Does jobs in processes of this machine; see `run_jobs`.

    Args:
        jobs: as `run_jobs` takes them.
        workers: processes at once; cores and GPUs are divided among them.
        log: where their libraries print.
    """
    yield from run_jobs(jobs, ProcessPool(workers, log))


def run_jobs(jobs: Iterator[Job | None], pool: Pool) -> Iterator[Outcome]:
    """Does jobs as workers get free, and yields what came of each.

    A job whose run is there already is resumed, and one whose run is finished
    is not repeated.

    Args:
        jobs: asked for the next one whenever a worker is free; `None` says
            that there is none before another outcome is known.
        pool: trains them; closed at the end.

    Raises:
        Interrupted: a signal asked for an end; runs under way were saved.
    """
    with listen() as stop:
        try:
            yield from _outcomes(jobs, pool, stop)
        except KeyboardInterrupt:
            pool.kill()
            raise
        finally:
            pool.terminate()
            pool.close()
    if stop.requested:
        raise Interrupted("stopped", stop.code)


def _outcomes(
    jobs: Iterator[Job | None], pool: Pool, stop: StopRequest
) -> Iterator[Outcome]:
    queue, retries = _Queue(jobs), _Retries()
    terminated = False
    while True:
        while pool.num_free and not stop.requested:
            job = retries.next() or queue.next()
            if job is None:
                break
            pool.submit(job)
        if not pool.num_running:
            if stop.requested or queue.is_at_end:
                return
            raise RuntimeError("no job is under way, and none is given")
        ended = pool.wait(TICK)
        if stop.requested and not terminated:
            terminated = True
            pool.terminate()
        for outcome in ended:
            is_done = outcome.status not in ("lost", "interrupted")
            # One that was stopped has no outcome: its run is resumed later.
            if is_done or not stop.requested:
                settled = retries.settle(outcome)
                if settled is not None:
                    yield settled


class _Queue:
    """Jobs that have not been started, until there are no more."""

    def __init__(self, jobs: Iterator[Job | None]):
        self._jobs = iter(jobs)
        self.is_at_end = False

    def next(self) -> Job | None:
        """Returns the next job; `None` if there is none now."""
        if self.is_at_end:
            return None
        try:
            return next(self._jobs)
        except StopIteration:
            self.is_at_end = True
            return None


class _Retries:
    """Jobs whose worker was lost, and how often it was."""

    def __init__(self):
        self._waiting: collections.deque[Job] = collections.deque()
        # By identity of the job, which is kept for as long as its entry.
        self._lost: dict[int, list[Outcome]] = {}

    def next(self) -> Job | None:
        """Returns a job to start again, if there is one."""
        return self._waiting.popleft() if self._waiting else None

    def settle(self, outcome: Outcome) -> Outcome | None:
        """Returns the outcome of a job; `None` if it is to start again.

        The seconds are those of all tries together.
        """
        job, lost = outcome.job, self._lost.pop(id(outcome.job), [])
        if outcome.status == "interrupted":  # and nobody here asked for it
            reason = "its process was told to stop from outside"
            outcome = dataclasses.replace(outcome, status="lost", reason=reason)
        if outcome.status == "lost" and len(lost) + 1 < TRIES:
            self._lost[id(job)] = [*lost, outcome]
            self._waiting.append(job)
            return None
        seconds = sum(one.seconds for one in (*lost, outcome))
        reason = outcome.reason
        if outcome.status == "lost":
            reason = f"lost {TRIES} times, the last time because {reason}"
        return dataclasses.replace(
            outcome, seconds=round(seconds, 3), reason=reason
        )
