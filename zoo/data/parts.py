"""What a source of images holds, before anything is cut."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from zoo.data import pictures
from zoo.data.dataset import Split
from zoo.data.sources import Source
from zoo.data.splits import cut, digests
from zoo.errors import UserError

TRAIN, VAL, TEST = "train", "val", "test"


@dataclasses.dataclass(frozen=True)
class Request:
    """What was asked of a source.

    Attributes:
        source: the data set's line in the table.
        place: what stands behind the colon of `folder:` and its like.
        data_dir: folder of tensorflow-datasets, or `None` for its own.
        image_size: side in pixels to resize every image to, if given; or
            height and width.
        skip_unreadable: whether files that cannot be read are left out,
            rather than refused.
    """

    source: Source
    place: str = ""
    data_dir: str | None = None
    image_size: int | tuple[int, int] | None = None
    skip_unreadable: bool = False


@dataclasses.dataclass(frozen=True)
class Parts:
    """A source that was found, and how to read its splits.

    Attributes:
        class_names: one name a label; none where numbers are the target.
        sizes: how many images each split has that it brings itself, of
            train, val and test.
        read: from the name of a split to the split and one hash an image.
            The hash is of the pixels before any resizing, so that what is
            cut off does not depend on the size asked for.
        shape: of an example before any resizing; `None` where images differ.
        numbered: whether class names are the labels, for want of others.
        prepare: from the name of a split to nothing: makes what a later
            reading is faster with.
        notes: gives sentences about what was left out or changed of what
            was read so far.
    """

    class_names: tuple[str, ...]
    sizes: dict[str, int]
    read: Callable[[str], tuple[Split, list[bytes]]]
    shape: tuple[int, ...] | None = None
    numbered: bool = False
    prepare: Callable[[str], None] = lambda part: None
    notes: Callable[[], tuple[str, ...]] = lambda: ()


def in_memory(
    splits: dict[str, Split],
    class_names: tuple[str, ...],
    image_size: int | tuple[int, int] | None = None,
    numbered: bool = False,
) -> Parts:
    """Makes the parts of a source that was read as a whole."""

    def read(name: str) -> tuple[Split, list[bytes]]:
        split = splits[name]
        return resized(split, image_size), digests(split.images)

    sizes = {name: len(split) for name, split in splits.items()}
    shape = next(iter(splits.values())).images.shape[1:]
    notes = _squeezed(shape, image_size)
    return Parts(class_names, sizes, read, shape, numbered, notes=lambda: notes)


def _squeezed(
    shape: tuple[int, ...], side: int | tuple[int, int] | None
) -> tuple[str, ...]:
    """Says that resizing changes the proportions of the images, if so."""
    if side is None:
        return ()
    height, width = pictures.sides(side)
    if not pictures.is_squeezed(shape[:2], height, width):
        return ()
    return (
        f"all images are {shape[0]}x{shape[1]} pixels, and are squeezed to "
        f"{height}x{width}.",
    )


def seal_off(everything: Split, size: int) -> dict[str, Split]:
    """Cuts a test part of about `size` examples off, the same every time."""
    hashes = digests(everything.images)
    train, test = cut(hashes, everything.strata, size, leave=2)
    return {TRAIN: everything.take(train), TEST: everything.take(test)}


def refuse_resizing(request: Request) -> None:
    """Raises `UserError` if vectors were asked to be resized."""
    if request.image_size is not None:
        name = f"{request.source.name}{request.place}"
        raise UserError(
            f"--image_size={request.image_size} resizes images, and {name} "
            "has points; leave it out."
        )


def resized(split: Split, side: int | tuple[int, int] | None) -> Split:
    """Returns a split whose images have the sides that were asked for.

    Args:
        side: height and width in pixels, or one number for both.
    """
    if side is None or split.images.shape[1:3] == pictures.sides(side):
        return split
    from PIL import Image

    height, width = pictures.sides(side)
    channels = split.images.shape[3]
    images = np.empty((len(split), height, width, channels), np.uint8)
    for i, image in enumerate(split.images):
        for c in range(image.shape[-1]):
            plane = Image.fromarray(np.ascontiguousarray(image[..., c]))
            plane = plane.resize((width, height), Image.Resampling.BILINEAR)
            images[i, ..., c] = np.asarray(plane)
    return dataclasses.replace(split, images=images)
