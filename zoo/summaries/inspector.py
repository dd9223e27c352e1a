"""What summaries are computed from: a snapshot of a run, and its model.

Everything is computed outside the compiled training step, on a fixed batch of
validation examples, and changes nothing in the model: what is not asked for
costs nothing. What several kinds need is computed when the first of them asks,
once.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from zoo.models.graph import as_functional, calls_of, unused_name
from zoo.models.inference import images_at_once, predict_batched
from zoo.models.layers import AUXILIARY_WEIGHT

MAX_ACTIVATION_BYTES = 2**27  # of all hidden outputs at a time
IDENTITIES = ("linear", "softmax")  # activations of layers that are not hidden


@dataclasses.dataclass(frozen=True)
class ScoredExamples:
    """Inputs `[N, ...]`, labels `[N]` and logits `[N, K]`."""

    inputs: np.ndarray
    labels: np.ndarray
    logits: np.ndarray


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The state of a run at a logging step.

    Attributes:
        step: Number of optimizer steps done.
        logging_step: Number of logging steps before, 0 before training.
        num_logging_steps: Planned number of logging steps after the first;
            fewer if training is stopped early.
        last: Whether training ends here.
        inspector: Inspector of the model.
        inputs: Fixed validation batch, float32 `[B, H, W, C]` in 0..255, or
            `[B, D]`.
        labels: Labels of the batch, int32 `[B]`, or float32 targets.
        class_names: Names of the K classes; empty for a regression.
        config: Every option, as resolved.
        folder: Path of the run folder.
        load_validation: Function that returns inputs and labels of the
            validation set, of large ones the first 10,000 or what fits into
            128 MiB; of the training set if there is no validation set.
        load_training_batch: Function that returns augmented training inputs.
        split: Split of the fixed batch: `val`, or `train` for a run that holds
            out no validation examples.
    """

    step: int
    logging_step: int
    num_logging_steps: int
    last: bool
    inspector: ModelInspector
    inputs: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    config: dict[str, Any]
    folder: pathlib.Path
    load_validation: Callable[[], tuple[np.ndarray, np.ndarray]]
    load_training_batch: Callable[[], np.ndarray]
    split: str = "val"

    def describe(self, text: str) -> str:
        """Returns a text on validation examples, as one on those of the run."""
        if self.split == "val":
            return text
        return text.replace("validation", "training")

    @cached_property
    def logits(self) -> np.ndarray:
        """Outputs on the fixed batch, float32 `[B, K]`."""
        if self.step == 0:
            return self.inspector.logits_in_training(self.inputs)
        return self.inspector.logits(self.inputs)

    @cached_property
    def weights(self) -> dict[str, np.ndarray]:
        """Kernels by layer."""
        return self.inspector.weights()

    @cached_property
    def activations(self) -> dict[str, np.ndarray]:
        """Outputs of the hidden layers on the fixed batch, by layer."""
        return self.inspector.activations(self.inputs)

    @cached_property
    def gradients(self) -> dict[str, np.ndarray]:
        """Gradients of the minimized loss on `gradient_batch`, by layer."""
        return self.inspector.by_layer(self._gradients)

    @cached_property
    def updates(self) -> dict[str, np.ndarray]:
        """Changes of `weights` that the optimizer would make next, by layer."""
        updates = self.inspector.weight_updates(self._gradients)
        return self.inspector.by_layer(updates)

    @cached_property
    def _gradients(self) -> list[np.ndarray]:
        return self.inspector.gradients(*self.gradient_batch)

    @property
    def gradient_batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and labels of the fixed batch, at most `batch_size`.

        What fits in memory in a training step fits here too.
        """
        size = self.config.get("batch_size") or len(self.labels)
        return self.inputs[:size], self.labels[:size]

    @cached_property
    def scored(self) -> ScoredExamples:
        """Predictions to count and to show.

        On the fixed batch; at the end of training on the validation set.
        """
        if not self.last:
            return ScoredExamples(self.inputs, self.labels, self.logits)
        inputs, labels = self.load_validation()
        return ScoredExamples(inputs, labels, self.inspector.logits(inputs))


class ModelInspector:
    """Reads activations, gradients and updates of a model in training.

    Args:
        model: compiled; raw inputs to logits.
        network: the layer of it that holds the network, after preprocessing.
        loss: from labels `[B]` and outputs `[B, K]` to a value an example.
        normalized: a tensor of `network`: its inputs after preprocessing of
            its own, if it has any.
    """

    def __init__(
        self,
        model: keras.Model,
        network: keras.Model,
        loss: Callable,
        normalized=None,
    ):
        self.model = model
        self.network = network
        self._gradients = make_gradient_fn(model, loss)
        # Preprocessing is a chain of layers that ends at the network.
        before = model.layers[model.layers.index(network) - 1]
        self._preprocessing = keras.Model(model.input, before.output)
        self._normalization = None
        if normalized is not None:
            self._normalization = keras.Model(network.input, normalized)
        self.hidden = hidden_outputs(network)
        outputs = [hidden.output for hidden in self.hidden]
        self._activations = None
        if outputs:
            self._activations = keras.Model(network.input, outputs)
        self._features = None
        for layer in network.layers:
            if layer.name == "features":
                self._features = keras.Model(network.input, layer.output)
        self.activation_names = {x.name: x.function for x in self.hidden}

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        """Returns the outputs in inference mode, float32 `[N, K]`."""
        return predict_batched(self.model, inputs)

    def logits_in_training(self, inputs: np.ndarray) -> np.ndarray:
        """Returns the outputs `[N, K]` in training mode.

        Batch norm uses the batch, as its moving averages mean nothing before
        training; dropout is on. Large images are computed in several batches.
        Nothing in the model changes.
        """
        size = images_at_once(inputs.shape[1:], len(inputs))
        return np.concatenate(
            [
                self._outputs_in_training(inputs[start : start + size])
                for start in range(0, len(inputs), size)
            ]
        )

    def _outputs_in_training(self, inputs: np.ndarray) -> np.ndarray:
        outputs, _ = self.model.stateless_call(
            self.model.trainable_variables,
            self.model.non_trainable_variables,
            inputs,
            training=True,
        )
        first = outputs[0] if isinstance(outputs, list) else outputs
        return _numpy(first)

    def preprocess(self, inputs: np.ndarray) -> np.ndarray:
        """Returns preprocessed inputs, as the network takes them."""
        return _numpy(self._preprocessing(inputs, training=False))

    def normalize(self, inputs: np.ndarray) -> np.ndarray:
        """Returns inputs after all preprocessing, that of the network too."""
        preprocessed = self.preprocess(inputs)
        if self._normalization is None:
            return preprocessed
        return _numpy(self._normalization(preprocessed, training=False))

    def activations(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the outputs of the hidden layers by name.

        Of as many of the inputs, from the first, as memory allows.
        """
        if self._activations is None:
            return {}
        preprocessed = self.preprocess(inputs[: self._max_examples()])
        outputs = self._activations(preprocessed, training=False)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        return {
            hidden.name: _numpy(output)
            for hidden, output in zip(self.hidden, outputs, strict=True)
        }

    def features(self, inputs: np.ndarray) -> np.ndarray | None:
        """Returns the outputs `[N, F]` of the layer `features`, if any."""
        if self._features is None:
            return None
        x = self.preprocess(inputs)
        size = images_at_once(x.shape[1:])
        starts = range(0, len(x), size)
        return np.concatenate(
            [_numpy(self._features(x[i : i + size])) for i in starts]
        )

    def linear_classifier(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Returns kernel `[F, K]` and bias `[K]` of the last layer.

        `None` if that is not a linear map of the features.
        """
        found = [x for x in self.network.layers if x.name == "logits"]
        is_linear = found and isinstance(found[0], layers.Dense)
        if self._features is None or not is_linear:
            return None
        return _numpy(found[0].kernel), _numpy(found[0].bias)

    def weights(self) -> dict[str, np.ndarray]:
        """Returns the kernel of every layer by the layer's name.

        The first trainable weight if there is no kernel, such as the scale
        of a batch norm. A layer of a model inside the network is named
        `MODEL/LAYER`.
        """
        return {
            name: _numpy(variable)
            for name, variable in zip(
                self.layer_names, self.model.trainable_variables, strict=True
            )
            if name
        }

    def gradients(
        self, inputs: np.ndarray, labels: np.ndarray
    ) -> list[np.ndarray]:
        """Returns the gradient of the minimized loss for each variable.

        In training mode: batch norm uses the batch.
        """
        return self._gradients(inputs, labels)

    def weight_updates(self, gradients: list[np.ndarray]) -> list[np.ndarray]:
        """Returns the change of each variable in the optimizer's next step."""
        return self._updates(gradients)

    @functools.cached_property
    def _updates(self) -> Callable:
        return make_update_fn(self.model)

    def by_layer(self, values: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Returns those of `weights` from one array for each variable."""
        names = self.layer_names
        return {n: v for n, v in zip(names, values, strict=True) if n}

    @property
    def layer_names(self) -> list[str]:
        """Name of the layer for each trainable variable that represents it.

        Empty for the other variables of a layer, such as biases.
        """
        names = {}
        for name, layer in named_layers(self.network):
            kernel = getattr(layer, "kernel", None)
            own = layer.trainable_variables
            if own:
                variable = own[0] if kernel is None else kernel
                names[id(variable)] = name
        return [names.get(id(v), "") for v in self.model.trainable_variables]

    @property
    def unmeasured(self) -> list[str]:
        """Names of inner models whose hidden layers are out of sight.

        They are subclasses of `keras.Model`, with code of their own.
        """
        return [
            name
            for name, layer in named_layers(self.network, with_models=True)
            if isinstance(layer, keras.Model) and as_functional(layer) is None
        ]

    def _max_examples(self) -> int:
        size = sum(4 * np.prod(x.output.shape[1:]) for x in self.hidden)
        return max(1, int(MAX_ACTIVATION_BYTES // size))


# Activations that are layers of their own, without an `activation`.
ACTIVATION_LAYERS = {
    layers.ReLU: "relu",
    layers.LeakyReLU: "leaky_relu",
    layers.ELU: "elu",
    layers.PReLU: "prelu",
}


@dataclasses.dataclass(frozen=True)
class HiddenOutput:
    """The output of a layer that applies an activation.

    Attributes:
        name: Name of the layer; numbered where it is applied again, and
            `MODEL/LAYER` inside a model of that name.
        function: Name of the activation.
        output: Symbolic tensor.
    """

    name: str
    function: str
    output: keras.KerasTensor


def hidden_outputs(model: keras.Model) -> list[HiddenOutput]:
    """Returns the outputs of the hidden layers of a model, in order.

    Those inside inner models too, as tensors of the whole model.
    """
    whole = as_functional(model)
    found: list[HiddenOutput] = []
    names: set[str] = set()
    for call in calls_of(whole) if whole else ():
        inner = as_functional(call.operation)
        if inner is not None:
            hidden = hidden_outputs(inner)
            box = unused_name(call.operation.name, names)
            outputs = _apply(inner, hidden, call.input_tensors)
            for each, output in zip(hidden, outputs, strict=True):
                name = f"{box}/{each.name}"
                found.append(HiddenOutput(name, each.function, output))
        elif function := activation_of(call.operation):
            name = unused_name(call.operation.name, names)
            output = call.output_tensors[0]
            found.append(HiddenOutput(name, function, output))
    return found


def _apply(
    model: keras.Model, hidden: list[HiddenOutput], inputs: list
) -> list[keras.KerasTensor]:
    """Returns outputs inside a model for other inputs."""
    if not hidden:
        return []
    part = keras.Model(model.inputs, [each.output for each in hidden])
    return part(inputs)


def named_layers(
    model: keras.Model, prefix: str = "", with_models: bool = False
) -> Iterator[tuple[str, layers.Layer]]:
    """Yields the layers of a model, those of inner models in their place.

    Args:
        model: has the layers.
        prefix: of the names.
        with_models: whether to yield each inner model too, before its layers.
    """
    for layer in model.layers:
        name = prefix + layer.name
        is_model = isinstance(layer, keras.Model)
        if with_models or not is_model:
            yield name, layer
        if is_model:
            yield from named_layers(layer, f"{name}/", with_models)


def activation_of(layer: layers.Layer) -> str:
    """Returns the name of a layer's activation; empty if it has none."""
    for kind, name in ACTIVATION_LAYERS.items():
        if isinstance(layer, kind):
            if kind is layers.ReLU and layer.negative_slope:
                return "leaky_relu"
            is_clipped = getattr(layer, "max_value", None) == 6
            return "relu6" if is_clipped else name
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", "")
    return "" if name in IDENTITIES else name


def _numpy(tensor) -> np.ndarray:
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def make_gradient_fn(
    model: keras.Model, loss: Callable, regularization: bool = True
) -> Callable:
    """Returns a function from inputs and labels to gradients.

    They are of the mean loss, that of auxiliary outputs by their weight and,
    by default, the regularization losses, one float32 array for each trainable
    variable. Nothing in the model changes: neither moving averages of batch
    norm nor seeds of dropout.
    """

    def objective(trainable, fixed, inputs, labels):
        outputs, _, penalties = model.stateless_call(
            trainable, fixed, inputs, training=True, return_losses=True
        )
        first, *others = outputs if isinstance(outputs, list) else [outputs]
        mean = ops.mean(loss(labels, first))
        for other in others:
            mean += AUXILIARY_WEIGHT * ops.mean(loss(labels, other))
        return mean + sum(penalties) if regularization else mean

    backends = {"tensorflow": _tensorflow_gradient, "jax": _jax_gradient}
    compute = backends[keras.backend.backend()](objective)

    def gradients(inputs: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
        values = compute(
            [v.value for v in model.trainable_variables],
            [v.value for v in model.non_trainable_variables],
            ops.convert_to_tensor(inputs),
            ops.convert_to_tensor(labels),
        )
        return [np.asarray(ops.convert_to_numpy(g)) for g in values]

    return gradients


def _tensorflow_gradient(objective: Callable) -> Callable:
    import tensorflow as tf

    @tf.function(autograph=False)
    def compute(trainable, fixed, inputs, labels):
        with tf.GradientTape() as tape:
            tape.watch(trainable)
            value = objective(trainable, fixed, inputs, labels)
        return tape.gradient(
            value, trainable, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )

    def with_values(trainable, fixed, inputs, labels):
        trainable = [tf.convert_to_tensor(v) for v in trainable]
        fixed = [tf.convert_to_tensor(v) for v in fixed]
        return compute(trainable, fixed, inputs, labels)

    return with_values


def _jax_gradient(objective: Callable) -> Callable:
    import jax

    return jax.jit(jax.grad(objective))


def make_update_fn(model: keras.Model) -> Callable:
    """Returns a function from gradients to the changes of an optimizer step.

    It takes and returns a float32 array for each trainable variable. The
    state of the optimizer, momentum and learning rate are taken into account,
    and nothing in the model or the optimizer changes. Where gradients are
    accumulated, the step is one that updates the weights, by these gradients.
    """
    backends = {"tensorflow": _apply_and_revert, "jax": _apply_stateless}
    return backends[keras.backend.backend()](model)


def _apply_and_revert(model: keras.Model) -> Callable:
    """Makes the step and reverts it, to the bit.

    TensorFlow's optimizer kernels write to the weights in place.
    """
    touched = [*model.trainable_variables, *model.optimizer.variables]

    def updates(gradients: list[np.ndarray]) -> list[np.ndarray]:
        before = [ops.convert_to_numpy(v).copy() for v in touched]
        try:
            for variable, value in _before_update(model, gradients):
                variable.assign(value)
            model.optimizer.apply(
                [ops.convert_to_tensor(g) for g in gradients],
                model.trainable_variables,
            )
            return _differences(model.trainable_variables, before)
        finally:
            for variable, old in zip(touched, before, strict=True):
                variable.assign(old)

    return updates


def _apply_stateless(model: keras.Model) -> Callable:
    """Computes the step without changing the model, compiled."""
    import jax

    apply = jax.jit(model.optimizer.stateless_apply)

    def updates(gradients: list[np.ndarray]) -> list[np.ndarray]:
        before = [v.value for v in model.trainable_variables]
        given = {
            id(v): ops.convert_to_tensor(value, v.dtype)
            for v, value in _before_update(model, gradients)
        }
        state = [given.get(id(v), v.value) for v in model.optimizer.variables]
        after, _ = apply(
            state, list(map(ops.convert_to_tensor, gradients)), before
        )
        return _differences(after, before)

    return updates


def _before_update(
    model: keras.Model, gradients: list[np.ndarray]
) -> list[tuple[keras.Variable, Any]]:
    """Returns variables with values that let the next step update weights.

    None where each step does. Where gradients are accumulated, the step is the
    last one of the update under way, with the learning rate of that step, and
    the sums are those of batches that all had the given gradients.
    """
    optimizer = model.optimizer
    number = getattr(optimizer, "gradient_accumulation_steps", None)
    if not number:
        return []
    # Keras has no public names: `iterations` counts updates, not steps.
    done = int(ops.convert_to_numpy(optimizer._iterations))
    values = [(optimizer._iterations, done - done % number + number - 1)]
    for variable, gradient in zip(
        model.trainable_variables, gradients, strict=True
    ):
        # A callback may have frozen some of those that it was built with.
        index = optimizer._get_variable_index(variable)
        total = optimizer._accumulated_gradients[index]
        values.append((total, (number - 1) * gradient))
    return values


def _differences(after: list, before: list) -> list[np.ndarray]:
    return [
        ops.convert_to_numpy(new) - ops.convert_to_numpy(old)
        for new, old in zip(after, before, strict=False)
    ]
