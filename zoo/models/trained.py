"""A model with weights that come with the zoo, and all that goes with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoo import pretrained
from zoo.cutting import cut
from zoo.errors import UserError
from zoo.models.building import check_classes, check_shape
from zoo.models.options import builder_options, check_options
from zoo.registry import ModelEntry

if TYPE_CHECKING:
    import keras


def load_trained(
    entry: ModelEntry,
    weights: str,
    num_classes: int,
    input_shape: tuple[int, ...] | None,
    options: Mapping[str, Any],
) -> keras.Model:
    """Returns a trained model: raw pixels in, logits or features out.

    Args:
        weights: such as `mnist`.
        num_classes: that of the weights; or 0 to end at `features`.
        input_shape: that of the weights, or `None`.
        options: those with which it was trained, or some of them, or none.

    Raises:
        UserError: there are no such weights, they are damaged, or something
            given contradicts them.
    """
    run = pretrained.find(f"{entry.name}:{weights}")
    data = run.resolved["data"]
    _check_classes(run, num_classes, data["class_names"])
    _check_shape(run, entry, input_shape, tuple(data["input_shape"]))
    _check_options(run, entry, options)
    model = run.load_model()
    return model if num_classes else cut(model)


def _check_classes(
    run: pretrained.Pretrained, num_classes: int, names: list[str]
) -> None:
    if check_classes(num_classes) not in (0, len(names)):
        raise UserError(
            f"num_classes={num_classes} contradicts the weights {run.name}, "
            f"which tell {len(names)} classes; for others, `zoo train "
            f"--init_from={run.name} --new_head` trains a new last layer."
        )


def _check_shape(
    run: pretrained.Pretrained,
    entry: ModelEntry,
    given: tuple[int, ...] | None,
    wanted: tuple[int, ...],
) -> None:
    if given is not None and check_shape(entry, given) != wanted:
        raise UserError(
            f"input_shape={given} contradicts the weights {run.name}, which "
            f"take {wanted}; leave it out, and resize the images."
        )


def _check_options(
    run: pretrained.Pretrained, entry: ModelEntry, options: Mapping[str, Any]
) -> None:
    """Refuses an option that is not what the weights were trained with."""
    config = run.resolved["config"]
    told = {**config, **config["model_arg"]}
    given = check_options(entry, options)
    for name, default in builder_options(entry).items():
        kept = default if told.get(name) is None else told[name]
        kept = tuple(kept) if isinstance(kept, list) else kept
        if name in given and given[name] != kept:
            raise UserError(
                f"{name}={given[name]!r} contradicts the weights {run.name}, "
                f"which were trained with {name}={kept!r}; leave it out."
            )
