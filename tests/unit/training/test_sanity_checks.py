"""The five looks before training, each at something sound and unsound."""

import os

import keras
import numpy as np
import pytest
from keras import layers

from zoo.config import TrainConfig
from zoo.data import Dataset, Split
from zoo.models import register_model
from zoo.training import sanity_checks
from zoo.training.setup import prepare


def trial(**asked):
    return sanity_checks.UntrainedModel(prepare(TrainConfig(**asked), None))


@pytest.fixture(scope="module")
def sound():
    """Softmax regression on the digits, with its own recipe."""
    return trial(model="lr")


@pytest.mark.parametrize(
    "look",
    [
        sanity_checks.check_inputs,
        sanity_checks.check_initial_loss,
        sanity_checks.check_gradients,
        sanity_checks.check_overfitting,
        sanity_checks.check_blank_images,
    ],
)
def test_a_sound_network_passes(sound, look):
    assert look(sound).ok


def test_raw_pixels_are_no_inputs_to_learn_from():
    raw = trial(model="lr", mean_subtraction="none", scale="none")
    answer = sanity_checks.check_inputs(raw)
    assert not answer.ok
    pixels = raw.batch.images
    assert f"{pixels.std():.3g}" in answer.text


def test_an_untrained_network_that_is_sure_of_itself_is_found():
    raw = trial(
        model="lr",
        mean_subtraction="none",
        scale="none",
        initializer="he_normal",
    )
    assert not sanity_checks.check_initial_loss(raw).ok


def test_equal_weights_cannot_learn_sixteen_examples(monkeypatch):
    monkeypatch.setattr(sanity_checks, "MAX_SECONDS", 1e9)  # on busy cores
    equal = trial(
        model="mlp", model_arg={"hidden": 8}, initializer="equal", dropout=0
    )
    answer = sanity_checks.check_overfitting(equal)
    assert not answer.ok
    assert "of 16 correct after 300 steps" in answer.text


def deaf(input_shape, num_classes, *, seed: int = 0):
    """A network one layer of which has no way to the logits."""
    image = keras.Input(input_shape)
    x = layers.Flatten()(image)
    unheard = layers.Dense(4, name="unheard")(x)
    x = layers.Concatenate()([x, layers.Rescaling(0.0)(unheard)])
    return keras.Model(image, layers.Dense(num_classes, name="logits")(x))


@pytest.mark.usefixtures("table_of_models")
def test_weights_without_a_gradient_are_named():
    register_model("deaf", deaf)
    untrained = trial(model="deaf", weight_decay=0.1)
    answer = sanity_checks.check_gradients(untrained)
    assert not answer.ok
    assert answer.text.startswith("2 of 4 weights")
    assert "unheard" in answer.text


def test_blank_images_that_are_told_apart_are_found(sound):
    class Clairvoyant:
        def logits(self, inputs):
            return 9 * np.eye(10)[sound.labels]

    told = sanity_checks.UntrainedModel.__new__(sanity_checks.UntrainedModel)
    vars(told).update(vars(sound), inspector=Clairvoyant())
    assert not sanity_checks.check_blank_images(told).ok


def test_numbers_are_fitted_and_not_counted():
    random = np.random.default_rng(0)
    x = random.normal(size=(80, 3)).astype(np.float32)
    y = x.sum(axis=1).astype(np.float32)
    part = Split(x, y)
    data = Dataset("sums", part, part.take(np.arange(0)), (), False, None)
    config = TrainConfig(model="mlp", loss="squared_error")
    numbers = sanity_checks.UntrainedModel(prepare(config, data))
    assert sanity_checks.check_overfitting(numbers).ok


def test_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = TrainConfig(model="lr", runs_dir=str(tmp_path / "runs"))
    names = [answer.name for answer in sanity_checks.check(config)]
    assert names == [
        "inputs",
        "initial loss",
        "gradients",
        "overfits 16 examples",
        "blank images",
    ]
    assert os.listdir(tmp_path) == []


def test_lookahead_is_not_at_its_end_while_examples_are_memorized():
    own = trial(
        model="mlp",
        optimizer="nesterov",
        learning_rate=0.03,
        lookahead_every=5,
        epochs=1,
        batch_size=1000,
    )
    assert sanity_checks.check_overfitting(own).ok
