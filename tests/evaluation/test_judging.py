"""What is said of logits and labels, and what cannot be said."""

import json

import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from zoo import metrics
from zoo.evaluation import judging, words

CLASSES = 12


@pytest.fixture
def result():
    """Of 12 classes: `k10` is never answered, `k11` has no example."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(200, CLASSES))
    logits[:, 10] = -9
    labels = random.integers(0, 11, 200)
    names = [f"k{i}" for i in range(CLASSES)]
    found = judging.of_classes(
        logits, labels, names, lambda y, z: metrics.cross_entropy(z, y)
    )
    return logits, labels, found


def test_more_than_ten_classes_have_a_top_5_with_its_interval(result):
    logits, labels, found = result
    expected = top_k_accuracy_score(labels, logits, k=5, labels=range(CLASSES))
    assert found["top5_accuracy"] == pytest.approx(expected)
    share = metrics.binomial_ci(found["top5_correct"], 200)
    assert found["top5_accuracy_low"] == share.low
    assert found["top5_accuracy_high"] == share.high


def test_what_cannot_be_said_is_null_in_json(result):
    found = json.loads(json.dumps(result[2], allow_nan=False))
    *_, unanswered, absent = found["classes"]
    assert unanswered["precision"] is None
    assert unanswered["recall"] == 0
    assert absent["precision"] == 0
    assert absent["recall"] is absent["recall_low"] is None


def test_balanced_accuracy_is_over_classes_with_examples(result):
    recalls = [row["recall"] for row in result[2]["classes"][:11]]
    assert result[2]["balanced_accuracy"] == pytest.approx(np.mean(recalls))


def test_the_table_has_a_dash_for_what_cannot_be_said(result):
    run = {"run": "a", "split": "val", "examples": 200, "openings": 0}
    text = words.table({**run, **result[2]})
    assert "among the top 5" in text
    rows = {line.split()[0]: line.split() for line in text.splitlines()[-12:]}
    assert rows["k10"][3] == "-"
    assert rows["k11"][4:] == ["-", "-"]


def test_equal_targets_have_no_r2():
    found = judging.of_numbers(np.zeros((3, 1)), np.ones(3, np.float32))
    assert found == {"mean_squared_error": 1.0, "r2": None}
    run = {"run": "a", "split": "val", "examples": 3, "openings": 0}
    assert "R2 -" in words.table({**run, **found})
