"""Gradients on a few examples, outside the training step; TensorFlow or JAX."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import ops


def make_gradients(
    model: keras.Model, loss: Callable, penalized: bool = True
) -> Callable:
    """Returns a function from inputs and labels to gradients.

    They are of the mean loss and, unless told otherwise, the penalties, one
    float32 array for each trainable variable, and change nothing in the
    model: running averages of batch norm and the states of dropout stay what
    they are.
    """

    def objective(trainable, fixed, inputs, labels):
        outputs, _, penalties = model.stateless_call(
            trainable, fixed, inputs, training=True, return_losses=True
        )
        first = outputs[0] if isinstance(outputs, list) else outputs
        mean = ops.mean(loss(labels, first))
        return mean + sum(penalties) if penalized else mean

    differentiate = {"tensorflow": _tensorflow, "jax": _jax}
    compute = differentiate[keras.backend.backend()](objective)

    def gradients(inputs: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
        trainable = [v.value for v in model.trainable_variables]
        fixed = [v.value for v in model.non_trainable_variables]
        found = compute(
            trainable,
            fixed,
            ops.convert_to_tensor(inputs),
            ops.convert_to_tensor(labels),
        )
        return [np.asarray(ops.convert_to_numpy(g)) for g in found]

    return gradients


def _tensorflow(objective: Callable) -> Callable:
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


def _jax(objective: Callable) -> Callable:
    import jax

    return jax.jit(jax.grad(objective))


def make_changes(model: keras.Model) -> Callable:
    """Returns a function from gradients to what an update would change.

    It takes and returns a float32 array for each trainable variable. The
    optimizer's own state, its momentum and its rate take part, and nothing in
    the model or the optimizer changes.
    """
    imagine = {"tensorflow": _undone, "jax": _stateless}
    return imagine[keras.backend.backend()](model)


def _undone(model: keras.Model) -> Callable:
    """Makes the update and takes it back, to the bit.

    TensorFlow's kernels of optimizers write where the weights are.
    """
    touched = [*model.trainable_variables, *model.optimizer.variables]

    def changes(gradients: list[np.ndarray]) -> list[np.ndarray]:
        before = [ops.convert_to_numpy(v).copy() for v in touched]
        try:
            model.optimizer.apply(
                [ops.convert_to_tensor(g) for g in gradients],
                model.trainable_variables,
            )
            return _differences(model.trainable_variables, before)
        finally:
            for variable, old in zip(touched, before, strict=True):
                variable.assign(old)

    return changes


def _stateless(model: keras.Model) -> Callable:
    """Computes the update beside the model, compiled as a whole."""
    import jax

    apply = jax.jit(model.optimizer.stateless_apply)

    def changes(gradients: list[np.ndarray]) -> list[np.ndarray]:
        before = [v.value for v in model.trainable_variables]
        state = [v.value for v in model.optimizer.variables]
        after, _ = apply(
            state, list(map(ops.convert_to_tensor, gradients)), before
        )
        return _differences(after, before)

    return changes


def _differences(after: list, before: list) -> list[np.ndarray]:
    return [
        ops.convert_to_numpy(new) - ops.convert_to_numpy(old)
        for new, old in zip(after, before, strict=False)
    ]
