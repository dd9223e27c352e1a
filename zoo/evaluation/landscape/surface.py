"""The loss of a network at any weights, on a fixed sample."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
from keras import layers

from zoo.data import Split

BATCH = 250  # examples that go through the network together


@dataclasses.dataclass(frozen=True)
class Score:
    """Mean loss of a sample, and the share that is right, 0..1.

    NaN where the loss is not finite; accuracy is `None` without classes.
    """

    loss: float
    accuracy: float | None


class Surface:
    """A network whose weights can be put anywhere.

    Dropout is off. With `measures` each batch norm uses the mean and variance
    of the training sample at the weights in question, pooled over batches of
    `BATCH` that are normalized by their own as in training; otherwise the
    running averages among the weights.

    Args:
        model: raw inputs to outputs `[B, K]`. It is changed: nobody else may
            use it after.
        body: the layer of it that has all its weights.
        loss: from labels `[B]` and outputs `[B, K]` to a value an example.
        samples: by name; must have `train`.
        measures: whether to measure the statistics of batch norm anew.
    """

    def __init__(
        self,
        model: keras.Model,
        body: keras.Model,
        loss: Callable,
        samples: dict[str, Split],
        measures: bool,
    ):
        self._model = model
        self._body = body
        self._loss = loss
        self._labels = {name: part.labels for name, part in samples.items()}
        self._batches = {name: _batches(p) for name, p in samples.items()}
        self._norms = batch_norms(body)
        self._trainer = None
        if measures and self._norms:
            self._trainer = _InTraining(model)

    @property
    def sizes(self) -> dict[str, int]:
        """How many examples each sample has."""
        return {name: len(labels) for name, labels in self._labels.items()}

    def move_to(self, weights: Sequence[np.ndarray]) -> None:
        """Puts the network at some weights, in the order of the body's."""
        self._body.set_weights(list(weights))
        if self._trainer:
            self._measure()

    def score(self, name: str) -> Score:
        """Returns how one of the samples does here."""
        outputs = self._outputs(name)
        labels = self._labels[name]
        each = keras.ops.convert_to_numpy(self._loss(labels, outputs))
        with np.errstate(invalid="ignore", over="ignore"):
            loss = float(np.mean(each, dtype=np.float64))
        if not math.isfinite(loss):
            return Score(math.nan, None if _are_numbers(labels) else math.nan)
        if _are_numbers(labels):
            return Score(loss, None)
        return Score(loss, float(np.mean(outputs.argmax(axis=1) == labels)))

    def penalty(self) -> float:
        """Returns what the weights themselves add to the loss here."""
        total = sum((float(each) for each in self._model.losses), 0.0)
        return total if math.isfinite(total) else math.nan

    def _outputs(self, name: str) -> np.ndarray:
        parts = map(self._model.predict_on_batch, self._batches[name])
        return np.concatenate([np.asarray(part) for part in parts])

    def _measure(self) -> None:
        """Gives each batch norm the statistics of the training sample."""
        sizes, means, variances = [], [], []
        for batch in self._batches["train"]:
            self._trainer.predict_on_batch(batch)
            sizes.append(len(batch))
            means.append([_numpy(n.moving_mean) for n in self._norms])
            variances.append([_numpy(n.moving_variance) for n in self._norms])
        for index, norm in enumerate(self._norms):
            mean, variance = pooled(
                sizes, [m[index] for m in means], [v[index] for v in variances]
            )
            norm.moving_mean.assign(mean)
            norm.moving_variance.assign(variance)


def pooled(
    sizes: Sequence[int],
    means: Sequence[np.ndarray],
    variances: Sequence[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and variance `[C]` of several batches as of one."""
    share = np.array(sizes)[:, None] / sum(sizes)
    with np.errstate(invalid="ignore", over="ignore"):
        means, variances = np.float64(means), np.float64(variances)
        mean = (share * means).sum(axis=0)
        variance = (share * (variances + np.square(means - mean))).sum(axis=0)
    return mean, variance


def batch_norms(model: keras.Model) -> list[layers.BatchNormalization]:
    """Returns every batch norm of a model."""
    kind = layers.BatchNormalization
    return [layer for layer in _layers(model) if isinstance(layer, kind)]


def _layers(model: keras.Model) -> Iterator[layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


class _InTraining(keras.Model):
    """Shows batches to a model as training does, except for dropout.

    After a batch the running averages are that batch's statistics alone.
    """

    def __init__(self, model: keras.Model):
        super().__init__(name="in_training")
        for layer in _layers(model):
            if isinstance(layer, layers.BatchNormalization):
                layer.momentum = 0.0
            elif isinstance(layer, layers.Dropout):
                layer.rate = 0.0
        self._inner = model

    def call(self, inputs):
        # It takes no `training` itself: `predict` would set that to False,
        # and a functional model would hand it on.
        return self._inner(inputs, training=True)


def _batches(part: Split) -> list[np.ndarray]:
    inputs = part.images.astype(np.float32)
    return np.array_split(inputs, math.ceil(len(inputs) / BATCH))


def _are_numbers(labels: np.ndarray) -> bool:
    return labels.dtype.kind == "f"


def _numpy(variable) -> np.ndarray:
    # A copy: the next batch overwrites what a view would look at.
    return np.array(keras.ops.convert_to_numpy(variable))
