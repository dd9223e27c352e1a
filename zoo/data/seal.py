"""The only way to the test images.

Training and everything below it never imports this module: a test image is
seen when a person asks for the test split, and at no other time.
"""

from __future__ import annotations

from collections.abc import Sequence

from zoo.data.classes import find_labels, only
from zoo.data.dataset import Split
from zoo.data.groups import group_keys
from zoo.data.loading import divide, open_parts
from zoo.data.parts import TEST, TRAIN, Parts


def open_test(
    name: str,
    *,
    data_dir: str | None = None,
    image_size: int | tuple[int, int] | None = None,
    group_by: str | None = None,
    classes: Sequence[str] = (),
    skip_unreadable: bool = False,
) -> Split:
    """Reads the test split of a data set.

    Args:
        name: one of `zoo datasets`, with a path where it ends in a colon.
        data_dir: folder of tensorflow-datasets, as in `load_dataset`.
        image_size: as the images were trained on.
        group_by: as the training images were cut by.
        classes: names of those that were trained on; all if none is given.
        skip_unreadable: as in `load_dataset`.

    Raises:
        UserError: there is no such data set, or it cannot be read.
    """
    _, parts = open_parts(name, data_dir, image_size, skip_unreadable)
    sealed = _sealed(parts, group_by)
    if not classes:
        return sealed
    return only(sealed, find_labels(classes, parts.class_names, name))


def _sealed(parts: Parts, group_by: str | None) -> Split:
    if TEST in parts.sizes:
        return parts.read(TEST)[0]
    whole, hashes = parts.read(TRAIN)
    groups = group_keys(whole.file_names, group_by)
    _, sealed = divide(parts, whole, hashes, groups)
    return whole.take(sealed)
