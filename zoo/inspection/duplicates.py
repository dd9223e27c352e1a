"""Findings on images that are there more than once, or nearly so."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.inspection.collection import Collection
from zoo.inspection.finding import FALSE, HINT, POOR, Finding
from zoo.inspection.likeness import Pair
from zoo.tables import many

SHARE, FEW = 0.02, 50  # of all images; more twins than that are their nature


def other_label(collection: Collection) -> Iterator[Finding]:
    """The same pixels under two labels."""
    groups = [g for g in collection.groups if len(_labels(collection, g)) > 1]
    if groups:
        yield Finding(
            "other label",
            FALSE,
            f"{many(sum(map(len, groups)), 'image')} have the same pixels as "
            f"one of another class, in {many(len(groups), 'group')}",
            "in each group at least one label is wrong",
            "decide which is right, and remove the others",
            _lines(collection, groups),
        )


def other_part(collection: Collection) -> Iterator[Finding]:
    """Validation images that are trained on."""
    groups = [
        group
        for group in collection.groups
        if len({collection.looks[i].part for i in group}) > 1
    ]
    if groups:
        count = sum(
            collection.looks[i].part == "val" for group in groups for i in group
        )
        yield Finding(
            "other part",
            FALSE,
            f"{many(count, 'validation image')} "
            f"{'is' if count == 1 else 'are'} among the training images too",
            "what was learned by heart counts as understood there",
            "remove them from one of the two",
            _lines(collection, groups),
        )


def twins_of_other_label(collection: Collection) -> Iterator[Finding]:
    """Images that look nearly alike and have different labels."""
    pairs = [
        pair
        for pair in collection.twins
        if collection.looks[pair.first].label
        != collection.looks[pair.second].label
    ]
    if pairs:
        yield Finding(
            "twins of other label",
            _severity(collection, pairs, FALSE),
            f"{many(len(pairs), 'pair')} of images look nearly alike and have "
            "different labels",
            "one of the two labels may be wrong, as where a picture was "
            "saved twice",
            "look at them, the most alike first",
            tuple(_about(collection, pair) for pair in pairs),
        )


def twins(collection: Collection) -> Iterator[Finding]:
    """Images of one class that look nearly alike."""
    pairs = [
        pair
        for pair in collection.twins
        if collection.looks[pair.first].label
        == collection.looks[pair.second].label
    ]
    if pairs:
        yield Finding(
            "twins",
            _severity(collection, pairs, POOR),
            f"{many(len(pairs), 'pair')} of images of one class look nearly "
            "alike",
            "one may be trained on and the other validated with, and then "
            "scores are too good",
            _remedy(collection, pairs),
            tuple(_about(collection, pair) for pair in pairs),
        )


def copies(collection: Collection) -> Iterator[Finding]:
    """The same pixels, under one label and in one part."""
    groups = [
        group
        for group in collection.groups
        if len(_labels(collection, group)) == 1
        and len({collection.looks[i].part for i in group}) == 1
    ]
    if groups:
        extra = sum(map(len, groups)) - len(groups)
        yield Finding(
            "copies",
            HINT,
            f"{many(extra, 'image')} "
            f"{'is a copy' if extra == 1 else 'are copies'} of another of its "
            "class",
            "copies stay together in one part, so that scores are honest, "
            "but they count as often as they are there",
            "keep one of each",
            _lines(collection, groups),
        )


def _severity(collection: Collection, pairs: list[Pair], worst: int) -> int:
    """Returns `HINT` where so many are alike that it is their nature.

    Digits that are written alike are no copies, and no mistake.
    """
    return HINT if _are_many(collection, pairs) else worst


def _are_many(collection: Collection, pairs: list[Pair]) -> bool:
    inside = {i for pair in pairs for i in (pair.first, pair.second)}
    return len(inside) > SHARE * len(collection.looks) + FEW


def _remedy(collection: Collection, pairs: list[Pair]) -> str:
    if _are_many(collection, pairs):
        return (
            "look at some: so many may be alike by nature, as written digits "
            "are, and then nothing is to be done"
        )
    if collection.looks[0].format:
        return (
            "remove one of each, or keep those of one scene together with "
            "--group_by"
        )
    return "remove one of each"


def _labels(collection: Collection, group: list[int]) -> set[int]:
    return {collection.looks[i].label for i in group}


def _lines(collection: Collection, groups: list[list[int]]) -> tuple[str, ...]:
    return tuple(
        " = ".join(_name(collection, index) for index in group)
        for group in groups
    )


def _about(collection: Collection, pair: Pair) -> str:
    first, second = (_name(collection, i) for i in (pair.first, pair.second))
    return (
        f"{first} ~ {second} ({pair.bits} of 64 bits differ, correlation "
        f"{pair.correlation:.3f})"
    )


def _name(collection: Collection, index: int) -> str:
    look = collection.looks[index]
    if look.format:
        return look.name  # the folder is the class
    return f"{look.name} ({collection.name_of(index)})"
