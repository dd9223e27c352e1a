"""A split kept as arrays in a folder, from which any size is read at once.

The folder holds `images.npy` (uint8 `[N, H, W, C]`), `labels.npy` (int32
`[N]`), `hashes.npy` (uint8 `[N, 16]`: of each image as it came, see
`zoo.data.splits`) and `about.json`, which says what they are and how long,
and is written last: what it does not name is not there. It may be removed at
any time. Every byte is held against its SHA-256 when a split is opened, once a
process. Each split has a folder of its own, so that nobody who trains opens
a file with test images.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.dataset import Split
from zoo.errors import UserError
from zoo.io import wait_for_lock

FORMAT = 1
FILES = IMAGES, LABELS, HASHES = "images.npy", "labels.npy", "hashes.npy"
ABOUT, LOCK, NEW = "about.json", "lock", ".new"
CHUNK = 2**23  # bytes that are hashed at a time
# What this process has found sound: by path, its hash and what the system
# says of it.
_sound: dict[Path, tuple] = {}
# Seconds after which a change is sure to show in the times of a file.
SETTLED = 2.0

# Images uint8 `[B, H, W, C]`, labels int `[B]`, one hash an image.
Piece = tuple[np.ndarray, np.ndarray, list[bytes]]
# Passes on the chunks of a file, of so many bytes in all, and may show how
# far they are.
Watch = Callable[[Iterator[bytes], int], Iterable[bytes]]


def _unwatched(chunks: Iterator[bytes], total: int) -> Iterator[bytes]:
    return chunks


class Damaged(UserError):
    """A file of the folder is not what `about.json` says, or that is none."""


class NotKept(UserError):
    """The folder cannot be written."""


@dataclasses.dataclass(frozen=True)
class Kept:
    """A split as it lies on disk.

    Attributes:
        split: its images and labels.
        hashes: one an image, of its pixels before any resizing.
        about: what the maker wrote beside it, in types that JSON has.
    """

    split: Split
    hashes: list[bytes]
    about: dict[str, Any]


def find(
    folder: Path, origin: str | None, watch: Watch = _unwatched
) -> Kept | None:
    """Opens what is kept in a folder, once every byte was found right.

    Images that are many stay in the file.

    Args:
        folder: of one split.
        origin: tells apart what the arrays may have been made from; `None`
            takes them whatever that was.
        watch: shows how far the reading is.

    Returns:
        The split, or `None` if there is none, or one of another origin.

    Raises:
        Damaged: a file is not what was written.
    """
    found = _about(folder)
    if found is None or origin not in (None, found["origin"]):
        return None
    for name, entry in found["files"].items():
        _check_size(folder / name, entry["bytes"])
    for name, entry in found["files"].items():
        _check_content(folder / name, entry, watch)
    images, labels, hashes = (
        _array(folder / name, mapped=name == IMAGES)
        for name in (IMAGES, LABELS, HASHES)
    )
    fits = images.shape == (len(labels), *found["shape"])
    if not fits or images.dtype != np.uint8:
        raise Damaged(f"{folder / IMAGES} has another shape than it should")
    split = Split(images, labels)
    return Kept(split, [h.tobytes() for h in hashes], found["about"])


def describe(folder: Path, origin: str | None) -> dict[str, Any] | None:
    """Returns what was written beside a split, if one is kept; see `find`.

    Raises:
        Damaged: `about.json` cannot be read.
    """
    found = _about(folder)
    if found is None or origin not in (None, found["origin"]):
        return None
    return found["about"]


def keep(
    folder: Path,
    origin: str,
    about: dict[str, Any],
    count: int,
    pieces: Callable[[], Iterable[Piece]],
    wait: Callable[[], None] = lambda: None,
) -> None:
    """Writes a split into a folder, whole or not at all.

    Of two processes one writes; the other waits and finds it done.

    Args:
        folder: of this split; made if it is not there.
        origin: see `find`.
        about: goes to `about.json`.
        count: images in all pieces.
        pieces: gives them in order, not all in memory at once.
        wait: called once if another process writes there now.

    Raises:
        NotKept: the folder cannot be written. Nothing is left in it.
    """
    with _writing(folder), wait_for_lock(folder / LOCK, wait):
        with contextlib.suppress(Damaged):
            if find(folder, origin) is not None:
                return
        new = folder / NEW  # of one that was killed, if it is there
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        try:
            shape = _write(new, count, pieces())
            text = _as_text(new, origin, about, shape)
            (new / ABOUT).write_text(text)
            (folder / ABOUT).unlink(missing_ok=True)
            for name in (*FILES, ABOUT):
                os.replace(new / name, folder / name)
        finally:
            shutil.rmtree(new, ignore_errors=True)


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Makes a folder; what the system refuses there becomes a sentence."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise NotKept(f"{folder} cannot be written: {why}") from error


def _write(new: Path, count: int, pieces: Iterable[Piece]) -> list[int]:
    """Writes three arrays, one piece after the other; returns `[H, W, C]`."""
    labels, hashes, shape = [], [], None
    with (new / IMAGES).open("wb") as file:
        for images, some, found in pieces:
            if shape is None:
                shape = images.shape[1:]
                _write_head(file, (count, *shape))
            file.write(np.ascontiguousarray(images, np.uint8).data)
            labels.append(np.asarray(some, np.int32))
            hashes += found
        file.flush()
        os.fsync(file.fileno())
    if len(hashes) != count:
        raise RuntimeError(f"{count} images were said and {len(hashes)} came")
    np.save(new / LABELS, np.concatenate(labels))
    raw = np.frombuffer(b"".join(hashes), np.uint8)
    np.save(new / HASHES, raw.reshape(count, -1))
    return list(shape)


def _write_head(file, shape: tuple[int, ...]) -> None:
    head = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, head)


def _as_text(
    new: Path, origin: str, about: dict[str, Any], shape: list[int]
) -> str:
    listed = {
        path.name: {"bytes": path.stat().st_size, "sha256": _hash(path)}
        for path in (new / name for name in FILES)
    }
    values = {"format": FORMAT, "origin": origin, "shape": shape}
    values |= {"about": about, "files": listed}
    return json.dumps(values, indent=2) + "\n"


def _about(folder: Path) -> dict[str, Any] | None:
    """Returns `about.json`; `None` where there is none of this format."""
    path = folder / ABOUT
    try:
        found = json.loads(path.read_text())
        if found["format"] != FORMAT:
            return None
        if set(found["files"]) != set(FILES):
            raise ValueError
        for name in FILES:
            int(found["files"][name]["bytes"]), found["files"][name]["sha256"]
        tuple(found["shape"]), found["origin"], dict(found["about"])
        return found
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise Damaged(f"{path} cannot be read ({why})") from None
    except (ValueError, KeyError, TypeError):
        raise Damaged(f"{path} is damaged") from None


def _check_size(path: Path, size: int) -> None:
    found = path.stat().st_size if path.is_file() else 0
    if found != size:
        raise Damaged(f"{path} has {found:,} bytes and should have {size:,}")


def _check_content(
    path: Path, entry: dict[str, Any], watch: Watch = _unwatched
) -> None:
    try:
        state = path.stat()
        mark = (entry["sha256"], state.st_ino, state.st_size)
        mark += (state.st_mtime_ns, state.st_ctime_ns)
        if _sound.get(path) == mark:
            return
        if _hash(path, watch) != entry["sha256"]:
            raise Damaged(f"{path} is damaged")
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise Damaged(f"{path} cannot be read ({why})") from None
    # A file that was just changed may change again within one tick.
    if time.time() - state.st_ctime > SETTLED:
        _sound[path] = mark


def _hash(path: Path, watch: Watch = _unwatched) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        chunks = iter(lambda: file.read(CHUNK), b"")
        for chunk in watch(chunks, path.stat().st_size):
            total.update(chunk)
    return total.hexdigest()


def _array(path: Path, mapped: bool) -> np.ndarray:
    try:
        mode = "r" if mapped else None
        return np.load(path, mmap_mode=mode, allow_pickle=False)
    except (ValueError, OSError, EOFError):
        raise Damaged(f"{path} is damaged") from None
