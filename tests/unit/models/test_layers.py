"""Layers that families share, against NumPy."""

import typing

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from zoo.config import OPTIONS
from zoo.models.layers import (
    Activation,
    Initializer,
    LayerFactory,
    layer_seed,
    local_response_norm,
    make_initializer,
)

ORACLES = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.maximum(0.2 * x, x),
    "elu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    # Hendrycks and Gimpel 2016, arXiv 1606.08415, section 2
    "gelu_tanh": lambda x: (
        x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2
    ),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "none": lambda x: x,
}
FAN_IN, FAN_OUT = 9 * 40, 9 * 60
STDDEV = {
    "he_normal": np.sqrt(2 / FAN_IN),
    "he_uniform": np.sqrt(2 / FAN_IN),
    "glorot_normal": np.sqrt(2 / (FAN_IN + FAN_OUT)),
    "glorot_uniform": np.sqrt(2 / (FAN_IN + FAN_OUT)),
    "lecun_normal": np.sqrt(1 / FAN_IN),
    "torch_uniform": np.sqrt(1 / 3 / FAN_IN),
    "small_normal": 0.01,
}


def normal(*shape):
    return np.random.default_rng(1).normal(size=shape).astype("float32")


@pytest.mark.parametrize(
    "annotation, option",
    [(Activation, "activation"), (Initializer, "initializer")],
)
def test_the_choices_are_those_of_the_flags(annotation, option):
    assert typing.get_args(annotation) == OPTIONS[option].choices


@pytest.mark.parametrize("name", typing.get_args(Activation))
def test_activations_are_their_formulas(name):
    x = np.linspace(-4, 4, 41, dtype="float32")[None]
    found = LayerFactory(0, "he_normal", name).activate(x, "activation")
    np.testing.assert_allclose(found, ORACLES[name](x), atol=1e-6)


@pytest.mark.parametrize("name", STDDEV)
def test_initializers_have_mean_zero_and_their_spread(name):
    values = np.asarray(make_initializer(name, 5)((3, 3, 40, 60)))
    assert abs(values.mean()) < 5 * STDDEV[name] / np.sqrt(values.size)
    assert values.std() == pytest.approx(STDDEV[name], rel=0.02)


@pytest.mark.parametrize("name", STDDEV)
def test_normal_ones_have_tails_and_uniform_ones_an_end(name):
    z = np.asarray(make_initializer(name, 5)((3, 3, 40, 60))) / STDDEV[name]
    if name.endswith("normal"):
        assert np.abs(z).max() > 3
    else:
        assert 1.7 < np.abs(z).max() <= np.sqrt(3) + 1e-5


def test_equal_makes_all_weights_the_same_number():
    values = np.asarray(make_initializer("equal", 5)((7, 9)))
    assert np.unique(values).size == 1
    assert values[0, 0] != 0


@settings(max_examples=30)
@given(st.integers(0, 2**31 - 1), st.text(min_size=1, max_size=20))
def test_seeds_fit_31_bits_and_depend_on_seed_and_name(seed, name):
    found = layer_seed(seed, name)
    assert 0 <= found < 2**31
    assert found == layer_seed(seed, name)
    assert found != layer_seed(seed + 1, name)
    assert found != layer_seed(seed, name + "x")


def test_local_response_norm_is_the_formula_of_the_paper():
    x = 30 * normal(2, 3, 4, 9)
    expected = np.empty_like(x)
    for c in range(9):
        near = x[..., max(0, c - 2) : min(9, c + 3)]
        energy = (near.astype("float64") ** 2).sum(axis=-1)
        expected[..., c] = x[..., c] / (2 + 1e-4 * energy) ** 0.75
    found = local_response_norm(keras.ops.convert_to_tensor(x))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_batch_norm_standardizes_each_channel_of_the_batch():
    x = 3 * normal(16, 5, 5, 4) + 7
    layer = built_norm(4)
    found = layer(x, training=True)
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    expected = (x - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_batch_norm_predicts_with_averages_that_move_by_a_tenth():
    x = 3 * normal(16, 5, 5, 4) + 7
    layer = built_norm(4)
    layer(x, training=True)
    mean = 0.1 * x.mean(axis=(0, 1, 2))
    variance = 0.9 + 0.1 * x.var(axis=(0, 1, 2))
    expected = (x - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(layer(x, training=False), expected, atol=1e-4)


def test_the_gradients_of_batch_norm_are_those_by_hand():
    # Ioffe and Szegedy 2015, section 3, in float64.
    x, error = 3 * normal(16, 5, 5, 4) + 7, normal(2, 16, 5, 5, 4)[1]
    gamma, beta = normal(2, 4)
    layer = built_norm(4)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    given = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(given)
        total = tf.reduce_sum(error * layer(given, training=True))
    found = tape.gradient(total, [given, layer.gamma.value, layer.beta.value])

    axes = (0, 1, 2)
    x, error = x.astype("float64"), error.astype("float64")
    spread = np.sqrt(x.var(axis=axes) + 1e-5)
    unit = (x - x.mean(axis=axes)) / spread
    of_gamma, of_beta = (error * unit).sum(axes), error.sum(axes)
    of_x = gamma / spread * (error - (of_beta + unit * of_gamma) / (16 * 25))
    for one, two in zip(found, (of_x, of_gamma, of_beta), strict=True):
        np.testing.assert_allclose(
            one, two, rtol=0, atol=1e-4 * np.abs(two).max()
        )


def test_running_averages_follow_the_batches_one_by_one():
    layer = built_norm(4)
    mean, variance = np.zeros(4), np.ones(4)
    for step in range(5):
        x = (step + 1) * normal(16, 5, 5, 4) + step
        layer(x, training=True)
        mean = 0.9 * mean + 0.1 * x.mean(axis=(0, 1, 2))
        variance = 0.9 * variance + 0.1 * x.var(axis=(0, 1, 2))
    np.testing.assert_allclose(layer.moving_mean, mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, variance, rtol=1e-4)


def built_norm(channels):
    image = keras.Input((5, 5, channels))
    output = LayerFactory(0, "he_normal").batch_norm(image, "norm")
    return keras.Model(image, output).get_layer("norm")


def test_penalties_are_the_formulas_over_kernels_alone():
    parts = LayerFactory(0, "he_normal", l1=0.01, l2=0.03)
    image = keras.Input((6,))
    model = keras.Model(image, parts.dense(image, 4, "dense"))
    kernel, bias = (np.asarray(w) for w in model.weights)
    model.weights[1].assign(bias + 5)
    expected = 0.01 * np.abs(kernel).sum() + 0.03 * (kernel**2).sum()
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


def test_no_penalty_and_no_dropout_leave_no_trace():
    parts = LayerFactory(0, "he_normal")
    image = keras.Input((6,))
    assert parts.drop(image, "dropout") is image
    assert keras.Model(image, parts.dense(image, 4, "dense")).losses == []


@pytest.mark.parametrize("rate", [0.25, 0.5, 0.9])
def test_dropout_scales_what_it_keeps_so_that_the_mean_stays(rate):
    model = dropping(rate)
    x = np.ones((400, 50), "float32")
    found = np.asarray(model(x, training=True))
    kept = found != 0
    np.testing.assert_allclose(found[kept], 1 / (1 - rate), rtol=1e-6)
    # Five standard errors of a share counted over 20,000 units.
    error = np.sqrt(rate * (1 - rate) / x.size)
    assert abs(kept.mean() - (1 - rate)) < 5 * error
    # Each example and each unit is drawn for itself.
    assert len(np.unique(kept, axis=0)) > 300
    assert len(np.unique(kept, axis=1).T) == 50


def test_dropout_drops_others_each_step_and_nothing_in_prediction():
    model = dropping(0.5)
    x = normal(20, 50)
    first, second = (np.asarray(model(x, training=True)) for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(model(x, training=False), x)


def dropping(rate):
    image = keras.Input((50,))
    parts = LayerFactory(0, "he_normal", dropout=rate)
    return keras.Model(image, parts.drop(image, "dropout"))


def test_batch_norm_takes_the_place_of_the_bias():
    image = keras.Input((6,))
    output = LayerFactory(0, "he_normal", norm="batch").dense_block(
        image, 4, "dense"
    )
    model = keras.Model(image, output)
    names = [layer.name for layer in model.layers[1:]]
    assert names == ["dense", "dense_norm", "dense_activation"]
    assert not model.get_layer("dense").use_bias


def test_logits_stay_float32_under_half_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        image = keras.Input((6,))
        parts = LayerFactory(0, "he_normal")
        hidden = parts.dense(image, 4, "dense")
        logits = parts.logits(hidden, 3)
    finally:
        keras.config.set_dtype_policy(before)
    assert (hidden.dtype, logits.dtype) == ("bfloat16", "float32")


@pytest.mark.parametrize(
    "name", ["he_normal", "glorot_uniform", "lecun_normal"]
)
def test_a_depthwise_filter_counts_its_own_map_alone(name):
    maps, side = 512, 3
    factory = LayerFactory(seed=0, initializer=name, activation="relu")
    image = keras.Input((8, 8, maps))
    out = factory.depthwise_conv(image, side, "conv")
    kernel = keras.Model(image, out).layers[-1].get_weights()[0]
    scale = 2 if name == "he_normal" else 1
    # Nine inputs for each output, and nine outputs for each input.
    assert kernel.std() == pytest.approx(np.sqrt(scale / side**2), rel=0.05)
