"""What a network says of many examples, beside Keras's own `predict`."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo import answers
from zoo.data.rows import Rows


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((20, 20, 1))
    x = keras.layers.Dropout(0.5)(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3)(x))
    model.compile("adam", "mse", steps_per_execution=64)
    return model


def images(count):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, 20, 20, 1), np.uint8)


@settings(max_examples=8, deadline=None)
@given(count=st.integers(1, 3 * answers.BATCH))
def test_every_example_is_answered_once_and_in_order(model, count):
    given_images = images(count)
    kernel, bias = model.get_weights()
    wanted = given_images.reshape(count, -1).astype("f8") @ kernel + bias
    found = answers.outputs_of(model, given_images)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-2)


def test_examples_that_stay_in_a_file_are_answered_alike(model):
    given_images = images(300)
    chosen = np.arange(300)[::-1]
    np.testing.assert_array_equal(
        answers.outputs_of(model, Rows(given_images, chosen)),
        answers.outputs_of(model, given_images[chosen]),
    )


def test_the_first_of_several_outputs_is_the_answer():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, [inputs * 2, inputs * 3])
    found = answers.outputs_of(model, np.float32([[1, 2]]))
    np.testing.assert_array_equal(found, [[2, 4]])


def test_no_example_has_no_answer(model):
    assert answers.outputs_of(model, images(0)).shape == (0, 3)


def test_small_examples_go_through_all_together(model, monkeypatch):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, inputs)
    asked = []
    ask = model.predict_on_batch
    monkeypatch.setattr(
        model, "predict_on_batch", lambda x: asked.append(len(x)) or ask(x)
    )
    answers.outputs_of(model, np.zeros((10_000, 2)))
    assert asked == [10_000]
