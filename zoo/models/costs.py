"""What the layers of a model cost: parameters, multiply-adds and memory.

Multiply-adds (MACs) are those of convolutions and dense layers for one image,
as papers count them, and of attention; biases, normalization, activations and
pooling are left out. One multiply-add is two floating-point operations. A layer
that is called several times counts with every call.

Memory is that of float32 numbers, and activations are the output of a layer
for one image. An operation without a layer, such as those of local response
normalization, has a row too: it has no weights, but its output takes memory.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from zoo.models.graph import as_functional, calls_of
from zoo.models.windows import windows_of

if TYPE_CHECKING:
    import keras
    from keras.src.ops.node import Node

FLOAT_BYTES = 4  # of a float32
# Operations and layers that multiply two tensors.
PRODUCTS = {
    "Attention", "Conv", "ConvTranspose", "DepthwiseConv", "Dot",
    "DotProductAttention", "Einsum", "Inner", "Matmul", "SeparableConv",
    "Tensordot", "Vdot",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """Parameters, multiply-adds and memory of one layer.

    Attributes:
        name: Name of the layer.
        kind: Class of the layer.
        stage: Stage of the network, by `zoo.models.layers.stage_of`.
        output: Shape of the output for one image, without the batch.
        trainable: Number of trainable parameters.
        non_trainable: Number of non-trainable parameters.
        multiply_adds: Number of multiply-adds for one image, in all calls.
        is_counted: Whether these are all of them.
        activation_bytes: Bytes of the output for one image, in float32.
        filter: Height and width of a filter or of a pooling window.
        stride: Its strides along height and width.
        padding: `valid`, or `same` with the pixels on each side.
        formula: How the output size follows from it; height and width apart
            where they differ. Empty, as `filter` is `None`, for other layers.
        is_whole: Whether that division has no remainder.
        left_out: Pixels at the end that no window reaches.
    """

    name: str
    kind: str
    stage: str
    output: tuple[int, ...]
    trainable: int
    non_trainable: int
    multiply_adds: int
    activation_bytes: int
    filter: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    padding: str = ""
    formula: str = ""
    is_whole: bool = True
    left_out: int = 0
    is_counted: bool = True


def layer_costs(model: keras.Model) -> list[LayerCost]:
    """Returns one row for each layer of a built functional model, in order."""
    from keras import layers

    stages: dict[str, str] = {}
    calls: dict[int, list[Node]] = {}
    for call in calls_of(model):
        calls.setdefault(id(call.operation), []).append(call)
    return [
        _cost(operation, calls[id(operation)], stages)
        for operation in model.operations
        if not isinstance(operation, layers.InputLayer)
    ]


def _cost(
    operation: keras.Operation, calls: Sequence[Node], stages: dict[str, str]
) -> LayerCost:
    """Counts one layer, or one operation without a layer.

    Args:
        calls: of the operation.
        stages: of the operations before it, by name; gets this one's too.
    """
    import keras

    from zoo.models.layers import stage_of

    kind, name = type(operation).__name__, operation.name
    if isinstance(operation, keras.layers.Layer):
        stage = stage_of(name)
    else:
        # Keras numbers such names over the whole process; the source of the
        # input is the same every time.
        stage = stages.get(_source(operation), "")
        name = f"{stage}_{kind.lower()}"
    stages[operation.name] = stage
    # Of several outputs, the first is the main one.
    shapes = [x.shape[1:] for x in keras.tree.flatten(operation.output)]
    return LayerCost(
        name=name,
        kind=kind,
        stage=stage,
        output=tuple(shapes[0]),
        trainable=_count(getattr(operation, "trainable_variables", ())),
        non_trainable=_count(getattr(operation, "non_trainable_weights", ())),
        multiply_adds=count_multiply_adds(operation, calls),
        is_counted=is_counted(operation),
        activation_bytes=FLOAT_BYTES * sum(map(math.prod, shapes)),
        **_window(operation),
    )


def _window(operation: keras.Operation) -> dict[str, Any]:
    """Returns the fields of `LayerCost` about the window of a layer."""
    windows = windows_of(operation)
    if windows is None:
        return {}
    padding = operation.padding
    if padding == "same":
        sides = dict.fromkeys(window.padding for window in windows)
        padding = f"same {' x '.join(sides)}"
    formulas = dict.fromkeys(window.formula for window in windows)
    return {
        "filter": tuple(window.size for window in windows),
        "stride": tuple(window.stride for window in windows),
        "padding": padding,
        "formula": "; ".join(formulas),
        "is_whole": all(window.is_whole for window in windows),
        "left_out": max(window.left_out for window in windows),
    }


def _source(operation: keras.Operation) -> str:
    """Returns the name of the operation that gives the first input."""
    import keras

    first = keras.tree.flatten(operation.input)[0]
    return first._keras_history.operation.name


def _count(variables: Iterable[Any]) -> int:
    return sum(math.prod(variable.shape) for variable in variables)


def total_costs(rows: Iterable[LayerCost]) -> dict[str, int]:
    """Sums parameters and multiply-adds over the rows of `layer_costs`."""
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


def stage_costs(rows: Iterable[LayerCost]) -> list[dict[str, Any]]:
    """Sums the rows of `layer_costs` by stage, in order of their first layer.

    Returns:
        for each stage its name, the number of `layers`, the `output` of its
        last one, and sums under the names that the rows have.
    """
    grouped: dict[str, list[LayerCost]] = {}
    for row in rows:
        grouped.setdefault(row.stage, []).append(row)
    return [
        {
            "name": stage,
            "layers": len(own),
            "output": own[-1].output,
            **total_costs(own),
            "activation_bytes": total_memory(own)["activation_bytes"],
        }
        for stage, own in grouped.items()
    ]


# Multiply-adds, call by call.


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
