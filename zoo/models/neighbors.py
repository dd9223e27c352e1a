"""k nearest neighbours: remembers every example, and lets the nearest vote.

Cover and Hart 1967, "Nearest neighbor pattern classification", as a network
of two layers. Of the remembered vectors t, the nearest to x has the largest
`x * t - |t|^2 / 2`, which is a dense layer with the vectors for its kernel;
a second one, with one-hot labels for its kernel, counts the votes of the k
largest. Vectors as near as the k-th one vote too. The logits are the logs of
the shares of the votes, a share of none standing at Keras's epsilon, 1e-7.

Nothing is learned by gradients. Before `memorize` the memory is empty and all
classes are equally likely.

Numbers kept: 784 * 1,000 + 1,000 + 1,000 * 10 = 795,000 on 28x28x1 with 1,000
examples, none of them trainable.
"""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import layers, ops

from zoo.errors import UserError
from zoo.models.options import Size

MOST_BYTES = 2e9  # of the memory; copies of it are made when it is saved
FLOAT_BYTES = 4


def build(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    neighbors: Size = 5,
    memory: Size = 1000,
) -> keras.Model:
    """Builds k nearest neighbours over `[B, H, W, C]` or `[B, D]`.

    Args:
        neighbors: k, how many of the nearest examples vote.
        memory: how many examples are remembered; in training, all.
    """
    _check(neighbors, memory, math.prod(input_shape))
    inputs = keras.Input(input_shape, name="inputs")
    features = layers.Flatten(name="features")(inputs)  # [B, D]
    nearness = layers.Dense(
        memory,
        kernel_initializer="zeros",
        trainable=False,
        dtype="float32",
        name="memory",
    )(features)  # [B, memory]
    kth = ops.top_k(nearness, neighbors)[0][:, -1:]  # [B, 1]
    votes = ops.cast(nearness >= kth, "float32")
    votes = votes / ops.sum(votes, axis=-1, keepdims=True)
    shares = layers.Dense(
        num_classes,
        use_bias=False,
        kernel_initializer=keras.initializers.Constant(1 / num_classes),
        trainable=False,
        dtype="float32",
        name="votes",
    )(votes)  # [B, K]
    logs = ops.log(ops.maximum(shares, keras.config.epsilon()))
    logits = layers.Identity(name="logits")(logs)
    return keras.Model(inputs, logits, name="knn")


def memorize(
    model: keras.Model, inputs: np.ndarray, labels: np.ndarray
) -> None:
    """Gives a model its examples, as many as it was built for.

    Args:
        inputs: float32 `[N, ...]`, as the model sees them: preprocessed.
        labels: int `[N]`, from 0.
    """
    vectors = inputs.reshape(len(inputs), -1).astype(np.float32)
    lengths = np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)
    model.get_layer("memory").set_weights(
        [vectors.T, (-lengths / 2).astype(np.float32)]
    )
    classes = model.output_shape[-1]
    votes = np.eye(classes, dtype=np.float32)[labels]
    model.get_layer("votes").set_weights([votes])


def _check(neighbors: int, memory: int, size: int) -> None:
    if neighbors > memory:
        raise UserError(
            f"--model_arg=neighbors={neighbors} is more than the "
            f"{memory:,} examples that knn remembers; give at most that."
        )
    needed = FLOAT_BYTES * memory * size
    if needed > MOST_BYTES:
        most = int(MOST_BYTES / FLOAT_BYTES / size)
        raise UserError(
            f"knn would remember {memory:,} examples of {size:,} numbers, "
            f"which is {needed / 1e9:,.1f} GB; --train_examples={most} keeps "
            f"it below {MOST_BYTES / 1e9:g} GB, or --features makes examples "
            "shorter."
        )
