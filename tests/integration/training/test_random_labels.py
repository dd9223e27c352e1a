"""Runs on random labels: recorded, warned of, resumed, scored by the truth."""

import io
import json

import pytest

from tests.integration.training.consoles import QUIET
from zoo.cli.main import main
from zoo.config import TrainConfig
from zoo.data import load_dataset
from zoo.data.transforms import draw_labels
from zoo.diagnostics import diagnose
from zoo.diagnostics.findings import RunStats
from zoo.evaluation import evaluate, statistics
from zoo.training.console import TrainingConsole
from zoo.training.train import train

ASKED = {
    "model": "mlp",
    "model_arg": {"hidden": 64},
    "randomize_labels": 1.0,
    "train_examples": 100,
    "optimizer": "adam",
    "learning_rate": 0.01,
    "batch_size": 20,
    "epochs": 30,
    "val_fraction": 0.0,
    "summaries": ("scalars",),
    "run_name": "noise",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that learned drawn labels by heart, and what its console said."""
    said = io.StringIO()
    runs_dir = str(tmp_path_factory.mktemp("runs"))
    config = TrainConfig(**ASKED, runs_dir=runs_dir)
    return train(config, console=TrainingConsole(said)), said.getvalue()


def test_how_many_labels_are_wrong_is_recorded(trained):
    data = load_dataset("digits", val_fraction=0, train_examples=100)
    _, labels = draw_labels(data.train, 1.0, 0, 10)
    found = trained[0].resolved["data"]["random_labels"]
    assert found["changed"] == (labels != data.train.labels).sum()
    assert (found["fraction"], found["replaced"]) == (1.0, 100)
    assert trained[0].resolved["data"]["fingerprint"] == data.fingerprint


def test_a_run_on_true_labels_records_none(tmp_path):
    config = TrainConfig(
        model="lr", steps=1, summaries=("none",), runs_dir=str(tmp_path)
    )
    said = io.StringIO()
    run = train(config, console=TrainingConsole(said))
    assert run.resolved["data"]["random_labels"] is None
    assert "WARNING" not in said.getvalue()


def test_a_warning_comes_before_training(trained):
    run, said = trained
    wrong = run.resolved["data"]["random_labels"]["changed"]
    warning = said.index(
        f"WARNING     {wrong} of 100 training labels are incorrect"
    )
    assert warning < said.index("epoch  1/30")


def test_the_test_split_is_scored_by_its_true_labels(trained):
    run, _ = trained
    result = evaluate.evaluate_runs([run], "test", str(run.path.parent))[0]
    # 360 images: more than a third right would be no chance.
    assert result["accuracy"] < 1 / 3
    assert "random_labels" not in result


def test_training_examples_are_scored_by_true_and_by_random_labels(trained):
    run, _ = trained
    result = evaluate.evaluate_runs([run], "train", str(run.path.parent))[0]
    assert result["accuracy"] < 1 / 3
    assert result["random_labels"]["accuracy"] > 0.9
    assert result["random_labels"]["changed"] > 75


def test_the_table_says_which_labels_are_meant(trained, capsys):
    run, _ = trained
    assert main(["evaluate", str(run.path), "--split=train"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("evaluated by the true labels; ")
    assert any(line.startswith("by random labels") for line in lines)
    assert max(map(len, lines)) <= 80


def test_explain_says_that_it_was_asked_for(trained):
    found = diagnose(RunStats.of(trained[0]))
    assert found[0].name == "random_labels"
    assert "--randomize_labels=1" in found[0].text
    assert "memorized" in found[0].text
    assert not {"labels", "overfitting", "stuck"} & {f.name for f in found}


def test_a_run_does_not_go_on_with_other_labels(tmp_path, capfd):
    config = TrainConfig(**ASKED, runs_dir=str(tmp_path))
    train(config, console=QUIET, until_epoch=1)
    path = tmp_path / "noise" / "resolved.json"
    resolved = json.loads(path.read_text())
    resolved["data"]["random_labels"]["fingerprint"] = "0" * 64
    path.with_name("SHA256SUMS").unlink(missing_ok=True)
    path.write_text(json.dumps(resolved))
    assert main(["resume", "noise", f"--runs_dir={tmp_path}"]) == 2
    assert "draws other labels" in capfd.readouterr().err


def test_seeds_of_a_recipe_are_still_seen_to_belong_together(trained, tmp_path):
    options = {**ASKED, "epochs": 1, "seed": 1}
    config = TrainConfig(**options, runs_dir=str(tmp_path))
    other = train(config, console=QUIET)
    ours, theirs = (run.resolved["data"] for run in (other, trained[0]))
    drawn = [data["random_labels"]["fingerprint"] for data in (ours, theirs)]
    assert drawn[0] != drawn[1]
    assert ours["fingerprint"] == theirs["fingerprint"]
    assert "randomize_labels" in statistics.settings(other)


def test_features_are_learned_from_with_the_random_labels(tmp_path):
    options = {
        "model": "knn", "features": "hog", "randomize_labels": 1.0,
        "model_arg": {"neighbors": 1}, "train_examples": 100,
        "summaries": ("none",),
    }  # fmt: skip
    config = TrainConfig(**options, runs_dir=str(tmp_path))
    run = train(config, console=QUIET)
    result = evaluate.evaluate_runs([run], "train", str(tmp_path))[0]
    # The nearest neighbour of a training example is itself.
    assert result["random_labels"]["accuracy"] == 1
