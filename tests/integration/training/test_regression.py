"""Numbers to predict, from the first epoch to the score of a run."""

import csv
import io
import json

import keras
import pytest
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from tests.integration.training.consoles import QUIET
from zoo.config import TrainConfig
from zoo.data import load_dataset
from zoo.evaluation import evaluate
from zoo.evaluation.test_set import load_test_split
from zoo.evaluation.text import format_result
from zoo.training.console import TrainingConsole
from zoo.training.train import train

ASKED = {
    "model": "mlp",
    "model_arg": {"hidden": 12},
    "dataset": "bumps",
    "epochs": 3,
    "batch_size": 64,
    "dropout": 0.1,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Returns a finished run and what it said."""
    text = io.StringIO()
    config = TrainConfig(**ASKED, runs_dir=str(tmp_path_factory.mktemp("runs")))
    return train(config, console=TrainingConsole(text)), text.getvalue()


def squared_error(run, part):
    model = keras.models.load_model(run.path / "model.keras")
    found = model.predict(part.images, verbose=0)[:, 0]
    return ((found - part.labels.astype("float64")) ** 2).mean()


def test_there_is_a_loss_and_no_accuracy(trained):
    run, _ = trained
    metrics = json.loads((run.path / "metrics.json").read_text())
    accuracies = [v for k, v in metrics.items() if "accuracy" in k]
    assert accuracies == [None] * 5
    with open(run.path / "history.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["accuracy"] + row["val_accuracy"] for row in rows} == {""}
    assert all(float(row["val_loss"]) > 0 for row in rows)


def test_the_loss_is_the_mean_squared_error_of_the_best_epoch(trained):
    run, _ = trained
    data = load_dataset("bumps")
    best = min(row["val_loss"] for row in run.history)
    assert run.metrics["best_val_loss"] == best
    assert squared_error(run, data.val) == pytest.approx(best, rel=1e-4)


def test_the_console_speaks_of_numbers(trained):
    run, text = trained
    val = load_dataset("bumps").val
    assert "accuracy" not in text
    assert f"always the mean: {val.labels.var():.3f}" in text
    assert "765 training + 85 validation points of 1 number" in text
    share = 1 - run.metrics["best_val_loss"] / val.labels.var()
    assert f"R2 {share:.4f}" in text


def test_a_test_score_is_error_and_share_explained(trained):
    result = evaluate.evaluate_runs([trained[0]], "test")[0]
    sealed = load_test_split("bumps")
    error = squared_error(trained[0], sealed)
    assert result["examples"] == len(sealed) == 150
    assert result["mean_squared_error"] == pytest.approx(error, rel=1e-4)
    explained = 1 - error / sealed.labels.astype("float64").var()
    assert result["r2"] == pytest.approx(explained, rel=1e-3)
    assert "accuracy" not in result
    assert f"R2 {result['r2']:.4f}" in format_result(result)


def test_curves_have_no_accuracy_but_outputs_are_shown(trained):
    found = {}
    for split in ("train", "val"):
        events = EventAccumulator(str(trained[0].path / split))
        found[split] = events.Reload().Tags()["tensors"]
    assert {"loss", "learning_rate"} <= set(found["train"])
    assert {"loss", "logits"} <= set(found["val"])
    assert "accuracy" not in found["train"] + found["val"]


@pytest.mark.slow
@pytest.mark.parametrize("name, least", [("spiral", 0.97), ("moons", 0.98)])
def test_a_perceptron_learns_what_no_line_separates(name, least, tmp_path):
    config = TrainConfig(model="mlp", dataset=name, runs_dir=str(tmp_path))
    run = train(config, console=QUIET)
    assert run.metrics["best_val_accuracy"] > least


@pytest.mark.slow
def test_twelve_relus_make_three_bumps(tmp_path):
    config = TrainConfig(
        model="mlp",
        model_arg={"hidden": 12},
        dataset="bumps",
        learning_rate=0.03,
        epochs=150,
        runs_dir=str(tmp_path),
    )
    run = train(config, console=QUIET)
    assert run.metrics["best_val_loss"] < 0.015


def test_added_inputs_let_a_linear_model_tell_xor(tmp_path):
    config = TrainConfig(
        model="lr",
        dataset="xor",
        extra_features=("xy",),
        epochs=10,
        summaries=("none",),
        runs_dir=str(tmp_path),
    )
    run = train(config, console=QUIET)
    assert run.metrics["best_val_accuracy"] > 0.97
    # The model takes raw points: what it adds is inside it.
    part = load_dataset("xor").val
    model = keras.models.load_model(run.path / "model.keras")
    found = model.predict(part.images, verbose=0).argmax(axis=1)
    assert (found == part.labels).mean() == run.metrics["best_val_accuracy"]
