"""Inputs made from inputs: squares, products and sines of coordinates.

As in the TensorFlow Playground, where they let a linear model draw curves.
They are computed inside the model, so that a saved model takes raw points.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from zoo.errors import UserError

KINDS = ("x2", "xy", "sin")
MOST_PRODUCTS = 500


def check(kinds: Sequence[str], shape: tuple[int, ...], name: str) -> None:
    """Raises `UserError` where these inputs cannot be made.

    Args:
        kinds: of `KINDS`.
        shape: of one example.
        name: of the data set.
    """
    if not kinds:
        return
    asked = f"--extra_features={','.join(kinds)}"
    if len(shape) != 1:
        raise UserError(
            f"{asked} belongs to points, such as --dataset=spiral, and "
            f"{name} has images."
        )
    if "xy" not in kinds:
        return
    length = shape[0]
    if length < 2:
        raise UserError(
            f"{asked} multiplies two coordinates, and the points of {name} "
            "have only one; leave xy out."
        )
    if length * (length - 1) // 2 > MOST_PRODUCTS:
        raise UserError(
            f"{asked} would make {length * (length - 1) // 2:,} products of "
            f"{length:,} coordinates, more than {MOST_PRODUCTS}; leave xy out."
        )


def extend(x: Any, kinds: Sequence[str], ops: ModuleType) -> Any:
    """Returns vectors with more coordinates behind their own.

    Args:
        x: float32 `[B, D]`, raw.
        kinds: any of `x2` (each coordinate's square), `xy` (the product of
            each two) and `sin` (each coordinate's sine, in radians).
        ops: `numpy`, or `keras.ops` for layers of a model.

    Returns:
        Float32 `[B, E]`: the coordinates, then squares, products, sines.
    """
    if not kinds:
        return x
    columns = [x]
    if "x2" in kinds:
        columns.append(ops.square(x))
    if "xy" in kinds:
        pairs = itertools.combinations(range(x.shape[-1]), 2)
        first, second = map(list, zip(*pairs, strict=True))
        columns.append(
            ops.take(x, first, axis=-1) * ops.take(x, second, axis=-1)
        )
    if "sin" in kinds:
        columns.append(ops.sin(x))
    return ops.concatenate(columns, axis=-1)
