"""What a model costs: parameters and multiply-adds, layer by layer.

Multiply-adds (MACs) are those of convolutions and dense layers for one image,
as papers count them; biases, normalization, activations and pooling are left
out. One multiply-add is two floating-point operations.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import keras
from keras import layers

COUNTED = (layers.Conv2D, layers.Dense)


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """One layer's line in the table of costs.

    Attributes:
        output: shape for one image, without the batch.
        multiply_adds: for one image.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    trainable: int
    non_trainable: int
    multiply_adds: int


def layer_costs(model: keras.Model) -> list[LayerCost]:
    """Returns one line for each layer of a built functional model, in order."""
    return [
        LayerCost(
            name=layer.name,
            kind=type(layer).__name__,
            output=tuple(layer.output.shape[1:]),
            trainable=_count(layer.trainable_variables),
            non_trainable=_count(layer.non_trainable_weights),
            multiply_adds=multiply_adds(layer),
        )
        for layer in model.layers
        if not isinstance(layer, layers.InputLayer)
    ]


def total_costs(rows: list[LayerCost]) -> dict[str, int]:
    """Sums the lines of `layer_costs`."""
    return {
        key: sum(getattr(row, key) for row in rows)
        for key in ("trainable", "non_trainable", "multiply_adds")
    }


def multiply_adds(layer: keras.layers.Layer) -> int:
    """Counts multiply-adds for one image; each place uses the whole kernel."""
    if not isinstance(layer, COUNTED):
        return 0
    places = math.prod(layer.output.shape[1:-1])  # H * W; 1 for a vector
    return math.prod(layer.kernel.shape) * places


def _count(variables: list[Any]) -> int:
    return sum(math.prod(variable.shape) for variable in variables)
