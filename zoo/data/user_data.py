"""Data from Python in the cache of arrays, as the dataset `arrays:DIGEST`.

Examples are read once, in their own order, into `zoo/arrays/<digest>/<split>`
of the folder of datasets; every command finds them there by their name, in any
process. Augmentation inside a tf.data pipeline is read once, like all of it.

What is read without an index may come in another order each time. The start of
a second reading shows it, and the examples are then stored in the order of
their hashes, so that the same ones are the same dataset at each reading.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.console import print_status
from zoo.data import cache
from zoo.data.arrays import LabelEncoding, check_sample_weight
from zoo.data.dataset import Split, hash_images
from zoo.data.examples import ARGUMENTS, Examples, PixelConverter
from zoo.data.loading import (
    TEST,
    TRAIN,
    UNUSED_WEIGHTS,
    DatasetReader,
    ReadRequest,
    resize_split,
)
from zoo.errors import UserError

PREFIX = "arrays:"
DIGEST_CHARS = 16
# Examples of a second reading that are compared with those of the first.
NUM_COMPARED = 256
# Fraction of the free disk space that a dataset may take.
MAX_DISK_FRACTION = 0.8


# Into the cache.


def store(
    examples: dict[str, Examples],
    data_dir: str | None,
    *,
    verbose: bool = True,
) -> str:
    """Reads examples into the cache; returns the name of the dataset.

    Args:
        examples: of each split that was given; `train` is.
        data_dir: folder of datasets; TFDS_DATA_DIR or its default if `None`.
        verbose: whether to print what is read, and progress.

    Raises:
        UserError: they are not labelled images of one shape, have no end that
            the disk could hold, or the cache cannot be written. Nothing is
            left behind.
    """
    folder = _folder(data_dir)
    partial = folder / f".new-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    try:
        with cache.writable(partial):
            return _store(examples, folder, partial, verbose)
    except cache.CacheWriteError as error:
        raise UserError(
            f"{error}; give a folder that can be as data_dir=FOLDER."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _folder(data_dir: str | None) -> Path:
    return cache.resolve_data_dir(data_dir) / "zoo" / "arrays"


def _store(
    examples: dict[str, Examples],
    folder: Path,
    partial: Path,
    verbose: bool,
) -> str:
    read, notes = {}, []
    for split_name, part in examples.items():
        if verbose and not part.in_memory:
            print_status(f"reading {ARGUMENTS[split_name]} into {folder}")
        read[split_name] = _read_part(part, split_name, partial, notes, verbose)
    names = examples[TRAIN].class_names
    encoding = LabelEncoding.of(read[TRAIN].labels, names, "y of data")
    has_names = names is not None or encoding.values.dtype.kind == "U"
    if encoding.note:
        notes.append(encoding.note)
    shape = read[TRAIN].shape[1:]
    labels = {}
    digest = hashlib.sha256(repr(encoding.class_names).encode())
    if read[TRAIN].is_unit:
        digest.update(b"0..1")
    for split_name, part in list(read.items()):
        argument = ARGUMENTS[split_name]
        if part.shape[1:] != shape:
            raise UserError(
                f"the examples of {argument} have the shape "
                f"{tuple(part.shape[1:])}, those of the training data "
                f"{tuple(shape)}."
            )
        own_names = examples[split_name].class_names if has_names else None
        labels[split_name] = encoding.encode(part.labels, argument, own_names)
        if part.reading == SHUFFLED:
            order = _order(part, labels[split_name])
            cache.reorder_images(partial / split_name, order)
            part = read[split_name] = part.reordered(order)
            labels[split_name] = labels[split_name][order]
        if split_name == TEST and part.sample_weight is not None:
            notes.append(UNUSED_WEIGHTS)
        digest.update(f"{split_name} {part.shape}".encode())
        digest.update(b"".join(part.hashes) + labels[split_name].tobytes())
        if part.sample_weight is not None:
            digest.update(part.sample_weight.tobytes())
    name = digest.hexdigest()[:DIGEST_CHARS]
    metadata = {
        "class_names": list(encoding.class_names),
        "labels_are_values": names is None and not encoding.note,
        "notes": notes,
        "unit_scaled": read[TRAIN].is_unit,
        "sizes": {split_name: len(labels[split_name]) for split_name in read},
        "changing": [
            split_name
            for split_name, part in read.items()
            if part.reading == CHANGING
        ],
    }
    for split_name, part in read.items():
        cache.finish(
            partial / split_name,
            name,
            metadata,
            labels[split_name],
            part.hashes,
            part.sample_weight,
        )
    _move(partial, folder / name, read)
    return f"{PREFIX}{name}"


def _move(partial: Path, final: Path, names: Iterable[str]) -> None:
    """Puts splits in their place, unless equal ones are there and sound."""
    final.mkdir(parents=True, exist_ok=True)
    for split_name in names:
        try:
            found = cache.load(final / split_name, final.name)
        except cache.CorruptCacheError:
            found = None
        if found is None:
            shutil.rmtree(final / split_name, ignore_errors=True)
            os.replace(partial / split_name, final / split_name)


# What a second reading gives: the same examples in the same order, in another
# one, or others.
SAME, SHUFFLED, CHANGING = "same", "shuffled", "changing"


@dataclasses.dataclass(frozen=True)
class _ReadPart:
    """One split whose images are in a file.

    Attributes:
        shape: `[N, H, W, C]`.
        labels: Labels as they were given, `[N]` or `[N, K]`.
        hashes: One hash per image.
        sample_weight: Float32 `[N]`, or `None`.
        is_unit: Whether its pixels lay in 0..1.
        reading: What a second reading gives, one of the three words above.
    """

    shape: list[int]
    labels: np.ndarray
    hashes: list[bytes]
    sample_weight: np.ndarray | None
    is_unit: bool
    reading: str

    def reordered(self, order: np.ndarray) -> _ReadPart:
        """Returns the part as it is when its file was put in an order."""
        weight = self.sample_weight
        return dataclasses.replace(
            self,
            labels=self.labels[order],
            hashes=[self.hashes[i] for i in order],
            sample_weight=None if weight is None else weight[order],
        )


def _order(part: _ReadPart, labels: np.ndarray) -> np.ndarray:
    """Returns an order that depends on the examples alone, int64 `[N]`."""
    raw = np.frombuffer(b"".join(part.hashes), ">u8").reshape(len(labels), -1)
    keys = [labels, *raw.T]
    if part.sample_weight is not None:
        keys.insert(0, part.sample_weight)
    return np.lexsort(keys)


def _compare_readings(
    part: Examples, hashes: list[bytes], pixels: PixelConverter
) -> str:
    """Returns what a second reading gives, by its first examples."""
    if part.read_again is None:
        return SAME
    found: list[bytes] = []
    try:
        batches = part.read_again()
        for x, _, _ in batches:
            found += hash_images(pixels.convert(x))
            if len(found) >= NUM_COMPARED:
                break
        batches.close()
    except Exception:  # such as that of a generator that can be read once
        return SAME
    if found == hashes[: len(found)]:
        return SAME
    return SHUFFLED if set(found) <= set(hashes) else CHANGING


def _read_part(
    part: Examples,
    split_name: str,
    partial: Path,
    notes: list[str],
    verbose: bool,
) -> _ReadPart:
    name = ARGUMENTS[split_name]
    labels, hashes, weights = [], [], []
    pixels = PixelConverter(name)
    (partial / split_name).mkdir()
    budget = shutil.disk_usage(partial).free * MAX_DISK_FRACTION

    def images() -> Iterator[np.ndarray]:
        written = 0
        batches = part.batches
        if verbose:
            batches = cache.show_progress(
                batches, part.count, name, lambda batch: len(batch[0])
            )
        for x, y, weight in batches:
            y = np.asarray(y)
            converted = pixels.convert(x)
            if y.ndim == 0 or len(y) != len(converted):
                raise UserError(
                    f"{name} has {len(converted)} images and {y.size} labels "
                    "in a batch; give one label for each image."
                )
            if weight is not None:
                what = f"sample_weight of {name}"
                weights.append(check_sample_weight(weight, len(y), what))
            labels.append(y)
            hashes.extend(hash_images(converted))
            written += converted.nbytes
            total = written
            if part.count is not None:
                total = converted[0].nbytes * part.count
            if total > budget:
                least = "" if part.count is not None else " and more"
                raise UserError(
                    f"{name} takes {total / 2**30:,.1f} GiB{least}, and the "
                    f"disk of {partial.parent} has room for "
                    f"{budget / 2**30:,.1f} GiB; give fewer or smaller images, "
                    "or data_dir=FOLDER on another disk."
                )
            yield converted

    shape = cache.write_images(partial / split_name, images())
    if not hashes:
        raise UserError(f"{name} has no examples; give at least one.")
    if weights and sum(map(len, weights)) != len(hashes):
        raise UserError(f"{name} has weights for some of its examples only.")
    notes += pixels.finish()
    reading = _compare_readings(part, hashes, pixels)
    if reading == CHANGING:
        notes.append(
            f"{name} gives other examples at each reading, as random "
            "augmentation does; those of one reading are used in all epochs: "
            "use augment= instead."
        )
    return _ReadPart(
        shape,
        _joined_labels(labels, name),
        hashes,
        np.concatenate(weights) if weights else None,
        pixels.is_unit,
        reading,
    )


def _joined_labels(labels: list[np.ndarray], name: str) -> np.ndarray:
    try:
        return np.concatenate(labels)
    except ValueError:
        raise UserError(f"y of {name} has labels of several shapes.") from None


# Out of the cache.


def read(request: ReadRequest) -> DatasetReader:
    """Opens the dataset `arrays:DIGEST`."""
    folder = _folder(request.data_dir) / request.path
    name = f"{PREFIX}{request.path}"
    metadata = None
    if request.path.isalnum():
        metadata = _read_safely(
            lambda: cache.load_metadata(folder / TRAIN, request.path), name
        )
    if metadata is None:
        raise _missing(name, folder)
    found = _read_safely(lambda: cache.load(folder / TRAIN, request.path), name)

    def read_split(split_name: str) -> tuple[Split, list[bytes]]:
        cached = found
        if split_name not in metadata["sizes"]:
            raise UserError(
                f"no {ARGUMENTS[split_name]} was given to zoo.train for "
                f"{name}; zoo.evaluate(run, {split_name!r}, data=(x, y)) "
                "evaluates on any examples."
            )
        if split_name != TRAIN:
            path = folder / split_name
            cached = _read_safely(lambda: cache.load(path, request.path), name)
        if cached is None:
            raise _missing(name, folder)
        split = resize_split(cached.split, request.image_size, request.resize)
        return split, cached.hashes

    return DatasetReader(
        tuple(metadata["class_names"]),
        # None is held out of arrays but what was given as test_data.
        {TEST: 0, **metadata["sizes"]},
        read_split,
        tuple(found.split.images.shape[1:]),
        labels_are_names=metadata["labels_are_values"],
        notes=lambda: tuple(metadata["notes"]),
        unit_scaled=metadata.get("unit_scaled", False),
    )


def _read_safely(read: Callable[[], Any], name: str) -> Any:
    try:
        return read()
    except cache.CorruptCacheError as error:
        raise UserError(
            f"{name} is corrupt: {error}; give the same data again in Python, "
            "as in zoo.resume(run, data=data)."
        ) from error


def _missing(name: str, folder: Path) -> UserError:
    return UserError(
        f"{name} was given in Python, and is not in {folder.parent} any more; "
        "give the same data again, as in zoo.resume(run, data=data) or "
        "zoo.evaluate(run, data=(x_val, y_val))."
    )


def stored_names(data_dir: str | None) -> set[str]:
    """Returns the names of all datasets from Python in the cache."""
    folder = _folder(data_dir)
    children = folder.iterdir() if folder.is_dir() else ()
    return {f"{PREFIX}{child.name}" for child in children}


def discard(name: str, data_dir: str | None) -> None:
    """Removes a dataset of the cache."""
    folder = _folder(data_dir) / name.removeprefix(PREFIX)
    shutil.rmtree(folder, ignore_errors=True)


def changing_parts(name: str, data_dir: str | None) -> list[str]:
    """Returns the arguments that give other examples at each reading."""
    folder = _folder(data_dir) / name.removeprefix(PREFIX)
    metadata = cache.load_metadata(folder / TRAIN, folder.name) or {}
    return [ARGUMENTS[part] for part in metadata.get("changing", ())]


def copy(name: str, other: str, data_dir: str | None) -> None:
    """Copies a dataset of the cache under the name of an equal one.

    Args:
        name: `arrays:DIGEST`, in the cache.
        other: `arrays:DIGEST`, of the same training and validation splits.
        data_dir: as in `store`.
    """
    folder = _folder(data_dir)
    source, target = (n.removeprefix(PREFIX) for n in (name, other))
    partial = folder / f".new-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    try:
        shutil.copytree(folder / source, partial)
        splits = [path for path in partial.iterdir() if path.is_dir()]
        for path in splits:
            cache.set_origin(path, target)
        _move(partial, folder / target, [path.name for path in splits])
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def read_split(
    examples: Examples,
    name: str,
    class_names: Sequence[str],
    input_shape: tuple[int, ...],
) -> Split:
    """Reads examples for an evaluation into memory.

    Args:
        examples: to be read.
        name: name of the argument, for errors.
        class_names: names of the classes that were trained.
        input_shape: `(H, W, C)` of the training examples.

    Raises:
        UserError: they have another shape, or a class of their own.
    """
    pixels, images, labels = PixelConverter(name), [], []
    for x, y, _ in examples.batches:
        images.append(pixels.convert(x))
        labels.append(np.asarray(y))
    if not images:
        raise UserError(f"{name} has no examples; give at least one.")
    pixels.finish()
    shape = images[0].shape[1:]
    if shape != tuple(input_shape):
        raise UserError(
            f"the examples of {name} have the shape {tuple(shape)}, those of "
            f"the training data {tuple(input_shape)}."
        )
    encoding = _encoding_of(tuple(class_names))
    own_names = examples.class_names
    if own_names and not set(own_names) <= set(class_names):
        # Numbers that serve as names are no names to compare with.
        own_names = None if _first_of(class_names) is not None else own_names
    joined = np.concatenate(images)
    encoded = encoding.encode(_joined_labels(labels, name), name, own_names)
    if len(joined) != len(encoded):
        raise UserError(
            f"{name} has {len(joined):,} images and {len(encoded):,} labels; "
            "give one label for each image."
        )
    return Split(joined, encoded)


def _encoding_of(class_names: tuple[str, ...]) -> LabelEncoding:
    """Returns how labels become classes, from the names of the classes.

    Labels are names, or numbers from 0; where the names are rising numbers,
    such as 1 to K or chosen ones, these. Names that are numbers in another
    order are text that was sorted, and say nothing about numbers.
    """
    values = np.arange(len(class_names))
    if all(name.isascii() and name.isdecimal() for name in class_names):
        numbers = [int(name) for name in class_names]
        is_rising = numbers == sorted(set(numbers))
        values = np.array(numbers if is_rising else class_names)
    return LabelEncoding(class_names, values)


def _first_of(class_names: Sequence[str]) -> int | None:
    """Returns 0 or 1 where the names count from that on, else `None`."""
    for first in (0, 1):
        numbers = range(first, first + len(class_names))
        if list(class_names) == list(map(str, numbers)):
            return first
    return None


def fraction_in_training(part: Split, name: str, data_dir: str | None) -> float:
    """Returns the fraction of examples that a dataset has for training.

    0 where the dataset is not in the cache, or resizes what it is given.
    """
    folder = _folder(data_dir) / name.removeprefix(PREFIX)
    try:
        found = cache.load(folder / TRAIN, folder.name)
    except cache.CorruptCacheError:
        found = None
    if found is None or not len(part):
        return 0.0
    known = set(found.hashes)
    shared = sum(value in known for value in hash_images(part.images))
    return shared / len(part)
