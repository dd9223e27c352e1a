"""Squares, products and sines: the same in NumPy, in Keras and on disk."""

import keras
import numpy as np
import pytest

from zoo.config import OPTIONS
from zoo.data import added_inputs
from zoo.errors import UserError

X = np.random.default_rng(0).normal(size=(7, 3)).astype("float32")
SQUARES = [X[:, 0] ** 2, X[:, 1] ** 2, X[:, 2] ** 2]
PRODUCTS = [X[:, 0] * X[:, 1], X[:, 0] * X[:, 2], X[:, 1] * X[:, 2]]
SINES = [np.sin(X[:, 0]), np.sin(X[:, 1]), np.sin(X[:, 2])]
EXPECTED = {
    (): [],
    ("x2",): SQUARES,
    ("sin", "x2"): SQUARES + SINES,
    ("x2", "xy", "sin"): SQUARES + PRODUCTS + SINES,
}


@pytest.mark.parametrize("kinds, expected", EXPECTED.items())
def test_they_stand_behind_the_coordinates(kinds, expected):
    found = added_inputs.extend(X, kinds, np)
    np.testing.assert_allclose(found, np.column_stack([X, *expected]))
    assert found.dtype == np.float32


def test_stock_keras_loads_a_model_that_makes_them(tmp_path):
    kinds = ("x2", "xy", "sin")
    inputs = keras.Input((3,))
    model = keras.Model(inputs, added_inputs.extend(inputs, kinds, keras.ops))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(
        loaded.predict(X, verbose=0),
        added_inputs.extend(X, kinds, np),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize(
    ("kinds", "shape", "words"),
    [
        (("x2",), (8, 8, 1), "--extra_features=x2 belongs to points"),
        (("sin", "xy"), (1,), "--extra_features=sin,xy .* only one"),
        (("xy",), (64,), "2,016 products"),
    ],
)
def test_where_they_cannot_be_made_it_is_said(kinds, shape, words):
    with pytest.raises(UserError, match=words):
        added_inputs.check(kinds, shape, "data")


def test_without_any_everything_goes():
    added_inputs.check((), (8, 8, 1), "data")


def test_the_option_offers_what_there_is():
    assert OPTIONS["extra_features"].choices == added_inputs.KINDS
