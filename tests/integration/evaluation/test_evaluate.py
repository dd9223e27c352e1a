"""Metrics of runs, against scikit-learn on their own predictions."""

import json
import shutil

import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics as sk

from zoo import metrics
from zoo.data import load_dataset
from zoo.errors import UserError
from zoo.evaluation import evaluate, statistics
from zoo.evaluation.test_set import EvaluationLog, describe_count, ordinal
from zoo.evaluation.text import format_result
from zoo.run_store import RunStore


@pytest.fixture
def copies(run, tmp_path):
    """The run, the same with another seed, and one of another config."""
    for name, old, new in (
        ("a", "", ""),
        ("b", '"seed": 0', '"seed": 1'),
        ("c", '"steps": 20', '"steps": 21'),
    ):
        folder = shutil.copytree(run.path, tmp_path / name)
        (folder / "SHA256SUMS").unlink()
        for file in ("config.json", "resolved.json"):
            text = (folder / file).read_text()
            assert old in text
            (folder / file).write_text(text.replace(old, new))
    return [RunStore(str(tmp_path)).find(name) for name in "abc"]


@pytest.fixture(scope="module")
def evaluated(run):
    """Labels, probabilities and metrics of the validation images."""
    part = load_dataset("digits").val
    logits = np.float64(run.load_model().predict(part.images, verbose=0))
    result = evaluate.evaluate_runs([run], "val")[0]
    return part.labels, softmax(logits, axis=1), result


def test_every_score_agrees_with_scikit_learn(evaluated):
    labels, chances, result = evaluated
    answers = chances.argmax(axis=1)
    assert result["examples"] == len(labels) == 144
    expected = {
        "accuracy": sk.accuracy_score(labels, answers),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, answers),
        "loss": sk.log_loss(labels, chances),
        "negative_log_likelihood": sk.log_loss(labels, chances),
        "brier_score": sk.brier_score_loss(labels, chances),
    }
    found = {name: result[name] for name in expected}
    assert found == pytest.approx(expected, rel=1e-5)
    expected = sk.confusion_matrix(labels, answers).tolist()
    assert result["confusion"] == expected


def test_the_table_of_classes_agrees_with_scikit_learn(evaluated):
    labels, chances, result = evaluated
    expected = sk.classification_report(
        labels, chances.argmax(axis=1), output_dict=True
    )
    assert [row["class"] for row in result["classes"]] == list("0123456789")
    for row in result["classes"]:
        reported = expected[row["class"]]
        assert row["precision"] == pytest.approx(reported["precision"])
        assert row["recall"] == pytest.approx(reported["recall"])
        assert row["examples"] == reported["support"]


def test_the_loss_is_what_was_minimized(make):
    run = make("hinge", loss="hinge")
    result = evaluate.evaluate_runs([run], "val")[0]
    assert result["loss"] == pytest.approx(run.metrics["val_loss"], rel=1e-4)
    assert result["loss"] != result["negative_log_likelihood"]


def test_ten_classes_have_no_top_5(evaluated):
    assert "top5_accuracy" not in evaluated[2]


def test_validation_metrics_log_nothing(copies, tmp_path):
    (result,) = evaluate.evaluate_runs(copies[:1], "val", str(tmp_path))
    assert result["test_evaluations"] == 0
    assert EvaluationLog(tmp_path).read() == []


def test_each_test_set_evaluation_is_counted_and_its_interval_wider(
    copies, tmp_path
):
    results = [
        evaluate.evaluate_runs([run], "test", str(tmp_path))[0]
        for run in copies
    ]
    assert [result["test_evaluations"] for result in results] == [1, 2, 3]
    first, second, third = (result["corrected"] for result in results)
    assert first["accuracy_low"] == pytest.approx(results[0]["accuracy_low"])
    assert second["confidence"] == pytest.approx(0.975)
    assert third["confidence"] == pytest.approx(1 - 0.05 / 3)
    assert third["accuracy_low"] < second["accuracy_low"]
    assert third["accuracy_high"] > second["accuracy_high"]
    (result,) = evaluate.evaluate_runs(copies[:1], "val", str(tmp_path))
    assert result["test_evaluations"] == 3


def test_seeds_of_one_config_evaluated_together_count_once(copies, tmp_path):
    told = evaluate.evaluate_runs(copies[:2], "test", str(tmp_path))
    assert [result["test_evaluations"] for result in told] == [1, 1]
    (line,) = EvaluationLog(tmp_path).read()
    assert [run["run"] for run in line["runs"]] == ["a", "b"]
    assert [run["seed"] for run in line["runs"]] == [0, 1]
    assert line["runs"][0]["config"] != line["runs"][1]["config"]
    assert line["runs"][0]["result"]["correct"] == told[0]["correct"]


def test_each_config_counts_once(copies, tmp_path):
    told = evaluate.evaluate_runs(copies, "test", str(tmp_path))
    assert [result["test_evaluations"] for result in told] == [2, 2, 2]


def test_a_run_outside_runs_dir_has_its_log_beside_it(copies, tmp_path):
    evaluate.evaluate_runs(copies[:1], "test", str(tmp_path / "other"))
    assert len(EvaluationLog(tmp_path).read()) == 1


def test_an_evaluation_that_cannot_be_logged_is_not_returned(copies, tmp_path):
    EvaluationLog(tmp_path).path.mkdir()
    with pytest.raises(UserError, match="cannot be read"):
        evaluate.evaluate_runs(copies[:1], "test", str(tmp_path))


def test_a_run_on_other_images_is_not_evaluated(copies, tmp_path):
    path = copies[0].path / "resolved.json"
    resolved = json.loads(path.read_text())
    resolved["data"]["fingerprint"] = "0" * 64
    path.write_text(json.dumps(resolved))
    with pytest.raises(UserError, match="not those"):
        evaluate.evaluate_runs(copies[:1], "test", str(tmp_path))
    assert EvaluationLog(tmp_path).read() == []


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"),
     (12, "12th"), (13, "13th"), (21, "21st"), (112, "112th")],
)  # fmt: skip
def test_ordinals_are_english(number, text):
    assert ordinal(number) == text


def test_from_the_second_evaluation_on_the_test_is_biased():
    assert "unbiased" not in describe_count(1)
    text = describe_count(3)
    assert text.startswith("3rd evaluation") and "no longer an unbiased" in text


def test_the_interval_of_three_seeds_worked_out_by_hand():
    found = statistics.seed_stats([0.90, 0.92, 0.94])
    # Student's 4.3027 with two degrees of freedom, times 0.02 / sqrt(3).
    assert found.mean == pytest.approx(0.92)
    assert found.std == pytest.approx(0.02)
    assert found.high - 0.92 == pytest.approx(4.3027 * 0.02 / 3**0.5, rel=1e-4)
    assert statistics.seed_stats([0.9, 1.0], 0, 1).high == 1
    alone = statistics.SeedStats(0.9, None, None, None)
    assert statistics.seed_stats([0.9]) == alone


CLASSES = 12


@pytest.fixture
def result():
    """Of 12 classes: `k10` is never predicted, `k11` has no example."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(200, CLASSES))
    logits[:, 10] = -9
    labels = random.integers(0, 11, 200)
    names = [f"k{i}" for i in range(CLASSES)]
    found = evaluate.classification_metrics(
        logits, labels, names, lambda y, z: metrics.cross_entropy(z, y)
    )
    return logits, labels, found


def test_more_than_ten_classes_have_a_top_5_with_its_interval(result):
    logits, labels, found = result
    expected = sk.top_k_accuracy_score(
        labels, logits, k=5, labels=range(CLASSES)
    )
    assert found["top5_accuracy"] == pytest.approx(expected)
    share = metrics.binomial_ci(found["top5_correct"], 200)
    assert found["top5_accuracy_low"] == share.low
    assert found["top5_accuracy_high"] == share.high


def test_an_undefined_metric_is_null_in_json(result):
    found = json.loads(json.dumps(result[2], allow_nan=False))
    *_, never_predicted, absent = found["classes"]
    assert never_predicted["precision"] is None
    assert never_predicted["recall"] == 0
    assert absent["precision"] == 0
    assert absent["recall"] is absent["recall_low"] is None


def test_balanced_accuracy_is_over_classes_with_examples(result):
    recalls = [row["recall"] for row in result[2]["classes"][:11]]
    assert result[2]["balanced_accuracy"] == pytest.approx(np.mean(recalls))


def test_the_table_has_a_dash_for_an_undefined_metric(result):
    run = {"run": "a", "split": "val", "examples": 200, "test_evaluations": 0}
    text = format_result({**run, **result[2]})
    assert "top-5 accuracy" in text
    rows = {line.split()[0]: line.split() for line in text.splitlines()[-12:]}
    assert rows["k10"][3] == "-"
    assert rows["k11"][4:] == ["-", "-"]


def test_equal_targets_have_no_r2():
    found = evaluate.regression_metrics(np.zeros((3, 1)), np.ones(3, "f4"))
    assert found == {"mean_squared_error": 1.0, "r2": None}
    run = {"run": "a", "split": "val", "examples": 3, "test_evaluations": 0}
    assert "R2 -" in format_result({**run, **found})
