"""Images and labels of a NumPy file, `npz:PATH`.

Keys: `x` and `y`; `x_val` and `y_val`, `x_test` and `y_test` if there;
`class_names`, an array of text, if there.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoo.data.array_files import read_archive
from zoo.data.arrays import check_classes, check_known, check_split
from zoo.data.dataset import Split
from zoo.data.parts import TEST, TRAIN, VAL, Parts, Request, in_memory
from zoo.data.pixel_range import are_apart, range_of
from zoo.errors import UserError, join_and, join_or

KEYS = {TRAIN: ("x", "y"), VAL: ("x_val", "y_val"), TEST: ("x_test", "y_test")}


def read(request: Request) -> Parts:
    """Reads and checks all arrays of the file."""
    path = Path(request.place).expanduser()
    arrays = read_archive(path, f"npz:{path}")
    splits = _splits(arrays, str(path))
    given = _class_names(arrays, str(path))
    names = check_classes(splits[TRAIN].labels, given, str(path))
    for part, split in splits.items():
        check_known(split.labels, names, f"{KEYS[part][1]} of {path}")
        if split.images.shape[1:] != splits[TRAIN].images.shape[1:]:
            raise UserError(
                f"{KEYS[part][0]} of {path} has images of "
                f"{list(split.images.shape[1:])} and x of "
                f"{list(splits[TRAIN].images.shape[1:])}; all must be alike."
            )
        _check_scale(splits, part, str(path))
    return in_memory(splits, names, request.image_size, given is None)


def _check_scale(splits: dict[str, Split], part: str, path: str) -> None:
    """Refuses a part whose pixels have another scale than the training's."""
    highs = [range_of(splits[name].images)[1] for name in (TRAIN, part)]
    if are_apart(*highs):
        raise UserError(
            f"{KEYS[part][0]} of {path} lies between 0 and {highs[1]}, and x "
            f"between 0 and {highs[0]}; give all parts in one scale, as raw "
            "pixels 0..255."
        )


def _splits(arrays: dict[str, np.ndarray], name: str) -> dict[str, Split]:
    splits = {}
    for part, keys in KEYS.items():
        missing = [key for key in keys if key not in arrays]
        if part != TRAIN and len(missing) == 2:
            continue
        if missing:
            held = join_and(arrays) or "nothing"
            raise UserError(
                f"npz:{name} has no {join_or(missing)}; it holds {held}, "
                f"and {keys[0]} (images) and {keys[1]} (labels) are needed."
            )
        splits[part] = check_split(*(arrays[k] for k in keys), name, keys)
    return splits


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
