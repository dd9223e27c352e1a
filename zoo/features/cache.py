"""Features on disk: computed once for the same images and extractor.

`RUNS_DIR/.features/<hash>.npz` holds the vectors of one split; it may be
removed at any time. Their SHA-256 lies beside them; what is not what was
written is told, computed anew and replaced.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import zipfile
import zlib
from collections.abc import Callable

import numpy as np

from zoo.console import print_status
from zoo.data.dataset import Split
from zoo.data.rows import chunks
from zoo.errors import UserError
from zoo.features.extractor import Extractor
from zoo.io import atomic_write

FOLDER = ".features"
# Pixels of the images in a batch. Intermediate values are a few hundred
# numbers a pixel, which makes a few hundred MB.
BATCH_PIXELS = 2**17
MOST = 256  # images in a batch


def vectors_of(
    split: Split,
    extractor: Extractor,
    runs_dir: str,
    progress: Callable[[int, int], None] | None = None,
) -> Split:
    """Returns a split of vectors, float32 `[N, D]`, with the same labels.

    Args:
        split: of raw pixels, uint8 `[N, H, W, C]`.
        extractor: what computes them, where they are not on disk.
        runs_dir: in whose cache they are looked for.
        progress: told after each batch how many of how many images are done.

    Raises:
        UserError: the cache cannot be written.
    """
    path = pathlib.Path(runs_dir, FOLDER, f"{key(split, extractor)}.npz")
    shape = (len(split), extractor.size)
    vectors = _read(path, shape) if len(split) else np.empty(shape, np.float32)
    if vectors is None:
        vectors = compute(split.images, extractor, progress)
        _write(path, vectors)
    return Split(vectors, split.labels)


def key(split: Split, extractor: Extractor) -> str:
    """Returns a name that these images and this extractor have alone."""
    total = hashlib.sha256(extractor.fingerprint.encode())
    images = split.images
    total.update(f"{images.dtype.str} {images.shape}".encode())
    for chunk in chunks(images):
        total.update(np.ascontiguousarray(chunk).data)
    return total.hexdigest()[:32]


def compute(
    images: np.ndarray,
    extractor: Extractor,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Returns the vectors of images, float32 `[N, D]`, in their order."""
    count, height, width, _ = images.shape
    size = max(1, min(MOST, BATCH_PIXELS // (height * width)))
    vectors = np.empty((count, extractor.size), np.float32)
    for start in range(0, count, size):
        stop = min(start + size, count)
        batch = images[start:stop].astype(np.float32)
        # The last batch is filled up: another size would be compiled anew.
        batch = np.resize(batch, (size, *batch.shape[1:]))
        found = np.asarray(extractor.model.predict_on_batch(batch))
        vectors[start:stop] = found[: stop - start]
        if progress:
            progress(stop, count)
    return vectors


def _read(path: pathlib.Path, shape: tuple[int, int]) -> np.ndarray | None:
    """Returns what a file holds; says so if that is not what it should."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            vectors, sha256 = file["vectors"], str(file["sha256"])
        fits = vectors.shape == shape and vectors.dtype == np.float32
        if fits and _hash(vectors) == sha256:
            return vectors
    except FileNotFoundError:
        return None
    except (
        *(OSError, ValueError, EOFError, KeyError, TypeError, AttributeError),
        *(zipfile.BadZipFile, zlib.error),
    ):
        pass
    print_status(f"features: {path} is damaged; computing them anew")
    return None


def _hash(vectors: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(vectors).data).hexdigest()


def _write(path: pathlib.Path, vectors: np.ndarray) -> None:
    # A name of this process's own: two runs may want the same features.
    own = path.with_suffix(f".{os.getpid()}.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(own) as file:
            np.savez(file, vectors=vectors, sha256=_hash(vectors))
        os.replace(own, path)
    except OSError as error:
        raise UserError(
            f"{path.parent} cannot be written: "
            f"{os.strerror(error.errno or 0)}; choose another --runs_dir."
        ) from error
