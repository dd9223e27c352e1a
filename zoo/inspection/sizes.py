"""Findings on sizes: training needs one for all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zoo.data.pictures import is_squeezed
from zoo.inspection.collection import Collection, tally
from zoo.inspection.finding import BROKEN, HINT, Finding
from zoo.tables import many

USUAL = (224, 128, 96, 64, 32)  # sides in pixels that models are made for


def sides(size: tuple[int, int]) -> str:
    """Writes a size as height x width: `480x640`."""
    return f"{size[0]}x{size[1]}"


def smallest_and_largest(
    collection: Collection,
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns the sizes with the fewest and the most pixels."""
    sizes = [look.size for look in collection.looks]
    area = [height * width for height, width in sizes]
    return sizes[int(np.argmin(area))], sizes[int(np.argmax(area))]


def different(collection: Collection) -> Iterator[Finding]:
    """Pictures that are not all of one size."""
    sizes = tally(look.size for look in collection.looks)
    if len(sizes) == 1 or not collection.looks[0].format:
        return
    (most, count), *_ = sizes.items()
    small, large = smallest_and_largest(collection)
    why = "`zoo train` takes images of one size alone"
    tall = [height / width for height, width in sizes]
    if max(tall) > 1.2 * min(tall):
        why += ", to which all are squeezed, whatever their proportions"
    yield Finding(
        "sizes",
        BROKEN,
        f"{many(len(collection.looks), 'picture')} have {len(sizes)} "
        f"different sizes, {sides(most)} in {count:,} of them, from "
        f"{sides(small)} to {sides(large)} pixels (height x width)",
        why,
        f"say which size to resize to, for example --image_size="
        f"{usual_side(collection)}",
    )


def squeezed(collection: Collection) -> Iterator[Finding]:
    """Photographs of one size that is no square."""
    sizes = {look.size for look in collection.looks}
    if len(sizes) > 1 or not collection.looks[0].format:
        return  # of several sizes `different` tells
    (size,) = sizes
    if is_squeezed(size, 1, 1) and min(size) >= USUAL[-1]:
        yield Finding(
            "proportions",
            HINT,
            f"all images are {sides(size)} pixels (height x width), which is "
            "no square",
            "--image_size=N squeezes them to one",
            "crop them first if the proportions matter",
        )


def usual_side(collection: Collection) -> int:
    """Returns a side that loses little and costs little."""
    shorter = float(np.median([min(look.size) for look in collection.looks]))
    return next((s for s in USUAL if s <= shorter), max(8, round(shorter)))
