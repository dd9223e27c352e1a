"""An extractor, and the cache of its vectors on disk.

`RUNS_DIR/.features/<hash>.npz` holds the vectors of one split; it may be
deleted at any time. Its SHA-256 is stored with them: a corrupt file is
reported, computed again and replaced.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.console import print_status
from zoo.data.arrays import iter_chunks
from zoo.data.dataset import Split
from zoo.errors import UserError
from zoo.io import DAMAGE, atomic_write

if TYPE_CHECKING:
    import keras

CACHE_DIR = ".features"
# Pixels of the images in a batch. Intermediate values are a few hundred
# numbers a pixel, which makes a few hundred MB.
BATCH_PIXELS = 2**17
MAX_BATCH_SIZE = 256


@dataclasses.dataclass(frozen=True)
class Extractor:
    """Features that are computed, not trained by the run that uses them.

    Attributes:
        name: Value of `--features` that makes it again.
        about: Description of the vectors, in a few words.
        model: Keras model from float32 `[B, H, W, C]`, raw pixels 0..255, to
            float32 `[B, D]`; made of stock layers and operations, so that a
            model that starts with it loads where this package is not
            installed.
        settings: Values that determine the model besides its weights.
    """

    name: str
    about: str
    model: keras.Model
    settings: Mapping[str, Any]

    def __post_init__(self):
        self.model.trainable = False

    @property
    def size(self) -> int:
        """Number of values in a vector, D."""
        return self.model.output_shape[-1]

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of everything that determines the vectors."""
        total = hashlib.sha256(json.dumps(self.settings).encode())
        total.update(repr(self.model.input_shape).encode())
        return hash_weights(self.model, total)

    def to_json(self) -> dict[str, Any]:
        """Returns its entry in `resolved.json`."""
        return {
            "name": self.name,
            "about": self.about,
            "size": self.size,
            "settings": dict(self.settings),
            "fingerprint": self.fingerprint,
        }


def hash_weights(model: keras.Model, total: Any = None) -> str:
    """Returns the SHA-256, in hex, of a model's weights and their shapes.

    Args:
        total: hash of `hashlib` to continue.
    """
    total = total or hashlib.sha256()
    for weight in model.get_weights():
        weight = np.ascontiguousarray(weight)
        total.update(f"{weight.dtype.str} {weight.shape}".encode())
        total.update(weight.data if weight.size else b"")
    return total.hexdigest()


def extract_features(
    split: Split,
    extractor: Extractor,
    runs_dir: str,
    progress: Callable[[int, int], None] | None = None,
) -> Split:
    """Returns a split of vectors, float32 `[N, D]`, with the same labels.

    Args:
        split: of raw pixels, uint8 `[N, H, W, C]`.
        extractor: computes them, where they are not in the cache.
        runs_dir: folder of the runs, which the cache is in.
        progress: called after each batch with the numbers of images that are
            done and of all.

    Raises:
        UserError: the cache cannot be written.
    """
    path = pathlib.Path(runs_dir, CACHE_DIR, f"{key(split, extractor)}.npz")
    shape = (len(split), extractor.size)
    vectors = _read(path, shape) if len(split) else np.empty(shape, np.float32)
    if vectors is None:
        vectors = compute(split.images, extractor, progress)
        _write(path, vectors)
    return Split(vectors, split.labels, sample_weight=split.sample_weight)


def key(split: Split, extractor: Extractor) -> str:
    """Returns the name of the cached vectors of these images."""
    total = hashlib.sha256(extractor.fingerprint.encode())
    images = split.images
    total.update(f"{images.dtype.str} {images.shape}".encode())
    for chunk in iter_chunks(images):
        total.update(np.ascontiguousarray(chunk).data)
    return total.hexdigest()[:32]


def compute(
    images: np.ndarray,
    extractor: Extractor,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Returns the vectors of images, float32 `[N, D]`, in their order."""
    count, height, width, _ = images.shape
    size = max(1, min(MAX_BATCH_SIZE, BATCH_PIXELS // (height * width)))
    vectors = np.empty((count, extractor.size), np.float32)
    for start in range(0, count, size):
        stop = min(start + size, count)
        batch = images[start:stop].astype(np.float32)
        # The last batch is filled up: another size would be compiled again.
        batch = np.resize(batch, (size, *batch.shape[1:]))
        outputs = np.asarray(extractor.model.predict_on_batch(batch))
        vectors[start:stop] = outputs[: stop - start]
        if progress:
            progress(stop, count)
    return vectors


def _read(path: pathlib.Path, shape: tuple[int, int]) -> np.ndarray | None:
    """Returns cached vectors; `None` if there are none, or corrupt ones."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            vectors, sha256 = file["vectors"], str(file["sha256"])
        fits = vectors.shape == shape and vectors.dtype == np.float32
        if fits and _hash(vectors) == sha256:
            return vectors
    except FileNotFoundError:
        return None
    except (OSError, *DAMAGE):
        pass
    print_status(f"features: {path} is corrupt; computing them again")
    return None


def _hash(vectors: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(vectors).data).hexdigest()


def _write(path: pathlib.Path, vectors: np.ndarray) -> None:
    # A name of this process's own: two runs may compute the same features.
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
