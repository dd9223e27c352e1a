"""Scores against SciPy, scikit-learn and cases worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax
from scipy.stats import beta
from sklearn.metrics import accuracy_score, log_loss

from zoo import scores


@given(st.integers(1, 500), st.data())
def test_interval_is_the_beta_quantiles_of_clopper_and_pearson(n, data):
    k = data.draw(st.integers(0, n))
    share = scores.proportion(k, n)
    low = beta.ppf(0.025, k, n - k + 1) if k else 0.0
    high = beta.ppf(0.975, k + 1, n - k) if k < n else 1.0
    assert share.low == pytest.approx(low, abs=1e-9)
    assert share.high == pytest.approx(high, abs=1e-9)


def test_a_proportion_reads_as_counts_with_interval():
    text = str(scores.proportion(98, 100))
    assert text == "98 of 100 right, 98.00 % (95 % interval 92.96 to 99.76)"


def test_log_softmax_agrees_with_scipy_for_huge_logits():
    logits = np.array([[1e4, 0.0, -1e4], [3.0, 3.0, 3.0]], np.float32)
    expected = log_softmax(logits.astype(np.float64), axis=1)
    np.testing.assert_allclose(scores.log_softmax(logits), expected)


def test_cross_entropy_and_accuracy_agree_with_scikit_learn():
    random = np.random.default_rng(0)
    logits = random.normal(size=(50, 7)).astype(np.float32)
    labels = random.integers(0, 7, 50)
    probabilities = np.exp(log_softmax(logits.astype(np.float64), axis=1))
    assert scores.cross_entropy(logits, labels) == pytest.approx(
        log_loss(labels, probabilities, labels=range(7))
    )
    assert scores.count_correct(logits, labels) / 50 == accuracy_score(
        labels, logits.argmax(1)
    )


def test_correct_by_class_counts_classes_without_examples_as_zero_of_zero():
    logits = np.array([[9, 0, 0], [9, 0, 0], [0, 0, 9]], np.float32)
    by_class = scores.correct_by_class(logits, np.array([0, 2, 2]), 3)
    assert by_class == [(1, 1), (0, 0), (1, 2)]


def test_guessing_scores_ln_k_and_the_largest_class():
    loss, share = scores.guessing(np.array([0, 0, 0, 1]), 4)
    assert loss == pytest.approx(1.3862943611)
    assert share == 0.75
