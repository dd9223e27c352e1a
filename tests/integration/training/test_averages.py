"""EMA of the weights and gradient accumulation, in whole runs."""

import keras
import numpy as np
import pytest

from tests.integration.training.consoles import QUIET
from tests.integration.training.weights import assert_equal_weights
from zoo.config import TrainConfig
from zoo.data import load_dataset
from zoo.errors import UserError
from zoo.training.resume import resume
from zoo.training.train import train

OPTIONS = {
    "model": "lr",
    "optimizer": "sgd",
    "learning_rate": 0.5,
    "schedule": "constant",
    "warmup_epochs": 0.0,
    "batch_size": 100,
    "train_examples": 400,
    "epochs": 2,
    "summaries": ("none",),
}


def trained(folder, name, **options):
    config = TrainConfig(
        **{**OPTIONS, **options}, runs_dir=str(folder), run_name=name
    )
    return train(config, console=QUIET)


@pytest.fixture(scope="module")
def averaged(tmp_path_factory):
    """A run whose result is the average of its weights."""
    return trained(tmp_path_factory.mktemp("runs"), "ema", ema_momentum=0.8)


def checkpoint(run):
    with np.load(run.path / "checkpoints" / "last.npz") as file:
        return {
            name: file[name]
            for name in file.files
            if name.startswith(("weights/", "optimizer/"))
        }


class Weights(keras.callbacks.Callback):
    """Records the weights after every step."""

    def __init__(self):
        super().__init__()
        self.steps = []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append([np.array(w) for w in self.model.trainable_weights])


def test_training_is_the_same_with_and_without_averages(averaged, tmp_path):
    plain, found = checkpoint(trained(tmp_path, "plain")), checkpoint(averaged)
    for name, expected in plain.items():
        if name.startswith("weights/"):
            np.testing.assert_array_equal(found[name], expected)


def test_the_saved_model_has_the_average_in_numpy(tmp_path):
    weights = Weights()
    config = TrainConfig(
        **OPTIONS,
        ema_momentum=0.8,
        steps_per_execution=1,
        val_fraction=0.0,
        runs_dir=str(tmp_path),
    )
    run = train(config, console=QUIET, callbacks=[weights])
    average = weights.steps[0]
    for step in weights.steps[1:]:
        average = [
            0.8 * a + 0.2 * w for a, w in zip(average, step, strict=True)
        ]
    saved = run.load_model().trainable_weights
    for found, expected in zip(saved, average, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_validation_scores_are_those_of_the_average(averaged):
    val = load_dataset("digits", train_examples=400).val
    logits = averaged.load_model().predict(val.images, verbose=0)
    accuracy = (logits.argmax(axis=1) == val.labels).mean()
    assert accuracy == pytest.approx(averaged.metrics["best_val_accuracy"])


def test_a_run_in_two_sessions_is_that_in_one(averaged, tmp_path):
    config = TrainConfig(**OPTIONS, ema_momentum=0.8, runs_dir=str(tmp_path))
    parts = train(config, console=QUIET, until_epoch=1)
    resume(parts, console=QUIET)
    expected, found = checkpoint(averaged), checkpoint(parts)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
    assert_equal_weights(parts, averaged)


@pytest.mark.parametrize(
    ("optimizer", "learning_rate"),
    [
        ("sgd", 0.5),
        *(
            pytest.param(name, 1e-3, marks=pytest.mark.slow)
            for name in ("adam", "adamw", "rmsprop", "muon")
        ),
    ],
)
def test_four_batches_of_50_make_the_update_of_one_of_200(
    tmp_path, optimizer, learning_rate
):
    options = {"optimizer": optimizer, "learning_rate": learning_rate}
    large = trained(tmp_path, "large", batch_size=200, **options)
    options |= {"batch_size": 50, "gradient_accumulation_steps": 4}
    small = trained(tmp_path, "small", **options)
    weights = small.load_model().weights, large.load_model().weights
    for found, expected in zip(*weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"gradient_accumulation_steps": 2, "ema_momentum": 0.9},
        {"gradient_accumulation_steps": 2, "lookahead_every": 5},
        {"gradient_accumulation_steps": 2, "devices": 2},
        {"ema_momentum": 0.9, "devices": 2},
    ],
)
def test_what_does_not_go_together_is_refused_by_name(options):
    with pytest.raises(UserError) as error:
        TrainConfig(**options)
    assert all(f"--{name}=" in str(error.value) for name in options)
