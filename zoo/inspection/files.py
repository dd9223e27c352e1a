"""Findings on files: what cannot be read, and what would not be looked at."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.errors import join_words
from zoo.inspection.collection import Collection
from zoo.inspection.finding import BROKEN, HINT, POOR, Finding
from zoo.tables import many

# Suffixes of pictures that are not read here; cameras write some of them.
FOREIGN = {
    ".arw", ".avif", ".cr2", ".cr3", ".dng", ".heic", ".heif", ".jfif", ".jp2",
    ".jxl", ".nef", ".orf", ".psd", ".raf", ".raw", ".rw2", ".svg", ".tga",
}  # fmt: skip
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
            "replace or remove them",
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


def passed_over(collection: Collection) -> Iterator[Finding]:
    """Pictures of formats that are not read here."""
    found = {
        suffix: count
        for suffix, count in collection.passed_over.items()
        if suffix in FOREIGN
    }
    if found:
        kinds = join_words((f"{n:,} {s}" for s, n in found.items()), "and")
        yield Finding(
            "passed over",
            POOR,
            f"{many(sum(found.values()), 'picture')} would be passed over, of "
            f"formats that are not read here ({kinds})",
            "nothing would be learned there, and no error would say so",
            "convert them to JPEG or PNG",
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
