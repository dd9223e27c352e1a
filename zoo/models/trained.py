"""Trained models: of a run, or with the weights that come with the zoo.

A saved model is preprocessing and, as its last layer, the network. Here it is
whole (`load_model`), its last layer alone (`create_model` with weights), or
all before that (`load_preprocessing`).
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoo import keras_settings, pretrained, runs
from zoo.commands import command
from zoo.config import DEFAULTS
from zoo.cutting import cut
from zoo.errors import UserError
from zoo.models.building import check_classes, check_shape
from zoo.models.options import builder_options, check_options
from zoo.registry import ModelEntry
from zoo.run_folder import Run

if TYPE_CHECKING:
    import keras

BODY = "network"  # the layer of a saved model that holds the zoo's own model


def load_model(
    name: str | os.PathLike, runs_dir: str = DEFAULTS["runs_dir"]
) -> keras.Model:
    """Returns the whole saved model of a run: raw pixels in, logits out.

        model = zoo.load_model("lenet5:mnist")  # or "last", or a run's name
        logits = model.predict(images)  # [B, 28, 28, 1], raw pixels 0..255
        digits = logits.argmax(axis=1)

    It is uncompiled. To train it further, tell the loss that it gets logits:

        model.compile(
            optimizer="adam",
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        model.fit(images, labels)

    Args:
        name: a run: its name, its folder, or `last`; or weights that come
            with the zoo, see `zoo.list_weights()`.
        runs_dir: where runs are looked for.

    Returns:
        A functional model from float32 images `[B, H, W, C]`, raw pixels
        0..255, or vectors `[B, D]`, to float32 logits `[B, K]`. Its layer
        `network` is what `create_model` with these weights returns.

    Raises:
        UserError: there is no such run, or it has no model.
    """
    return runs.find(os.fspath(name), runs_dir).load_model()


@keras_settings.fixed()
def load_preprocessing(
    name: str | os.PathLike, runs_dir: str = DEFAULTS["runs_dir"]
) -> keras.Model:
    """Returns what a saved model does before its network.

    `load_model(name)` is this, and then `create_model(..., weights=name)`.

    Args:
        name: as in `load_model`.
        runs_dir: where runs are looked for.

    Returns:
        A functional model without weights to train, from raw pixels 0..255,
        float32 `[B, H, W, C]`, to what the network gets: centered, scaled,
        and enlarged where the network needs larger images.

    Raises:
        UserError: there is no such run, or it has no model.
    """
    import keras

    model = load_model(name, runs_dir)
    (node,) = model.get_layer(BODY)._inbound_nodes
    return keras.Model(model.input, node.input_tensors[0], name="preprocessing")


def load_trained(
    entry: ModelEntry,
    weights: str,
    num_classes: int | None,
    input_shape: tuple[int, ...] | None,
    options: Mapping[str, Any],
) -> keras.Model:
    """Returns a trained network, from preprocessed images on.

    Args:
        weights: such as `mnist`; or a run: its name, its folder, or `last`.
        num_classes: that of the weights, or `None`; or 0 to end at
            `features`.
        input_shape: that of the network, or `None`.
        options: those with which it was trained, or some of them, or none.

    Raises:
        UserError: there are no such weights, they are damaged, or something
            given contradicts them.
    """
    run = _find(entry, weights)
    _check_model(run, entry)
    if num_classes is not None:
        _check_classes(run, num_classes, run.resolved["data"]["class_names"])
    _check_options(run, entry, options)
    model = run.load_model().get_layer(BODY)
    _check_shape(run, entry, input_shape, model.input_shape[1:])
    model.name = entry.name
    return cut(model) if num_classes == 0 else model


def _find(entry: ModelEntry, weights: str) -> Run:
    """Returns whose weights are meant; those of the zoo come first."""
    name = f"{entry.name}:{weights}"
    if name not in pretrained.list_weights() and _means_run(weights):
        return runs.find(weights)
    return pretrained.find(name)


def _means_run(weights: str) -> bool:
    """Whether a run is meant, one that cannot be read among them."""
    if not weights:
        return False  # which is a prefix of every name
    known = runs.list_runs(DEFAULTS["runs_dir"])
    return (
        weights == "last"
        or pathlib.Path(weights).exists()
        or any(run.name.startswith(weights) for run in known)
    )


def _check_model(run: Run, entry: ModelEntry) -> None:
    trained = run.resolved["config"]["model"]
    if trained != entry.name:
        raise UserError(
            f"{run.name} is a {trained} and no {entry.name}; "
            f"create_model({trained!r}, weights={run.name!r}) gives it."
        )
    if run.resolved["features"] is not None:
        raise UserError(
            f"{run.name} was trained on features of images; "
            "zoo.load_model gives it together with what makes them."
        )


def _check_classes(run: Run, num_classes: int, names: list[str]) -> None:
    if check_classes(num_classes) not in (0, len(names)):
        raise UserError(
            f"num_classes={num_classes} contradicts the weights {run.name}, "
            f"which tell {len(names)} classes; for others, "
            f"`{command('train', init_from=str(run.path), new_head=True)}` "
            "trains a new last layer."
        )


def _check_shape(
    run: Run,
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
    run: Run, entry: ModelEntry, options: Mapping[str, Any]
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
