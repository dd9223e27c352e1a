"""k-nearest neighbors: stores the training examples, and the nearest ones vote.

Cover and Hart 1967, "Nearest neighbor pattern classification", as a network
of two dense layers. Of the stored vectors t, the nearest to x has the largest
`x * t - |t|^2 / 2`, a dense layer with the vectors as its kernel; a second
one, with one-hot labels as its kernel, counts the votes of the k largest.
Vectors at the same distance as the k-th one vote too. The logits are the logs
of the fractions of the votes, not below log(1e-7), Keras's epsilon.

It is non-parametric: nothing is trained by gradients. Before `fit_knn` all
classes are equally likely.

Weights: 784 * 1,000 + 1,000 + 1,000 * 10 = 795,000 on 28x28x1 with 1,000
examples, none of them trainable.
"""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import layers, ops

from zoo.errors import UserError
from zoo.models.options import Size

MAX_BYTES = 2e9  # of the stored examples, which are copied when it is saved
FLOAT_BYTES = 4


def build(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    neighbors: Size = 5,
    num_examples: Size = 1000,
) -> keras.Model:
    """Builds k-nearest neighbors over `[B, H, W, C]` or `[B, D]`.

    Args:
        neighbors: k, the number of nearest examples that vote.
        num_examples: number of stored examples; in training, all.
    """
    _check(neighbors, num_examples, math.prod(input_shape))
    inputs = keras.Input(input_shape, name="inputs")
    features = layers.Flatten(name="features")(inputs)  # [B, D]
    similarity = layers.Dense(
        num_examples,
        kernel_initializer="zeros",
        trainable=False,
        dtype="float32",
        name="examples",
    )(features)  # [B, num_examples]
    kth = ops.top_k(similarity, neighbors)[0][:, -1:]  # [B, 1]
    votes = ops.cast(similarity >= kth, "float32")
    votes = votes / ops.sum(votes, axis=-1, keepdims=True)
    fractions = layers.Dense(
        num_classes,
        use_bias=False,
        kernel_initializer=keras.initializers.Constant(1 / num_classes),
        trainable=False,
        dtype="float32",
        name="votes",
    )(votes)  # [B, K]
    logs = ops.log(ops.maximum(fractions, keras.config.epsilon()))
    logits = layers.Identity(name="logits")(logs)
    return keras.Model(inputs, logits, name="knn")


def fit_knn(model: keras.Model, inputs: np.ndarray, labels: np.ndarray) -> None:
    """Stores the training examples, `num_examples` of them, in a model.

    Args:
        inputs: float32 `[N, ...]`, preprocessed.
        labels: int `[N]`, from 0.
    """
    vectors = inputs.reshape(len(inputs), -1).astype(np.float32)
    lengths = np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)
    model.get_layer("examples").set_weights(
        [vectors.T, (-lengths / 2).astype(np.float32)]
    )
    classes = model.output_shape[-1]
    votes = np.eye(classes, dtype=np.float32)[labels]
    model.get_layer("votes").set_weights([votes])


def _check(neighbors: int, num_examples: int, size: int) -> None:
    if neighbors > num_examples:
        raise UserError(
            f"--model_arg=neighbors={neighbors} is more than the "
            f"{num_examples:,} training examples of knn; give at most that."
        )
    num_bytes = FLOAT_BYTES * num_examples * size
    if num_bytes > MAX_BYTES:
        limit = int(MAX_BYTES / FLOAT_BYTES / size)
        raise UserError(
            f"knn would store {num_examples:,} examples of {size:,} numbers, "
            f"{num_bytes / 1e9:,.1f} GB; --train_examples={limit} keeps it "
            f"below {MAX_BYTES / 1e9:g} GB, or --features makes the examples "
            "shorter."
        )
