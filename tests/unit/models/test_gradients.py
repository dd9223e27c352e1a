"""The perceptron against one written in NumPy, backpropagation by hand.

The oracle works in float64 and knows nothing of Keras: forward pass, softmax
and cross-entropy, the chain rule layer by layer, and each optimizer's rule as
its paper has it. Ours works in float32 and must agree to 1e-4.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

from zoo.config import TrainConfig
from zoo.models import create_model
from zoo.training.optimizers import make_optimizer

SHAPE, CLASSES, COUNT = (3, 4, 1), 3, 7
L2 = 1e-2
# Activation and its derivative, from the value before it.
ACTIVATIONS = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (
        lambda z: 1 / (1 + np.exp(-z)),
        lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
    ),
    "leaky_relu": (
        lambda z: np.maximum(0.2 * z, z),
        lambda z: np.where(z > 0, 1, 0.2),
    ),
    "softplus": (
        lambda z: np.log1p(np.exp(z)),
        lambda z: 1 / (1 + np.exp(-z)),
    ),
    "elu": (
        lambda z: np.where(z > 0, z, np.exp(z) - 1),
        lambda z: np.where(z > 0, 1, np.exp(z)),
    ),
    "gelu": (
        lambda z: z * norm.cdf(z),
        lambda z: norm.cdf(z) + z * norm.pdf(z),
    ),
    "none": (lambda z: z, np.ones_like),
}
HIDDEN = {"two layers": (5,), "three layers": (6, 5)}


def examples():
    rng = np.random.default_rng(0)
    return rng.normal(size=(COUNT, *SHAPE)), rng.integers(0, CLASSES, COUNT)


def loss_and_gradients(weights, images, labels, activation, l2):
    """Returns mean cross-entropy with L2, and its gradient in each weight.

    Args:
        weights: matrices and biases in turn, first layer to last.
    """
    act, slope = ACTIVATIONS[activation]
    values, sums = [images.reshape(COUNT, -1)], []
    for matrix, bias in zip(weights[::2], weights[1::2], strict=True):
        sums.append(values[-1] @ matrix + bias)
        values.append(act(sums[-1]))
    exp = np.exp(sums[-1])
    chances = exp / exp.sum(axis=1, keepdims=True)
    loss = -np.log(chances[np.arange(COUNT), labels]).mean()
    loss += l2 * sum((matrix**2).sum() for matrix in weights[::2])

    gradients = []
    error = (chances - np.eye(CLASSES)[labels]) / COUNT  # d loss / d sums
    for layer in reversed(range(len(sums))):
        matrix = weights[2 * layer]
        of_matrix = values[layer].T @ error + 2 * l2 * matrix
        gradients = [of_matrix, error.sum(axis=0), *gradients]
        if layer:
            error = (error @ matrix.T) * slope(sums[layer - 1])
    return loss, gradients


def sgd(weight, gradient, state, step):
    return weight - 0.1 * gradient


def momentum(weight, gradient, state, step):
    state["v"] = 0.9 * state.get("v", 0) - 0.1 * gradient
    return weight + state["v"]


def nesterov(weight, gradient, state, step):
    # Sutskever's form: `weight` is the point looked ahead to.
    state["v"] = 0.9 * state.get("v", 0) - 0.1 * gradient
    return weight + 0.9 * state["v"] - 0.1 * gradient


def rmsprop(weight, gradient, state, step):
    state["s"] = 0.9 * state.get("s", 0) + 0.1 * gradient**2
    return weight - 0.01 * gradient / np.sqrt(state["s"] + 1e-7)


def adam(weight, gradient, state, step):
    # In the order of computation that the paper recommends, section 2.
    state["m"] = 0.9 * state.get("m", 0) + 0.1 * gradient
    state["s"] = 0.999 * state.get("s", 0) + 0.001 * gradient**2
    rate = 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    return weight - rate * state["m"] / (np.sqrt(state["s"]) + 1e-7)


RATES = {sgd: 0.1, momentum: 0.1, nesterov: 0.1, rmsprop: 0.01, adam: 0.01}


def close(found, expected):
    """Asserts agreement to 1e-4 of the largest value."""
    found = np.asarray(found, "float64")
    atol = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


def ours(hidden, activation, l2):
    model = create_model(
        "mlp", CLASSES, SHAPE, hidden=hidden, activation=activation, l2=l2
    )
    for index, bias in enumerate(model.weights[1::2]):
        # Biases start at zero, which would hide a missing one.
        values = np.random.default_rng(index).normal(size=bias.shape)
        bias.assign(values / 2)
    start = [np.asarray(weight, "float64") for weight in model.weights]
    return model, start


def our_loss_and_gradients(model, images, labels):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        logits = model(images.astype("float32"), training=True)
        value = loss(labels, logits) + sum(model.losses)
    variables = [weight.value for weight in model.trainable_weights]
    return value, tape.gradient(value, variables)


@pytest.mark.parametrize("l2", [0.0, L2])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_loss_and_every_gradient_are_those_by_hand(hidden, activation, l2):
    model, weights = ours(hidden, activation, l2)
    images, labels = examples()
    loss, gradients = loss_and_gradients(
        weights, images, labels, activation, l2
    )
    found, found_gradients = our_loss_and_gradients(model, images, labels)
    close(found, loss)
    for one, two in zip(found_gradients, gradients, strict=True):
        close(one, two)


@pytest.mark.parametrize("rule", RATES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_ten_updates_with_l2_are_those_by_hand(hidden, rule):
    model, weights = ours(hidden, "tanh", L2)
    images, labels = examples()
    config = TrainConfig(
        optimizer=rule.__name__,
        learning_rate=RATES[rule],
        momentum=0.9 if rule in (momentum, nesterov) else None,
    )
    optimizer = make_optimizer(config, config.learning_rate)
    states = [{} for _ in weights]
    for step in range(1, 11):
        _, gradients = loss_and_gradients(weights, images, labels, "tanh", L2)
        weights = [
            rule(weight, gradient, state, step)
            for weight, gradient, state in zip(
                weights, gradients, states, strict=True
            )
        ]
        _, found = our_loss_and_gradients(model, images, labels)
        optimizer.apply(found, model.trainable_weights)
    for one, two in zip(model.weights, weights, strict=True):
        close(one, two)


def test_the_gradients_by_hand_are_slopes_of_the_loss():
    _, weights = ours((6, 5), "tanh", L2)
    images, labels = examples()
    _, gradients = loss_and_gradients(weights, images, labels, "tanh", L2)
    for index, gradient in enumerate(gradients):
        place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        losses = []
        for change in (1e-5, -1e-5):
            moved = [weight.copy() for weight in weights]
            moved[index][place] += change
            losses.append(
                loss_and_gradients(moved, images, labels, "tanh", L2)[0]
            )
        slope = (losses[0] - losses[1]) / 2e-5
        assert slope == pytest.approx(gradient[place], rel=1e-6)
