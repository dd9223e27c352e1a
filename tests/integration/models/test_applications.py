"""`keras:NAME`: networks of keras.applications, raw pixels in."""

import inspect

import keras
import numpy as np
import pytest

import zoo
from zoo.config import TrainConfig
from zoo.data import Dataset
from zoo.errors import UserError
from zoo.models import applications
from zoo.models.build import build_model
from zoo.training.console import TrainingConsole
from zoo.training.setup import prepare
from zoo.training.train import train

QUIET = TrainingConsole(quiet=True)
# One for each kind of preprocessing: x/127.5 - 1, BGR, per channel, its own.
MODULES = {
    "mobilenet_v2": "mobilenet_v2",
    "vgg16": "vgg16",
    "densenet121": "densenet",
    "mobilenet_v3_small": "mobilenet_v3",
}


def pixels(count=2, side=32):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, side, side, 3)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_the_preprocessing_of_a_family_is_inside(name):
    image = keras.Input((32, 32, 3))
    whole = keras.Model(image, applications.apply_application(name, image))
    builder = applications._builders()[applications.application_key(name)]
    options = {"include_top": False, "input_shape": (32, 32, 3)}
    plain = builder(weights=None, **options)
    plain.set_weights(whole.get_weights())
    module = getattr(keras.applications, MODULES[name])
    expected = plain(module.preprocess_input(pixels()))
    np.testing.assert_allclose(whole(pixels()), expected, atol=1e-4, rtol=1e-3)


def test_every_network_gets_pixels_as_its_own_preprocessing_makes_them():
    builders = applications._builders()
    assert len(builders) >= 35
    for builder in builders.values():
        image = keras.Input((8, 8, 3))
        inside = keras.Model(image, applications._preprocess(builder, image))
        module = inspect.getmodule(builder)
        expected = module.preprocess_input(pixels(side=8))
        np.testing.assert_allclose(
            inside(pixels(side=8)), expected, atol=1e-4, err_msg=str(builder)
        )


@pytest.fixture(scope="module")
def dataset():
    images = pixels(40).astype(np.uint8)
    images[::2] //= 4
    return Dataset.from_arrays(images, np.arange(40) % 2)


@pytest.mark.slow
def test_weights_of_a_file_are_the_start_of_a_run(tmp_path, dataset):
    known = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(224, 224, 3)
    )
    path = tmp_path / "known.weights.h5"
    known.save_weights(path)
    config = TrainConfig(
        model="keras:MobileNetV3Small", weights=str(path), steps=2,
        head_epochs=1, summaries=("none",), runs_dir=str(tmp_path),
    )  # fmt: skip
    setup = prepare(config, dataset)
    network = setup.model.get_layer("network")
    found = network.get_layer("conv").kernel
    np.testing.assert_array_equal(found, known.get_layer("conv").kernel)
    assert setup.config.freeze == "batch_norm" and setup.config.new_head
    assert setup.transferred.new == ("logits",)
    assert setup.statistics.scale == "none"
    run = train(config, dataset, console=QUIET)
    saved = keras.models.load_model(run.model_path())
    assert saved(pixels()).shape == (2, 2)


def test_a_file_that_is_not_there_is_refused_before_anything_is_built():
    with pytest.raises(UserError, match=r"no\.h5 names no file"):
        zoo.train("keras:vgg16", weights="no.h5")


def test_weights_that_cannot_be_fetched_are_one_sentence(monkeypatch):
    def fail(**options):
        raise Exception("URL fetch failure on https://x: None -- nowhere")

    fail.__name__ = "VGG16"
    monkeypatch.setattr(applications, "_builders", lambda: {"vgg16": fail})
    monkeypatch.setattr(applications, "_preprocess", lambda builder, x: x)
    with pytest.raises(UserError, match="try again with an internet connec"):
        applications.load("keras:vgg16", "imagenet")


def test_a_network_that_is_none_is_refused_with_near_ones():
    entry = zoo.models.MODELS.find("keras:mobilenet_v9")
    with pytest.raises(UserError, match="did you mean mobilenet"):
        build_model(entry, 2, (32, 32, 3))
