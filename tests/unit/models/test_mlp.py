"""What the lectures say of perceptrons holds for ours."""

import keras
import numpy as np
import pytest

from zoo.errors import UserError
from zoo.models import create_model

SHAPE = (4, 4, 1)


def images(count=6):
    values = np.random.default_rng(2).normal(size=(count, *SHAPE))
    return values.astype("float32")


def test_it_is_relu_between_two_matrices():
    model = create_model("mlp", 3, SHAPE, hidden=5)
    one, bias_one, two, bias_two = (np.asarray(w) for w in model.weights)
    hidden = np.maximum(images().reshape(6, 16) @ one + bias_one, 0)
    np.testing.assert_allclose(
        model(images()), hidden @ two + bias_two, atol=1e-5
    )


def test_equal_weights_stay_equal_while_training():
    model = create_model("mlp", 3, SHAPE, hidden=5, initializer="equal")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.1), loss, run_eagerly=True)
    for _ in range(3):
        model.train_on_batch(images(), np.arange(6) % 3)
    kernel = np.asarray(model.get_layer("hidden1").kernel)
    assert np.ptp(kernel, axis=1).max() < 1e-6
    assert np.ptp(kernel, axis=0).max() > 1e-3


def test_features_are_the_last_hidden_layer_before_dropout():
    model = create_model("mlp", 3, SHAPE, hidden=(7, 5), dropout=0.5)
    assert model.get_layer("features").output.shape == (None, 5)
    drop = model.get_layer("hidden2_dropout")
    assert drop.input is model.get_layer("features").output


@pytest.mark.parametrize("hidden", [0, (), (5, -1)])
def test_widths_below_one_are_refused(hidden):
    with pytest.raises(UserError, match=r"hidden=.*\(256,128\)"):
        create_model("mlp", hidden=hidden)
