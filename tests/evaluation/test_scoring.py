"""Scores of a run, against scikit-learn on its own predictions."""

import json
import shutil

import numpy as np
import pytest
from sklearn import metrics

from zoo.config import TrainConfig
from zoo.data import load_dataset
from zoo.errors import UserError
from zoo.evaluation import scoring, spread
from zoo.evaluation.ledger import Ledger
from zoo.evaluation.opening import ordinal, verdict
from zoo.run_store import RunStore
from zoo.training.console import Console
from zoo.training.train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A softmax regression that has learned a little."""
    runs_dir = str(tmp_path_factory.mktemp("runs"))
    config = TrainConfig(
        model="lr", steps=20, summaries=("none",), runs_dir=runs_dir
    )
    return train(config, console=Console(quiet=True))


@pytest.fixture
def copies(run, tmp_path):
    """The run, the same with another seed, and one of another recipe."""
    for name, old, new in (
        ("a", "", ""),
        ("b", '"seed": 0', '"seed": 1'),
        ("c", '"steps": 20', '"steps": 21'),
    ):
        folder = shutil.copytree(run.path, tmp_path / name)
        for file in ("config.json", "resolved.json"):
            text = (folder / file).read_text()
            assert old in text
            (folder / file).write_text(text.replace(old, new))
    return [RunStore(str(tmp_path)).find(name) for name in "abc"]


@pytest.fixture(scope="module")
def judged(run):
    """Labels, probabilities and what zoo says of the validation images."""
    part = load_dataset("digits").val
    logits = np.float64(run.load_model().predict(part.images, verbose=0))
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances = weights / weights.sum(axis=1, keepdims=True)
    return part.labels, chances, scoring.score(run, "val")


def test_every_score_agrees_with_scikit_learn(judged):
    labels, chances, result = judged
    answers = chances.argmax(axis=1)
    assert result["examples"] == len(labels) == 144
    for name, expected in {
        "accuracy": metrics.accuracy_score(labels, answers),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, answers),
        "loss": metrics.log_loss(labels, chances),
        "negative_log_likelihood": metrics.log_loss(labels, chances),
        "brier_score": metrics.brier_score_loss(labels, chances),
    }.items():
        assert result[name] == pytest.approx(expected, rel=1e-5), name
    expected = metrics.confusion_matrix(labels, answers).tolist()
    assert result["confusion"] == expected


def test_the_table_of_classes_agrees_with_scikit_learn(judged):
    labels, chances, result = judged
    expected = metrics.classification_report(
        labels, chances.argmax(axis=1), output_dict=True
    )
    assert [row["class"] for row in result["classes"]] == list("0123456789")
    for row in result["classes"]:
        reported = expected[row["class"]]
        assert row["precision"] == pytest.approx(reported["precision"])
        assert row["recall"] == pytest.approx(reported["recall"])
        assert row["examples"] == reported["support"]


def test_the_loss_is_what_was_minimized(tmp_path):
    config = TrainConfig(
        model="lr", steps=20, loss="hinge", summaries=("none",),
        runs_dir=str(tmp_path),
    )  # fmt: skip
    run = train(config, console=Console(quiet=True))
    result = scoring.score(run, "val")
    assert result["loss"] == pytest.approx(run.metrics["val_loss"], rel=1e-4)
    assert result["loss"] != result["negative_log_likelihood"]


def test_ten_classes_have_no_top_5(judged):
    assert "top5_accuracy" not in judged[2]


def test_validation_scores_open_nothing(copies, tmp_path):
    assert scoring.score(copies[0], "val")["openings"] == 0
    assert Ledger(tmp_path).looks() == []


def test_each_opening_is_counted_and_its_interval_wider(copies, tmp_path):
    told = [scoring.score(run, "test", str(tmp_path)) for run in copies]
    assert [result["openings"] for result in told] == [1, 2, 3]
    first, second, third = (result["corrected"] for result in told)
    assert first["accuracy_low"] == pytest.approx(told[0]["accuracy_low"])
    assert second["level"] == pytest.approx(0.975)
    assert third["level"] == pytest.approx(1 - 0.05 / 3)
    assert third["accuracy_low"] < second["accuracy_low"]
    assert third["accuracy_high"] > second["accuracy_high"]
    assert scoring.score(copies[0], "val", str(tmp_path))["openings"] == 3


def test_seeds_of_one_recipe_opened_together_are_one_look(copies, tmp_path):
    told = scoring.score_all(copies[:2], "test", str(tmp_path))
    assert [result["openings"] for result in told] == [1, 1]
    (look,) = Ledger(tmp_path).looks()
    assert [run["run"] for run in look["runs"]] == ["a", "b"]
    assert [run["seed"] for run in look["runs"]] == [0, 1]
    assert look["runs"][0]["config"] != look["runs"][1]["config"]
    assert look["runs"][0]["result"]["correct"] == told[0]["correct"]


def test_recipes_opened_together_are_a_look_each(copies, tmp_path):
    told = scoring.score_all(copies, "test", str(tmp_path))
    assert [result["openings"] for result in told] == [2, 2, 2]


def test_a_run_outside_runs_dir_has_its_ledger_beside_it(copies, tmp_path):
    scoring.score(copies[0], "test", str(tmp_path / "other"))
    assert len(Ledger(tmp_path).looks()) == 1


def test_a_look_that_cannot_be_recorded_is_not_told(copies, tmp_path):
    Ledger(tmp_path).path.mkdir()
    with pytest.raises(UserError, match="cannot be read"):
        scoring.score(copies[0], "test", str(tmp_path))


def test_a_run_on_other_images_is_not_opened(copies, tmp_path):
    path = copies[0].path / "resolved.json"
    resolved = json.loads(path.read_text())
    resolved["data"]["fingerprint"] = "0" * 64
    path.write_text(json.dumps(resolved))
    with pytest.raises(UserError, match="not those"):
        scoring.score(copies[0], "test", str(tmp_path))
    assert Ledger(tmp_path).looks() == []


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"),
     (12, "12th"), (13, "13th"), (21, "21st"), (112, "112th")],
)  # fmt: skip
def test_looks_are_counted_as_people_count(number, text):
    assert ordinal(number) == text


def test_from_the_second_look_on_the_test_is_not_clean():
    assert "clean" not in verdict(1)
    assert verdict(3) == "3rd look at this test set; no longer a clean test"


def test_the_spread_of_three_seeds_worked_out_by_hand():
    found = spread.spread([0.90, 0.92, 0.94])
    # Student's 4.3027 with two degrees of freedom, times 0.02 / sqrt(3).
    assert found.mean == pytest.approx(0.92)
    assert found.deviation == pytest.approx(0.02)
    assert found.high - 0.92 == pytest.approx(4.3027 * 0.02 / 3**0.5, rel=1e-4)
    assert spread.spread([0.9, 1.0], 0, 1).high == 1
    assert spread.spread([0.9]) == spread.Spread(0.9, None, None, None)
