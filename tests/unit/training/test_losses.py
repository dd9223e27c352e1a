"""Losses and weight decay against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax

from zoo.config import TrainConfig
from zoo.models.table import NESTEROV
from zoo.training import losses
from zoo.training.optimizers import make_optimizer

LOGITS = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32) * 3
LABELS = np.array([0, 4, 2, 2, 1, 3], np.int32)


def value(loss):
    return keras.ops.convert_to_numpy(loss(LABELS, LOGITS))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_is_that_of_a_target_smoothed_over_all(smoothing):
    target = np.eye(5)[LABELS] * (1 - smoothing) + smoothing / 5
    expected = -(target * log_softmax(LOGITS.astype(np.float64), axis=1)).sum(1)
    found = value(losses.cross_entropy(smoothing))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_hinge_sums_over_every_wrong_class():
    expected = [
        sum(max(0.0, z[j] - z[y] + 1) for j in range(5) if j != y)
        for z, y in zip(LOGITS, LABELS, strict=True)
    ]
    np.testing.assert_allclose(value(losses.hinge), expected, rtol=1e-5)


def test_hinge_of_mixed_labels_is_the_mixture_of_the_hinges():
    fractions = np.random.default_rng(1).dirichlet(np.ones(5), 6)
    each = np.maximum(0, LOGITS[:, None, :] - LOGITS[:, :, None] + 1)
    each[:, range(5), range(5)] = 0  # class y against itself
    expected = (fractions * each.sum(axis=2)).sum(axis=1)
    found = losses.hinge(fractions.astype(np.float32), LOGITS)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    one_hot = losses.hinge(np.eye(5, dtype=np.float32)[LABELS], LOGITS)
    np.testing.assert_allclose(one_hot, value(losses.hinge), rtol=1e-5)


def slopes(loss):
    """Differentiates the summed loss by every logit."""
    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = tf.reduce_sum(loss(LABELS, logits))
    return tape.gradient(total, logits).numpy()


def test_the_gradient_of_hinge_counts_the_classes_within_the_margin():
    expected = np.zeros((6, 5))
    for row, (z, y) in enumerate(zip(LOGITS, LABELS, strict=True)):
        for j in range(5):
            if j != y and z[j] - z[y] + 1 > 0:
                expected[row, j] += 1
                expected[row, y] -= 1
    np.testing.assert_array_equal(slopes(losses.hinge), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_gradient_of_cross_entropy_is_softmax_less_the_target(smoothing):
    target = np.eye(5)[LABELS] * (1 - smoothing) + smoothing / 5
    expected = softmax(LOGITS.astype(np.float64), axis=1) - target
    found = slopes(losses.cross_entropy(smoothing))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_squared_error_is_the_squared_distance_from_one_hot():
    expected = ((LOGITS - np.eye(5)[LABELS]) ** 2).sum(axis=1)
    np.testing.assert_allclose(value(losses.squared_error), expected, rtol=1e-5)


def test_squared_error_of_one_output_is_from_the_label_itself():
    outputs, targets = LOGITS[:, :1], LABELS.astype("float32") / 3
    expected = (outputs[:, 0] - targets) ** 2
    for shown in (outputs, outputs[:, 0]):
        found = losses.squared_error(targets, shown)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["cross_entropy", "hinge", "squared_error"])
def test_labels_may_come_as_a_column(name):
    loss = losses.make_loss(name)
    column = keras.ops.convert_to_numpy(loss(LABELS[:, None], LOGITS))
    np.testing.assert_allclose(np.ravel(column), np.ravel(value(loss)))


def small_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    x = keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.1))(
        inputs
    )
    x = keras.layers.BatchNormalization()(x)
    return keras.Model(inputs, keras.layers.Dense(2)(x))


def test_weight_decay_penalizes_gamma_beta_and_biases_too():
    model = small_model()
    for variable in model.trainable_variables:
        variable.assign(variable + 0.5)
    l2 = 0.1 * float((model.trainable_variables[0].numpy() ** 2).sum())
    squares = sum(
        float((v.numpy() ** 2).sum()) for v in model.trainable_variables
    )
    losses.add_weight_decay(model, 0.01)
    assert float(sum(model.losses)) == pytest.approx(
        l2 + 0.005 * squares, rel=1e-5
    )


def coupled_by_hand(weights, decay, rate, momentum, steps):
    """The rule of Lua Torch with Nesterov momentum, on a loss of zero."""
    velocity = np.zeros_like(weights)
    for _ in range(steps):
        gradient = decay * weights
        velocity = momentum * velocity - rate * gradient
        weights = weights + momentum * velocity - rate * gradient
    return weights


def test_a_hundred_steps_of_weight_decay_follow_the_coupled_rule():
    model = small_model()
    start = [v.numpy().astype(np.float64) for v in model.trainable_variables]
    for variable in model.trainable_variables:
        variable.regularizer = None
    losses.add_weight_decay(model, 5e-4)
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)
    model.compile(optimizer, loss=lambda y, z: 0.0 * z[:, 0])
    model.fit(np.zeros((100, 4)), np.zeros(100), batch_size=1, verbose=0)
    for variable, weights in zip(model.trainable_variables, start, strict=True):
        expected = coupled_by_hand(weights, 5e-4, 0.1, 0.9, 100)
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-4)


def lua_torch(weights, data, target, steps):
    """Trains y = x w as `optim.sgd` of Lua Torch does, in float64.

    The recipe of Wide ResNets: rate 0.1, Nesterov momentum 0.9 without
    dampening, weight decay 5e-4 added to the gradient; the rate stands
    outside the velocity.
    """
    velocity = np.zeros_like(weights)
    for _ in range(steps):
        gradient = 2 * data.T @ (data @ weights - target) / len(data)
        gradient = gradient + 5e-4 * weights
        velocity = 0.9 * velocity + gradient
        weights = weights - 0.1 * (gradient + 0.9 * velocity)
    return weights


@pytest.mark.parametrize(
    "coupled, low, high", [(True, 0, 1e-5), (False, 1e-3, 1)]
)
def test_a_hundred_steps_of_wide_resnets_need_coupled_decay(coupled, low, high):
    rng = np.random.default_rng(0)
    data, target = rng.normal(size=(8, 3)), 5 * rng.normal(size=(8, 1))
    inputs = keras.Input((3,))
    dense = keras.layers.Dense(1, use_bias=False)
    model = keras.Model(inputs, dense(inputs))
    start = dense.kernel.numpy().astype(np.float64)
    config = TrainConfig(**{**NESTEROV, "schedule": "constant"})
    if coupled:
        losses.add_weight_decay(model, config.weight_decay)
        optimizer = make_optimizer(config, config.learning_rate)
    else:  # Keras's own, decoupled
        optimizer = keras.optimizers.SGD(
            0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
        )
    model.compile(optimizer, "mse")
    model.fit(
        *(np.tile(part, (100, 1)) for part in (data, target)),
        batch_size=8,
        shuffle=False,
        verbose=0,
    )
    expected = lua_torch(start, data, target, 100)
    error = np.abs(dense.kernel.numpy() / expected - 1).max()
    assert low <= error < high
