"""Fewer training examples: how much does it take to learn this?"""

from __future__ import annotations

import dataclasses

from zoo.data.dataset import Dataset
from zoo.data.splits import cut, digests
from zoo.errors import UserError


def fewer(data: Dataset, count: int | None) -> Dataset:
    """Keeps so many of the training examples, of every class its share.

    Which ones depends on the examples alone, by rank of their hashes. A
    smaller number is not a part of a larger one where classes are unequal.

    Args:
        data: its validation part stays as it is.
        count: how many to keep; `None` keeps all.

    Raises:
        UserError: there are not so many, or a class would be left with none.
    """
    if count is None:
        return data
    if count > len(data.train):
        raise UserError(
            f"--train_examples={count} is more than {data.name} has, which "
            f"is {len(data.train):,} when validation is taken off; give at "
            "most that."
        )
    if count < data.num_classes:
        raise UserError(
            f"--train_examples={count} leaves no example for some of the "
            f"{data.num_classes} classes of {data.name}; give at least "
            f"{data.num_classes}."
        )
    strata = data.train.strata
    kept = cut(digests(data.train.images), strata, count, leave=0)[1]
    return dataclasses.replace(data, train=data.train.take(kept))
