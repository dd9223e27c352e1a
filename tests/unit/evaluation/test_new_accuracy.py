"""Slopes and bands of new on original accuracy, against SciPy and by hand."""

import numpy as np
import pytest
from scipy import stats

from zoo.evaluation.new_accuracy import (
    describe_fits,
    fit_accuracies,
    format_accuracies,
    plot_accuracies,
    reliability,
    render_plot,
)
from zoo.metrics import binomial_ci

# As in figure 1 of Recht et al.: CIFAR-10 networks, ten points lower and
# steeper; 10,000 and 2,000 images.
ORIGINAL = (8_560, 8_940, 9_120, 9_330, 9_420, 9_510, 9_640, 9_710)
NEW = (1_410, 1_550, 1_602, 1_671, 1_697, 1_730, 1_774, 1_779)


def result(index, original=ORIGINAL, new=NEW):
    def accuracy(correct, examples):
        ci = binomial_ci(correct, examples)
        return {
            "correct": correct,
            "examples": examples,
            "accuracy": ci.value,
            "accuracy_low": ci.low,
            "accuracy_high": ci.high,
        }

    own = {"dataset": "cifar10", "split": "test"}
    return {
        "run": f"net{index}",
        "dataset": "cifar10_1",
        "split": "test",
        **accuracy(new[index], 2_000),
        "original": {**own, **accuracy(original[index], 10_000)},
        "drop": {"value": 0.1, "low": 0.08, "high": 0.12},
    }


@pytest.fixture
def results():
    return [result(index) for index in range(len(NEW))]


def scaled(scale):
    x, y = np.array(ORIGINAL) / 10_000, np.array(NEW) / 2_000
    return (x, y) if scale == "linear" else stats.norm.ppf((x, y))


each_scale = pytest.mark.parametrize("scale", ["linear", "probit"])


@each_scale
def test_the_line_is_that_of_scipy(results, scale):
    fit = fit_accuracies(results)[scale]
    expected = stats.linregress(*scaled(scale))
    assert fit.slope == pytest.approx(expected.slope, abs=1e-10)
    assert fit.intercept == pytest.approx(expected.intercept, abs=1e-10)
    assert fit.r == pytest.approx(expected.rvalue, abs=1e-10)


@each_scale
def test_slope_interval_and_band_are_those_of_a_bootstrap_over_runs(
    results, scale
):
    fit = fit_accuracies(results)[scale]
    x, y = scaled(scale)
    random = np.random.default_rng(7)
    at = np.array([0.87, 0.95])
    inner = at if scale == "linear" else stats.norm.ppf(at)
    slopes, lines = [], []
    for _ in range(4_000):
        chosen = random.integers(0, len(x), len(x))
        if len(set(chosen)) > 1:
            slope, intercept = np.polyfit(x[chosen], y[chosen], 1)
            slopes.append(slope)
            lines.append(slope * inner + intercept)
    width = np.subtract(*np.percentile(slopes, (97.5, 2.5)))
    low, high = np.percentile(slopes, (2.5, 97.5))
    assert fit.slope_low == pytest.approx(low, abs=0.1 * width)
    assert fit.slope_high == pytest.approx(high, abs=0.1 * width)
    band = np.percentile(lines, (2.5, 97.5), axis=0)
    if scale == "probit":
        band = stats.norm.cdf(band)
    found = np.array(fit.band(at))
    # Wide enough for the chance of both bootstraps.
    tolerance = 0.1 * (band[1] - band[0])
    assert (np.abs(found - band) < tolerance).all()


def test_a_steep_line_says_that_better_runs_lose_less(results):
    fits = fit_accuracies(results)
    assert fits["linear"].slope_low > 1
    sentence = describe_fits(results, fits)
    assert f"{fits['linear'].slope:.2f} (95% CI" in sentence
    assert "the better a run, the fewer points it loses" in sentence


def test_a_flat_line_says_that_better_runs_lose_more():
    flat = tuple(1_400 + i * 20 for i in range(len(NEW)))
    found = [result(i, new=flat) for i in range(len(NEW))]
    assert "lose more points" in describe_fits(found, fit_accuracies(found))


def test_the_table_is_numbered_from_the_best_original_accuracy(results):
    lines = format_accuracies(results).splitlines()
    assert lines[1].split()[:3] == ["1", "net7", "97.10"]
    assert lines[8].split()[:3] == ["8", "net0", "85.60"]


def test_two_runs_have_no_line(results):
    assert fit_accuracies(results[:2]) is None
    assert "at least 3 runs" in format_accuracies(results[:2])


def test_a_run_without_an_original_accuracy_is_in_the_table_alone(results):
    results[0].update(original=None, drop=None)
    assert fit_accuracies(results)["linear"].slope > 1
    assert "net0" in format_accuracies(results)


def test_an_accuracy_of_one_has_a_place_on_the_probit_scale():
    full = (*ORIGINAL[:-1], 10_000)
    found = [result(i, original=full) for i in range(len(NEW))]
    assert np.isfinite(fit_accuracies(found)["probit"].slope)


def test_runs_with_a_band_are_drawn(results):
    assert min(render_plot(results).shape[:2]) > 400


def test_the_axes_hold_every_interval(results):
    low, high = plot_accuracies(results).axes[0].get_ylim()
    assert low < min(row["accuracy_low"] for row in results)
    assert high > max(row["accuracy_high"] for row in results)


def test_three_runs_have_a_slope_and_no_interval(results):
    few = results[:3]
    fits = fit_accuracies(few)
    assert fits["linear"].slope_low is None
    sentence = describe_fits(few, fits)
    assert "nothing follows from fewer" in sentence and "CI" not in sentence
    assert plot_accuracies(few).axes


def test_runs_that_differ_by_chance_alone_say_nothing():
    # Binomial noise of 1000 images around one accuracy, 10 runs.
    random = np.random.default_rng(0)
    original = 10 * random.binomial(1000, 0.9, 10)
    new = random.binomial(2_000, 0.8, 10)
    found = [result(i, original, new) for i in range(10)]
    for each in found:
        each["original"]["examples"] = 1000
    assert fit_accuracies(found)["linear"].reliability < 0.9
    sentence = describe_fits(found, fit_accuracies(found))
    assert "little more than the chance" in sentence


def test_reliability_is_one_minus_the_variance_of_chance():
    random = np.random.default_rng(1)
    true = random.uniform(0.7, 0.9, 4_000)
    seen = random.binomial(500, true) / 500
    found = reliability(seen, np.full(4_000, 500))
    assert found == pytest.approx(np.var(true) / np.var(seen), abs=0.01)
