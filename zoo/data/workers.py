"""Work on many picture files, by threads or by processes, in order.

Pillow decodes large pictures side by side in threads. Of small ones most of
the time is Python's own, which threads take in turns; then processes help.
They are started as commands, since a child that Python forks or spawns would
share TensorFlow's threads or run a person's script again.
"""

from __future__ import annotations

import collections
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from zoo.data import pictures
from zoo.errors import UserError

PORTION = 64  # files in a piece of work
PROCESSES_FROM = 2_000  # files; fewer are done before processes have started
MOST_WORKERS = 16

Done = TypeVar("Done")
Job = Callable[[Sequence[Path]], Done]


def in_order(
    job: Job, paths: Sequence[Path], processes: bool | None = None
) -> Iterator[Done]:
    """Does a job on portions of files; yields what it gives, in order.

    Only a few portions are in memory at once.

    Args:
        job: a function of a module or a `functools.partial` of one, which can
            be pickled as what it gives can.
        paths: of all files.
        processes: whether to use processes; goes by the number of files if
            not given.

    Raises:
        UserError: whatever a job raises of it, for the first such portion.
    """
    starts = range(0, len(paths), PORTION)
    portions = (paths[start : start + PORTION] for start in starts)
    count = min(_processors(), MOST_WORKERS, max(1, len(starts)))
    if processes is None:
        processes = len(paths) >= PROCESSES_FROM and count > 1
    with contextlib.ExitStack() as stack:
        if processes:
            job = stack.enter_context(_Processes(job)).do
        else:
            stack.enter_context(pictures.bombs_refused())
        pool = stack.enter_context(ThreadPoolExecutor(count))
        stack.callback(pool.shutdown, cancel_futures=True)
        yield from _a_few_ahead(pool, job, portions, 4 * count)


def _a_few_ahead(
    pool: ThreadPoolExecutor, job: Job, portions: Iterable, ahead: int
) -> Iterator[Done]:
    waiting = collections.deque()
    for portion in portions:
        waiting.append(pool.submit(job, portion))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Processes:
    """Processes that do one job, one for each thread that asks."""

    def __init__(self, job: Job):
        self._job = job
        self._own = threading.local()
        self._all: list[subprocess.Popen] = []

    def __enter__(self) -> _Processes:
        return self

    def __exit__(self, *_) -> None:
        for process in self._all:
            process.stdin.close()
            process.stdout.close()
            process.wait()

    def do(self, portion: Sequence[Path]) -> Any:
        """Has this thread's process do the job on a portion."""
        if not hasattr(self._own, "process"):
            self._own.process = _start()
            self._all.append(self._own.process)
        process = self._own.process
        try:
            pickle.dump((self._job, list(portion)), process.stdin)
            process.stdin.flush()
            done, mistake = pickle.load(process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            raise UserError(
                "a process that decodes pictures was ended by the system, for "
                "want of memory perhaps; try again with less beside it."
            ) from None
        if mistake is not None:
            kind, arguments = mistake
            raise kind(*arguments)
        return done


def _start() -> subprocess.Popen:
    # Finds the same packages as this process, wherever it has them from.
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return subprocess.Popen(
        [sys.executable, "-m", "zoo.data.workers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )


def _arguments(error: UserError) -> tuple[str, ...]:
    """Returns what an equal error is made of."""
    why = getattr(error, "why", None)
    return (str(error),) if why is None else (str(error), why)


def _serve() -> None:
    """Does jobs from standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent takes care of it
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    with pictures.bombs_refused(), contextlib.suppress(EOFError, OSError):
        while True:
            job, portion = pickle.load(sys.stdin.buffer)
            try:
                answer = job(portion), None
            except UserError as error:
                answer = None, (type(error), _arguments(error))
            pickle.dump(answer, answers)
            answers.flush()


if __name__ == "__main__":
    _serve()
