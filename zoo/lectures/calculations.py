"""Answers to the questions of lectures that need no run.

Each function takes options as text and returns a few lines. The TOML files of
this folder name them, as they do those of `answers`.
"""

from __future__ import annotations

import numpy as np

from zoo import api, metrics
from zoo.console import format_count, format_table
from zoo.errors import join_and


def model_costs(*, model: str) -> str:
    """Layers of a model with most weights and with most multiply-adds."""
    found = api.describe(model)
    lines = []
    for key, what in (
        ("trainable", "weights"), ("multiply_adds", "multiply-adds"),
    ):  # fmt: skip
        rows = sorted(found["layers"], key=lambda row: -row[key])[:3]
        total = sum(row[key] for row in found["layers"])
        fractions = join_and(
            f"{row['name']} ({100 * row[key] / total:.0f}%)" for row in rows
        )
        lines.append(f"{model}, of {total:,} {what}: {fractions}.")
    return "\n".join(lines)


def convolution_sizes(*, cases: str) -> str:
    """Output size and parameters of convolutions, from layers of Keras.

    Args:
        cases: Each `SIZE,FILTER,PADDING,STRIDE,CHANNELS,FILTERS`, divided by
            semicolons.
    """
    rows = []
    for case in cases.split(";"):
        n, f, pad, stride, channels, filters = map(int, case.split(","))
        size, parameters = convolve(n, f, pad, stride, channels, filters)
        exact = (n - f + 2 * pad) / stride + 1
        note = "" if exact == size else f"{exact:g}, rounded down"
        rows.append(
            (f"{n}x{n}x{channels}", f"{f}x{f}", str(pad), str(stride),
             str(filters), f"{size}x{size}x{filters}",
             format_count(parameters), note)
        )  # fmt: skip
    heads = ("input", "filter", "padding", "stride", "filters", "output",
             "weights", "")  # fmt: skip
    return format_table(heads, rows, (6,))


def convolve(
    n: int, f: int, pad: int, stride: int, channels: int, filters: int
) -> tuple[int, int]:
    """Returns output size and number of weights of a convolution.

    Args:
        n: Height and width of the input.
        f: Height and width of the filter.
        pad: Zeros on each side.
        stride: Stride.
        channels: Maps of the input.
        filters: Maps of the output.
    """
    import keras

    inputs = keras.Input((n, n, channels))
    padded = keras.layers.ZeroPadding2D(pad)(inputs)
    layer = keras.layers.Conv2D(filters, f, stride, use_bias=False)
    return layer(padded).shape[1], layer.count_params()


def dense_weights(*, inputs: str, outputs: str) -> str:
    """Weights of a full matrix between two layers, from a layer of Keras."""
    import keras

    layer = keras.layers.Dense(int(outputs), use_bias=False)
    layer.build((None, int(inputs)))
    return (
        f"A full matrix from {inputs} inputs to {outputs} outputs has "
        f"{layer.count_params():,} weights."
    )


def overflow() -> str:
    """Softmax and logarithm in float32, as written and as computed."""
    logits = np.float32([1000, 0, -1000])
    with np.errstate(all="ignore"):
        naive = np.exp(logits) / np.exp(logits).sum()
        loss = -np.log(np.float32(0))
    careful = np.exp(metrics.log_softmax(logits[None])[0])
    return (
        f"Logits {_row(logits)}: exp overflows to infinity, and infinity over "
        f"infinity is not a number: {_row(naive)}. With the largest logit "
        f"subtracted first: {_row(careful)}. The logarithm of a probability "
        f"that was rounded to 0 is an infinite loss, {loss:g}; from logits it "
        f"is {-metrics.log_softmax(logits[None])[0, 2]:g}."
    )


def _row(numbers: np.ndarray) -> str:
    return ", ".join(f"{x:g}" for x in numbers)


def backpropagation() -> str:
    """Gradients of a two-layer network by hand, against those of Keras."""
    import keras
    import tensorflow as tf

    random = np.random.default_rng(0)
    x, labels = random.normal(size=(8, 5)), random.integers(0, 3, 8)
    w1, w2 = random.normal(size=(5, 4)), random.normal(size=(4, 3))
    hidden = np.maximum(x @ w1, 0)
    probabilities = np.exp(metrics.log_softmax(hidden @ w2))
    error = (probabilities - np.eye(3)[labels]) / len(x)
    by_hand = x.T @ ((error @ w2.T) * (hidden > 0)), hidden.T @ error
    first, second = tf.Variable(w1), tf.Variable(w2)
    with tf.GradientTape() as tape:
        outputs = tf.nn.relu(x @ first) @ second
        loss = keras.ops.mean(
            keras.losses.sparse_categorical_crossentropy(
                labels, outputs, from_logits=True
            )
        )
    automatic = tape.gradient(loss, (first, second))
    largest = max(
        float(np.abs(a - b.numpy()).max())
        for a, b in zip(by_hand, automatic, strict=True)
    )
    return (
        "The gradients of both weight matrices, by hand and automatic, differ "
        f"by at most {largest:.1g}."
    )


def activation_derivatives() -> str:
    """Derivatives of activations at some inputs, differentiated by Keras."""
    import keras
    import tensorflow as tf

    inputs = tf.constant([-5.0, -1.0, 0.1, 1.0, 5.0])
    rows = []
    for name in ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus"):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = keras.activations.get(name)(inputs)
        slopes = tape.gradient(outputs, inputs).numpy()
        rows.append((name, *(f"{slope:.3f}" for slope in slopes)))
    heads = ("derivative at", *(f"{x:g}" for x in inputs.numpy()))
    return format_table(heads, rows, (1, 2, 3, 4, 5))


def bumps_by_hand(*, bumps: str) -> str:
    """A sum of four ReLUs a bump, evaluated against the bumps themselves."""
    count = int(bumps)
    x = np.linspace(0, count, 1001)
    corners = np.array([0.2, 0.4, 0.6, 0.8])
    total = np.zeros_like(x)
    for number in range(count):
        for corner, slope in zip(corners, (5, -5, -5, 5), strict=True):
            total += slope * np.maximum(x - number - corner, 0)
    wanted = np.interp(x % 1, corners, [0, 1, 1, 0])
    wanted[-1] = 0
    error = float(np.abs(total - wanted).max())
    return (
        f"{4 * count} ReLUs with slopes 5, -5, -5 and 5 make {count} bumps; "
        f"the largest difference is {error:.1g}."
    )
