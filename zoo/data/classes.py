"""Some of the classes of a data set: what is left when others are taken out.

A class is named as the data set names it. Those that stay keep the data set's
order, and their labels are counted from 0 anew. Classes are taken out last,
after the cuts into training, validation and test part: an image is on the
same side of each cut whichever classes are asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from zoo.data.dataset import Dataset, Split
from zoo.errors import UserError, join_or, unknown_name_error


def restricted(data: Dataset, chosen: Sequence[str]) -> Dataset:
    """Returns a data set with only the images of some classes.

    Args:
        data: its sealed test images stay sealed, all of them.
        chosen: names of classes; none of them keeps all.

    Raises:
        UserError: a name is no class of the data set, or they are no two.
    """
    if not chosen:
        return data
    labels = find_labels(chosen, data.class_names, data.name)
    return dataclasses.replace(
        data,
        train=only(data.train, labels),
        val=only(data.val, labels),
        class_names=tuple(data.class_names[label] for label in labels),
    )


def find_labels(
    chosen: Sequence[str], class_names: Sequence[str], data_name: str
) -> list[int]:
    """Returns the labels of some classes, ascending.

    Raises:
        UserError: a name is no class of the data set, or they are no two.
    """
    chosen = _with_commas([str(name) for name in chosen], class_names)
    flag = f"--classes={','.join(chosen)}"
    if not class_names:
        raise UserError(
            f"{flag} names classes, and {data_name} has numbers to predict; "
            "leave it out."
        )
    for name in chosen:
        if name not in class_names:
            raise unknown_name_error(
                f"class of {data_name}", name, class_names, ""
            )
    if len(set(chosen)) < len(chosen):
        twice = next(name for name in chosen if chosen.count(name) > 1)
        raise UserError(f"{flag} names {twice} twice; name each class once.")
    if len(chosen) < 2:
        others = [name for name in class_names if name not in chosen]
        raise UserError(
            f"{flag} is one class only, so there is nothing to tell apart; "
            f"name at least two, such as {join_or([*chosen, others[0]])}."
        )
    return sorted(class_names.index(name) for name in chosen)


def _with_commas(chosen: list[str], class_names: Sequence[str]) -> list[str]:
    """Joins what a flag cut at the commas inside of a class's name."""
    cut = {tuple(map(str.strip, c.split(","))): c for c in class_names}
    longest = max(map(len, cut), default=1)
    found, place = [], 0
    while place < len(chosen):
        for length in range(longest, 0, -1):
            words = tuple(chosen[place : place + length])
            if len(words) == length and words in cut:
                found.append(cut[words])
                break
        else:
            length = 1
            found.append(chosen[place])
        place += length
    return found


def only(split: Split, labels: Sequence[int]) -> Split:
    """Returns the examples of some classes, in their order.

    Args:
        labels: of the classes that stay, ascending; the first of them is 0
            afterwards.
    """
    kept = split.take(np.flatnonzero(np.isin(split.labels, labels)))
    renumbered = np.searchsorted(labels, kept.labels).astype(np.int32)
    return dataclasses.replace(kept, labels=renumbered)
