"""What a model costs: parameters, multiply-adds and memory, layer by layer.

Multiply-adds (MACs) are those of convolutions and dense layers for one image,
as papers count them; biases, normalization, activations and pooling are left
out. One multiply-add is two floating-point operations.

Memory is that of numbers in float32, and activations are what a layer gives
for one image. An operation without a layer around it, such as those of local
response normalization, has a line too: it may have no weights, but what it
gives takes memory all the same.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import keras
from keras import layers

from zoo.layer_parts import part_of

COUNTED = (layers.Conv2D, layers.Dense)
FLOAT_BYTES = 4  # of a float32


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """One layer's line in the table of costs.

    Attributes:
        part: of the network, by the layer's name; `part_of` has the rule.
        output: shape for one image, without the batch.
        multiply_adds: for one image.
        activation_bytes: of the output for one image, in float32.
    """

    name: str
    kind: str
    part: str
    output: tuple[int, ...]
    trainable: int
    non_trainable: int
    multiply_adds: int
    activation_bytes: int


def layer_costs(model: keras.Model) -> list[LayerCost]:
    """Returns one line for each layer of a built functional model, in order."""
    parts: dict[str, str] = {}
    return [
        _cost(operation, parts)
        for operation in model.operations
        if not isinstance(operation, layers.InputLayer)
    ]


def _cost(operation: keras.Operation, parts: dict[str, str]) -> LayerCost:
    """Counts one layer, or one operation without a layer around it.

    Args:
        parts: of the operations before it, by name; gets this one's too.
    """
    kind, name = type(operation).__name__, operation.name
    if isinstance(operation, layers.Layer):
        part = part_of(name)
    else:
        # Keras numbers such names over the whole process; where it gets its
        # input from is the same every time.
        part = parts.get(_source(operation), "")
        name = f"{part}_{kind.lower()}"
    parts[operation.name] = part
    # Some operations have several outputs; the first is what they are for.
    shapes = [one.shape[1:] for one in keras.tree.flatten(operation.output)]
    return LayerCost(
        name=name,
        kind=kind,
        part=part,
        output=tuple(shapes[0]),
        trainable=_count(getattr(operation, "trainable_variables", ())),
        non_trainable=_count(getattr(operation, "non_trainable_weights", ())),
        multiply_adds=multiply_adds(operation),
        activation_bytes=FLOAT_BYTES * sum(map(math.prod, shapes)),
    )


def _source(operation: keras.Operation) -> str:
    """Names what gives an operation its first input."""
    first = keras.tree.flatten(operation.input)[0]
    return first._keras_history.operation.name


def total_costs(rows: Iterable[LayerCost]) -> dict[str, int]:
    """Sums the lines of `layer_costs`."""
    rows = list(rows)
    return {
        key: sum(getattr(row, key) for row in rows)
        for key in ("trainable", "non_trainable", "multiply_adds")
    }


def total_memory(rows: Iterable[LayerCost]) -> dict[str, int]:
    """Sums the bytes of all outputs for one image, and of all weights."""
    rows = list(rows)
    weights = sum(row.trainable + row.non_trainable for row in rows)
    return {
        "activation_bytes": sum(row.activation_bytes for row in rows),
        "weight_bytes": FLOAT_BYTES * weights,
    }


def part_costs(rows: Iterable[LayerCost]) -> list[dict[str, Any]]:
    """Sums the lines of `layer_costs` by part, in order of their first layer.

    Returns:
        for each part its name, the number of `layers`, the `output` of its
        last one, and sums under the names that the lines have.
    """
    grouped: dict[str, list[LayerCost]] = {}
    for row in rows:
        grouped.setdefault(row.part, []).append(row)
    return [
        {
            "name": part,
            "layers": len(own),
            "output": own[-1].output,
            **total_costs(own),
            "activation_bytes": total_memory(own)["activation_bytes"],
        }
        for part, own in grouped.items()
    ]


def multiply_adds(layer: keras.Operation) -> int:
    """Counts multiply-adds for one image; each place uses the whole kernel."""
    if not isinstance(layer, COUNTED):
        return 0
    places = math.prod(layer.output.shape[1:-1])  # H * W; 1 for a vector
    return math.prod(layer.kernel.shape) * places


def _count(variables: Iterable[Any]) -> int:
    return sum(math.prod(variable.shape) for variable in variables)
