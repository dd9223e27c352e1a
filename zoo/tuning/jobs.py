"""Training runs on a pool of workers, several at once.

A pool starts runs and reports how they ended. What holds for every pool is
here: a run whose worker is lost is submitted again and resumes from its last
checkpoint, up to `MAX_TRIES` times in all, while the other runs continue.
"""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any, Protocol

from zoo.config import TrainConfig
from zoo.errors import Interrupted
from zoo.training.signals import StopRequest, listen

POLL_INTERVAL = 0.2  # seconds between two checks for signals
MAX_TRIES = 3  # times that a run is started whose worker is lost


@dataclasses.dataclass(frozen=True)
class RunRequest:
    """A run to train, or to resume if its folder exists already.

    Attributes:
        config: Options of the run, with its `run_name`.
        until_epoch: Epoch after which training pauses; `None` is the last.
        key: Identifies the run for whoever requests it.
        parent: The run that this one repeats, and the changed options.
    """

    config: TrainConfig
    until_epoch: int | None = None
    key: Any = None
    parent: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class RunResult:
    """How a requested run ended.

    Attributes:
        request: The request.
        status: completed, stopped_early, paused, diverged, failed, or lost
            if its worker died in every try.
        metrics: Contents of the run's `metrics.json`.
        history: One row per epoch, up to the end of the request.
        reason: One sentence without its full stop, where there is no score.
        seconds: Time from the start of the request to its end.
    """

    request: RunRequest
    status: str
    metrics: dict[str, Any] = dataclasses.field(default_factory=dict)
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    reason: str = ""
    seconds: float = 0.0


class RunJobs(Protocol):
    """Trains requested runs, as `workers.run_jobs` does on this machine."""

    def __call__(
        self,
        requests: Iterator[RunRequest | None],
        num_workers: int = 1,
        log: pathlib.Path | None = None,
    ) -> Iterator[RunResult]:
        """Yields the result of each request, in the order of finishing.

        Args:
            requests: As `run_on_pool` takes them.
            num_workers: Number of runs at once.
            log: File for what libraries print.
        """


class WorkerPool(Protocol):
    """Workers that train runs: processes of this machine or of a cluster."""

    @property
    def num_running(self) -> int:
        """Number of runs that were submitted and have not ended."""

    @property
    def num_free(self) -> int:
        """Number of further runs that can start at once."""

    def submit(self, request: RunRequest) -> None:
        """Starts a run; call it only while `num_free` is not 0."""

    def wait(self, timeout: float) -> list[RunResult]:
        """Waits until a run ends, or for some seconds.

        Returns:
            The results of the runs that ended; `result.request` is the
            submitted object. A run whose worker died has the status `lost`.
        """

    def terminate(self) -> None:
        """Asks every current run to save and stop."""

    def kill(self) -> None:
        """Ends every current run at once."""

    def close(self) -> None:
        """Frees the workers, as soon as their runs have ended."""


def run_on_pool(
    requests: Iterator[RunRequest | None], pool: WorkerPool
) -> Iterator[RunResult]:
    """Trains runs as workers become free, and yields the result of each.

    A run that exists already is resumed, and a finished one is not repeated.

    Args:
        requests: Asked for the next one whenever a worker is free; `None`
            means that there is none before another result is known.
        pool: The workers; closed at the end.

    Raises:
        Interrupted: A signal asked for an end; current runs were saved.
    """
    with listen() as stop:
        try:
            yield from _results(requests, pool, stop)
        except KeyboardInterrupt:
            pool.kill()
            raise
        finally:
            pool.terminate()
            pool.close()
    if stop.requested:
        raise Interrupted("stopped", stop.code)


def _results(
    requests: Iterator[RunRequest | None], pool: WorkerPool, stop: StopRequest
) -> Iterator[RunResult]:
    queue, retries = _Queue(requests), _Retries()
    terminated = False
    while True:
        while pool.num_free and not stop.requested:
            request = retries.next() or queue.next()
            if request is None:
                break
            pool.submit(request)
        if not pool.num_running:
            if stop.requested or queue.is_at_end:
                return
            raise RuntimeError("no run is running, and none is requested")
        ended = pool.wait(POLL_INTERVAL)
        if stop.requested and not terminated:
            terminated = True
            pool.terminate()
        for result in ended:
            is_done = result.status not in ("lost", "interrupted")
            # A run that was stopped has no result: it is resumed later.
            if is_done or not stop.requested:
                final = retries.final(result)
                if final is not None:
                    yield final


class _Queue:
    """Requests that have not been started, until there are no more."""

    def __init__(self, requests: Iterator[RunRequest | None]):
        self._requests = iter(requests)
        self.is_at_end = False

    def next(self) -> RunRequest | None:
        """Returns the next request; `None` if there is none now."""
        if self.is_at_end:
            return None
        try:
            return next(self._requests)
        except StopIteration:
            self.is_at_end = True
            return None


class _Retries:
    """Runs whose worker was lost, and how often it was."""

    def __init__(self):
        self._waiting: collections.deque[RunRequest] = collections.deque()
        # By identity of the request, which is kept as long as its entry.
        self._lost: dict[int, list[RunResult]] = {}

    def next(self) -> RunRequest | None:
        """Returns a request to start again, if there is one."""
        return self._waiting.popleft() if self._waiting else None

    def final(self, result: RunResult) -> RunResult | None:
        """Returns the result of all tries; `None` if there is another try.

        Its seconds are those of all tries together.
        """
        request, lost = result.request, self._lost.pop(id(result.request), [])
        if result.status == "interrupted":  # and nobody here asked for it
            reason = "its process was told to stop from outside"
            result = dataclasses.replace(result, status="lost", reason=reason)
        if result.status == "lost" and len(lost) + 1 < MAX_TRIES:
            self._lost[id(request)] = [*lost, result]
            self._waiting.append(request)
            return None
        seconds = sum(one.seconds for one in (*lost, result))
        reason = result.reason
        if result.status == "lost":
            reason = f"lost {MAX_TRIES} times, the last time because {reason}"
        return dataclasses.replace(
            result, seconds=round(seconds, 3), reason=reason
        )
