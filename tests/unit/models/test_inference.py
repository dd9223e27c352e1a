"""Outputs for many examples in batches, against the weights by hand."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.data.arrays import MemmapView
from zoo.models.inference import (
    BATCH_SIZE,
    ModelLoader,
    images_at_once,
    num_activations,
    predict_batched,
)


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
@given(count=st.integers(1, 3 * BATCH_SIZE))
def test_every_example_has_one_output_in_order(model, count):
    given_images = images(count)
    kernel, bias = model.get_weights()
    wanted = given_images.reshape(count, -1).astype("f8") @ kernel + bias
    found = predict_batched(model, given_images)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-2)


def test_examples_in_a_file_have_the_same_outputs(model):
    given_images = images(300)
    chosen = np.arange(300)[::-1]
    np.testing.assert_array_equal(
        predict_batched(model, MemmapView(given_images, chosen)),
        predict_batched(model, given_images[chosen]),
    )


def test_of_several_outputs_the_first_is_returned():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, [inputs * 2, inputs * 3])
    found = predict_batched(model, np.float32([[1, 2]]))
    np.testing.assert_array_equal(found, [[2, 4]])


def test_no_example_has_no_output(model):
    assert predict_batched(model, images(0)).shape == (0, 3)


def sizes_asked(model, monkeypatch, inputs):
    """The numbers of examples of each call, and the outputs."""
    asked, ask = [], model.predict_on_batch
    monkeypatch.setattr(
        model, "predict_on_batch", lambda x: asked.append(len(x)) or ask(x)
    )
    outputs = predict_batched(model, inputs)
    return asked, outputs


def test_small_examples_share_one_batch(monkeypatch):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, inputs)
    asked, _ = sizes_asked(model, monkeypatch, np.zeros((10_000, 2)))
    assert asked == [10_000]


def test_a_small_network_computes_more_at_once(model, monkeypatch):
    asked, _ = sizes_asked(model, monkeypatch, images(2_500))
    assert asked == [1024, 1024, 452]


def test_activations_of_nested_networks_are_counted():
    inner = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5)])
    inputs = keras.Input((2, 3))
    x = keras.layers.Flatten()(inputs)
    assert num_activations(keras.Model(inputs, inner(x))) == 6 + 6 + 5


def test_photographs_are_computed_a_few_at_a_time(monkeypatch):
    inputs = keras.Input((224, 224, 3))
    model = keras.Model(inputs, keras.layers.GlobalMaxPooling2D()(inputs))
    images = np.zeros((100, 224, 224, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(100)
    asked, found = sizes_asked(model, monkeypatch, images)
    np.testing.assert_array_equal(found[:, 0], np.arange(100))
    assert max(asked) <= 41  # whose pixels are those of 2,048 images of 32x32


@pytest.mark.parametrize("shape", [(32, 32, 3), (90, 90, 1), (784,)])
def test_small_images_are_computed_in_whole_batches(shape):
    assert images_at_once(shape) == BATCH_SIZE


def normed(seed, mean=0.0, units=3):
    """A network with batch norm and constants, as `model.keras` has them."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4,), name="inputs"),
            layers.Normalization(
                mean=[mean] * 4, variance=[2.0] * 4, name="scale"
            ),
            layers.Dropout(0.5, seed=seed, name="drop"),
            layers.Dense(units, name="dense"),
            layers.BatchNormalization(name="norm"),
        ],
        name="net",
    )
    for variable in model.variables:
        if variable.dtype == "float32":
            variable.assign(np.random.default_rng(seed).random(variable.shape))
    return model


def test_one_model_takes_the_weights_of_all_of_its_architecture(tmp_path):
    models = [normed(0), normed(1), normed(1, mean=3.0), normed(2, units=5)]
    inputs = np.random.default_rng(9).random((6, 4), np.float32)
    loader, loaded = ModelLoader(), []
    for i, model in enumerate([*models, models[0]]):
        path = tmp_path / f"{i}.keras"
        model.save(path)
        found = loader.load(path, lambda p=path: keras.models.load_model(p))
        loaded.append(found)
        np.testing.assert_array_equal(
            predict_batched(found, inputs), predict_batched(model, inputs)
        )
    assert loaded[1] is loaded[0]
    # Constants that differ are no weights: another model is loaded.
    assert loaded[2] is not loaded[1] and loaded[3] is not loaded[2]
