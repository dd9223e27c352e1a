"""From the name of a data set to images to train and validate on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoo.data.classes import restricted
from zoo.data.dataset import Dataset, Split, check_fraction, hold_out
from zoo.data.fewer import fewer
from zoo.data.groups import group_keys
from zoo.data.parts import TEST, TRAIN, VAL, Parts, Request
from zoo.data.sources import Source, find_source
from zoo.data.splits import cut
from zoo.errors import UserError

# What is sealed of a source that brings no test split.
TEST_FRACTION = 0.15


def load_dataset(
    name: str,
    *,
    data_dir: str | None = None,
    image_size: int | tuple[int, int] | None = None,
    val_fraction: float = 0.1,
    group_by: str | None = None,
    train_examples: int | None = None,
    classes: Sequence[str] = (),
    skip_unreadable: bool = False,
) -> Dataset:
    """Reads a data set and cuts its validation part; never a test image.

    Args:
        name: one of `zoo datasets`, with a path where it ends in a colon.
        data_dir: folder of tensorflow-datasets; else TFDS_DATA_DIR, else its
            own default.
        image_size: side in pixels to which every image is resized, or height
            and width.
        val_fraction: share of the training images to hold out, in [0, 1). A
            folder or file that brings a validation part keeps that, unless
            0 asks for none.
        group_by: for `folder:`, what keeps files together: `folder`, or a
            regular expression for the group in the file's name.
        train_examples: how many of the training images to keep; all if not
            given. The validation part is the same in any case.
        classes: names of those to keep; all if none is given.
        skip_unreadable: for `folder:`, whether files that cannot be read are
            left out, which `Dataset.notes` says, rather than refused.

    Raises:
        UserError: there is no such data set, or it cannot be read.
    """
    check_fraction(val_fraction)
    if find_source(name)[0].train == 0:
        raise UserError(
            f"{name} is a test set only, so nothing can be trained on it; "
            f"score a run on it with `zoo evaluate RUN --dataset={name}`."
        )
    source, parts = open_parts(name, data_dir, image_size, skip_unreadable)
    whole, hashes = parts.read(TRAIN)
    groups = group_keys(whole.file_names, group_by)
    train, sealed = divide(parts, whole, hashes, groups)
    rest = whole.take(train)
    if VAL in parts.sizes and val_fraction:
        val = parts.read(VAL)[0]
    else:
        rest, val = hold_out(
            rest,
            val_fraction,
            [hashes[i] for i in train],
            groups and [groups[i] for i in train],
        )
    data = Dataset(
        name,
        rest,
        val,
        parts.class_names,
        flips=source.flips,
        test_examples=parts.sizes.get(TEST, len(sealed)),
        notes=parts.notes(),
    )
    return fewer(restricted(data, classes), train_examples)


def prepare(name: str, *, data_dir: str | None = None) -> dict[str, int]:
    """Fetches a data set, if it is not on disk, and counts its images.

    Those of every split are kept as arrays, and checked if they were; none is
    handed out.

    Returns:
        The number of images of each split that the data set brings.

    Raises:
        UserError: there is no such data set, or it cannot be fetched.
    """
    parts = open_parts(name, data_dir, None)[1]
    for part in parts.sizes:
        parts.prepare(part)
    return parts.sizes


def open_parts(
    name: str,
    data_dir: str | None,
    image_size: int | tuple[int, int] | None,
    skip_unreadable: bool = False,
) -> tuple[Source, Parts]:
    """Finds a source and looks into it."""
    source, place = find_source(name)
    request = Request(source, place, data_dir, image_size, skip_unreadable)
    return source, source.load()(request)


def divide(
    parts: Parts,
    whole: Split,
    hashes: Sequence[bytes],
    groups: Sequence[str] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Says which images are for training and which are sealed.

    None are sealed if the source has a test split of its own. Depends on the
    images alone, and on no option but the groups.

    Returns:
        Two ascending int64 arrays of indices into `whole`.
    """
    if TEST in parts.sizes:
        return np.arange(len(whole)), np.arange(0)
    # Two units of a class stay: one to train on, one to validate on.
    size = round(TEST_FRACTION * len(whole))
    return cut(hashes, whole.strata, size, groups=groups, leave=2)
