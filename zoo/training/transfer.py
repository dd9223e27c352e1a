"""Transfer: the weights of one run as the start of another.

The network is built for the new data; then weights are copied layer by layer,
by name, where their shapes agree. Two things are made to fit:

- The layer `logits` starts anew where --new_head says so, as do auxiliary
  classifiers, which no saved model has.
- A first convolution changes between grey and colour; `fitting.py` says how.

All else that does not fit is refused: a network of which a layer silently
started anew would be no transfer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from zoo.commands import command
from zoo.console import pluralize
from zoo.errors import UserError, join_and
from zoo.features.extractor import hash_weights
from zoo.runs import Run, read_model
from zoo.training import network
from zoo.training.fitting import Fit
from zoo.training.freezing import HEAD, before_head
from zoo.training.origins import Origin
from zoo.training.plan import Plan


@dataclasses.dataclass(frozen=True)
class Transfer:
    """What was taken over from where.

    Attributes:
        run: the origin, as `--weights` names it.
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
    fit = Fit(plan, origin, old.input_shape[1:])
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
    before = run.resolved["weights"]
    if before["weights_sha256"] != now.weights_sha256:
        raise UserError(
            f"the weights of {now.run} are not those from which {run.name} "
            "started, and it has no checkpoint yet; "
            f"`{command('train', flagfile=str(run.path / 'flags.txt'))}` "
            "starts from these."
        )


def in_words(resolved: dict[str, Any]) -> dict[str, str]:
    """Returns rows for the log: what was taken over, and what is frozen."""
    rows = {}
    if found := resolved["weights"]:
        parts = [f"{pluralize(len(found['copied']), 'layer')} copied"]
        parts += [f"{name} {how}" for name, how in found["adapted"].items()]
        if found["new"]:
            parts.append(f"{join_and(found['new'])} new")
        rows["start"] = (
            f"{found['run']}: {', '.join(parts)}; preprocessing is "
            f"{found['preprocessing']}"
        )
    if layers := resolved["frozen"]:
        counts = resolved["parameters"]
        named = join_and(_some(layers))
        rows["frozen"] = (
            f"{pluralize(len(layers), 'layer')}: {named}; "
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
    return f"{len(names)} classes ({join_and(_some(names))})"
