"""Multiply-adds of layers and models, counted call by call."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from zoo.models.graph import as_functional, calls_of

if TYPE_CHECKING:
    import keras
    from keras.src.ops.node import Node

# Operations and layers that multiply two tensors.
PRODUCTS = {
    "Attention", "Conv", "ConvTranspose", "DepthwiseConv", "Dot",
    "DotProductAttention", "Einsum", "Inner", "Matmul", "SeparableConv",
    "Tensordot", "Vdot",
}  # fmt: skip


def count_multiply_adds(
    operation: keras.Operation, calls: Sequence[Node] | None = None
) -> int:
    """Counts multiply-adds for one image: the kernel's size at each place.

    Those of a model inside a model are the sum over the calls in it, where
    these have outputs of a known size. What `is_counted` says no to counts
    nothing.

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


def is_counted(operation: keras.Operation) -> bool:
    """Says whether all multiply-adds of a layer or model are known.

    Those of a product of tensors, of a layer of another class with a kernel,
    and of a subclass of `keras.Model`, which calls its layers in code of its
    own, are not.
    """
    import keras
    from keras import layers

    if (inner := as_functional(operation)) is not None:
        return all(map(is_counted, inner.operations))
    if isinstance(operation, keras.Model):
        return False
    if isinstance(operation, layers.MultiHeadAttention):
        return not operation.get_config().get("use_gate")
    if isinstance(operation, _with_kernel() + _without_kernel()):
        return True
    if type(operation).__name__ in PRODUCTS:
        # With a constant it is a fixed filter, as of local response norm.
        return len(keras.tree.flatten(operation.input)) == 1
    weights = getattr(operation, "trainable_variables", ())
    return all(len(weight.shape) < 2 for weight in weights)


def _with_kernel() -> tuple[type[keras.Layer], ...]:
    """Returns the kinds that multiply their kernel with each place."""
    from keras import layers

    return (
        layers.Conv1D, layers.Conv2D, layers.Conv3D,
        layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose,
        layers.DepthwiseConv1D, layers.DepthwiseConv2D,
        layers.SeparableConv1D, layers.SeparableConv2D,
        layers.Dense, layers.EinsumDense,
    )  # fmt: skip


def _without_kernel() -> tuple[type[keras.Layer], ...]:
    """Returns the kinds with weights that look up, scale or add."""
    from keras import layers

    return (
        layers.Embedding, layers.PReLU, layers.BatchNormalization,
        layers.LayerNormalization, layers.GroupNormalization,
    )  # fmt: skip


def _count_call(operation: keras.Operation, call: Node) -> int:
    """Counts the multiply-adds of one call."""
    import keras
    from keras import layers

    if isinstance(operation, keras.Model):
        return count_multiply_adds(operation)
    if isinstance(operation, layers.MultiHeadAttention):
        return _count_attention(operation, call)
    if isinstance(operation, layers.EinsumDense):
        return _count_einsum(operation, call)
    if not isinstance(operation, _with_kernel()):
        return 0
    tensors = call.output_tensors
    if isinstance(operation, layers.SeparableConv1D | layers.SeparableConv2D):
        kernels = [operation.depthwise_kernel, operation.pointwise_kernel]
    else:
        kernels = [operation.kernel]
    if isinstance(
        operation,
        layers.Conv1DTranspose
        | layers.Conv2DTranspose
        | layers.Conv3DTranspose,
    ):
        tensors = call.input_tensors  # each place of which is spread
    sides = tensors[0].shape[1:-1]  # such as (H, W); empty for a vector
    if getattr(operation, "data_format", None) == "channels_first":
        sides = tensors[0].shape[2:]
    if None in sides:
        return 0
    return math.prod(sides) * sum(math.prod(k.shape) for k in kernels)


def _count_einsum(operation: keras.layers.EinsumDense, call: Node) -> int:
    """Counts each number of the input once for each axis that it lacks."""
    given = call.input_tensors[0].shape[1:]
    if None in given:
        return 0
    axes, kernel, _ = re.split(",|->", operation.equation.replace(" ", ""))
    sizes = zip(kernel, operation.kernel.shape, strict=True)
    new = [size for axis, size in sizes if axis not in axes]
    return math.prod(given) * math.prod(new)


def _count_attention(
    operation: keras.layers.MultiHeadAttention, call: Node
) -> int:
    """Counts the four projections, all scores and the weighted sums."""
    query, value, *keys = (x.shape[1:-1] for x in call.input_tensors[:3])
    key = keys[0] if keys else value
    if None in (*query, *value, *key):
        return 0
    projections = (
        (query, operation.query_dense), (key, operation.key_dense),
        (value, operation.value_dense), (query, operation.output_dense),
    )  # fmt: skip
    projected = sum(
        math.prod(places) * math.prod(dense.kernel.shape)
        for places, dense in projections
    )
    attended = [value[axis - 1] for axis in operation.attention_axes]
    channels = operation.key_dim + operation.value_dim
    pairs = math.prod(query) * math.prod(attended)
    return projected + operation.num_heads * pairs * channels
