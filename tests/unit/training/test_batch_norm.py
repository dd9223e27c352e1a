"""Averages of batch norm, computed anew before each validation."""

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo.config import TrainConfig
from zoo.data import Dataset
from zoo.errors import UserError
from zoo.models import register_model
from zoo.models.graph import batch_norms
from zoo.training import batch_norm, optimizers
from zoo.training.model import backbone_of, frozen_layers
from zoo.training.setup import prepare

SHORT = {"model": "cnn_cnf", "steps": 3, "recompute_batch_norm": True}


def data(count=40):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, 6, 6, 1), np.uint8)
    return Dataset.from_arrays(images, np.arange(count) % 2, val_fraction=0.2)


def prepared(**options):
    return prepare(TrainConfig(**{**SHORT, **options}), data())


def recompute(setup):
    """Recomputes the averages of a model; returns its norms."""
    batch_norm.recompute(setup.model, setup.dataset, setup.config.seed)
    return batch_norms(backbone_of(setup.model))


def test_the_averages_are_those_of_all_training_images_as_numpy_has_them():
    setup = prepared()
    (norm,) = recompute(setup)
    body = backbone_of(setup.model)
    before = keras.Model(body.input, norm.input)
    pixels = setup.dataset.train.images.astype("float32")
    first = setup.model.layers[setup.model.layers.index(body) - 1].output
    seen = keras.Model(setup.model.input, first)(pixels)
    values = np.asarray(before(seen), np.float64)
    axes = tuple(range(values.ndim - 1))
    mean, variance = values.mean(axes), values.var(axes)
    np.testing.assert_allclose(norm.moving_mean, mean, atol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, variance, rtol=1e-4)


def noisy(input_shape, num_classes):
    """Norms inside of a nested model and outside, and kinds of noise."""
    inner = keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Rescaling(1 / 255),
            layers.GaussianNoise(1.0),
            layers.Conv2D(3, 3),
            layers.BatchNormalization(name="inner"),
            layers.Dropout(0.9),
        ]
    )
    image = keras.Input(input_shape)
    x = layers.Flatten()(layers.RandomFlip()(inner(image)))
    x = layers.BatchNormalization(name="outer")(x)
    return keras.Model(image, layers.Dense(num_classes)(x))


@pytest.fixture
def noisy_model(table_of_models):
    register_model("noisy", noisy)


@pytest.mark.usefixtures("noisy_model")
def test_nested_norms_are_recomputed_without_noise():
    setup = prepared(model="noisy")
    body = backbone_of(setup.model)
    inner_norm, outer_norm = recompute(setup)
    pixels = setup.dataset.train.images.astype("float32")
    inner = body.layers[1]
    convolved = np.asarray(inner.layers[2](pixels / 255), np.float64)
    np.testing.assert_allclose(
        inner_norm.moving_variance, convolved.var((0, 1, 2)), rtol=1e-3
    )
    before = keras.Model(body.input, outer_norm.input)
    before = np.asarray(before(pixels, training=False))
    np.testing.assert_allclose(
        outer_norm.moving_variance, before.var(axis=0), rtol=1e-3
    )
    assert not any("call" in vars(layer) for layer in inner.layers)


@pytest.mark.usefixtures("noisy_model")
def test_the_biases_of_nested_norms_are_found():
    setup = prepared(model="noisy")
    biases = optimizers.norm_biases(backbone_of(setup.model))
    assert [bias.shape for bias in biases] == [(3,), (48,)]


@pytest.mark.usefixtures("noisy_model")
def test_nested_norms_are_frozen_with_batch_norm():
    setup = prepared(
        model="noisy", recompute_batch_norm=False, freeze="batch_norm"
    )
    trained = [v.path for v in setup.model.trainable_variables]
    assert len(trained) == 4 and not any("/beta" in path for path in trained)
    found = frozen_layers(setup.model, setup.config)
    assert [layer.name for layer in found] == ["inner", "outer"]


def test_several_batches_give_their_pooled_variance(monkeypatch):
    setup = prepared()
    monkeypatch.setattr(batch_norm, "BATCH", 8)
    several = np.array(recompute(setup)[0].moving_variance)
    monkeypatch.setattr(batch_norm, "BATCH", 1000)
    whole = recompute(setup)[0].moving_variance
    # Of the first norm exactly: nothing before it depends on the batch.
    np.testing.assert_allclose(several, whole, rtol=1e-4)


def test_momentum_and_dropout_are_what_they_were_afterwards():
    setup = prepared(model="cnn_cnfdf", dropout=0.5)
    layers = backbone_of(setup.model).layers

    def settings():
        return [
            (getattr(x, "momentum", None), getattr(x, "rate", None))
            for x in layers
        ]

    before = settings()
    recompute(setup)
    assert settings() == before


def test_training_is_the_same_with_and_without_it(tmp_path):
    runs = [
        zoo.train(
            TrainConfig(
                **{**SHORT, "recompute_batch_norm": asked},
                runs_dir=str(tmp_path),
                summaries=("none",),
            ),
            data(),
        )
        for asked in (False, True)
    ]
    losses = [run.history[0]["loss"] for run in runs]
    assert losses[0] == losses[1]
    kernels = [run.load_model().trainable_variables for run in runs]
    for one, other in zip(*kernels, strict=True):
        np.testing.assert_array_equal(one, other)
    assert runs[1].resolved["config"]["recompute_batch_norm"] is True


def test_a_model_without_batch_norm_refuses_it():
    with pytest.raises(UserError, match="lr, which has no batch norm"):
        prepared(model="lr")
