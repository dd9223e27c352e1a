"""Models of a user: the model of a registered builder, standardized.

The rest of the package relies on a functional model with one input, whose
outputs are logits and whose last layer is called `logits`. A tutorial's model
is often a `Sequential` that starts with a `Rescaling` and ends in a softmax.
It is converted, with the same layers and weights, or refused. A subclass is
replaced by the layers that its `call` uses. What a model was compiled with
becomes options of the run, see `compiled`.

Preprocessing by `keras.ops` or by the `preprocess_input` of
keras.applications cannot be detected.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
from keras import layers

from zoo.errors import UserError
from zoo.models.compiled import compiled_options
from zoo.models.graph import all_layers, copy_trainable, inner_layers

PREPROCESSING = (layers.Rescaling, layers.Normalization)
FEATURES, LOGITS = "features", "logits"
LINE = "layers.Dense(num_classes)"
TRAINING_METHODS = ("train_step", "compute_loss")
# What Keras raises where a layer cannot be made again from its config.
NOT_COPIED = (TypeError, ValueError, KeyError, NotImplementedError)
NUM_PROBES = 2  # random images to detect outputs that are probabilities


@dataclasses.dataclass(frozen=True)
class StandardizedModel:
    """A functional model that ends in logits, and its original properties.

    Attributes:
        model: Functional model from inputs to logits.
        preprocessing: Names of the preprocessing layers for raw pixels, before
            the first layer with weights.
        softmax: Whether a final softmax was removed.
        compiled: Options of `TrainConfig` that the model was compiled with.
    """

    model: keras.Model
    preprocessing: tuple[str, ...] = ()
    softmax: bool = False
    compiled: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def standardize(
    name: str,
    built: object,
    input_shape: tuple[int, ...],
    num_classes: int,
    classifies: bool,
    original: keras.Model | None = None,
) -> StandardizedModel:
    """Converts a builder's result to a functional model that ends in logits.

    Args:
        name: registered name of the model.
        built: the builder's result; the new model is a copy of its layers.
        input_shape: `(H, W, C)` or `(D,)`, as given to the builder.
        num_classes: K, as given to the builder.
        classifies: whether the outputs are logits of classes. In a regression
            the last activation is part of the model.
        original: the model that the builder copies, if it copies one.

    Raises:
        UserError: it cannot be used; the message says what to change.
    """
    compiled = {}
    if isinstance(original or built, keras.Model):
        _check_precision(name, original or built)
        compiled = compiled_options(name, original or built, classifies)
    model = _functional(name, built, input_shape)
    _check_shapes(name, model, input_shape, num_classes)
    model = _copy(name, model)  # whose layers are changed from here on
    if any(_is_plain_model(_source(output)[0]) for output in model.outputs):
        outputs = [_unwrapped(output) for output in model.outputs]
        model = _copy(name, keras.Model(model.inputs, outputs, name=model.name))
    ends = [
        _end(name, output, classifies)
        for output in keras.tree.flatten(model.outputs)
    ]
    outputs = [_in_float32(output) for output, _ in ends]
    model = _rename(name, model.inputs[0], outputs, model.name)
    softmax = any(removed for _, removed in ends)
    if not model.trainable_weights:
        raise UserError(
            f"{name} has no trainable weights; its builder must return layers "
            f"with weights, such as {LINE}."
        )
    _check_adapted(name, preprocessing_of(model))
    _check_input(name, model)
    model = _copy(name, model)
    preprocessing = tuple(layer.name for layer in preprocessing_of(model))
    if classifies:
        _check_logits(name, model, input_shape)
    return StandardizedModel(model, preprocessing, softmax, compiled)


def preprocessing_of(model: keras.Model) -> list[layers.Layer]:
    """Returns the preprocessing layers of a model, for raw pixels.

    They lie between the input and the first layer with weights, possibly in a
    nested model: Rescaling, Normalization, and augmentation that states the
    range of pixels, such as RandomBrightness.
    """
    return list(_preprocessing(model))


def _preprocessing(model: keras.Model) -> Iterator[layers.Layer]:
    for operation in _until_weights(model):
        if isinstance(operation, PREPROCESSING) or hasattr(
            operation, "value_range"
        ):
            yield operation


def _until_weights(model: keras.Model) -> Iterator[keras.Operation]:
    """Yields operations in order, up to the first layer with weights."""
    for operation in _operations(model):
        if isinstance(operation, keras.Model):
            yield from _until_weights(operation)
        else:
            yield operation
            if isinstance(operation, layers.Layer):  # such as Pipeline
                yield from inner_layers(operation)
        # Those of Normalization are statistics.
        if getattr(operation, "weights", None) and not isinstance(
            operation, layers.Normalization
        ):
            if isinstance(operation, keras.Model) and not _has_weights(
                operation
            ):
                continue
            return


def _has_weights(model: keras.Model) -> bool:
    """Whether a model has weights besides statistics of Normalization."""
    return any(
        _has_weights(layer) if isinstance(layer, keras.Model) else layer.weights
        for layer in model.layers
        if not isinstance(layer, layers.Normalization)
    )


def _operations(model: keras.Model) -> Iterable[keras.Operation]:
    # A Sequential has layers, and its operations elsewhere.
    return getattr(model, "operations", model.layers)


def scaled(model: keras.Model, names: Iterable[str]):
    """Returns the symbolic inputs after a model's own preprocessing.

    Args:
        model: as `standardize` returned it.
        names: of its preprocessing layers.

    Returns:
        A tensor of the model's graph; `None` if there is no preprocessing, or
        if it is in a nested model together with weights.
    """
    names, found = set(names), None
    for operation in model.operations:
        inside = [operation]
        if isinstance(operation, keras.Model):
            if _has_weights(operation):
                break
            inside = list(_until_weights(operation))
        elif isinstance(operation, layers.Layer):
            inside += inner_layers(operation)
        if names & {one.name for one in inside}:
            found = operation
    return None if found is None else _node_output(found)


def _node_output(operation: keras.Operation):
    # A nested model's `output` is that of its own graph.
    return operation._inbound_nodes[-1].output_tensors[0]


def _functional(
    name: str, built: object, input_shape: tuple[int, ...]
) -> keras.Model:
    """Returns a functional model with the same layers."""
    if not isinstance(built, keras.Model):
        raise UserError(
            f"the builder of {name} returned {type(built).__name__}, but a "
            "model with outputs of shape (None, num_classes) is required, one "
            "logit per class."
        )
    if is_subclassed(built):
        return _of_subclass(name, built, input_shape)
    if isinstance(built, keras.Sequential) and not built.built:
        built.build((None, *input_shape))
    if isinstance(getattr(built, "output", None), dict):
        raise UserError(
            f"{name} returns a dictionary of outputs; its builder must return "
            f"a model with one output, the logits: {LINE}."
        )
    return keras.Model(built.inputs, built.outputs, name=built.name)


def is_subclassed(built: keras.Model) -> bool:
    """Whether a subclass overrides what a model computes."""
    if isinstance(built, keras.Sequential):
        plain = keras.Sequential
    elif not hasattr(built, "operations"):
        return True
    else:
        plain = type(keras.Model(built.inputs, built.outputs))
    methods = ("call", *TRAINING_METHODS)
    return any(
        getattr(type(built), method) is not getattr(plain, method)
        for method in methods
    )


def _of_subclass(
    name: str, built: keras.Model, input_shape: tuple[int, ...]
) -> keras.Model:
    """Returns the layers that the `call` of a subclass uses, as a model.

    Raises:
        UserError: it trains in a way of its own, or `call` computes something
            that is no layer, or differs in training.
    """
    _check_training_methods(name, built)
    model = _traced(name, built, input_shape)
    _check_same_in_training(name, built, model, input_shape)
    _check_own_weights(name, built, model)
    return model


def _traced(
    name: str, built: keras.Model, input_shape: tuple[int, ...], **given: bool
) -> keras.Model:
    """Returns what the `call` of a subclass computes, as a model."""
    inputs = keras.Input(input_shape)
    try:
        outputs = built.call(inputs, **given)
        return keras.Model(inputs, outputs, name=built.name)
    except Exception as error:  # whatever a call of the user's own raises
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise UserError(
            f"{name} is a subclass of keras.Model, {type(built).__name__}, "
            f"whose call cannot be traced ({type(error).__name__}: {reason}); "
            "use layers and keras.ops in it, or return "
            "keras.Model(inputs, outputs)."
        ) from error


def _check_same_in_training(
    name: str,
    built: keras.Model,
    model: keras.Model,
    input_shape: tuple[int, ...],
) -> None:
    """Refuses a `call` that does not leave the difference to its layers."""
    modes = [model]
    if "training" in inspect.signature(built.call).parameters:
        modes = [
            _traced(name, built, input_shape, training=training)
            for training in (False, True)
        ]
    kinds = [[type(o) for o in mode.operations] for mode in modes]
    images = np.random.default_rng(0).uniform(0, 255, (2, *input_shape))
    seen = [keras.tree.flatten(mode(images, training=False)) for mode in modes]
    is_same = kinds[0] == kinds[-1] and all(
        np.array_equal(*pair) for pair in zip(seen[0], seen[-1], strict=True)
    )
    if not is_same:
        raise UserError(
            f"{name} is a subclass of keras.Model, {type(built).__name__}, "
            "whose call does something else if training is true; use layers "
            "that do so themselves, as Dropout does."
        )
    given = [list(_training_arguments(mode)) for mode in modes]
    for (layer, first), (_, last) in zip(given[0], given[-1], strict=True):
        if first == last and first is not None:
            raise UserError(
                f"{name} is a subclass of keras.Model, {type(built).__name__}, "
                f"whose call gives training={first} to its layer {layer}, "
                "which is lost in a functional model; leave it out, and give "
                "what is not to be trained trainable=False."
            )


def _training_arguments(
    model: keras.Model,
) -> Iterator[tuple[str, bool | None]]:
    """Yields each layer that was called, and the `training` it was given."""
    try:
        config = model.get_config()
    except NOT_COPIED:
        return  # refused where it is copied
    for layer in config["layers"]:
        for node in layer["inbound_nodes"]:
            yield layer["name"], node["kwargs"].get("training")


def _check_own_weights(
    name: str, built: keras.Model, model: keras.Model
) -> None:
    """Refuses weights that no layer has, which tracing makes constants."""
    known = {id(variable) for variable in model.variables}
    for variable in built.trainable_variables:
        if id(variable) not in known:
            raise UserError(
                f"{name} is a subclass of keras.Model, {type(built).__name__}, "
                f"with the weight {variable.path}, which is in no layer that "
                "its call uses; put it into a layer."
            )


def _check_training_methods(name: str, model: keras.Model) -> None:
    for method in TRAINING_METHODS:
        if getattr(type(model), method) is not getattr(keras.Model, method):
            raise UserError(
                f"{name} is a subclass of keras.Model, {type(model).__name__}, "
                f"with a {method} of its own, which zoo does not call; train "
                "it by Keras, or leave the method out."
            )


def _check_precision(name: str, model: keras.Model) -> None:
    for layer in all_layers(model):
        if layer.compute_dtype == "float16":
            raise UserError(
                f"{name} computes in float16, as in its layer {layer.name}, "
                "where small gradients become zero; build it in float32, and "
                "give precision='bfloat16'."
            )


def _check_input(name: str, model: keras.Model) -> None:
    """Refuses an input of integers, which standardized images are not."""
    dtype = model.inputs[0].dtype
    if not keras.backend.is_float_dtype(dtype) and not preprocessing_of(model):
        raise UserError(
            f"{name} takes inputs of dtype {dtype}, but standardized images "
            "are floats; start it with layers.Rescaling(1 / 255), and it is "
            "given raw pixels."
        )


def _check_shapes(
    name: str,
    model: keras.Model,
    input_shape: tuple[int, ...],
    num_classes: int,
) -> None:
    if len(model.inputs) != 1:
        raise UserError(
            f"{name} has {len(model.inputs)} inputs; it must have one, "
            "keras.Input(input_shape)."
        )
    given = tuple(model.inputs[0].shape[1:])
    if len(given) != len(input_shape) or any(
        one not in (None, other)
        for one, other in zip(given, input_shape, strict=False)
    ):
        raise UserError(
            f"{name} takes inputs of shape {given}, but the data has shape "
            f"{tuple(input_shape)}; start it with keras.Input(input_shape)."
        )
    wanted = (None, num_classes)
    for output in model.outputs:
        if tuple(output.shape) != wanted:
            raise UserError(
                f"the builder of {name} returned outputs of shape "
                f"{tuple(output.shape)}, but {wanted} is required, one logit "
                f"per class: {LINE}."
            )


def _unwrapped(output):
    """Returns an output of the layers of a model, in the place of its own.

    So that the last layer can be seen.
    """
    operation, node = _source(output)
    while _is_plain_model(operation):
        (output,) = keras.tree.flatten(operation.call(node.input_tensors[0]))
        operation, node = _source(output)
    return output


def _end(name: str, output, classifies: bool):
    """Returns an output without final softmax, and whether it had one.

    Raises:
        UserError: it is a sigmoid.
    """
    operation, node = _source(output)
    if not classifies:
        return output, False
    function = _function(operation)
    if function == "softmax":
        if isinstance(operation, layers.Dense | layers.Conv2D):
            _check_own_softmax(name, operation)
            operation.activation = keras.activations.linear
            return output, True
        return node.input_tensors[0], True
    if function == "sigmoid":
        raise UserError(
            f"{name} ends in a sigmoid, which does not give the probabilities "
            f"of exclusive classes; end it in {LINE}, without activation."
        )
    return output, False


def _is_plain_model(operation: keras.Operation) -> bool:
    """Whether an operation is a model that only calls its layers."""
    return isinstance(operation, keras.Model) and not is_subclassed(operation)


def _check_own_softmax(name: str, layer: layers.Layer) -> None:
    """Refuses to take away a softmax that has another effect."""
    is_shared = len(layer._inbound_nodes) > 1 or layer._outbound_nodes
    if is_shared or layer.activity_regularizer is not None:
        reason = "is used elsewhere, too" if is_shared else "is regularized"
        raise UserError(
            f"{name} ends in the softmax of {layer.name}, which {reason}; end "
            f"it in {LINE}, without activation, and add layers.Softmax() where "
            "probabilities are needed."
        )


def _source(output):
    """Returns the operation that gives a symbolic tensor, and its node."""
    history = output._keras_history
    return (
        history.operation,
        history.operation._inbound_nodes[history.node_index],
    )


def _function(operation: keras.Operation) -> str:
    """Names the activation that an operation applies along the classes."""
    kind = type(operation).__name__.lower()
    if kind in ("softmax", "sigmoid"):
        along = getattr(operation, "axis", -1) in (-1, 1)
        return kind if along else ""
    return getattr(getattr(operation, "activation", None), "__name__", "")


def _in_float32(output):
    # Logits in half precision would have three significant digits.
    if output.dtype == "float32":
        return output
    operation, _ = _source(output)
    if isinstance(operation, layers.Layer) and operation.weights:
        operation.dtype_policy = keras.DTypePolicy("float32")
        return output
    return layers.Activation("linear", dtype="float32")(output)


def _rename(name: str, given, outputs: list, title: str) -> keras.Model:
    """Rebuilds the model, with names that are the same in every process.

    Keras numbers layers over the whole process. `logits` is the layer that
    gives the first output, and `features` the one before it, if that gives a
    vector and has no name of the user's own.
    """
    ends = outputs[0] if len(outputs) == 1 else outputs
    try:
        model = keras.Model(given, ends, name=title)
    except ValueError as error:
        raise UserError(
            f"the layers of {name} do not make one model: {error}"
        ) from error
    automatic = [layer for layer in model.layers if _is_automatic(layer)]
    taken = {x.name for x in model.layers if x not in automatic}
    last, before = _last(outputs[0])
    if last is not None and LOGITS not in taken:
        taken.add(LOGITS)
        last.name = LOGITS
        automatic = [layer for layer in automatic if layer is not last]
    if before in automatic and FEATURES not in taken:
        taken.add(FEATURES)
        before.name = FEATURES
        automatic.remove(before)
    _number(automatic, taken)
    return keras.Model(given, ends, name=title)


def _number(automatic: Iterable[layers.Layer], taken: set[str]) -> None:
    """Names layers by kind and place, those inside of nested models too."""
    for layer in automatic:
        layer.name = _free(_snake(layer), taken)
        taken.add(layer.name)
    for layer in automatic:
        if isinstance(layer, keras.Model):
            inside = [one for one in layer.layers if _is_automatic(one)]
            kept = {one.name for one in layer.layers if one not in inside}
            _number(inside, kept)


def _last(output) -> tuple[layers.Layer | None, layers.Layer | None]:
    """Returns the layers that give logits and features, where there are."""
    last, node = _source(output)
    if not isinstance(last, layers.Layer):
        return None, None
    before, node = _source(node.input_tensors[0])
    while isinstance(before, layers.Dropout):
        before, node = _source(node.input_tensors[0])
    gives = node.output_tensors[0]
    is_vector = len(gives.shape) == 2 and isinstance(before, layers.Layer)
    if isinstance(before, layers.InputLayer | keras.Model) or not is_vector:
        return last, None
    return last, before


def _is_automatic(layer: layers.Layer) -> bool:
    return re.fullmatch(rf"{_snake(layer)}(_\d+)?", layer.name) is not None


def _snake(layer: layers.Layer) -> str:
    """Returns the name that Keras gives to the first layer of a kind."""
    kind = type(layer).__name__
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", kind)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _free(name: str, taken: set[str]) -> str:
    count, free = 0, name
    while free in taken:
        count += 1
        free = f"{name}_{count}"
    return free


def _check_adapted(name: str, found: list[layers.Layer]) -> None:
    if any(isinstance(layer, layers.Rescaling) for layer in found):
        return  # as in EfficientNet, whose statistics come with weights
    for layer in found:
        if _is_adapted(layer) and _is_identity(layer):
            raise UserError(
                f"{layer.name} of {name} has no effect, as it was never "
                "adapted; give Normalization a mean and a variance, or leave "
                "it out, and images are standardized before the network."
            )


def _is_adapted(layer: layers.Layer) -> bool:
    """Whether a layer has its statistics from `adapt`, or should have."""
    return isinstance(layer, layers.Normalization) and layer.input_mean is None


def _is_identity(layer: layers.Normalization) -> bool:
    """Whether statistics are those that Normalization starts with."""
    mean, variance = layer.get_weights()[:2]
    return not mean.any() and (variance == 1).all()


def _copy(name: str, model: keras.Model) -> keras.Model:
    """Returns the same model with each layer called once, as if loaded.

    Layers that were called in the user's model and again here would give two
    outputs each.

    Raises:
        UserError: it could be saved, but never loaded again.
    """
    try:
        copy = keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(model)
        )
        copy.set_weights(model.get_weights())
        copy_trainable(copy, model)
        for layer in filter(_is_adapted, all_layers(copy)):
            layer.finalize_state()  # computes what `call` uses
        return copy
    except NOT_COPIED as error:
        raise not_loadable(name, model) from error


def not_loadable(name: str, model: keras.Model) -> UserError:
    """Returns the error for a model that could not be loaded again."""
    every = list(all_layers(model))
    culprits = [layer for layer in every if not _is_loadable(layer)]
    own = [x for x in every if not hasattr(layers, type(x).__name__)]
    culprit = type((culprits or own or every)[0]).__name__
    return UserError(
        f"{name} could be saved but not loaded again, because of its layer "
        f"{culprit}; use Keras's own layers, functions and keras.ops, or "
        "register a function, or a class that has get_config, with "
        "@keras.saving.register_keras_serializable()."
    )


def _is_loadable(layer: layers.Layer) -> bool:
    """Whether a layer alone comes back from its config."""
    try:
        keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(layer)
        )
    except NOT_COPIED:
        return False
    return True


def _check_logits(
    name: str, model: keras.Model, input_shape: tuple[int, ...]
) -> None:
    """Refuses outputs that are probabilities, by a trial."""
    shape = (NUM_PROBES, *input_shape)
    images = np.random.default_rng(0).uniform(0, 255, shape)
    outputs = model(images.astype(np.float32), training=False)
    for output in keras.tree.flatten(outputs):
        values = keras.ops.convert_to_numpy(output).astype(np.float64)
        sums = values.sum(axis=1)
        if (values >= 0).all() and (abs(sums - 1) < 1e-3).all():
            raise UserError(
                f"the outputs of {name} are probabilities, as each row sums to "
                f"1, but logits are required; end it in {LINE}, without "
                "softmax."
            )
