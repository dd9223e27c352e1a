"""Multiply-adds of layers and models, counted call by call."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from zoo.models.graph import as_functional, calls_of

if TYPE_CHECKING:
    import keras
    from keras.src.ops.node import Node


def count_multiply_adds(
    operation: keras.Operation, calls: Sequence[Node] | None = None
) -> int:
    """Counts multiply-adds for one image: the kernel's size at each place.

    Those of a model inside a model are the sum over the calls in it, where
    these have outputs of a known size.

    Args:
        operation: a layer, a model, or any other operation.
        calls: of the operation in a model, all of which count; by default the
            first one there is.
    """
    import keras

    if calls is not None:
        return sum(_count_call(operation, call) for call in calls)
    if (inner := as_functional(operation)) is not None:
        return sum(_count_call(x.operation, x) for x in calls_of(inner))
    if isinstance(operation, keras.Model):
        return sum(map(count_multiply_adds, operation.layers))
    # That of a subclass is called out of sight.
    nodes = operation._inbound_nodes
    return _count_call(operation, nodes[0]) if nodes else 0


def _count_call(operation: keras.Operation, call: Node) -> int:
    """Counts the multiply-adds of one call."""
    import keras
    from keras import layers

    if isinstance(operation, keras.Model):
        return count_multiply_adds(operation)
    tensors = call.output_tensors
    if isinstance(operation, layers.SeparableConv1D | layers.SeparableConv2D):
        kernels = [operation.depthwise_kernel, operation.pointwise_kernel]
    elif isinstance(
        operation,
        layers.Conv1DTranspose
        | layers.Conv2DTranspose
        | layers.Conv3DTranspose,
    ):
        kernels = [operation.kernel]
        tensors = call.input_tensors  # each place of which is spread
    elif isinstance(
        operation,
        layers.Conv1D
        | layers.Conv2D
        | layers.Conv3D
        | layers.DepthwiseConv1D
        | layers.DepthwiseConv2D
        | layers.Dense,
    ):
        kernels = [operation.kernel]
    else:
        return 0
    sides = tensors[0].shape[1:-1]  # such as (H, W); empty for a vector
    if getattr(operation, "data_format", None) == "channels_first":
        sides = tensors[0].shape[2:]
    if None in sides:
        return 0
    return math.prod(sides) * sum(math.prod(k.shape) for k in kernels)
