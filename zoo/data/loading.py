"""From the name of a dataset to its training and validation splits.

A source of images is a function from a `ReadRequest` to a `DatasetReader`,
which knows the splits that the source has and reads one at a time. What every
source gets alike, the split of the validation images above all, is done here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from zoo.config import read_fold
from zoo.console import pluralize
from zoo.data import image_files, near_duplicates
from zoo.data.dataset import (
    Dataset,
    Split,
    check_val_fraction,
    fold_split,
    group_keys,
    hash_images,
    stratified_split,
    train_val_split,
)
from zoo.data.datasets import DatasetInfo, find_dataset
from zoo.data.transforms import select_classes, subsample
from zoo.errors import UserError

TRAIN, VAL, TEST = "train", "val", "test"
# Fraction of the images held out of a source that has no test split.
TEST_FRACTION = 0.15
NEAR_DUPLICATES = "near_duplicates"  # value of `group_by`
UNUSED_WEIGHTS = (
    "weights of validation and test examples have no effect: scores and losses "
    "of these splits count all examples the same."
)


def load_dataset(
    name: str,
    *,
    data_dir: str | None = None,
    image_size: int | tuple[int, int] | None = None,
    resize: str = "crop",
    val_fraction: float = 0.1,
    group_by: str | None = None,
    fold: str | None = None,
    train_examples: int | None = None,
    classes: Sequence[str] = (),
    skip_unreadable: bool = False,
) -> Dataset:
    """Loads the training and validation images of a dataset.

    Test images are never loaded; see `zoo.evaluation.test_set`.

    Args:
        name: one of `zoo datasets`, with a path where it ends in a colon.
        data_dir: folder of tensorflow-datasets; TFDS_DATA_DIR or its default
            folder if not given.
        image_size: side in pixels to which every image is resized, or height
            and width.
        resize: what becomes of another aspect ratio, one of
            `image_files.RESIZE_MODES`.
        val_fraction: fraction of the training images for validation, in
            [0, 1). Data with a validation split of their own keep that,
            unless the fraction is 0, which leaves it out.
        group_by: for `folder:` and `csv:`, what keeps files together:
            `folder`, `near_duplicates`, or a regular expression for the group
            in the file's name.
        fold: which of how many folds of the training images is for
            validation, as `2/5`, in the place of `val_fraction`.
        train_examples: number of training images to keep; all by default.
            Does not change the validation images.
        classes: names of the classes to keep; all by default.
        skip_unreadable: for `folder:` and `csv:`, whether unreadable files
            are skipped, with a note in `Dataset.notes`, rather than refused.

    Raises:
        UserError: there is no such dataset, or it cannot be read.
    """
    check_val_fraction(val_fraction)
    if find_dataset(name)[0].num_train == 0:
        raise UserError(
            f"{name} is only a test set and cannot be trained on; evaluate a "
            f"run on it with `zoo evaluate RUN --dataset={name}`."
        )
    info, reader = open_reader(
        name, data_dir, image_size, skip_unreadable, resize
    )
    everything, hashes = reader.read(TRAIN)
    groups = find_groups(reader, everything, hashes, group_by)
    kept, held_out = train_test_indices(reader, everything, hashes, groups)
    train = everything.take(kept)
    has_own_val = fold is None and VAL in reader.split_sizes
    if fold is not None:
        train, val = _fold(name, reader, train, fold, kept, hashes, groups)
    elif has_own_val and val_fraction:
        val = reader.read(VAL)[0]
    else:
        train, val = train_val_split(
            train,
            val_fraction,
            [hashes[i] for i in kept],
            groups and [groups[i] for i in kept],
        )
    notes = reader.notes()
    if has_own_val and not val_fraction:
        left_out = pluralize(reader.split_sizes[VAL], "validation image")
        notes += (f"val_fraction is 0, which leaves out {left_out} of {name}.",)
    is_weighted = any(
        count > 0 and weight is not None
        for count, weight in (
            (len(val), val.sample_weight),
            (len(held_out), everything.sample_weight),
        )
    )
    if is_weighted and UNUSED_WEIGHTS not in notes:
        notes += (UNUSED_WEIGHTS,)
    num_test: int | None = len(held_out)
    if TEST in reader.split_sizes:
        num_test = reader.split_sizes[TEST] or None
    dataset = Dataset(
        name,
        train,
        val,
        reader.class_names,
        hflip_safe=info.hflip_safe,
        num_test_examples=num_test,
        notes=notes,
        has_own_val=has_own_val,
        unit_scaled=reader.unit_scaled,
    )
    return subsample(select_classes(dataset, classes), train_examples)


def _fold(
    name: str,
    reader: DatasetReader,
    train: Split,
    fold: str,
    kept: np.ndarray,
    hashes: Sequence[bytes],
    groups: Sequence[str] | None,
) -> tuple[Split, Split]:
    if VAL in reader.split_sizes:
        raise UserError(
            f"{name} has validation images of its own, so that there are no "
            "folds to make; leave out --folds."
        )
    return fold_split(
        train,
        *read_fold(fold),
        [hashes[i] for i in kept],
        groups and [groups[i] for i in kept],
    )


def download(name: str, *, data_dir: str | None = None) -> dict[str, int]:
    """Downloads a dataset, unless it is on disk, and counts its images.

    Every split is cached as arrays; a cache that exists is verified. No image
    is returned.

    Returns:
        The number of images of each split of the source.

    Raises:
        UserError: there is no such dataset, or it cannot be downloaded.
    """
    reader = open_reader(name, data_dir, None)[1]
    for split_name in reader.split_sizes:
        reader.write_cache(split_name)
    return reader.split_sizes


@dataclasses.dataclass(frozen=True)
class ReadRequest:
    """A dataset as requested from its source.

    Attributes:
        info: Row in the table of datasets.
        path: Path behind the colon, as in `folder:PATH`.
        data_dir: Folder of tensorflow-datasets; `None` for its default.
        image_size: Side in pixels to resize every image to, or height and
            width.
        skip_unreadable: Whether unreadable files are skipped.
        resize: What becomes of another aspect ratio.
    """

    info: DatasetInfo
    path: str = ""
    data_dir: str | None = None
    image_size: int | tuple[int, int] | None = None
    skip_unreadable: bool = False
    resize: str = "crop"


@dataclasses.dataclass(frozen=True)
class DatasetReader:
    """The splits of a source.

    Attributes:
        class_names: One name per label; empty for a regression.
        split_sizes: Number of images of each split that the source has, of
            train, val and test; 0 for a test split that is not there and is
            not held out either.
        read: Function from the name of a split to the split and one hash per
            image. The hash is of the pixels before resizing, so that splits
            do not depend on the image size.
        original_shape: Shape of an example before resizing; `None` where the
            sizes of images differ.
        labels_are_names: Whether the labels serve as class names.
        write_cache: Function from the name of a split that makes later
            reading faster.
        notes: Function that returns sentences about what was skipped or
            changed so far.
        read_thumbnails: Function from the name of a split to gray images,
            uint8 `[N, 32, 32]`, made from the images before resizing; `None`
            where images do not come from files.
        unit_scaled: Whether pixels of 0..1 were multiplied by 255.
        class_depth: Number of folders, below the one that was read, that lead
            to the training images of a class.
    """

    class_names: tuple[str, ...]
    split_sizes: dict[str, int]
    read: Callable[[str], tuple[Split, list[bytes]]]
    original_shape: tuple[int, ...] | None = None
    labels_are_names: bool = False
    write_cache: Callable[[str], None] = lambda split_name: None
    notes: Callable[[], tuple[str, ...]] = lambda: ()
    read_thumbnails: Callable[[str], np.ndarray] | None = None
    class_depth: int = 0
    unit_scaled: bool = False


def open_reader(
    name: str,
    data_dir: str | None,
    image_size: int | tuple[int, int] | None,
    skip_unreadable: bool = False,
    resize: str = "crop",
) -> tuple[DatasetInfo, DatasetReader]:
    """Finds a dataset and opens its source."""
    info, path = find_dataset(name)
    request = ReadRequest(
        info, path, data_dir, image_size, skip_unreadable, resize
    )
    return info, info.load_reader()(request)


def find_groups(
    reader: DatasetReader,
    everything: Split,
    hashes: Sequence[bytes],
    group_by: str | None,
) -> Sequence[str] | None:
    """Returns one key per training image; equal keys stay together.

    Args:
        reader: of the source.
        everything: all training images.
        hashes: one per image.
        group_by: as `load_dataset` takes it.

    Raises:
        UserError: images have no names or no files, a name does not match, or
            each class is one group.
    """
    if group_by is None:
        return None
    if group_by == NEAR_DUPLICATES and reader.read_thumbnails is not None:
        thumbnails = reader.read_thumbnails(TRAIN)
        keys = near_duplicates.find_groups(thumbnails, hashes)
    else:
        keys = group_keys(everything.file_names, group_by, reader.class_depth)
    _check_groups(keys, everything, reader, group_by)
    return keys


def _check_groups(
    keys: Sequence[str],
    everything: Split,
    reader: DatasetReader,
    group_by: str,
) -> None:
    """Refuses groups that hold one whole class each."""
    pairs = set(zip(keys, everything.labels.tolist(), strict=True))
    if not len(pairs) == len(reader.class_names) > 1:
        return
    key, label = min(pairs)
    where, remedy = {
        "folder": (
            f"are in the folder {key}",
            "put the images of each object in a sub-folder of their own",
        ),
        NEAR_DUPLICATES: (
            "look nearly the same",
            "add images that differ, or leave the option out",
        ),
    }.get(
        group_by,
        (
            f"are in the group {key!r}",
            "give an expression that matches another part of the path for "
            "each object",
        ),
    )
    raise UserError(
        f"--group_by={group_by}: all images of the class "
        f"{reader.class_names[label]} {where}, and so for each class, which "
        f"cannot be split; {remedy}."
    )


def train_test_indices(
    reader: DatasetReader,
    everything: Split,
    hashes: Sequence[bytes],
    groups: Sequence[str] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Divides the images of a source into training and test images.

    All are for training if the source has a test split of its own. Depends on
    the images alone, and on no option but the groups.

    Returns:
        Two ascending int64 arrays of indices into `everything`.
    """
    if TEST in reader.split_sizes:
        return np.arange(len(everything)), np.arange(0)
    # At least two units of a class stay: for training and for validation.
    size = round(TEST_FRACTION * len(everything))
    strata = everything.strata
    return stratified_split(hashes, strata, size, groups=groups, min_first=2)


def split_test(everything: Split, size: int) -> dict[str, Split]:
    """Holds out about `size` examples for testing, always the same ones."""
    hashes = hash_images(everything.images)
    train, test = stratified_split(hashes, everything.strata, size, min_first=2)
    return {TRAIN: everything.take(train), TEST: everything.take(test)}


def reader_in_memory(
    splits: dict[str, Split],
    class_names: tuple[str, ...],
    image_size: int | tuple[int, int] | None = None,
    labels_are_names: bool = False,
    resize: str = "crop",
) -> DatasetReader:
    """Makes the reader of a source that is in memory as a whole."""

    def read(name: str) -> tuple[Split, list[bytes]]:
        split = splits[name]
        resized = resize_split(split, image_size, resize)
        return resized, hash_images(split.images)

    sizes = {name: len(split) for name, split in splits.items()}
    shape = next(iter(splits.values())).images.shape[1:]
    notes = _distortion_notes(shape, image_size, resize)
    return DatasetReader(
        class_names,
        sizes,
        read,
        shape,
        labels_are_names,
        notes=lambda: notes,
    )


def _distortion_notes(
    shape: tuple[int, ...],
    image_size: int | tuple[int, int] | None,
    resize: str,
) -> tuple[str, ...]:
    """Notes what becomes of images of another aspect ratio, if they have."""
    if image_size is None:
        return ()
    height, width = image_files.height_and_width(image_size)
    if not image_files.changes_aspect_ratio(shape[:2], (height, width)):
        return ()
    return (
        f"all images are {shape[0]}x{shape[1]} pixels, another aspect ratio "
        f"than {height}x{width}, and "
        f"{image_files.describe_resizing(resize)}.",
    )


def resize_split(
    split: Split,
    image_size: int | tuple[int, int] | None,
    resize: str = "crop",
) -> Split:
    """Returns a split with its images resized, channel by channel.

    Args:
        image_size: height and width in pixels, or one number for both.
        resize: one of `image_files.RESIZE_MODES`.
    """
    if image_size is None:
        return split
    height, width = image_files.height_and_width(image_size)
    if split.images.shape[1:3] == (height, width):
        return split
    from PIL import Image

    channels = split.images.shape[3]
    images = np.empty((len(split), height, width, channels), np.uint8)
    for i, image in enumerate(split.images):
        for c in range(channels):
            plane = Image.fromarray(np.ascontiguousarray(image[..., c]))
            plane = image_files.resize_image(plane, (height, width), resize)
            images[i, ..., c] = np.asarray(plane)
    return dataclasses.replace(split, images=images)


def refuse_resizing(request: ReadRequest) -> None:
    """Raises `UserError` if vectors are to be resized."""
    if request.image_size is not None:
        name = f"{request.info.name}{request.path}"
        raise UserError(
            f"--image_size={request.image_size} resizes images, and {name} "
            "has points; leave it out."
        )
