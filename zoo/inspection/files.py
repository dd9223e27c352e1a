"""Findings on files: what cannot be read, and what would not be looked at."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.data import formats
from zoo.data.pixel_range import dark
from zoo.errors import join_words
from zoo.inspection.collection import Collection
from zoo.inspection.finding import BROKEN, HINT, POOR, Finding
from zoo.tables import many

FLAT = 1.0  # standard deviation in grey levels, below which nothing is seen


def unreadable(collection: Collection) -> Iterator[Finding]:
    """Files that are called pictures and are none."""
    if collection.bad:
        total = len(collection.bad) + len(collection.looks)
        yield Finding(
            "unreadable",
            BROKEN,
            f"{len(collection.bad):,} of {many(total, 'file')} cannot be read "
            "as a picture",
            "`zoo train` refuses them, rather than learn from less than you "
            "think it has",
            "replace or remove them, or leave them out with --skip_unreadable",
            tuple(f"{bad.name}: {bad.why}" for bad in collection.bad),
        )


def empty_classes(collection: Collection) -> Iterator[Finding]:
    """Classes without a picture that can be read."""
    there = {look.label for look in collection.looks if look.part == "train"}
    names = [
        name
        for label, name in enumerate(collection.class_names)
        if label not in there
    ]
    if names:
        yield Finding(
            "empty class",
            BROKEN,
            f"the {'class' if len(names) == 1 else 'classes'} "
            f"{join_words(names, 'and')} "
            f"{'has' if len(names) == 1 else 'have'} no picture to train on",
            "a class without one cannot be learned, and `zoo train` refuses it",
            "put pictures there, or remove the folder",
        )


def unused(collection: Collection) -> Iterator[Finding]:
    """Folders and images that are no part and no class."""
    if collection.notes:
        yield Finding(
            "unused",
            POOR,
            "some folders or images are not used",
            "what they hold would not be learned, or not be measured",
            "see whether that is right",
            collection.notes,
        )


def passed_over(collection: Collection) -> Iterator[Finding]:
    """Files that are not read, and pictures among them."""
    told = formats.left_out(collection.passed_over)
    if told is None:
        return
    foreign = (formats.FOREIGN | formats.HEIC).intersection(
        collection.passed_over
    )
    yield Finding(
        "passed over",
        POOR if foreign else HINT,
        told.rstrip("."),
        "nothing would be learned of them",
        "convert those that are pictures to JPEG or PNG",
    )


def scaled(collection: Collection) -> Iterator[Finding]:
    """Pixels that are all far below 255."""
    highs = [look.highest for look in collection.looks]
    told = dark((0, max(highs)))
    if told:
        what, _, remedy = told.rstrip(".").partition(": ")
        yield Finding(
            "scaled",
            POOR,
            what,
            "a run on them would be right about images of that scale alone",
            remedy,
        )


def blank(collection: Collection) -> Iterator[Finding]:
    """Pictures that are of one grey level all over."""
    names = [look.name for look in collection.looks if look.contrast < FLAT]
    if names:
        yield Finding(
            "blank",
            POOR,
            f"{many(len(names), 'image')} {'is' if len(names) == 1 else 'are'} "
            "of one shade all over",
            "there is nothing to see that could tell a class",
            "look whether something went wrong there, and remove such",
            tuple(names),
        )


def frames(collection: Collection) -> Iterator[Finding]:
    """Files that hold several pictures."""
    several = [
        f"{look.name}: {look.frames} frames"
        for look in collection.looks
        if look.frames > 1
    ]
    if several:
        yield Finding(
            "frames",
            HINT,
            f"{many(len(several), 'file')} "
            f"{'holds' if len(several) == 1 else 'hold'} several frames, as an "
            "animation does",
            "only the first frame is ever looked at",
            "save the others as files of their own if they matter",
            tuple(several),
        )
