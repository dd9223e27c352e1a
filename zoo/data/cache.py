"""Splits cached as arrays on disk, verified and memory-mapped.

A split that is slow to read, or too large for memory, is read once and cached
in a folder of its own, so that training never opens a file with test images:
`images.npy` (uint8 `[N, H, W, C]`), `labels.npy` (int32 `[N]`), `hashes.npy`
(uint8 `[N, 16]`, of each image before resizing), `sample_weight.npy` (float32
`[N]`) where examples have weights, and `metadata.json`, which lists these files
with their sizes and SHA-256 and is written last. A split is
verified when it is opened, once per process. The folder can be deleted at any
time; where it cannot be written, the split is read into memory each time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from zoo.console import Progress, print_status, status_stream
from zoo.data.dataset import Split
from zoo.errors import UserError
from zoo.io import wait_for_lock

DEFAULT_DATA_DIR = "~/tensorflow_datasets"
FORMAT = 1
FILES = IMAGES, LABELS, HASHES = "images.npy", "labels.npy", "hashes.npy"
WEIGHTS = "sample_weight.npy"
METADATA, LOCK, PARTIAL = "metadata.json", "lock", ".new"
HASH_CHUNK_BYTES = 2**23
# Seconds after which a change is sure to show in the times of a file.
MTIME_RESOLUTION_S = 2.0

# Images uint8 `[B, H, W, C]`, labels int `[B]`, one hash per image.
Chunk = tuple[np.ndarray, np.ndarray, list[bytes]]
# Passes on the chunks of a file of so many bytes, and may show progress.
Watch = Callable[[Iterator[bytes], int], Iterable[bytes]]
Item = TypeVar("Item")

# Files verified by this process: their SHA-256 and file status.
_verified: dict[Path, tuple] = {}


class CorruptCacheError(UserError):
    """A cached file does not match `metadata.json`, or that is invalid."""


class CacheWriteError(UserError):
    """The folder of a cache cannot be written."""


@dataclasses.dataclass(frozen=True)
class CachedSplit:
    """A split from the cache.

    Attributes:
        split: Images and labels.
        hashes: One hash per image, of its pixels before resizing.
        metadata: What was stored with the split, in types that JSON has.
    """

    split: Split
    hashes: list[bytes]
    metadata: dict[str, Any]


def resolve_data_dir(data_dir: str | None) -> Path:
    """Returns the folder of datasets: given, of TFDS_DATA_DIR, or default."""
    given = data_dir or os.environ.get("TFDS_DATA_DIR") or DEFAULT_DATA_DIR
    return Path(given).expanduser().absolute()


def load_or_write(
    folder: Path,
    origin: str,
    metadata: dict[str, Any],
    count: int,
    read_chunks: Callable[[], Iterable[Chunk]],
    name: str,
) -> CachedSplit:
    """Loads a split from its cache, which is written first where necessary.

    A corrupt cache is rebuilt.

    Args:
        folder: folder of this split alone.
        origin: identifies what `read_chunks` reads; a cache of another origin
            is replaced.
        metadata: stored with the arrays.
        count: number of images of the split.
        read_chunks: reads the images from their source.
        name: name of the split in log lines.
    """
    try:
        cached = load(folder, origin, name)
    except CorruptCacheError as error:
        print_status(f"{name}: {error}; rebuilding the cache")
        cached = None
    if cached is not None:
        return cached
    print_status(
        f"{name}: reading {count:,} images and caching them in {folder}"
    )

    def with_progress() -> Iterator[Chunk]:
        return show_progress(read_chunks(), count, name)

    def on_wait() -> None:
        print_status(f"{name}: waiting for another process to write the cache")

    try:
        write(folder, origin, metadata, count, with_progress, on_wait)
        cached = load(folder, origin)
    except CacheWriteError as error:
        print_status(f"{name}: {error}; reading without a cache")
    return cached or read_into_memory(with_progress(), count, metadata)


def load(
    folder: Path, origin: str | None, name: str = ""
) -> CachedSplit | None:
    """Loads a split from its cache after every byte was verified.

    A large array of images stays in its file.

    Args:
        folder: folder of the split.
        origin: identifies what the arrays were made from; `None` accepts any.
        name: name of the split on the progress line of the verification;
            none is shown if empty.

    Returns:
        The split; `None` if there is none, or one of another origin.

    Raises:
        CorruptCacheError: a file is not what was written.
    """
    content = _read_metadata(folder, origin)
    if content is None:
        return None
    watch = _progress_of_bytes(name) if name else _unwatched
    for file_name, entry in content["files"].items():
        _verify_size(folder / file_name, entry["bytes"])
    for file_name, entry in content["files"].items():
        _verify_content(folder / file_name, entry, watch)
    images, labels, hashes = (
        _open_array(folder / file_name, mapped=file_name == IMAGES)
        for file_name in FILES
    )
    matches = images.shape == (len(labels), *content["shape"])
    if not matches or images.dtype != np.uint8:
        raise CorruptCacheError(f"{folder / IMAGES} has an unexpected shape")
    weights = None
    if WEIGHTS in content["files"]:
        weights = _open_array(folder / WEIGHTS, mapped=False)
    split = Split(images, labels, sample_weight=weights)
    return CachedSplit(
        split, [h.tobytes() for h in hashes], content["metadata"]
    )


def load_metadata(folder: Path, origin: str | None) -> dict[str, Any] | None:
    """Returns what is stored with a cached split, if there is one.

    Args:
        folder: folder of the split.
        origin: see `load`.

    Raises:
        CorruptCacheError: `metadata.json` cannot be read.
    """
    content = _read_metadata(folder, origin)
    return None if content is None else content["metadata"]


def write(
    folder: Path,
    origin: str,
    metadata: dict[str, Any],
    count: int,
    read_chunks: Callable[[], Iterable[Chunk]],
    on_wait: Callable[[], None] = lambda: None,
) -> None:
    """Writes a split into its cache, completely or not at all.

    Of several processes one writes; the others wait and find it written.

    Args:
        folder: folder of this split; created if missing.
        origin: see `load`.
        metadata: stored in `metadata.json`.
        count: number of images in all chunks.
        read_chunks: yields them in order, not all in memory at once.
        on_wait: called once if another process is writing.

    Raises:
        CacheWriteError: the folder cannot be written. Nothing is left in it.
    """
    with writable(folder), wait_for_lock(folder / LOCK, on_wait):
        with contextlib.suppress(CorruptCacheError):
            if load(folder, origin) is not None:
                return
        partial = folder / PARTIAL  # may be left by a process that was killed
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            labels, hashes = [], []

            def images_of_chunks() -> Iterator[np.ndarray]:
                for images, chunk_labels, chunk_hashes in read_chunks():
                    labels.append(np.asarray(chunk_labels, np.int32))
                    hashes.extend(chunk_hashes)
                    yield images

            write_images(partial, images_of_chunks())
            if len(hashes) != count:
                raise RuntimeError(
                    f"expected {count} images, got {len(hashes)}"
                )
            finish(partial, origin, metadata, np.concatenate(labels), hashes)
            (folder / METADATA).unlink(missing_ok=True)
            for file_name in (*FILES, METADATA):
                os.replace(partial / file_name, folder / file_name)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Creates a folder; turns errors of the system into one sentence."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise CacheWriteError(f"{folder} cannot be written: {why}") from error


def write_images(folder: Path, chunks: Iterable[np.ndarray]) -> list[int]:
    """Writes the images of a split into a folder, one chunk after the other.

    Args:
        folder: folder of the split, without a split.
        chunks: uint8 `[B, H, W, C]`; their number need not be known.

    Returns:
        `[N, H, W, C]`.
    """
    shape = [0, 0, 0, 0]
    with (folder / IMAGES).open("wb") as file:
        for images in chunks:
            if not shape[0]:
                shape[1:] = images.shape[1:]
                _write_header(file, shape)
            shape[0] += len(images)
            file.write(np.ascontiguousarray(images, np.uint8).data)
        file.seek(0)
        _write_header(file, shape)  # as long as the first one
        file.flush()
        os.fsync(file.fileno())
    return shape


def reorder_images(folder: Path, order: np.ndarray) -> None:
    """Puts the images that `write_images` wrote in another order.

    In their file, cycle by cycle, so that it takes no further disk space.

    Args:
        folder: folder of the split.
        order: int `[N]`, the present place of each image.
    """
    images = np.load(folder / IMAGES, mmap_mode="r+")
    is_done = np.zeros(len(order), bool)
    for start in range(len(order)):
        if is_done[start]:
            continue
        first, place = images[start].copy(), start
        while order[place] != start:
            images[place] = images[order[place]]
            is_done[place] = True
            place = order[place]
        images[place] = first
        is_done[place] = True
    images.flush()


def finish(
    folder: Path,
    origin: str,
    metadata: dict[str, Any],
    labels: np.ndarray,
    hashes: list[bytes],
    sample_weight: np.ndarray | None = None,
) -> None:
    """Writes what belongs to images that `write_images` wrote.

    Args:
        folder: folder of the split.
        origin: see `load`.
        metadata: stored in `metadata.json`.
        labels: int32 `[N]`.
        hashes: one hash per image.
        sample_weight: float32 `[N]`, if the examples have weights.
    """
    np.save(folder / LABELS, labels)
    raw = np.frombuffer(b"".join(hashes), np.uint8)
    np.save(folder / HASHES, raw.reshape(len(hashes), -1))
    if sample_weight is not None:
        np.save(folder / WEIGHTS, sample_weight)
    shape = list(_open_array(folder / IMAGES, mapped=True).shape[1:])
    content = {"format": FORMAT, "origin": origin, "shape": shape}
    content |= {"metadata": metadata, "files": _list_files(folder)}
    (folder / METADATA).write_text(
        json.dumps(content, indent=2) + "\n", encoding="utf-8"
    )


def set_origin(folder: Path, origin: str) -> None:
    """Gives a split that is not in use yet another origin, see `load`."""
    content = json.loads((folder / METADATA).read_text(encoding="utf-8"))
    content["origin"] = origin
    (folder / METADATA).write_text(
        json.dumps(content, indent=2) + "\n", encoding="utf-8"
    )


def _write_header(file, shape: Sequence[int]) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": tuple(shape)}
    np.lib.format.write_array_header_1_0(file, header)


def _list_files(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in (folder / file_name for file_name in (*FILES, WEIGHTS))
        if path.name in FILES or path.exists()
    }


def _read_metadata(folder: Path, origin: str | None) -> dict[str, Any] | None:
    """Returns the content of `metadata.json`.

    Returns:
        `None` if there is none of this format and origin.
    """
    path = folder / METADATA
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            return None
        if set(content["files"]) - {WEIGHTS} != set(FILES):
            raise ValueError
        for entry in content["files"].values():
            int(entry["bytes"]), entry["sha256"]
        tuple(content["shape"]), dict(content["metadata"])
        return content if origin in (None, content["origin"]) else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise CorruptCacheError(f"{path} cannot be read ({why})") from None
    except (ValueError, KeyError, TypeError):
        raise CorruptCacheError(f"{path} is corrupt") from None


def _verify_size(path: Path, size: int) -> None:
    actual = path.stat().st_size if path.is_file() else 0
    if actual != size:
        raise CorruptCacheError(
            f"{path} has {actual:,} bytes instead of {size:,}"
        )


def _verify_content(path: Path, entry: dict[str, Any], watch: Watch) -> None:
    try:
        status = path.stat()
        mark = (entry["sha256"], status.st_ino, status.st_size)
        mark += (status.st_mtime_ns, status.st_ctime_ns)
        if _verified.get(path) == mark:
            return
        if _sha256(path, watch) != entry["sha256"]:
            raise CorruptCacheError(f"{path} is corrupt")
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise CorruptCacheError(f"{path} cannot be read ({why})") from None
    # A file that was just changed may change again within one tick.
    if time.time() - status.st_ctime > MTIME_RESOLUTION_S:
        _verified[path] = mark


def _unwatched(chunks: Iterator[bytes], total: int) -> Iterator[bytes]:
    return chunks


def _sha256(path: Path, watch: Watch = _unwatched) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        chunks = iter(lambda: file.read(HASH_CHUNK_BYTES), b"")
        for chunk in watch(chunks, path.stat().st_size):
            total.update(chunk)
    return total.hexdigest()


def _open_array(path: Path, mapped: bool) -> np.ndarray:
    try:
        mode = "r" if mapped else None
        return np.load(path, mmap_mode=mode, allow_pickle=False)
    except (ValueError, OSError, EOFError):
        raise CorruptCacheError(f"{path} is corrupt") from None


def read_into_memory(
    chunks: Iterable[Chunk], count: int, metadata: dict[str, Any]
) -> CachedSplit:
    """Returns the split that chunks make, all of it in memory."""
    images, labels, hashes = None, np.empty(count, np.int32), []
    for chunk, chunk_labels, chunk_hashes in chunks:
        if images is None:
            images = np.empty((count, *chunk.shape[1:]), np.uint8)
        rows = slice(len(hashes), len(hashes) + len(chunk_hashes))
        images[rows], labels[rows] = chunk, chunk_labels
        hashes += chunk_hashes
    return CachedSplit(Split(images, labels), hashes, metadata)


def show_progress(
    items: Iterable[Item],
    count: int | None,
    name: str,
    size_of: Callable[[Item], int] = lambda chunk: len(chunk[2]),
    unit: str = "images",
) -> Iterator[Item]:
    """Yields items and shows progress; see `zoo.console.Progress`.

    Args:
        items: results of some work.
        count: total size of all items, if it is known.
        name: name of the work.
        size_of: size of an item; images in a chunk by default.
        unit: plural noun for what is counted.
    """
    progress, done = Progress(status_stream()), 0
    try:
        for item in items:
            yield item
            done += size_of(item)
            progress.update(f"{name}: {unit}", done, count)
    finally:
        progress.clear()


def _progress_of_bytes(name: str) -> Watch:
    def watch(chunks: Iterator[bytes], total: int) -> Iterator[bytes]:
        return show_progress(chunks, total, name, len, "bytes verified")

    return watch
