"""From a data set that is read as a whole to a collection."""

from __future__ import annotations

from zoo.data.loading import open_parts
from zoo.data.parts import TEST, TRAIN, VAL
from zoo.data.sources import find_source
from zoo.errors import UserError
from zoo.inspection.collection import Collection, Look
from zoo.inspection.folder import thumbnail

MODES = {1: "grey", 2: "2 channels", 3: "colour", 4: "4 channels"}


def look(dataset: str, data_dir: str | None) -> Collection:
    """Looks at the training and validation images of a data set.

    Raises:
        UserError: it cannot be read, or has no images.
    """
    _check(dataset)
    _, parts = open_parts(dataset, data_dir, None)
    looks, splits = [], []
    for part in (TRAIN, VAL):
        if part not in parts.sizes:
            continue
        split, hashes = parts.read(part)
        splits += [(split, index) for index in range(len(split))]
        looks += [
            Look(
                f"{part}/{index}",
                part,
                int(label),
                image.shape[:2],
                MODES[image.shape[2]],
                "",
                1,
                hash_,
                thumbnail(image),
                int(image.max()),
            )
            for index, (image, label, hash_) in enumerate(
                zip(split.images, split.labels, hashes, strict=True)
            )
        ]

    def pixels(index: int):
        split, inside = splits[index]
        return split.images[inside]

    return Collection(
        dataset,
        parts.class_names,
        tuple(looks),
        (),
        {},
        parts.sizes.get(TEST),
        pixels,
    )


def _check(dataset: str) -> None:
    """Refuses, before anything is read, what has no images to look at."""
    source, _ = find_source(dataset)
    if source.train == 0:
        raise UserError(
            f"{dataset} is a test set only, and test images stay sealed; look "
            "at a data set that is trained on."
        )
    if len(source.shape or ()) == 1 or source.name == "points:":
        raise UserError(
            f"{dataset} has points, and this is about images; `zoo train` "
            "shows points as they are learned."
        )
