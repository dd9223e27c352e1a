"""Another data set than a run's own, read in the form of the run's inputs.

Nothing here is trained on, so that all images of a person's own folder or
file may be test images; training never imports this module.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from zoo.data.dataset import Split
from zoo.data.loading import load_dataset, open_parts
from zoo.data.parts import TEST, TRAIN, VAL, Parts
from zoo.data.seal import open_test
from zoo.data.sources import find_source
from zoo.errors import UserError

ALL = "all"
GREY, COLOUR = 1, 3  # channels


@dataclasses.dataclass(frozen=True)
class Other:
    """A part of a data set, with its own labels.

    Attributes:
        name: of the data set, as it was asked for.
        part: `test`, `val`, `train`, or `all` of a set without parts.
        split: its examples, in the size and colours that were asked for.
        class_names: one name a label.
        numbered: whether these names are nothing but the labels themselves.
        came: shape of an example before it was resized; `None` where they
            differ in size.
    """

    name: str
    part: str
    split: Split
    class_names: tuple[str, ...]
    numbered: bool
    came: tuple[int, ...] | None


def open_elsewhere(
    name: str,
    part: str | None,
    shape: tuple[int, ...],
    data_dir: str | None = None,
) -> Other:
    """Reads a part of a data set in the form of other inputs.

    Args:
        name: one of `zoo datasets`, with a path where it ends in a colon.
        part: `test`, `val` or `train`, cut as for training; `None` takes the
            test part of a set that has no other, all images of one of a
            person's own that brings no parts, and else the validation part.
        shape: `(H, W, C)` of images or `(D,)` of vectors, as a network takes
            them.
        data_dir: folder of tensorflow-datasets.

    Raises:
        UserError: it cannot be read, has no such part, or its examples cannot
            be brought into that form.
    """
    _check_kind(name, shape)
    size = shape[:2] if len(shape) == 3 else None
    _, parts = open_parts(name, data_dir, size)
    part = _part(name, part, parts)
    where = {"data_dir": data_dir, "image_size": size}
    if part == ALL:
        split = parts.read(TRAIN)[0]
    elif part == TEST:
        split = open_test(name, **where)
    else:
        split = getattr(load_dataset(name, **where), part)
    if not len(split):
        raise UserError(
            f"{name} has no images for --split={part}, since there are too "
            "few; --split=train has some."
        )
    if len(shape) == 3:
        split = recoloured(split, shape[2], name)
    elif split.images.shape[1:] != shape:
        raise UserError(
            f"points of {name} have {split.images.shape[1]} coordinates, and "
            f"those that were trained on {shape[0]}; give points of as many."
        )
    return Other(
        name, part, split, parts.class_names, parts.numbered, parts.shape
    )


def _check_kind(name: str, shape: tuple[int, ...]) -> None:
    """Raises `UserError` for vectors in the place of images, or for images."""
    source, _ = find_source(name)
    if source.classes == 0:
        raise UserError(
            f"{name} asks for numbers, and right answers are counted of "
            "classes; give a data set with classes."
        )
    vectors = len(shape) == 1
    if source.has_vectors == vectors:
        return
    kinds = {True: "points", False: "images"}
    raise UserError(
        f"{name} has {kinds[source.has_vectors]}, and what was trained looks "
        f"at {kinds[vectors]}; give a data set of {kinds[vectors]}."
    )


def _part(name: str, asked: str | None, parts: Parts) -> str:
    if TRAIN not in parts.sizes:
        if asked not in (None, TEST):
            raise UserError(
                f"--split={asked} is no part of {name}, which is a test set "
                "only; leave it out."
            )
        return TEST
    if asked is not None:
        return asked
    return ALL if set(parts.sizes) == {TRAIN} else VAL


def recoloured(split: Split, channels: int, name: str) -> Split:
    """Returns images with so many channels, uint8 `[N, H, W, channels]`.

    Grey becomes colour by being written three times, colour grey as pictures
    are read: by the luma of ITU-R 601, which Pillow calls `L`.

    Raises:
        UserError: they are neither grey nor of three colours.
    """
    found = split.images.shape[3]
    if found == channels:
        return split
    if (found, channels) == (GREY, COLOUR):
        images = np.repeat(split.images, COLOUR, axis=3)
    elif (found, channels) == (COLOUR, GREY):
        from PIL import Image

        images = np.stack(
            [
                np.asarray(Image.fromarray(image).convert("L"))
                for image in split.images
            ]
        )[..., None]
    else:
        raise UserError(
            f"images of {name} have {found} channels, and those that were "
            f"trained on {channels}; only grey (1) and colour (3) can be "
            "made of each other."
        )
    return dataclasses.replace(split, images=images)
