"""How weights of one network are made to fit the layers of another.

Where grey images take the place of colour ones, a first convolution's kernel
is summed over its input channels: what it gives is then what three equal
channels gave. Where colour ones take the place of grey, it is repeated and
divided by 3: it sees their mean. Shapes that differ in another way are
refused, each with what would help.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from zoo.errors import UserError
from zoo.training.freezing import HEAD
from zoo.training.origins import Origin
from zoo.training.plan import Plan

COLOURS = 3
SUMMED = "summed over the three colours, for grey"
SPREAD = "repeated for three colours and divided by 3"


@dataclasses.dataclass(frozen=True)
class Fit:
    """Fits weights of the origin to layers of the new network.

    Attributes:
        old_shape: of the inputs of the origin, `(H, W, C)` or `(D,)`.
    """

    plan: Plan
    origin: Origin
    old_shape: tuple[int, ...]

    def weights(self, layer, old) -> tuple[list[np.ndarray], str]:
        """Returns a layer's weights, and how they were made to fit, if so."""
        if old is None:
            raise UserError(
                f"{self.origin.name} has no layer {layer.name}, so its weights "
                f"do not fit this {self.plan.entry.name}; give the options it "
                "was trained with, such as --norm or --model_arg."
            )
        weights = old.get_weights()
        wanted = [tuple(weight.shape) for weight in layer.weights]
        given = [weight.shape for weight in weights]
        if given == wanted:
            return weights, ""
        if len(given) == len(wanted) and given[1:] == wanted[1:]:
            kernel, how = with_channels(weights[0], wanted[0])
            if kernel is not None:
                return [kernel, *weights[1:]], how
        raise self._misfit(layer, given, wanted)

    def _misfit(self, layer, given: list, wanted: list) -> UserError:
        new_shape = self.plan.data.input_shape
        shapes = f"{_sides(self.old_shape)}, and here they are"
        if (
            self.old_shape == new_shape
            or layer.name == HEAD
            and (given[0][:-1] == wanted[0][:-1])
        ):
            return UserError(
                f"the weights of {layer.name} in {self.origin.name} have the "
                f"shapes {_shapes(given)}, and {_shapes(wanted)} are needed; "
                "give the options it was trained with, such as --model_arg."
            )
        return UserError(
            f"the weights of {layer.name} in {self.origin.name} are for inputs "
            f"of {shapes} {_sides(new_shape)}; {self._remedy(new_shape)}."
        )

    def _remedy(self, new_shape: tuple[int, ...]) -> str:
        if len(self.old_shape) != 3 or len(new_shape) != 3:
            return "start from a run on inputs of the same kind"
        height, width, channels = self.old_shape
        if {channels, new_shape[2]} - {1, COLOURS}:
            return "start from a run on images of as many channels"
        if channels != new_shape[2] and (height, width) == new_shape[:2]:
            return (
                "only a convolution can change between grey and colour, so "
                "start from a run on images of as many channels"
            )
        works = "models that end in a global average, such as resnet20 or "
        works += "wrn16_4, work at any size"
        if height != width:
            return works
        return f"--image_size={height} makes it fit, and {works}"

    def check_all_used(self, theirs: set[str], copied: list[str]) -> None:
        """Refuses what would be no transfer: parts of it, or nothing."""
        left = sorted(theirs - set(copied))
        if left:
            raise UserError(
                f"{left[0]} of {self.origin.name} has no place in this "
                f"{self.plan.entry.name}; give the options it was trained "
                "with, such as --norm or --model_arg."
            )
        if not copied:
            raise UserError(
                f"{self.plan.entry.name} has no weights before its {HEAD}, so "
                f"--new_head leaves nothing to take over from "
                f"{self.origin.name}; leave one of them out."
            )


def with_channels(kernel: np.ndarray, wanted: tuple[int, ...]):
    """Returns a kernel `[h, w, C, F]` for grey or colour, if that is all.

    Returns:
        The kernel and what was done to it; `None` if something else differs.
    """
    if kernel.ndim != 4 or len(wanted) != 4:
        return None, ""
    same = (*kernel.shape[:2], kernel.shape[3])
    if same != (*wanted[:2], wanted[3]):
        return None, ""
    if (kernel.shape[2], wanted[2]) == (COLOURS, 1):
        return kernel.sum(axis=2, keepdims=True), SUMMED
    if (kernel.shape[2], wanted[2]) == (1, COLOURS):
        return np.repeat(kernel, COLOURS, axis=2) / COLOURS, SPREAD
    return None, ""


def _sides(shape: tuple[int, ...]) -> str:
    return (
        "x".join(map(str, shape)) if len(shape) > 1 else f"{shape[0]} numbers"
    )


def _shapes(shapes: list) -> str:
    return " and ".join("x".join(map(str, shape)) for shape in shapes)
