"""Losses of integer labels `[B]` and logits `[B, K]`, and weight decay.

Labels that MixUp or CutMix mixed are the fraction of each class, `[B, K]`.

A model with one output predicts a number; its labels are float32 `[B]`.
Each loss gives one value an example, float32 `[B]`. Regularization is not part
of it and is reported apart, as `regularization_loss`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from zoo.config import TrainConfig


def cross_entropy(label_smoothing: float = 0.0) -> Callable:
    """Softmax cross-entropy in nats.

    With smoothing s the target is 1 - s + s/K for the true class and s/K for
    each other one (Szegedy et al. 2016, arXiv:1512.00567).
    """

    # Named functions: Keras warns of a lambda when a callback saves the model.
    def sparse_cross_entropy(labels, logits):
        if _are_fractions(labels, logits):
            return keras.losses.categorical_crossentropy(
                labels, logits, from_logits=True
            )
        return keras.losses.sparse_categorical_crossentropy(
            labels, logits, from_logits=True
        )

    def smoothed_cross_entropy(labels, logits):
        return keras.losses.categorical_crossentropy(
            _one_hot(labels, logits),
            logits,
            from_logits=True,
            label_smoothing=label_smoothing,
        )

    return smoothed_cross_entropy if label_smoothing else sparse_cross_entropy


def hinge(labels, logits):
    """Multiclass hinge of Weston and Watkins: sum over every incorrect class.

    max(0, s_j - s_y + 1) summed over j != y; Keras's own categorical hinge
    takes only the worst incorrect class. Of mixed labels it is the mean over
    their classes y, by fraction.
    """
    target = _one_hot(labels, logits)
    if _are_fractions(labels, logits):
        others = 1.0 - ops.eye(logits.shape[-1], dtype=logits.dtype)
        distances = logits[:, None, :] - logits[:, :, None]  # [B, y, j]
        margins = ops.maximum(0.0, distances + 1.0) * others
        return ops.sum(target * ops.sum(margins, axis=-1), axis=-1)
    correct = ops.sum(target * logits, axis=-1, keepdims=True)
    margins = ops.maximum(0.0, logits - correct + 1.0) * (1.0 - target)
    return ops.sum(margins, axis=-1)


def squared_error(labels, logits):
    """Squared distance of the outputs from the one-hot label, summed.

    A single output is compared with the label itself.
    """
    # Keras takes the last axis off where that has one entry.
    if len(logits.shape) == 1 or logits.shape[-1] == 1:
        outputs = ops.reshape(logits, (-1,))
        targets = ops.cast(ops.reshape(labels, (-1,)), outputs.dtype)
        return ops.square(outputs - targets)
    return ops.sum(ops.square(logits - _one_hot(labels, logits)), axis=-1)


def make_loss(name: str, label_smoothing: float = 0.0) -> Callable:
    """Returns the loss that `--loss` names, as a function (labels, logits)."""
    if name == "cross_entropy":
        return cross_entropy(label_smoothing)
    return {"hinge": hinge, "squared_error": squared_error}[name]


def data_loss(config: TrainConfig) -> Callable:
    """Returns the loss of a filled config: every example counts the same."""
    return make_loss(config.loss, config.label_smoothing or 0.0)


def class_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns the weight of an example of each class, float32 `[K]`.

    n / (K n_k) for n_k of n examples (King and Zeng 2001, "Logistic
    regression in rare events data"): each class counts the same in all, and
    the mean over the examples is 1. A class without examples gets 0.
    """
    counts = np.bincount(labels, minlength=num_classes)
    weights = np.zeros(num_classes)
    present = counts > 0
    weights[present] = len(labels) / (present.sum() * counts[present])
    return weights.astype(np.float32)


def by_class(loss: Callable, weights: np.ndarray) -> Callable:
    """Returns a loss that counts each example by the weight of its class.

    Args:
        loss: from labels and outputs to a value an example.
        weights: float32 `[K]`.
    """

    def weighted(labels, outputs):
        classes = ops.reshape(ops.cast(labels, "int32"), (-1,))
        return ops.take(weights, classes) * loss(labels, outputs)

    return weighted


def add_weight_decay(
    model: keras.Model,
    weight_decay: float,
    faster: Sequence[keras.Variable] = (),
    factor: float = 1.0,
) -> None:
    """Adds the papers' coupled decay: w/2 * sum v^2 over every variable.

    Its gradient is w * v, which then passes through momentum: what Lua Torch
    and PyTorch call weight decay, on biases, gamma and beta too. Keras's own
    `SGD(weight_decay=w)` is decoupled and, at momentum 0.9, ten times weaker.

    Args:
        model: gets the penalty as a regularizer of its variables.
        weight_decay: w.
        faster: variables whose learning rate is multiplied by a factor.
        factor: the factor, by which their penalty is divided, so that they
            decay as the others do.
    """
    apart = {id(variable) for variable in faster}
    usual, divided = (
        keras.regularizers.L2(weight_decay / 2 / by) for by in (1.0, factor)
    )
    for variable in model.trainable_variables:
        decay = divided if id(variable) in apart else usual
        present = variable.regularizer
        variable.regularizer = _sum_of(decay, present) if present else decay


def _sum_of(first: Callable, second: Callable) -> Callable:
    return lambda variable: first(variable) + second(variable)


def accuracy(labels, logits):
    """Whether the class with the largest fraction is predicted, 0 or 1."""
    if _are_fractions(labels, logits):
        labels = ops.argmax(labels, axis=-1)
    return keras.metrics.sparse_categorical_accuracy(labels, logits)


def _are_fractions(labels, logits) -> bool:
    return len(labels.shape) == 2 and labels.shape[1] == logits.shape[1]


def _one_hot(labels, logits):
    if _are_fractions(labels, logits):
        return ops.cast(labels, logits.dtype)
    labels = ops.reshape(ops.cast(labels, "int32"), (-1,))
    return ops.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
