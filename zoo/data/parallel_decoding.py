"""Decoding of many image files in parallel, by threads or by processes.

Pillow decodes large images in parallel threads. Small ones spend most of the
time in Python, which runs one thread at a time; there processes help. They are
started as commands, since a child that Python forks or spawns would share
TensorFlow's threads or run the user's script again.
"""

from __future__ import annotations

import collections
import contextlib
import functools
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

import numpy as np

from zoo.data import image_files
from zoo.data.cache import Chunk, show_progress
from zoo.data.dataset import hash_image
from zoo.data.image_files import ImageSpec
from zoo.errors import UserError

CHUNK_SIZE = 64  # files of a job
# Fewer files are decoded before processes have started.
MIN_FILES_FOR_PROCESSES = 2_000
MAX_WORKERS = 16

Result = TypeVar("Result")
Job = Callable[[Sequence[Path]], Result]
SizeCounts = collections.Counter[tuple[int, int]]


def find_spec(
    paths: Sequence[Path],
    image_size: int | tuple[int, int] | None,
    name: str,
    resize: str = "crop",
) -> ImageSpec:
    """Reads the headers of images to find their common shape.

    Args:
        paths: the training images.
        image_size: height and width to resize all to, or one number for both,
            if given.
        name: name of the dataset on the progress line.
        resize: one of `image_files.RESIZE_MODES`.

    Raises:
        UserError: a file is not an image or too large, or sizes differ and no
            size to resize to is given.
    """
    counts: SizeCounts = collections.Counter()
    all_gray = True
    results = map_in_order(_count_sizes, paths)
    for chunk_counts, chunk_is_gray in show_progress(
        results, len(paths), f"{name}, sizes", lambda result: result[0].total()
    ):
        counts += chunk_counts
        all_gray = all_gray and chunk_is_gray
    channels = 1 if all_gray else 3
    (height, width), _ = counts.most_common(1)[0]
    original = (height, width, channels) if len(counts) == 1 else None
    if image_size is not None:
        target = image_files.height_and_width(image_size)
        num_distorted = sum(
            count
            for size, count in counts.items()
            if image_files.changes_aspect_ratio(size, target)
        )
        return ImageSpec((*target, channels), resize, original, num_distorted)
    if len(counts) > 1:
        raise UserError(
            f"{len(paths):,} images have {len(counts)} different sizes, most "
            f"often {height}x{width} pixels; give the side to resize all to, "
            "for example --image_size=32."
        )
    return ImageSpec((height, width, channels), None, original)


def _count_sizes(paths: Sequence[Path]) -> tuple[SizeCounts, bool]:
    """Returns how many images have which size, and whether all are gray."""
    headers = [image_files.read_size_and_mode(path) for path in paths]
    counts = collections.Counter(size for size, _ in headers)
    return counts, all(mode in image_files.GRAY_MODES for _, mode in headers)


def read_chunks(
    paths: Sequence[Path], labels: np.ndarray, spec: ImageSpec
) -> Iterator[Chunk]:
    """Decodes images, in the order of the list.

    Args:
        paths: paths of the files.
        labels: int32 `[N]`.
        spec: the shape that all get.

    Raises:
        UserError: a file is not an image, is corrupt, or has another size.
    """
    done = 0
    job = functools.partial(_decode, spec=spec)
    for images, hashes in map_in_order(job, paths):
        yield images, labels[done : done + len(images)], hashes
        done += len(images)


def _decode(
    paths: Sequence[Path], spec: ImageSpec
) -> tuple[np.ndarray, list[bytes]]:
    """Returns images, uint8 `[B, H, W, C]`, and hashes before resizing."""
    images, hashes = np.empty((len(paths), *spec.shape), np.uint8), []
    for i, path in enumerate(paths):
        pixels = image_files.decode(path, spec.shape[2])
        images[i] = image_files.resize_to_spec(pixels, spec, path)
        hashes.append(hash_image(pixels))
    return images, hashes


def find_unreadable(paths: Sequence[Path], name: str) -> dict[int, str]:
    """Decodes images, and returns why some cannot be, by their index.

    Args:
        paths: paths of the files.
        name: name of the dataset on the progress line.
    """
    unreadable, done = {}, 0
    results = map_in_order(_find_reasons, paths)
    for reasons in show_progress(results, len(paths), f"{name}, checking", len):
        unreadable |= {
            done + i: reason for i, reason in enumerate(reasons) if reason
        }
        done += len(reasons)
    return unreadable


def _find_reasons(paths: Sequence[Path]) -> list[str]:
    """Returns why each image cannot be read; empty where it can."""
    return [_find_reason(path) for path in paths]


def _find_reason(path: Path) -> str:
    try:
        image_files.decode(path, 3)
    except image_files.UnreadableImageError as error:
        return error.reason
    return ""


def map_in_order(
    job: Job, paths: Sequence[Path], processes: bool | None = None
) -> Iterator[Result]:
    """Runs a job on chunks of files; yields the results in order.

    Only a few chunks are in memory at once.

    Args:
        job: a module-level function or a `functools.partial` of one; it and
            its results must be picklable.
        paths: paths of all files.
        processes: whether to use processes; depends on the number of files by
            default.

    Raises:
        UserError: the error of the job for the first chunk that raises one.
    """
    starts = range(0, len(paths), CHUNK_SIZE)
    chunks = (paths[start : start + CHUNK_SIZE] for start in starts)
    count = min(_num_processors(), MAX_WORKERS, max(1, len(starts)))
    if processes is None:
        processes = len(paths) >= MIN_FILES_FOR_PROCESSES and count > 1
    with contextlib.ExitStack() as stack:
        if processes:
            job = stack.enter_context(_ProcessPerThread(job)).run
        else:
            stack.enter_context(image_files.refuse_decompression_bombs())
        pool = stack.enter_context(ThreadPoolExecutor(count))
        stack.callback(pool.shutdown, cancel_futures=True)
        yield from _map_ahead(pool, job, chunks, 4 * count)


def _map_ahead(
    pool: ThreadPoolExecutor, job: Job, chunks: Iterable, ahead: int
) -> Iterator[Result]:
    pending = collections.deque()
    for chunk in chunks:
        pending.append(pool.submit(job, chunk))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _num_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _ProcessPerThread:
    """Processes that run one job, one for each thread that asks."""

    def __init__(self, job: Job):
        self._job = job
        self._own = threading.local()
        self._all: list[subprocess.Popen] = []

    def __enter__(self) -> _ProcessPerThread:
        return self

    def __exit__(self, *_) -> None:
        for process in self._all:
            process.stdin.close()
            process.stdout.close()
            process.wait()

    def run(self, chunk: Sequence[Path]) -> Any:
        """Runs the job on a chunk in the process of this thread."""
        if not hasattr(self._own, "process"):
            self._own.process = _start_process()
            self._all.append(self._own.process)
        process = self._own.process
        try:
            pickle.dump((self._job, list(chunk)), process.stdin)
            process.stdin.flush()
            result, error = pickle.load(process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            raise UserError(
                "a process that decodes images was killed by the system, "
                "perhaps for lack of memory; close other programs and try "
                "again."
            ) from None
        if error is not None:
            kind, arguments = error
            raise kind(*arguments)
        return result


def _start_process() -> subprocess.Popen:
    # Finds the same packages as this process, wherever they are from.
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return subprocess.Popen(
        [sys.executable, "-m", "zoo.data.parallel_decoding"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )


def _serve() -> None:
    """Runs jobs from standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # handled by the parent
    results, sys.stdout = sys.stdout.buffer, sys.stderr
    with (
        image_files.refuse_decompression_bombs(),
        contextlib.suppress(EOFError, OSError),
    ):
        while True:
            job, chunk = pickle.load(sys.stdin.buffer)
            try:
                result = job(chunk), None
            except UserError as error:
                result = None, (type(error), _arguments(error))
            pickle.dump(result, results)
            results.flush()


def _arguments(error: UserError) -> tuple[str, ...]:
    """Returns the arguments that make an equal error."""
    reason = getattr(error, "reason", None)
    return (str(error),) if reason is None else (str(error), reason)


if __name__ == "__main__":
    _serve()
