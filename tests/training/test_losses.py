"""Losses and weight decay against NumPy."""

import keras
import numpy as np
import pytest
from scipy.special import log_softmax

from zoo.training import losses

LOGITS = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32) * 3
LABELS = np.array([0, 4, 2, 2, 1, 3], np.int32)


def value(loss):
    return keras.ops.convert_to_numpy(loss(LABELS, LOGITS))


def test_cross_entropy_is_minus_the_log_probability_of_the_label():
    expected = -log_softmax(LOGITS.astype(np.float64), axis=1)[
        np.arange(6), LABELS
    ]
    np.testing.assert_allclose(
        value(losses.cross_entropy()), expected, rtol=1e-5
    )


def test_label_smoothing_spreads_its_share_over_all_classes():
    target = np.eye(5)[LABELS] * 0.8 + 0.2 / 5
    expected = -(target * log_softmax(LOGITS.astype(np.float64), axis=1)).sum(1)
    np.testing.assert_allclose(
        value(losses.cross_entropy(0.2)), expected, rtol=1e-5
    )


def test_hinge_sums_over_every_wrong_class():
    expected = [
        sum(max(0.0, z[j] - z[y] + 1) for j in range(5) if j != y)
        for z, y in zip(LOGITS, LABELS, strict=True)
    ]
    np.testing.assert_allclose(value(losses.hinge), expected, rtol=1e-5)


def test_squared_error_is_the_squared_distance_from_one_hot():
    expected = ((LOGITS - np.eye(5)[LABELS]) ** 2).sum(axis=1)
    np.testing.assert_allclose(value(losses.squared_error), expected, rtol=1e-5)


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


def test_keras_decoupled_decay_is_many_times_weaker():
    weights = np.ones(3)
    coupled = coupled_by_hand(weights, 5e-4, 0.1, 0.9, 200)
    variable = keras.Variable(weights)
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=5e-4)
    optimizer.build([variable])
    for _ in range(200):
        optimizer.apply([keras.ops.zeros(3)])
    ratio = (1 - coupled[0]) / (1 - float(variable.numpy()[0]))
    assert 8 < ratio < 11
