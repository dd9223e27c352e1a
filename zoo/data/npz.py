"""NumPy files, and the dataset `npz:PATH` in one of them.

Keys of the dataset: `x` and `y`; `x_val` and `y_val`, `x_test` and `y_test`
if there; or those of keras.datasets (`x_train`, ...) or MedMNIST
(`train_images`, `train_labels`, ...); `class_names`, an array of text, if
there, and `sample_weight`. `X_valid` and the like stand for `x_val`, and
what is not used is told. Nothing is ever unpickled.
Images that are too large for memory stay in a file that `numpy.savez` wrote,
which does not compress: they are memory-mapped where they are.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import os
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from zoo.data import arrays
from zoo.data.arrays import (
    LabelEncoding,
    check_examples,
    check_sample_weight,
    pixel_range,
    scales_differ,
)
from zoo.data.dataset import Split
from zoo.data.loading import (
    TEST,
    TRAIN,
    VAL,
    DatasetReader,
    ReadRequest,
    reader_in_memory,
)
from zoo.errors import UserError, join_and, join_or

SUFFIXES = (".npy", ".npz")
SPLIT_OF_WORD = {
    **dict.fromkeys(("valid", "validation", "dev"), VAL),
    **{"training": TRAIN, "testing": TEST},
}
KEYS = {TRAIN: ("x", "y"), VAL: ("x_val", "y_val"), TEST: ("x_test", "y_test")}
KERAS_KEYS = {**KEYS, TRAIN: ("x_train", "y_train")}
MEDMNIST_KEYS = {
    split_name: (f"{split_name}_images", f"{split_name}_labels")
    for split_name in (TRAIN, VAL, TEST)
}

READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# Before each file of an archive; ends with the lengths of its name and extra
# field.
LOCAL_HEADER = "<4s5H3I2H"
LOCAL_HEADER_BYTES = struct.calcsize(LOCAL_HEADER)


def read(request: ReadRequest) -> DatasetReader:
    """Reads and checks all arrays of the file."""
    path = Path(request.path).expanduser()
    arrays, unused = _standard_keys(read_archive(path, f"npz:{path}"))
    keys = _find_keys(arrays)
    class_names = _class_names(arrays, str(path))
    splits, encoding = _make_splits(arrays, keys, class_names, str(path))
    names = encoding.class_names
    for split_name, split in splits.items():
        x, _ = keys[split_name]
        if split.images.shape[1:] != splits[TRAIN].images.shape[1:]:
            raise UserError(
                f"{x} of {path} has images of {list(split.images.shape[1:])} "
                f"and {keys[TRAIN][0]} of "
                f"{list(splits[TRAIN].images.shape[1:])}; give all images the "
                "same shape."
            )
        _check_scale(splits, split_name, keys, str(path))
    is_text = encoding.values.dtype.kind == "U"
    reader = reader_in_memory(
        splits,
        names,
        request.image_size,
        labels_are_names=class_names is None and not is_text,
        resize=request.resize,
    )
    unused |= set(arrays) - {"class_names", "sample_weight"}
    unused -= {key for split_name in splits for key in keys[split_name]}
    note = (
        f"{path} has {join_and(sorted(unused))} besides, which "
        f"{'is' if len(unused) == 1 else 'are'} not used."
    )
    notes = [*reader.notes(), encoding.note, note if unused else ""]
    notes = tuple(filter(None, notes))
    return dataclasses.replace(reader, notes=lambda: notes)


def _standard_keys(
    arrays: dict[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], set[str]]:
    """Renames arrays such as `X_valid` to `x_val`.

    Where several would have the same name, as `x_val` and `X_dev`, those are
    taken that have images and labels.

    Returns:
        The arrays, and keys of others that would have the same name.
    """
    kinds = collections.defaultdict(set)
    for key in arrays:
        kinds[_split_word(key)].add(_standard_key(key))

    def order(key: str) -> tuple:
        word = _split_word(key)
        is_other = word in SPLIT_OF_WORD  # a word for the word of the keys
        return -len(kinds[word]), is_other, word, key != key.lower(), key

    found, unused = {}, set()
    for key in sorted(arrays, key=order):
        name = _standard_key(key)
        if name in found:
            unused.add(key)
        else:
            found[name] = arrays[key]
    return found, unused


def _standard_key(key: str) -> str:
    """Returns the key that is meant: `x_val` for `X_valid`."""
    parts = re.split("(_)", key.lower())
    return "".join(SPLIT_OF_WORD.get(part, part) for part in parts)


def _split_word(key: str) -> str:
    """Returns what a key calls its split: `valid` of `X_valid`, or ""."""
    words = {*SPLIT_OF_WORD, TRAIN, VAL, TEST}
    return next((p for p in key.lower().split("_") if p in words), "")


def _find_keys(
    arrays: dict[str, np.ndarray],
) -> dict[str, tuple[str, str]]:
    """Returns the keys of images and labels, by split."""
    for keys in (KEYS, KERAS_KEYS, MEDMNIST_KEYS):
        if keys[TRAIN][0] in arrays:
            return keys
    return KEYS


def _make_splits(
    arrays: dict[str, np.ndarray],
    keys_of: dict[str, tuple[str, str]],
    class_names: list[str] | None,
    name: str,
) -> tuple[dict[str, Split], LabelEncoding]:
    splits, encoding = {}, None
    for split_name, keys in keys_of.items():
        missing = [key for key in keys if key not in arrays]
        if split_name != TRAIN and len(missing) == 2:
            continue
        if missing:
            existing = join_and(arrays) or "nothing"
            raise UserError(
                f"npz:{name} has no {join_or(missing)}; it holds "
                f"{existing}, and needs {keys[0]} (images) and {keys[1]} "
                "(labels)."
            )
        x, y = (arrays[key] for key in keys)
        what = f"{keys[1]} of {name}"
        if encoding is None:  # of the training labels, which come first
            encoding = LabelEncoding.of(y, class_names, what)
        labels = encoding.encode(y, what)
        images, labels = check_examples(x, labels, name, keys)
        splits[split_name] = Split(images, labels)
    if (weight := arrays.get("sample_weight")) is not None:
        weight = check_sample_weight(
            weight, len(splits[TRAIN]), f"sample_weight of {name}"
        )
        train = dataclasses.replace(splits[TRAIN], sample_weight=weight)
        splits[TRAIN] = train
    return splits, encoding


def _class_names(arrays: dict[str, np.ndarray], name: str) -> list[str] | None:
    names = arrays.get("class_names")
    if names is None:
        return None
    if names.ndim != 1 or names.dtype.kind != "U":
        raise UserError(
            f"class_names of npz:{name} is not a list of text; save it as "
            "numpy.array([...]) of strings."
        )
    return names.tolist()


def _check_scale(
    splits: dict[str, Split],
    split_name: str,
    keys: dict[str, tuple[str, str]],
    path: str,
) -> None:
    """Refuses a split whose pixels are scaled unlike those for training."""
    train, other = (
        pixel_range(splits[name].images)[1] for name in (TRAIN, split_name)
    )
    if scales_differ(train, other):
        raise UserError(
            f"{keys[split_name][0]} of {path} lies between 0 and {other}, and "
            f"{keys[TRAIN][0]} between 0 and {train}; give all splits in one "
            "scale, as raw pixels 0..255."
        )


def read_archive(path: Path, name: str) -> dict[str, np.ndarray]:
    """Reads every array of a `.npz` file, by key.

    Uint8 arrays of more than `arrays.MAX_IN_MEMORY_BYTES` are memory-mapped,
    unless they are compressed.

    Args:
        path: path of the file.
        name: name of the file in error messages.

    Raises:
        UserError: there is no such file, it is not a `.npz` file, or its
            arrays are corrupt or hold Python objects.
    """
    _check_is_file(path, name, ".npz")
    # Opened here, since NumPy leaves a file open that is not an archive.
    with path.open("rb") as content:
        try:
            file = np.load(content, allow_pickle=False)
        except Exception as error:  # NumPy and zipfile raise many kinds
            if isinstance(error, OSError) and error.errno:
                raise _system_error(name, error) from error
            file = None
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise UserError(
                f"{name} cannot be read as a NumPy .npz file; write one "
                "with numpy.savez(path, x=images, y=labels)."
            )
        return {
            key: _read_safely(
                lambda key=key: _read_member(file, key), f"{key} of {name}"
            )
            for key in file.files
        }


def read_array(path: Path, name: str) -> np.ndarray:
    """Reads the array of a `.npy` file; see `read_archive`."""
    _check_is_file(path, name, ".npy")
    with path.open("rb") as content:
        return _read_safely(lambda: _read_array(content), name)


def _read_array(content: BinaryIO) -> np.ndarray:
    _read_header(content, os.fstat(content.fileno()).st_size)
    content.seek(0)
    return np.lib.format.read_array(content, allow_pickle=False)


def _check_is_file(path: Path, name: str, suffix: str) -> None:
    if not path.is_file():
        raise UserError(
            f"{name} is not a file; give the path of a NumPy {suffix} file."
        )


def _read_member(file: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    """Returns one array of an archive; memory-maps a large one."""
    entries = {entry.filename: entry for entry in file.zip.infolist()}
    entry = entries.get(f"{key}.npy")
    if entry is None:  # not an array, which NumPy returns as bytes
        raise ValueError
    with file.zip.open(entry) as content:
        shape, fortran_order, dtype = _read_header(content, entry.file_size)
        header_bytes = content.tell()
    is_stored = entry.compress_type == zipfile.ZIP_STORED
    if not is_stored or entry.file_size <= arrays.MAX_IN_MEMORY_BYTES:
        return file[key]
    if dtype != np.uint8 or fortran_order:
        return file[key]
    raw = file.zip.fp
    # The local header, whose fields may be longer than those of the table.
    raw.seek(entry.header_offset)
    fields = struct.unpack(LOCAL_HEADER, raw.read(LOCAL_HEADER_BYTES))
    start = entry.header_offset + LOCAL_HEADER_BYTES + fields[-2] + fields[-1]
    return np.memmap(raw, np.uint8, "r", start + header_bytes, shape)


def _read_header(content: BinaryIO, size: int) -> tuple:
    """Returns shape, order and dtype of an array, and reads no further.

    Raises:
        ValueError: it would not have the size of its file, so that one of
            them is corrupt; NumPy would reserve the memory all the same.
    """
    version = np.lib.format.read_magic(content)
    if version not in READ_HEADER:
        raise ValueError
    shape, fortran_order, dtype = READ_HEADER[version](content)
    num_bytes = math.prod(shape) * dtype.itemsize
    if not dtype.hasobject and content.tell() + num_bytes != size:
        raise ValueError
    return shape, fortran_order, dtype


def _read_safely(read: Callable[[], np.ndarray], what: str) -> np.ndarray:
    """Calls `read`; turns its errors into one sentence."""
    try:
        return read()
    except MemoryError:
        raise UserError(
            f"{what} does not fit into memory; give fewer or smaller images."
        ) from None
    except Exception as error:  # NumPy and zipfile raise many kinds
        if isinstance(error, OSError) and error.errno:
            raise _system_error(what, error) from error
        if "allow_pickle" in str(error):
            raise UserError(
                f"{what} holds Python objects, which are never loaded, since "
                "they could run any code; save a plain array of numbers."
            ) from None
        raise UserError(f"{what} is corrupt; write the file again.") from error


def _system_error(what: str, error: OSError) -> UserError:
    reason = os.strerror(error.errno)
    return UserError(f"{what} cannot be read: {reason}.")
