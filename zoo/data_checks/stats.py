"""Statistics of every image of a dataset.

An image is decoded as training would decode it; only a thumbnail and a few
numbers of it are kept, so that ten thousand photographs fit in memory. Of an
image in a test split of the dataset's own only the hash of its pixels is kept,
to find copies of it among the others: what a test image shows, and which class
it has, is in no statistic.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np

from zoo.config import DEFAULTS
from zoo.console import pluralize
from zoo.data import folder, image_files, near_duplicates
from zoo.data.dataset import Split, hash_image, train_val_split
from zoo.data.datasets import find_dataset
from zoo.data.loading import (
    TEST,
    TRAIN,
    VAL,
    DatasetReader,
    open_reader,
    train_test_indices,
)
from zoo.errors import UserError

THUMBNAIL_SIDE = 32  # pixels
FILE_MODES = {
    "1": "black and white", "L": "gray", "LA": "gray", "La": "gray",
    "I": "16-bit gray", "I;16": "16-bit gray", "I;16B": "16-bit gray",
    "I;16L": "16-bit gray", "F": "32-bit gray", "P": "palette",
    "RGB": "color", "RGBA": "color", "RGBa": "color", "PA": "palette",
}  # fmt: skip
ARRAY_MODES = {1: "gray", 2: "2 channels", 3: "color", 4: "4 channels"}


@dataclasses.dataclass(frozen=True)
class ImageStats:
    """Statistics of one image.

    Attributes:
        name: Path of its file below the folder, or its split and index.
        split: `train` or `val`, as the dataset itself divides them.
        label: Index into the class names.
        size: Height and width in pixels, before any resizing.
        mode: Color mode, such as `color` or `16-bit gray`.
        format: Format of its file, such as `JPEG`; empty without a file.
        frames: Number of frames in its file.
        digest: Hash of the pixels, by which training splits.
        thumbnail: Uint8 `[32, 32]`, gray, resized to a square.
        highest: Largest of its pixels, 0..255.
        spread: Largest difference of two pixels in a channel, 0..255.
    """

    name: str
    split: str
    label: int
    size: tuple[int, int]
    mode: str
    format: str
    frames: int
    digest: bytes
    thumbnail: np.ndarray
    highest: int
    spread: int

    @property
    def brightness(self) -> float:
        """Mean gray level, 0..255."""
        return float(self.thumbnail.mean())


@dataclasses.dataclass(frozen=True)
class UnreadableFile:
    """An image file that cannot be decoded.

    Attributes:
        name: Path below the folder.
        label: Index into the class names.
        reason: Why it cannot be decoded.
    """

    name: str
    label: int
    reason: str


@dataclasses.dataclass(frozen=True)
class DatasetStats:
    """Statistics of all training and validation images of a dataset.

    Attributes:
        dataset: Value of `--dataset`.
        class_names: Names of the `K` classes.
        images: Statistics of each image that can be decoded, in order.
        unreadable: Files that cannot.
        skipped: Number of files that training does not read, by suffix.
        num_test: Number of images in the dataset's own test split; `None` if
            it has none.
        pixels: From an index into `images` to uint8 `[H, W, C]`.
        notes: Sentences about folders and files that are not used.
        test_digests: Name and hash of each image of that test split which may
            be a copy of another one.
    """

    dataset: str
    class_names: tuple[str, ...]
    images: tuple[ImageStats, ...]
    unreadable: tuple[UnreadableFile, ...]
    skipped: dict[str, int]
    num_test: int | None
    pixels: Callable[[int], np.ndarray]
    notes: tuple[str, ...] = ()
    test_digests: tuple[tuple[str, bytes], ...] = ()

    @cached_property
    def labels(self) -> np.ndarray:
        """Labels of the images, int32 `[N]`."""
        return np.array([image.label for image in self.images], np.int32)

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of images of each class, int `[K]`."""
        return np.bincount(self.labels, minlength=len(self.class_names))

    @cached_property
    def thumbnails(self) -> np.ndarray:
        """Thumbnails, uint8 `[N, 32, 32]`."""
        return np.stack([image.thumbnail for image in self.images])

    def class_of(self, index: int) -> str:
        """Returns the class name of an image."""
        return self.class_names[self.images[index].label]

    @cached_property
    def near_duplicates(self) -> list[near_duplicates.Pair]:
        """Pairs of images that look nearly the same, the closest first."""
        digests = [image.digest for image in self.images]
        return near_duplicates.find_pairs(self.thumbnails, digests)

    @cached_property
    def duplicates(self) -> list[list[int]]:
        """Groups of two or more indices of images with the same pixels."""
        by_digest = collections.defaultdict(list)
        for index, image in enumerate(self.images):
            by_digest[image.digest].append(index)
        return [group for group in by_digest.values() if len(group) > 1]

    @cached_property
    def test_copies(self) -> list[tuple[str, list[int]]]:
        """Names of test images, and indices of images with the same pixels."""
        by_digest = collections.defaultdict(list)
        for index, image in enumerate(self.images):
            by_digest[image.digest].append(index)
        return [
            (name, by_digest[digest])
            for name, digest in self.test_digests
            if digest in by_digest
        ]

    @cached_property
    def splits(self) -> dict[str, np.ndarray]:
        """Indices of the images in each split that training would make.

        With the images that can be decoded and the default options of
        `zoo train`. Of `test` only what would be split off.
        """
        whole = self._in_split(TRAIN)
        hashes = [self.images[i].digest for i in whole]
        split = Split(np.zeros((len(whole), 0), np.uint8), self.labels[whole])
        sizes = {} if self.num_test is None else {TEST: self.num_test}
        source = DatasetReader(self.class_names, sizes, _never)
        kept, test = train_test_indices(source, split, hashes, None)
        val = self._in_split(VAL)
        train = whole[kept]
        if not len(val):
            numbered = dataclasses.replace(
                split.take(kept), file_names=tuple(map(str, train))
            )
            train, val = (
                np.array([int(name) for name in part.file_names], np.int64)
                for part in train_val_split(
                    numbered,
                    DEFAULTS["val_fraction"],
                    [hashes[i] for i in kept],
                )
            )
        return {TRAIN: train, VAL: val, TEST: whole[test]}

    @property
    def has_own_val(self) -> bool:
        """Whether the dataset has validation images of its own."""
        return len(self._in_split(VAL)) > 0

    def _in_split(self, split: str) -> np.ndarray:
        indices = [i for i, im in enumerate(self.images) if im.split == split]
        return np.array(indices, np.int64)


def _never(split: str):
    raise RuntimeError(f"{split} is not to be read")


def count_values(values: Iterable) -> dict:
    """Returns how often each value occurs, the most frequent first."""
    return dict(collections.Counter(values).most_common())


def read_dataset(name: str, data_dir: str | None = None) -> DatasetStats:
    """Reads the training and validation images of a dataset as a whole.

    Of the images of a test split of its own, hashes only.

    Args:
        name: One of `zoo datasets`.
        data_dir: Folder of tensorflow-datasets.

    Raises:
        UserError: it cannot be read, or has no images.
    """
    _check_has_images(name)
    _, parts = open_reader(name, data_dir, None)
    images, splits = [], []
    for split_name in (TRAIN, VAL):
        if split_name not in parts.split_sizes:
            continue
        split, hashes = parts.read(split_name)
        splits += [(split, index) for index in range(len(split))]
        images += [
            ImageStats(
                f"{split_name}/{index}",
                split_name,
                int(label),
                image.shape[:2],
                ARRAY_MODES[image.shape[2]],
                "",
                1,
                hash_,
                thumbnail(image),
                int(image.max()),
                spread(image),
            )
            for index, (image, label, hash_) in enumerate(
                zip(split.images, split.labels, hashes, strict=True)
            )
        ]

    def pixels(index: int) -> np.ndarray:
        split, inside = splits[index]
        return split.images[inside]

    notes, digests = (), []
    if parts.split_sizes.get(TEST):
        try:
            digests = parts.read(TEST)[1]
        except UserError as error:
            notes = (f"test images are not compared with others: {error}",)
    return DatasetStats(
        name,
        parts.class_names,
        tuple(images),
        (),
        {},
        parts.split_sizes.get(TEST),
        pixels,
        notes,
        tuple((f"{TEST}/{i}", digest) for i, digest in enumerate(digests)),
    )


def _check_has_images(name: str) -> None:
    """Raises `UserError`, before anything is read, for sets without images."""
    source, _ = find_dataset(name)
    if source.num_train == 0:
        raise UserError(
            f"{name} is a held-out test set only; inspect a dataset that is "
            "used for training."
        )
    if len(source.input_shape or ()) == 1 or source.name == "points:":
        raise UserError(
            f"{name} has points, and `zoo inspect` checks images; `zoo train` "
            "plots points as they are learned."
        )


def read_folder(path: str) -> DatasetStats:
    """Reads every image file below a folder; of those in its `test/`, hashes.

    Raises:
        UserError: there is no such folder, no two classes, or no image that
            can be decoded.
    """
    root = Path(path).expanduser()
    found = folder.find_layout(root)
    classes = folder.find_classes(found.roots[TRAIN])
    files, others, test_files, num_test = [], [], [], None
    notes = list(found.notes)
    for split, top in found.roots.items():
        inside, rest = _list_files(split, top, classes)
        if missing := folder.missing_classes_note(top, classes):
            notes.append(missing)
        if split == TEST:
            test_files = [path for path, _, _ in inside]
            num_test = len(inside)
        else:
            files += inside
            others += rest
    images, unreadable, channels = _read_files(root, files)
    if not images:
        example = ""
        if unreadable:
            first = unreadable[0]
            example = f", {first.name} because {first.reason}"
        raise UserError(
            f"folder:{root} has no image that can be read{example}; put "
            "images into the folders of its classes."
        )
    digests, bad = _hash_test_files(
        root, test_files, {image.size for image in images}, channels
    )
    if bad:
        notes.append(
            f"{pluralize(len(bad), 'test file')} cannot be read as an image, "
            f"such as {bad[0]}, and --split=test refuses it."
        )
    return DatasetStats(
        f"folder:{path}",
        tuple(classes),
        tuple(images),
        tuple(unreadable),
        image_files.count_suffixes(others),
        num_test,
        lambda index: _decode(root / images[index].name),
        tuple(notes),
        tuple(digests),
    )


def _list_files(
    split: str, top: Path, classes: list[str]
) -> tuple[list[tuple[Path, str, int]], list[Path]]:
    """Returns (path, split, label) of each image file, and other files."""
    files, others = [], []
    for inside in image_files.list_folders(top):
        if inside.name not in classes:
            raise folder.unknown_class_error(top, inside.name, classes)
        images, rest = image_files.find_images(inside)
        label = classes.index(inside.name)
        files += [(path, split, label) for path in images]
        others += rest
    return files, others


def _read_files(
    root: Path, files: list[tuple[Path, str, int]]
) -> tuple[list[ImageStats], list[UnreadableFile], int]:
    """Reads headers, then pixels: in gray if all training images are gray.

    Returns:
        Statistics, files that cannot be read, and the number of channels.
    """
    paths = [path for path, _, _ in files]
    headers = _map(image_files.read_header, paths)
    modes = {
        header.mode
        for header, (_, split, _) in zip(headers, files, strict=True)
        if split == TRAIN and isinstance(header, image_files.ImageHeader)
    }
    channels = 1 if modes <= set(image_files.GRAY_MODES) else 3
    measured = _map(functools.partial(_measure, channels=channels), paths)
    images, unreadable = [], []
    for (path, split, label), header, values in zip(
        files, headers, measured, strict=True
    ):
        name = path.relative_to(root).as_posix()
        reasons = [x for x in (header, values) if isinstance(x, str)]
        if reasons:
            unreadable.append(UnreadableFile(name, label, reasons[0]))
            continue
        images.append(
            ImageStats(
                name,
                split,
                label,
                header.size,
                _file_mode(header),
                header.format,
                header.num_frames,
                *values,
            )
        )
    return images, unreadable, channels


def _hash_test_files(
    root: Path, paths: list[Path], sizes: set[tuple[int, int]], channels: int
) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Returns name and hash of test images, and names of unreadable files.

    Images of none of the sizes are copies of no image, and are not decoded.
    """
    headers = dict(
        zip(paths, _map(image_files.read_header, paths), strict=True)
    )
    same_size = [
        path
        for path, header in headers.items()
        if isinstance(header, image_files.ImageHeader) and header.size in sizes
    ]
    digests = _map(
        lambda path: hash_image(image_files.decode(path, channels)), same_size
    )
    hashed = dict(zip(same_size, digests, strict=True))

    def name(path: Path) -> str:
        return path.relative_to(root).as_posix()

    results = (headers | hashed).items()
    return (
        [(name(p), each) for p, each in results if isinstance(each, bytes)],
        [name(p) for p, reason in results if isinstance(reason, str)],
    )


def _map(function: Callable, paths: list[Path]) -> list:
    """Calls a function with each path; unreadable files give a reason."""

    def attempt(path: Path):
        try:
            return function(path)
        except image_files.UnreadableImageError as error:
            return error.reason

    with image_files.refuse_decompression_bombs(), ThreadPoolExecutor() as pool:
        return list(pool.map(attempt, paths))


def _decode(path: Path) -> np.ndarray:
    with image_files.refuse_decompression_bombs():
        return image_files.decode(path, 3)


def _measure(path: Path, channels: int) -> tuple[bytes, np.ndarray, int, int]:
    """Returns hash, thumbnail, largest pixel and spread of an image file."""
    pixels = image_files.decode(path, channels)
    highest = int(pixels.max())
    return hash_image(pixels), thumbnail(pixels), highest, spread(pixels)


def spread(pixels: np.ndarray) -> int:
    """Returns the largest difference in a channel of uint8 `[H, W, C]`."""
    return int(np.ptp(pixels, axis=(0, 1)).max())


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Returns uint8 `[32, 32]`, gray, of uint8 `[H, W, C]`."""
    from PIL import Image

    if pixels.shape[-1] == 3:
        image = Image.fromarray(pixels).convert("L")
    else:
        image = Image.fromarray(pixels.mean(axis=-1).astype(np.uint8))
    size = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))


def _file_mode(header: image_files.ImageHeader) -> str:
    mode = FILE_MODES.get(header.mode, header.mode)
    return mode + " with transparency" * header.is_transparent
