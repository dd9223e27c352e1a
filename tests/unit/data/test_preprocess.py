"""Statistics of the training inputs, and extra features, in the model."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import zoo
from zoo.config import OPTIONS
from zoo.data import preprocess
from zoo.data.dataset import Dataset
from zoo.data.preprocess import (
    CHUNK_SIZE,
    Statistics,
    fit_statistics,
    normalize,
    statistics_of_layers,
)
from zoo.errors import UserError

SUBTRACTIONS = ("none", "channel", "pixel", "image")
SCALES = ("none", "unit", "std")


def random_images(count=30, seed=0):
    images = np.random.default_rng(seed).integers(
        0, 200, (count, 5, 6, 3), np.uint8
    )
    images[..., 1] //= 3
    return images


def expected(images, batch, mean_subtraction, scale):
    """The same in plain NumPy, float64."""

    def subtract(x):
        x = x.astype(np.float64)
        if mean_subtraction == "channel":
            return x - images.mean(axis=(0, 1, 2))
        if mean_subtraction == "pixel":
            return x - images.mean(axis=0)
        if mean_subtraction == "image":
            return x - x.mean(axis=(1, 2), keepdims=True)
        return x

    divisor = {"none": 1, "unit": 255}.get(scale)
    if divisor is None:
        divisor = subtract(images).std(axis=(0, 1, 2))
    return subtract(batch) / divisor


def as_model(statistics, shape=(5, 6, 3)):
    inputs = keras.Input(shape)
    outputs = normalize(inputs, statistics)
    return keras.Model(inputs, outputs)


def random_vectors(count=30, seed=0):
    values = np.random.default_rng(seed).normal(size=(count, 3))
    return (values * [1e-4, 1, 1e4] + [0, 5, -1]).astype(np.float32)


@pytest.mark.parametrize("scale", ("none", "std"))
@pytest.mark.parametrize("mean_subtraction", ("none", "channel", "pixel"))
def test_each_coordinate_of_vectors_has_its_own_mean_and_deviation(
    mean_subtraction, scale
):
    vectors, batch = random_vectors(), random_vectors(4, seed=1)
    mean = 0 if mean_subtraction == "none" else vectors.mean(axis=0, dtype="d")
    std = 1 if scale == "none" else vectors.std(axis=0, dtype="d")
    model = as_model(fit_statistics(vectors, mean_subtraction, scale), (3,))
    found = model.predict(batch, verbose=0)
    wanted = (batch - mean) / std
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mean_subtraction", ("none", "channel"))
def test_a_coordinate_that_never_changes_is_not_blown_up(mean_subtraction):
    # Sums of these are rounded: without the mean a variance seems to be left.
    vectors = np.tile(np.float32([0.1, 7.7, 1000.1]), (3000, 1))
    assert (fit_statistics(vectors, mean_subtraction, "std").std == 1).all()


@pytest.mark.parametrize(
    ("mean_subtraction", "scale", "words"),
    [
        ("image", "std", "--mean_subtraction=image"),
        ("channel", "unit", "--scale=unit"),
    ],
)
def test_what_only_images_have_is_refused_for_vectors(
    mean_subtraction, scale, words
):
    with pytest.raises(UserError, match=words):
        fit_statistics(random_vectors(), mean_subtraction, scale)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("mean_subtraction", SUBTRACTIONS)
def test_layers_and_numpy_agree(mean_subtraction, scale):
    images, batch = random_images(), random_images(4, seed=1)
    model = as_model(fit_statistics(images, mean_subtraction, scale))
    found = model.predict(batch, verbose=0)
    assert found.dtype == np.float32
    wanted = expected(images, batch, mean_subtraction, scale)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-4)
    assert not model.weights


def test_statistics_do_not_depend_on_the_chunks():
    images = np.random.default_rng(0).integers(
        0, 256, (CHUNK_SIZE + 7, 2, 2, 1), np.uint8
    )
    statistics = fit_statistics(images, "channel", "std")
    np.testing.assert_allclose(statistics.mean, images.mean(), rtol=1e-6)
    np.testing.assert_allclose(statistics.std, images.std(), rtol=1e-6)


@pytest.mark.parametrize("mean_subtraction", SUBTRACTIONS[1:])
def test_a_constant_channel_is_divided_by_one(mean_subtraction):
    images = random_images()
    images[..., 2] = 77
    assert fit_statistics(images, mean_subtraction, "std").std[2] == 1


def test_a_uint8_batch_is_left_as_it_was():
    images = random_images()
    before = images.copy()
    fit_statistics(images, "image", "std")
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("mean_subtraction", SUBTRACTIONS)
def test_statistics_come_back_from_json(mean_subtraction):
    statistics = fit_statistics(random_images(), mean_subtraction, "std")
    again = Statistics.from_json(json.loads(json.dumps(statistics.to_json())))
    np.testing.assert_equal(vars(again), vars(statistics))


def test_validation_images_do_not_leak_into_statistics():
    labels = np.arange(30) % 2
    data = Dataset.from_arrays(random_images(), labels, val_fraction=0.3)
    before = fit_statistics(data.train.images, "pixel", "std").to_json()
    data.val.images[:] = 255
    assert fit_statistics(data.train.images, "pixel", "std").to_json() == before


@pytest.mark.parametrize(
    ("mean_subtraction", "scale", "names"),
    [
        ("channel", "none", ["subtract_mean"]),
        ("channel", "std", ["subtract_mean", "scale"]),
        ("pixel", "unit", ["subtract_mean", "scale"]),
        ("none", "unit", ["scale"]),
        ("image", "std", ["scale"]),
    ],
)
def test_layers_are_named_for_what_they_do(mean_subtraction, scale, names):
    model = as_model(fit_statistics(random_images(), mean_subtraction, scale))
    rescaling = keras.layers.Rescaling
    found = [x.name for x in model.layers if isinstance(x, rescaling)]
    assert found == names


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("mean_subtraction", SUBTRACTIONS)
def test_statistics_can_be_read_from_a_saved_model(mean_subtraction, scale):
    statistics = fit_statistics(random_images(), mean_subtraction, scale)
    config = json.loads(as_model(statistics).to_json())["config"]
    found = statistics_of_layers(config["layers"])
    np.testing.assert_equal(vars(found), vars(statistics))


def test_statistics_can_be_read_from_a_model_that_normalizes_in_one_layer():
    path = Path(zoo.__file__).parent / "weights/lenet5-mnist"
    with zipfile.ZipFile(path / "model.keras") as file:
        layers = json.loads(file.read("config.json"))["config"]["layers"]
    resolved = json.loads((path / "resolved.json").read_text())
    wanted = Statistics.from_json(resolved["statistics"])
    np.testing.assert_equal(vars(statistics_of_layers(layers)), vars(wanted))


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
    found = preprocess.add_extra_features(X, kinds, np)
    np.testing.assert_allclose(found, np.column_stack([X, *expected]))
    assert found.dtype == np.float32


def test_stock_keras_loads_a_model_that_makes_them(tmp_path):
    kinds = ("x2", "xy", "sin")
    inputs = keras.Input((3,))
    outputs = preprocess.add_extra_features(inputs, kinds, keras.ops)
    path = tmp_path / "model.keras"
    keras.Model(inputs, outputs).save(path)
    loaded = keras.models.load_model(path, safe_mode=True)
    found = loaded.predict(X, verbose=0)
    wanted = preprocess.add_extra_features(X, kinds, np)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("kinds", "shape", "words"),
    [
        (("x2",), (8, 8, 1), "--extra_features=x2 needs points"),
        (("sin", "xy"), (1,), "--extra_features=sin,xy .* only one"),
        (("xy",), (64,), "2,016 products"),
    ],
)
def test_where_they_cannot_be_made_it_is_said(kinds, shape, words):
    with pytest.raises(UserError, match=words):
        preprocess.check_extra_features(kinds, shape, "data")


def test_without_any_everything_goes():
    preprocess.check_extra_features((), (8, 8, 1), "data")


def test_the_option_offers_what_there_is():
    assert OPTIONS["extra_features"].choices == preprocess.EXTRA_FEATURES
