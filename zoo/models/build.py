"""From an entry of the table, or a trained run, to a Keras model.

`build_model` makes an untrained network. A saved model is preprocessing and,
as its last layer, the network: `load_model` returns it whole, `load_trained`
its last layer alone, and `load_preprocessing` everything before that.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import operator
import os
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoo import backend, pretrained
from zoo.commands import command
from zoo.config import DEFAULTS
from zoo.errors import UserError
from zoo.models.options import builder_options, check_options, takes_seed
from zoo.models.registry import NO_OPTIONS, ModelEntry
from zoo.run_store import RunStore
from zoo.runs import Run

if TYPE_CHECKING:
    import keras

    from zoo.models.user_models import StandardizedModel

FEATURES = "features"  # the layer that gives one vector an image
NETWORK = "network"  # the layer of a saved model that holds the network


def build_model(
    entry: ModelEntry,
    num_classes: int,
    input_shape: tuple[int, ...],
    seed: int = 0,
    options: Mapping[str, Any] = NO_OPTIONS,
    task: str = "classification",
) -> keras.Model:
    """Builds the model of an entry, from float32 images to logits.

    Args:
        input_shape: `(H, W, C)`; or `(D,)` for vectors in place of images.
        num_classes: K, at least 2; or 0 for a model that ends at `features`.
        task: `classification`; or `regression`, a model with one output that
            ignores `num_classes`.

    Returns:
        A model with one output, `[B, K]`; or with several, of which the
        first is the prediction and the others are auxiliary classifiers.

    Raises:
        UserError: the shape, the number of classes or an option does not suit
            the model.
    """
    model = build_standardized(
        entry, num_classes, input_shape, seed, options, task
    ).model
    ends_at_features = task == "classification" and not check_classes(
        num_classes
    )
    return _end_at_features(entry, model) if ends_at_features else model


@backend.fixed_settings()
def build_standardized(
    entry: ModelEntry,
    num_classes: int,
    input_shape: tuple[int, ...],
    seed: int = 0,
    options: Mapping[str, Any] = NO_OPTIONS,
    task: str = "classification",
) -> StandardizedModel:
    """Builds a model as `build_model` does, and reports what it contains.

    With `num_classes=0` it has the logits of two classes.
    """
    shape = check_shape(entry, input_shape)
    classes = 1 if task == "regression" else check_classes(num_classes) or 2
    arguments = {**entry.arguments, **check_options(entry, options)}
    if takes_seed(entry):
        arguments["seed"] = seed
    builder = entry.load()
    if entry.registered:
        _check_arguments(entry, builder, arguments)
    model = builder(shape, classes, **arguments)

    from zoo.models import user_models

    if entry.registered or entry.has_preprocessing:
        return user_models.standardize(
            entry.name,
            model,
            shape,
            classes,
            task == "classification",
            getattr(builder, "original", None),
        )
    _check_output(entry, model, classes)
    return user_models.StandardizedModel(model)


def _check_arguments(
    entry: ModelEntry, builder: Any, arguments: Mapping[str, Any]
) -> None:
    """Raises `UserError` if a builder cannot be called as it must be."""
    try:
        signature = inspect.signature(builder)
        signature.bind(None, None, **arguments)
    except TypeError as error:
        raise UserError(
            f"the builder of {entry.name} takes {signature}, but is called as "
            f"build(input_shape, num_classes, **options): {error}."
        ) from None


def check_shape(
    entry: ModelEntry, input_shape: tuple[int, ...]
) -> tuple[int, ...]:
    """Returns the shape as plain integers.

    Raises:
        UserError: it is not a shape, or one that the model does not support:
            a vector `(D,)`, or an image below the minimum size.
    """
    if isinstance(input_shape, tuple | list) and len(input_shape) == 1:
        return _checked_vector(entry, input_shape[0])
    try:
        height, width, channels = map(operator.index, input_shape)
    except (TypeError, ValueError):
        height = width = channels = 0
    if min(height, width, channels) < 1:
        raise UserError(
            f"{input_shape} is not the shape of an image; give height, width "
            f"and channels, for example {entry.default_input_shape}."
        )
    if min(height, width) < entry.min_size:
        side = entry.min_size
        raise UserError(
            f"{entry.name} needs images of at least {side}x{side} pixels, not "
            f"{height}x{width}; resize them first."
        )
    return height, width, channels


def _checked_vector(entry: ModelEntry, length: Any) -> tuple[int]:
    try:
        length = operator.index(length)
    except TypeError:
        length = 0
    if length < 1:
        raise UserError(
            f"({length},) is not the shape of a vector; give its length, for "
            "example (2,)."
        )
    if not entry.takes_vectors:
        raise UserError(
            f"{entry.name} takes images, but the examples are vectors of "
            f"length {length}; use --model=mlp."
        )
    return (length,)


def check_classes(num_classes: int) -> int:
    """Returns K as a plain integer.

    Raises:
        UserError: it is not 0 or at least 2.
    """
    try:
        number = operator.index(num_classes)
    except TypeError:
        number = -1
    if number < 0 or number == 1:
        raise UserError(
            f"num_classes={num_classes} is invalid; give 2 or more, or 0 for a "
            "model that ends at its features."
        )
    return number


def _check_output(entry: ModelEntry, model: Any, num_classes: int) -> None:
    shape = getattr(model, "output_shape", None)
    # Outputs after the first are auxiliary classifiers, for training only.
    shapes = shape if isinstance(shape, list) else [shape]
    if any(each != (None, num_classes) for each in shapes):
        raise UserError(
            f"the builder of {entry.name} returned "
            f"{shape or type(model).__name__}, but outputs of shape "
            f"{(None, num_classes)} are required, one logit per class."
        )


def _end_at_features(entry: ModelEntry, model: keras.Model) -> keras.Model:
    # Keras is imported already, by the builder.
    import keras

    if not any(layer.name == FEATURES for layer in model.layers):
        raise UserError(
            f"{entry.name} has no layer named {FEATURES!r}, so num_classes=0 "
            "is not available; give 2 or more."
        )
    output = model.get_layer(FEATURES).output
    return keras.Model(model.input, output, name=model.name)


def feature_extractor(model: keras.Model) -> keras.Model:
    """Returns a model up to its layer `features`, or its last hidden layer.

    Where the last layer is a model itself, as in a saved model, that model is
    cut.

    Raises:
        ValueError: it has neither a layer `features` nor a dense one.
    """
    import keras

    names = [layer.name for layer in model.layers]
    last = model.layers[-1]
    if FEATURES in names:
        end = model.get_layer(FEATURES).output
    elif isinstance(last, keras.Model):
        # Only the layer before the last one feeds it.
        end = feature_extractor(last)(model.layers[-2].output)
    else:
        dense = [x for x in model.layers if isinstance(x, keras.layers.Dense)]
        if not dense:
            raise ValueError(f"{model.name} has no dense layer")
        end = dense[-1].input
    return keras.Model(model.inputs[0], end, name=model.name)


def replace_layers(
    model: keras.Model, classes: Mapping[type, type]
) -> keras.Model:
    """Returns a copy of a model with other layer classes and equal weights.

    What is trained of the model is trained of the copy.

    Args:
        model: functional or sequential, possibly with models inside.
        classes: new class of each layer class to replace, which takes the
            same config; where no layer has any of them, the model itself is
            returned.
    """
    import keras

    from zoo.models.graph import all_layers, copy_trainable

    if not any(type(layer) in classes for layer in all_layers(model)):
        return model

    def clone(layer):
        kind = classes.get(type(layer), type(layer))
        return kind.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
    copy.set_weights(model.get_weights())
    copy_trainable(copy, model)
    for layer in all_layers(copy):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # computes what `call` uses from weights
    return copy


# Of a model's config, what says nothing about what it computes.
NAMELESS = {
    *("name", "seed", "seed_generator", "build_config", "module"),
    *("shared_object_id", "compile_config"),
}


def architecture_digest(model: keras.Model) -> str:
    """Returns the SHA-256 of what a model computes, whatever is called how.

    Layers and operations count with their options and their inputs. Two models
    of a user may have the same name; the digest tells them apart.
    """
    import keras

    config = keras.saving.serialize_keras_object(model)
    text = json.dumps(
        _without_names(config, {}),
        sort_keys=True,
        # An address in memory would differ from process to process.
        default=lambda value: type(value).__name__,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _without_names(value: Any, places: Mapping[str, int]) -> Any:
    """Returns a config with the places of layers for their names.

    Args:
        value: The config, or a part of it.
        places: Of the layers of the model around it, by name.
    """
    if isinstance(value, list | tuple):
        value = [_without_names(item, places) for item in value]
        # `[name, node, tensor]`, as inputs of a layer are written
        is_input = (
            len(value) == 3 and isinstance(value[0], str) and value[0] in places
        )
        return [places[value[0]], *value[1:]] if is_input else value
    if not isinstance(value, Mapping):
        return value
    if isinstance(value.get("layers"), list):
        places = {
            layer.get("name") or layer["config"].get("name"): place
            for place, layer in enumerate(value["layers"])
        }
    return {
        str(key): _without_names(item, places)
        for key, item in value.items()
        if key not in NAMELESS
    }


def load_model(
    run: str | os.PathLike[str] | Run, runs_dir: str = DEFAULTS["runs_dir"]
) -> keras.Model:
    """Returns the whole saved model of a run: raw pixels in, logits out.

        model = zoo.load_model("lenet5:mnist")  # or "last", or a run's name
        logits = model.predict(images)  # [B, 28, 28, 1], raw pixels 0..255
        digits = logits.argmax(axis=1)

    It is uncompiled. To train it further, use a loss on logits:

        model.compile(
            optimizer="adam",
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        model.fit(images, labels)

    Args:
        run: a run, its name, its folder, or `last`; or pretrained weights,
            see `zoo.list_weights()`.
        runs_dir: folder that holds the run folders.

    Returns:
        A functional model from float32 images `[B, H, W, C]`, raw pixels
        0..255, or vectors `[B, D]`, to float32 logits `[B, K]`. Its layer
        `network` is what `create_model` with these weights returns.

    Raises:
        UserError: there is no such run, or it has no model.
    """
    return RunStore(runs_dir).find(run).load_model()


@backend.fixed_settings()
def load_preprocessing(
    run: str | os.PathLike[str] | Run, runs_dir: str = DEFAULTS["runs_dir"]
) -> keras.Model:
    """Returns the preprocessing of a saved model, as a model.

    `load_model(run)` is this followed by `create_model(..., weights=run)`.

    Args:
        run: as in `load_model`.
        runs_dir: folder that holds the run folders.

    Returns:
        A functional model without trainable weights, from raw pixels 0..255,
        float32 `[B, H, W, C]`, to the inputs of the network: centered, scaled,
        and enlarged if the network needs larger images.

    Raises:
        UserError: there is no such run, or it has no model.
    """
    import keras

    model = load_model(run, runs_dir)
    (node,) = model.get_layer(NETWORK)._inbound_nodes
    return keras.Model(model.input, node.input_tensors[0], name="preprocessing")


def load_trained(
    entry: ModelEntry,
    weights: str | os.PathLike[str] | Run,
    num_classes: int | None,
    input_shape: tuple[int, ...] | None,
    options: Mapping[str, Any],
) -> keras.Model:
    """Returns a trained network, without its preprocessing.

    Args:
        weights: a dataset, such as `mnist`, with pretrained weights; or a
            run, its name, its folder, or `last`.
        num_classes: that of the weights, or `None`; or 0 to end at
            `features`.
        input_shape: that of the network, or `None`.
        options: any of those with which it was trained.

    Raises:
        UserError: there are no such weights, they are corrupt, or something
            given contradicts them.
    """
    run = _find_weights(entry, weights)
    _check_model(run, entry)
    if num_classes is not None:
        _check_classes(run, num_classes, run.resolved["data"]["class_names"])
    _check_options(run, entry, options)
    model = run.load_model().get_layer(NETWORK)
    _check_input_shape(run, entry, input_shape, model.input_shape[1:])
    model.name = entry.name
    return feature_extractor(model) if num_classes == 0 else model


def _find_weights(
    entry: ModelEntry, weights: str | os.PathLike[str] | Run
) -> Run:
    """Returns the run with these weights; pretrained ones come first."""
    if isinstance(weights, Run):
        return weights
    weights = os.fspath(weights)
    name = f"{entry.name}:{weights}"
    if name not in pretrained.list_weights() and _is_run(weights):
        return RunStore().find(weights)
    return pretrained.find(name)


def _is_run(weights: str) -> bool:
    """Whether `weights` names a run, readable or not."""
    if not weights:
        return False  # the empty string is a prefix of every name
    known = RunStore(DEFAULTS["runs_dir"]).runs()
    return (
        weights == "last"
        or pathlib.Path(weights).exists()
        or any(run.name.startswith(weights) for run in known)
    )


def _check_model(run: Run, entry: ModelEntry) -> None:
    trained = run.resolved["config"]["model"]
    if trained != entry.name:
        raise UserError(
            f"{run.name} is a {trained}, not a {entry.name}; use "
            f"create_model({trained!r}, weights={run.name!r})."
        )
    if run.resolved["features"] is not None:
        raise UserError(
            f"{run.name} was trained on features of images; zoo.load_model "
            "returns it together with their extractor."
        )


def _check_classes(run: Run, num_classes: int, names: list[str]) -> None:
    if check_classes(num_classes) not in (0, len(names)):
        raise UserError(
            f"num_classes={num_classes} contradicts the weights {run.name}, "
            f"which have {len(names)} classes; for others, "
            f"`{command('train', weights=str(run.path), new_head=True)}` "
            "trains a new last layer."
        )


def _check_input_shape(
    run: Run,
    entry: ModelEntry,
    given: tuple[int, ...] | None,
    expected: tuple[int, ...],
) -> None:
    if given is not None and check_shape(entry, given) != expected:
        raise UserError(
            f"input_shape={given} contradicts the weights {run.name}, which "
            f"take {expected}; leave it out, and resize the images."
        )


def _check_options(
    run: Run, entry: ModelEntry, options: Mapping[str, Any]
) -> None:
    """Refuses an option that differs from that of the trained weights."""
    config = run.resolved["config"]
    trained = {**config, **config["model_arg"]}
    given = check_options(entry, options)
    for name, default in builder_options(entry).items():
        value = default if trained.get(name) is None else trained[name]
        value = tuple(value) if isinstance(value, list) else value
        if name in given and given[name] != value:
            raise UserError(
                f"{name}={given[name]!r} contradicts the weights {run.name}, "
                f"which were trained with {name}={value!r}; leave it out."
            )
