"""Windows of convolutions and poolings: output sizes and receptive fields.

A window of `size` pixels that moves by `stride` over n pixels, padded by
`before` and `after`, has

    (n - size + before + after) / stride + 1

places, rounded down. Where the division is not whole, pixels at the end are
in no window.

The receptive field of a unit is the square of input pixels on which it
depends. It grows with every layer by (size - 1) times the jump, the distance
in input pixels between two neighboring units, which every stride multiplies.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class Window:
    """A window along one axis.

    Attributes:
        inputs: Pixels that it moves over.
        size: Pixels of the window, with those between dilated weights.
        stride: Pixels between two places.
        before: Pixels of padding before the first pixel.
        after: Pixels of padding behind the last one.
    """

    inputs: int
    size: int
    stride: int
    before: int
    after: int

    @property
    def _steps(self) -> int:
        """Returns the pixels that are left for moving."""
        return self.inputs - self.size + self.before + self.after

    @property
    def outputs(self) -> int:
        """Returns the number of places."""
        return self._steps // self.stride + 1

    @property
    def left_out(self) -> int:
        """Returns how many pixels at the end no place reaches."""
        return max(0, self._steps % self.stride - self.after)

    @property
    def is_whole(self) -> bool:
        """Whether the division in the formula has no remainder."""
        return self._steps % self.stride == 0

    @property
    def padding(self) -> str:
        """Returns the padding: `2`, or `0+1` where its sides differ."""
        if self.before == self.after:
            return str(self.before)
        return f"{self.before}+{self.after}"

    @property
    def formula(self) -> str:
        """Returns the number of places as a formula with its result."""
        padding = f"2*{self.before}"
        if self.before != self.after:
            padding = self.padding.replace("+", " + ")
        left = f"({self.inputs} - {self.size} + {padding})/{self.stride} + 1"
        exact = self._steps / self.stride + 1
        if self.is_whole:
            return f"{left} = {exact:g}"
        return f"{left} = {exact:.4g}, so {self.outputs}"


def window_of(
    inputs: int,
    size: int,
    stride: int,
    padding: Literal["same", "valid"],
    dilation: int = 1,
) -> Window:
    """Returns a window with the padding of Keras.

    "same" pads so much that there are ceil(inputs / stride) places, an odd
    pixel at the end; "valid" does not pad.
    """
    size = (size - 1) * dilation + 1
    before = after = 0
    if padding == "same":
        outputs = -(-inputs // stride)
        total = max((outputs - 1) * stride + size - inputs, 0)
        before, after = total // 2, total - total // 2
    return Window(inputs, size, stride, before, after)


def windows_of(layer: keras.Operation) -> tuple[Window, Window] | None:
    """Returns the windows of a layer along height and width.

    `None` for layers without: all but convolutions and poolings in two
    dimensions, and those whose input has no fixed size.
    """
    import keras

    kinds = keras.layers
    pools = kinds.MaxPooling2D | kinds.AveragePooling2D
    convs = kinds.Conv2D | kinds.DepthwiseConv2D | kinds.SeparableConv2D
    if isinstance(layer, kinds.Conv2DTranspose):
        return None
    if isinstance(layer, pools):
        sizes, dilations = layer.pool_size, (1, 1)
    elif isinstance(layer, convs):
        sizes, dilations = layer.kernel_size, layer.dilation_rate
    else:
        return None
    if layer.data_format != "channels_last":
        return None
    sides = layer.input.shape[1:3]
    if None in sides:
        return None
    numbers = zip(sides, sizes, layer.strides, dilations, strict=True)
    height, width = (
        window_of(side, size, stride, layer.padding, dilation)
        for side, size, stride, dilation in numbers
    )
    return height, width


@dataclasses.dataclass(frozen=True)
class ReceptiveField:
    """The receptive field of the units of a layer along one axis.

    Attributes:
        size: Input pixels on which a unit depends, those of padding included.
        jump: Input pixels between the fields of neighboring units.
        start: First pixel of the field of the first unit; below 0 in padding.
    """

    size: int
    jump: int
    start: int

    def through(self, window: Window) -> ReceptiveField:
        """Returns the field behind a layer with this window."""
        return ReceptiveField(
            self.size + (window.size - 1) * self.jump,
            self.jump * window.stride,
            self.start - window.before * self.jump,
        )

    def union(self, other: ReceptiveField) -> ReceptiveField:
        """Returns the field of what joins two branches, such as a sum."""
        start = min(self.start, other.start)
        end = max(self.start + self.size, other.start + other.size)
        return ReceptiveField(end - start, max(self.jump, other.jump), start)

    def pixels(self, unit: int) -> tuple[int, int]:
        """Returns the first pixel of a unit's field, and that behind it."""
        start = self.start + unit * self.jump
        return start, start + self.size


Fields = tuple[ReceptiveField, ReceptiveField]  # along height and width


def receptive_fields(model: keras.Model) -> dict[str, Fields]:
    """Returns the receptive field of every layer that gives maps.

    Layers without a window, such as activations and normalization, and
    operations are taken to work on every pixel by itself; a vector, and what
    comes behind it, has no field here.

    Args:
        model: a functional model of images `[B, H, W, C]`, without models
            inside.
    """
    import keras

    pixel = ReceptiveField(1, 1, 0)
    fields: dict[int, Fields] = {}  # by the id of a tensor
    named = {}
    for operation in getattr(model, "operations", ()):
        if isinstance(operation, keras.layers.InputLayer):
            fields[id(operation.output)] = (pixel, pixel)
            continue
        inputs = keras.tree.flatten(operation.input)
        known = [fields[id(x)] for x in inputs if id(x) in fields]
        outputs = keras.tree.flatten(operation.output)
        if len(known) < len(inputs) or any(len(x.shape) != 4 for x in outputs):
            continue
        field = known[0]
        for other in known[1:]:
            pairs = zip(field, other, strict=True)
            field = tuple(one.union(two) for one, two in pairs)
        if windows := windows_of(operation):
            pairs = zip(field, windows, strict=True)
            field = tuple(one.through(window) for one, window in pairs)
        elif isinstance(operation, keras.layers.ZeroPadding2D):
            (top, _), (left, _) = operation.padding
            pairs = zip(field, (top, left), strict=True)
            field = tuple(
                dataclasses.replace(one, start=one.start - pad * one.jump)
                for one, pad in pairs
            )
        elif outputs[0].shape[1:3] != inputs[0].shape[1:3]:
            continue
        for output in outputs:
            fields[id(output)] = field
        named[operation.name] = field
    return named
