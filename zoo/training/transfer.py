"""Transfer: the weights of one run as the start of another.

The network is built for the new data; then weights are copied layer by layer,
by name, where their shapes agree. Two things are made to fit:

- The layer `logits` starts anew where --new_head says so, as do auxiliary
  classifiers, which no saved model has.
- Where grey images take the place of colour ones, a first convolution's
  kernel is summed over its input channels: what it gives is then what three
  equal channels gave. Where colour ones take the place of grey, it is
  repeated and divided by 3: it sees their mean.

All else that does not fit is refused: a network of which a layer silently
started anew would be no transfer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from zoo.errors import UserError, join_words
from zoo.features.extractor import hash_weights
from zoo.runs import Run, read_model
from zoo.training import network
from zoo.training.console import many
from zoo.training.freezing import HEAD, before_head
from zoo.training.origins import Origin
from zoo.training.plan import Plan

COLOURS = 3
SUMMED = "summed over the three colours, for grey"
SPREAD = "repeated for three colours and divided by 3"


@dataclasses.dataclass(frozen=True)
class Transfer:
    """What was taken over from where.

    Attributes:
        run: the origin, as `--init_from` names it.
        weights_sha256: of all weights of its saved model.
        copied: layers whose weights are the origin's.
        adapted: layers whose kernels were made to fit, and how.
        new: layers with weights that start anew.
        preprocessing: whose statistics centre and scale the inputs.
    """

    run: str
    weights_sha256: str
    copied: tuple[str, ...]
    adapted: dict[str, str]
    new: tuple[str, ...]
    preprocessing: str

    def to_json(self) -> dict[str, Any]:
        """Returns what `resolved.json` says about it."""
        return dataclasses.asdict(self)


def start(
    model: keras.Model, plan: Plan, origin: Origin, preprocessing: str
) -> Transfer:
    """Gives a model that was just built the weights of its origin.

    Args:
        model: raw inputs to logits.
        plan: of the run that it is for.
        origin: whose weights.
        preprocessing: what is said of the statistics.

    Raises:
        UserError: the classes differ and no new head is asked for, a layer
            does not fit, or nothing would be left to copy.
    """
    old = read_model(origin.path)
    body, old_body = network.body_of(model), network.body_of(old)
    if not plan.config.new_head:
        _check_targets(plan, origin, old.output_shape[-1])
    new = _new_layers(body, plan.config.new_head)
    found = {layer.name: layer for layer in old_body.layers if layer.weights}
    fit = _Fit(plan, origin, old.input_shape[1:])
    copied, adapted = [], {}
    for layer in body.layers:
        if not layer.weights or layer.name in new:
            continue
        weights, how = fit.weights(layer, found.get(layer.name))
        layer.set_weights(weights)
        copied.append(layer.name)
        if how:
            adapted[layer.name] = how
    fit.check_all_used(set(found) - {HEAD}, copied)
    return Transfer(
        origin.name,
        hash_weights(old),
        tuple(copied),
        adapted,
        tuple(new),
        preprocessing,
    )


def check_same(now: Transfer, run: Run) -> None:
    """Raises `UserError` if a run would start from other weights this time."""
    before = run.resolved["init_from"]
    if before["weights_sha256"] != now.weights_sha256:
        raise UserError(
            f"the weights of {now.run} are not those from which {run.name} "
            "started, and it has no checkpoint yet; `zoo train "
            f"--flagfile={run.path / 'again.flags'}` starts from these."
        )


def in_words(resolved: dict[str, Any]) -> dict[str, str]:
    """Returns rows for the log: what was taken over, and what is frozen."""
    rows = {}
    if found := resolved["init_from"]:
        parts = [f"{many(len(found['copied']), 'layer')} copied"]
        parts += [f"{name} {how}" for name, how in found["adapted"].items()]
        if found["new"]:
            parts.append(f"{join_words(found['new'], 'and')} new")
        rows["start"] = (
            f"{found['run']}: {', '.join(parts)}; preprocessing is "
            f"{found['preprocessing']}"
        )
    if layers := resolved["frozen"]:
        counts = resolved["parameters"]
        named = join_words(_some(layers), "and")
        rows["frozen"] = (
            f"{many(len(layers), 'layer')}: {named}; "
            f"{counts['trainable']:,} of {counts['total']:,} numbers learn"
        )
    return rows


def _some(names: Sequence[str]) -> list[str]:
    return [*names[:6], "..."] if len(names) > 6 else list(names)


def _new_layers(body: keras.Model, new_head: bool) -> list[str]:
    """Returns the layers with weights that start anew."""
    way = before_head(body)
    heavy = [layer.name for layer in body.layers if layer.weights]
    if way is None:
        return []
    return [
        name for name in heavy if name not in way and (new_head or name != HEAD)
    ]


def _check_targets(plan: Plan, origin: Origin, outputs: int) -> None:
    """Refuses to keep a head that tells other classes apart."""
    data = plan.data
    mine = (data.task, tuple(data.class_names))
    same = origin.targets in (None, mine)
    if same and outputs == max(data.num_classes, 1):
        return
    theirs = f"{outputs} outputs"
    if origin.targets and origin.targets[0] == "classes":
        theirs = _listed(origin.targets[1])
    elif origin.targets:
        theirs = "a number"
    wanted = _listed(data.class_names) if data.class_names else "a number"
    raise UserError(
        f"the layer {HEAD} of {origin.name} tells {theirs}, and "
        f"{data.name} asks for {wanted}; add --new_head to start that layer "
        "anew."
    )


def _listed(names: tuple[str, ...]) -> str:
    return f"{len(names)} classes ({join_words(_some(names), 'and')})"


@dataclasses.dataclass(frozen=True)
class _Fit:
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
            kernel, how = _with_channels(weights[0], wanted[0])
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


def _with_channels(kernel: np.ndarray, wanted: tuple[int, ...]):
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
