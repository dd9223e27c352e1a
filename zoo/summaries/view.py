"""What can be seen of a network without changing anything in it.

Everything is computed outside the compiled training step, on a few images at
hand, so that looking costs nothing while nobody looks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

from zoo.models.inference import BATCH_SIZE, predict_batched
from zoo.summaries import backprop

ACTIVATION_BYTES = 2**27  # of all hidden outputs that are held at a time
IDENTITY = ("linear", "softmax")  # activations that hide nothing


class View:
    """Looks into one model while it is being trained.

    Args:
        model: compiled; raw inputs to logits.
        body: the layer of it that holds the zoo's own model.
        loss: from labels `[B]` and outputs `[B, K]` to a value an example.
        scaled: a tensor of `body`: its inputs after preprocessing of its own,
            if it has any.
    """

    def __init__(
        self,
        model: keras.Model,
        body: keras.Model,
        loss: Callable,
        scaled=None,
    ):
        self.model = model
        self.body = body
        self._gradients = backprop.make_gradients(model, loss)
        # Preprocessing is a chain of layers that ends at the body.
        before = model.layers[model.layers.index(body) - 1]
        self._entrance = keras.Model(model.input, before.output)
        self._scaling = None
        if scaled is not None:
            self._scaling = keras.Model(body.input, scaled)
        self.hidden = hidden_layers(body)
        outputs = [layer.output for layer in self.hidden]
        self._insight = keras.Model(body.input, outputs) if outputs else None
        named = [x for x in body.layers if x.name == "features"]
        self._cut = keras.Model(body.input, named[0].output) if named else None
        self.functions = {x.name: activation_of(x) for x in self.hidden}

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        """Returns the outputs float32 `[N, K]` in use, not in training."""
        return predict_batched(self.model, inputs)

    def logits_in_training(self, inputs: np.ndarray) -> np.ndarray:
        """Returns outputs `[N, K]` as a training step would see them.

        Batch norm uses the batch, as its running averages mean nothing before
        training; dropout drops. Nothing in the model changes.
        """
        outputs, _ = self.model.stateless_call(
            self.model.trainable_variables,
            self.model.non_trainable_variables,
            inputs,
            training=True,
        )
        first = outputs[0] if isinstance(outputs, list) else outputs
        return _numpy(first)

    def seen(self, inputs: np.ndarray) -> np.ndarray:
        """Returns what the zoo's own model gets: preprocessed inputs."""
        return _numpy(self._entrance(inputs, training=False))

    def scaled(self, inputs: np.ndarray) -> np.ndarray:
        """Returns what layers with weights get: after all preprocessing."""
        seen = self.seen(inputs)
        if self._scaling is None:
            return seen
        return _numpy(self._scaling(seen, training=False))

    def activations(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the outputs of the hidden layers by name.

        Of as many of the inputs, from the first, as memory allows.
        """
        if self._insight is None:
            return {}
        some = self.seen(inputs[: self._affordable()])
        outputs = self._insight(some, training=False)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        return {
            layer.name: _numpy(output)
            for layer, output in zip(self.hidden, outputs, strict=True)
        }

    def features(self, inputs: np.ndarray) -> np.ndarray | None:
        """Returns the vectors `[N, F]` before the classifier, if there are."""
        if self._cut is None:
            return None
        seen = self.seen(inputs)
        parts = range(0, len(seen), BATCH_SIZE)
        return np.concatenate(
            [_numpy(self._cut(seen[at : at + BATCH_SIZE])) for at in parts]
        )

    def classifier(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Returns kernel `[F, K]` and bias `[K]` of the last layer.

        If that is a linear map of the features.
        """
        found = [x for x in self.body.layers if x.name == "logits"]
        linear = found and isinstance(found[0], layers.Dense)
        if self._cut is None or not linear:
            return None
        return _numpy(found[0].kernel), _numpy(found[0].bias)

    def weights(self) -> dict[str, np.ndarray]:
        """Returns the kernel of every layer by the layer's name.

        Where a layer has no kernel, its first trainable weight stands for
        it, such as the scale of a batch norm.
        """
        return {
            name: _numpy(variable)
            for name, variable in zip(
                self.names, self.model.trainable_variables, strict=True
            )
            if name
        }

    def gradients(
        self, inputs: np.ndarray, labels: np.ndarray
    ) -> list[np.ndarray]:
        """Returns the gradient of loss and penalties, variable by variable.

        As a training step would see it: batch norm uses the batch.
        """
        return self._gradients(inputs, labels)

    def updates(self, gradients: list[np.ndarray]) -> list[np.ndarray]:
        """Returns what the optimizer would add to each variable next."""
        return self._changes(gradients)

    @functools.cached_property
    def _changes(self) -> Callable:
        return backprop.make_changes(self.model)

    def by_layer(self, values: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Returns those of `weights` from one array for each variable."""
        return {n: v for n, v in zip(self.names, values, strict=True) if n}

    @property
    def names(self) -> list[str]:
        """The layer's name for each trainable variable that stands for it.

        Empty for the other variables of a layer, such as biases.
        """
        first = {}
        for layer in self.body.layers:
            kernel = getattr(layer, "kernel", None)
            own = layer.trainable_variables
            if own:
                variable = own[0] if kernel is None else kernel
                first[id(variable)] = layer.name
        return [first.get(id(v), "") for v in self.model.trainable_variables]

    def _affordable(self) -> int:
        each = sum(4 * np.prod(x.output.shape[1:]) for x in self.hidden)
        return max(1, int(ACTIVATION_BYTES // each))


def hidden_layers(body: keras.Model) -> list[layers.Layer]:
    """Returns the layers of a model that apply an activation, in order."""
    return [layer for layer in body.layers if activation_of(layer)]


def activation_of(layer: layers.Layer) -> str:
    """Returns the name of a layer's activation; empty if it has none."""
    if isinstance(layer, layers.LeakyReLU):
        return "leaky_relu"
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", "")
    return "" if name in IDENTITY else name


def _numpy(tensor) -> np.ndarray:
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))
