"""LeNet-5 as published: its table, its counts, its squashing."""

import math

import keras
import numpy as np
import pytest

from zoo.errors import UserError
from zoo.models import create_model
from zoo.models.lenet import CONNECTIONS, squash

# The paper's table 1: a row for each map of S2, a column for each of C3.
TABLE = """
    X...XXX..XXXX.XX
    XX...XXX..XXXX.X
    XXX...XXX..X.XXX
    .XXX..XXXX..X.XX
    ..XXX..XXXX.XX.X
    ...XXX..XXXX.XXX
"""


@pytest.fixture(scope="module")
def model():
    return create_model("lenet5_1998")


def test_the_connections_are_those_of_the_papers_table():
    rows = TABLE.split()
    columns = [
        tuple(row for row in range(6) if rows[row][column] == "X")
        for column in range(16)
    ]
    assert tuple(columns) == CONNECTIONS


def trainable(model, start):
    return sum(
        math.prod(weight.shape)
        for layer in model.layers
        if layer.name.startswith(start)
        for weight in layer.trainable_variables
    )


@pytest.mark.parametrize(
    "start, parameters",
    [
        ("conv1", 156),
        ("pool2", 12),
        ("conv3", 1_516),
        ("pool4", 32),
        ("dense5", 48_120),
        ("dense6", 10_164),
        ("logits", 0),
        ("", 60_000),
    ],
)
def test_parameters_are_the_papers(model, start, parameters):
    assert trainable(model, start) == parameters


def test_connections_are_the_papers_340_908(model):
    places = {"conv1": 28 * 28, "conv3": 10 * 10, "dense5": 1, "dense6": 1}
    connections = sum(trainable(model, name) * n for name, n in places.items())
    # Four pixels and a bias for each unit of S2 and S4; 84 for each class.
    subsampled = 5 * (6 * 14 * 14 + 16 * 5 * 5)
    assert connections + subsampled + 10 * 84 == 340_908


def test_a_map_of_c3_sees_only_its_own(model):
    maps = keras.Model(
        model.get_layer("pool2_activation").output,
        model.get_layer("conv3").output,
    )
    quiet = np.random.default_rng(0).normal(size=(1, 14, 14, 6))
    before = np.asarray(maps(quiet))
    for seen in range(6):
        loud = quiet.copy()
        loud[..., seen] += 1
        changed = np.abs(np.asarray(maps(loud)) - before).max(axis=(0, 1, 2))
        assert [seen in row for row in CONNECTIONS] == list(changed > 1e-3)


def test_squashing_is_the_scaled_tangent():
    x = np.linspace(-3, 3, 13, dtype="float32")[None]
    expected = 1.7159 * np.tanh(2 * x / 3)
    np.testing.assert_allclose(squash(x, "any"), expected, rtol=1e-5)
    np.testing.assert_allclose(expected[0, [4, 8]], [-1, 1], atol=1e-4)


def test_subsampling_is_a_mean_times_a_coefficient_plus_a_bias(model):
    coefficient = model.get_layer("pool2_coefficient")
    image = np.random.default_rng(0).normal(size=(2, 28, 28, 1))
    outputs = [
        model.get_layer("conv1_activation").output,
        coefficient.output,
    ]
    maps, found = (
        np.asarray(values)
        for values in keras.Model(model.input, outputs)(image)
    )
    means = maps.reshape(2, 14, 2, 14, 2, 6).mean(axis=(2, 4))
    kernel, bias = (np.asarray(w) for w in coefficient.weights)
    assert kernel.any()
    np.testing.assert_allclose(
        found, means * kernel.reshape(6) + bias, atol=1e-5
    )


def test_logits_are_distances_to_fixed_codes_but_for_what_classes_share(model):
    codes = np.asarray(model.get_layer("logits").kernel) * np.sqrt(84)
    np.testing.assert_allclose(np.abs(codes), 1, rtol=1e-6)
    assert np.unique(codes, axis=1).shape == (84, 10)
    image = np.random.default_rng(0).normal(size=(3, 28, 28, 1))
    outputs = [model.get_layer("features").output, model.output]
    features, logits = (
        np.asarray(values)
        for values in keras.Model(model.input, outputs)(image)
    )
    distances = ((features[:, :, None] - codes) ** 2).sum(axis=1)
    shared = logits + distances / (2 * np.sqrt(84))
    np.testing.assert_allclose(shared, shared[:, :1].repeat(10, 1), rtol=1e-5)


def test_training_leaves_the_codes_alone():
    model = create_model("lenet5_1998")
    codes = np.asarray(model.get_layer("logits").kernel).copy()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, run_eagerly=True)
    image = np.random.default_rng(0).normal(size=(4, 28, 28, 1))
    model.train_on_batch(image, np.arange(4))
    np.testing.assert_array_equal(model.get_layer("logits").kernel, codes)


def test_what_was_not_published_is_refused():
    with pytest.raises(
        UserError, match="fixed architecture; use --model=lenet5"
    ):
        create_model("lenet5_1998", activation="relu")
