"""Metrics against SciPy, scikit-learn, papers and cases worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax
from scipy.stats import beta
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    log_loss,
    precision_recall_fscore_support,
    top_k_accuracy_score,
)

from zoo import metrics


@given(st.integers(1, 500), st.data())
def test_interval_is_the_beta_quantiles_of_clopper_and_pearson(n, data):
    k = data.draw(st.integers(0, n))
    share = metrics.binomial_ci(k, n)
    low = beta.ppf(0.025, k, n - k + 1) if k else 0.0
    high = beta.ppf(0.975, k + 1, n - k) if k < n else 1.0
    assert share.low == pytest.approx(low, abs=1e-9)
    assert share.high == pytest.approx(high, abs=1e-9)


def test_a_proportion_reads_as_counts_with_interval():
    text = str(metrics.binomial_ci(98, 100))
    assert text == "98 of 100 correct, 98.00% (95% CI 92.96 to 99.76)"


def test_log_softmax_is_exact_for_huge_logits():
    logits = np.array([[1e4, 0.0, -1e4], [3.0, 3.0, 3.0]], np.float32)
    expected = [[0, -1e4, -2e4], [-math.log(3)] * 3]
    np.testing.assert_allclose(metrics.log_softmax(logits), expected)


def test_cross_entropy_and_accuracy_agree_with_scikit_learn():
    random = np.random.default_rng(0)
    logits = random.normal(size=(50, 7)).astype(np.float32)
    labels = random.integers(0, 7, 50)
    probabilities = np.exp(log_softmax(logits.astype(np.float64), axis=1))
    assert metrics.cross_entropy(logits, labels) == pytest.approx(
        log_loss(labels, probabilities, labels=range(7))
    )
    assert metrics.count_correct(logits, labels) / 50 == accuracy_score(
        labels, logits.argmax(1)
    )


def test_correct_by_class_counts_classes_without_examples_as_zero_of_zero():
    logits = np.array([[9, 0, 0], [9, 0, 0], [0, 0, 9]], np.float32)
    by_class = metrics.correct_per_class(logits, np.array([0, 2, 2]), 3)
    assert by_class == [(1, 1), (0, 0), (1, 2)]


def test_guessing_scores_ln_k_and_the_largest_class():
    loss, share = metrics.chance_level(np.array([0, 0, 0, 1]), 4)
    assert loss == pytest.approx(1.3862943611)
    assert share == 0.75


def test_a_margin_is_the_true_logit_minus_the_best_wrong_one():
    logits = np.array([[3, 1, 2], [0, 5, 7], [4, 4, 0]], np.float32)
    found = metrics.margins(logits, np.array([0, 1, 1]))
    np.testing.assert_array_equal(found, [1, -2, 0])


def confident(*probabilities):
    """Logits of two classes, the first with each of these probabilities."""
    p = np.array(probabilities)
    return np.log(np.stack([p, 1 - p], axis=1))


def test_calibration_error_of_four_answers_worked_out_by_hand():
    # Of two bins, (0.5, 1] holds all: confidences 0.6, 0.6, 0.8, 1.0 - 1e-9.
    logits = confident(0.6, 0.6, 0.8, 1 - 1e-9)
    error = metrics.expected_calibration_error(
        logits, np.array([0, 1, 0, 0]), 2
    )
    assert error == pytest.approx(abs(0.75 - 0.75), abs=1e-6)


def test_calibration_error_weighs_bins_by_their_examples():
    # Of fifteen bins, 0.55 is in the ninth, one right of two, and 0.95 in
    # the last, two right of two.
    logits = confident(0.55, 0.55, 0.95, 0.95)
    error = metrics.expected_calibration_error(logits, np.array([0, 1, 0, 0]))
    assert error == pytest.approx(0.5 * 0.05 + 0.5 * 0.05)


def test_calibration_bins_cover_all_answers_and_name_their_edges():
    bins = metrics.calibration_bins(confident(0.55, 0.95), np.array([0, 1]))
    assert len(bins) == 15
    assert [b.examples for b in bins] == [0] * 8 + [1] + [0] * 5 + [1]
    assert (bins[8].low, bins[8].high) == pytest.approx((8 / 15, 9 / 15))
    assert (bins[8].accuracy, bins[14].accuracy) == (1.0, 0.0)
    assert bins[8].confidence == pytest.approx(0.55)


def test_a_confidence_of_one_is_in_the_last_bin():
    logits = np.array([[1e4, 0.0]])
    (*others, last) = metrics.calibration_bins(logits, np.array([0]))
    assert last.examples == 1
    assert sum(b.examples for b in others) == 0


@given(st.integers(1, 200), st.integers(2, 12), st.integers(0, 1000))
def test_calibration_error_is_that_of_a_plain_loop(n, k, seed):
    random = np.random.default_rng(seed)
    logits = random.normal(scale=3, size=(n, k))
    labels = random.integers(0, k, n)
    probabilities = np.exp(log_softmax(logits, axis=1))
    sums = {}
    for row, label in zip(probabilities, labels, strict=True):
        at = int(np.ceil(row.max() * 15))
        gap = row.max() - (row.argmax() == label)
        sums[at] = sums.get(at, 0.0) + gap
    expected = sum(abs(total) for total in sums.values()) / n
    error = metrics.expected_calibration_error(logits, labels)
    assert error == pytest.approx(expected, abs=1e-9)


def test_the_error_of_the_mean_explains_nothing_and_no_error_all():
    targets = np.array([1.0, 2.0, 6.0], np.float32)
    mean = np.full((3, 1), 3.0, np.float32)
    error = metrics.mean_squared_error(mean, targets)
    assert error == pytest.approx((4 + 1 + 9) / 3)
    assert metrics.r2_score(error, targets) == pytest.approx(0)
    assert metrics.r2_score(0.0, targets) == 1
    assert np.isnan(metrics.r2_score(1.0, np.ones(3, np.float32)))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("examples", [20, 144, 1000])
def test_the_interval_covers_the_truth_in_95_of_100_draws(share, examples):
    draws = np.random.default_rng(0).binomial(examples, share, 10_000)
    counts, times = np.unique(draws, return_counts=True)
    found = [metrics.binomial_ci(int(k), examples) for k in counts]
    covered = [f.low <= share <= f.high for f in found]
    assert times[covered].sum() >= 9_500


def test_corrected_intervals_cover_the_truth_all_together():
    looks, examples = 3, 500
    truths = np.array([0.8, 0.85, 0.9])
    draws = np.random.default_rng(0).binomial(examples, truths, (10_000, looks))
    known = {
        int(k): metrics.binomial_ci(int(k), examples, 1 - 0.05 / looks)
        for k in np.unique(draws)
    }
    covered = [
        all(
            known[int(k)].low <= truth <= known[int(k)].high
            for k, truth in zip(row, truths, strict=True)
        )
        for row in draws
    ]
    assert sum(covered) >= 9_500


def random_answers(seed, n=300, k=12):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(n, k))
    labels = random.integers(0, k - 1, n)  # the last class has no example
    return logits, labels


@given(st.integers(0, 1000))
def test_precision_and_recall_agree_with_scikit_learn(seed):
    logits, labels = random_answers(seed, n=40)
    answers = logits.argmax(axis=1)
    matrix = metrics.confusion_matrix(labels, answers, 12)
    expected = precision_recall_fscore_support(
        labels, answers, labels=range(12), zero_division=np.nan
    )
    np.testing.assert_allclose(metrics.precision_per_class(matrix), expected[0])
    np.testing.assert_allclose(metrics.recall_per_class(matrix), expected[1])


@pytest.mark.parametrize("most", [1, 5, 11])
def test_the_count_in_the_top_agrees_with_scikit_learn(most):
    logits, labels = random_answers(0)
    expected = top_k_accuracy_score(
        labels, logits, k=most, labels=range(12), normalize=False
    )
    assert metrics.top_k_correct(logits, labels, most) == expected


def test_of_equal_logits_the_first_class_is_in_the_top_as_in_argmax():
    logits = np.zeros((2, 3))
    assert metrics.top_k_correct(logits, np.array([0, 1]), 1) == 1


def test_the_brier_score_agrees_with_scikit_learn():
    logits, labels = random_answers(0)
    expected = brier_score_loss(
        labels, softmax(logits, axis=1), labels=range(12)
    )
    assert metrics.brier_score(logits, labels) == pytest.approx(expected)


def test_the_brier_score_of_two_answers_worked_out_by_hand():
    logits = confident(0.8, 0.5)
    # 0.2^2 + 0.2^2, and 0.5^2 + 0.5^2.
    assert metrics.brier_score(logits, np.array([0, 1])) == pytest.approx(
        (0.08 + 0.5) / 2
    )


# Newcombe 1998, "Interval estimation for the difference between independent
# proportions: comparison of eleven methods", table II, method 10.
PUBLISHED = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0000),
    (10, 10, 0, 10, 0.6075, 1.0000),
]


@pytest.mark.parametrize("a, m, b, n, low, high", PUBLISHED)
def test_differences_have_the_intervals_of_the_paper(a, m, b, n, low, high):
    found = metrics.difference_ci(
        metrics.binomial_ci(a, m), metrics.binomial_ci(b, n)
    )
    assert found.value == pytest.approx(a / m - b / n)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_with_many_examples_a_difference_has_the_textbook_s_interval():
    found = metrics.difference_ci(
        metrics.binomial_ci(9300, 10_000), metrics.binomial_ci(1700, 2000)
    )
    error = math.sqrt(0.93 * 0.07 / 10_000 + 0.85 * 0.15 / 2000)
    assert found.value == pytest.approx(0.08)
    assert found.low == pytest.approx(0.08 - 1.96 * error, abs=1e-3)
    assert found.high == pytest.approx(0.08 + 1.96 * error, abs=1e-3)


counts = st.integers(1, 300).flatmap(
    lambda n: st.tuples(st.integers(0, n), st.just(n))
)


@given(counts, counts)
def test_an_interval_holds_its_difference_stays_in_range_and_can_be_turned(
    one, other
):
    first, second = metrics.binomial_ci(*one), metrics.binomial_ci(*other)
    found, turned = (
        metrics.difference_ci(first, second),
        metrics.difference_ci(second, first),
    )
    assert -1 - 1e-9 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1 + 1e-9
    assert turned.low == pytest.approx(-found.high)
    assert turned.high == pytest.approx(-found.low)
