"""What new seeds show: numbers, sentences, and the flagfile."""

import datetime

import pytest
from scipy import stats

from tests.unit.tuning import sweeping
from tests.unit.tuning.sweeping import begin, resume
from zoo.cli.train import read
from zoo.config import TrainConfig
from zoo.evaluation import statistics
from zoo.tuning.retrain import (
    BEST_TRIAL,
    DEFAULT_RECIPE,
    FLAGS_FILE,
    RetrainedRun,
    format_retraining,
    summarize_retraining,
)
from zoo.tuning.trials import rank_trials


def settings(tmp_path, **changes):
    """Returns a small sweep that ends with three new seeds."""
    return sweeping.settings(tmp_path, **{"retrain_seeds": 3, **changes})


# Numbers.


def retrained(best, default=()):
    """Returns what came of seeds with these scores."""
    return [
        RetrainedRun(
            name, seed, f"s/{name}/seed{seed}", "completed", score, 1, 4, 1.0
        )
        for name, scores in ((BEST_TRIAL, best), (DEFAULT_RECIPE, default))
        for seed, score in enumerate(scores, 1)
    ]


@pytest.fixture
def summary(tmp_path):
    """From scores of new seeds to what is told of them."""

    def summary(best, default=(), **changes):
        asked = settings(tmp_path, **changes)
        folder = begin(asked, "s")
        trials = resume(folder)
        trial = rank_trials(trials, asked)[0]
        done = retrained(best, default)
        return summarize_retraining(folder, asked, trials, trial, done)

    return summary


def test_mean_and_interval_are_students(summary):
    scores = [0.90, 0.92, 0.91]
    row = summary(scores)["best_trial"]
    low, high = stats.t.interval(
        0.95, 2, stats.tmean(scores), stats.sem(scores)
    )
    assert row["mean"] == pytest.approx(0.91)
    assert (row["low"], row["high"]) == pytest.approx((low, high))


def test_the_difference_is_welchs(summary):
    first, second = [0.95, 0.96, 0.955], [0.90, 0.93, 0.91]
    found = summary(first, second)["difference"]
    welch = stats.ttest_ind(first, second, equal_var=False)
    assert found["p"] == pytest.approx(welch.pvalue)
    ends = welch.confidence_interval(0.95)
    assert (found["low"], found["high"]) == pytest.approx((ends.low, ends.high))
    assert found["better"] == BEST_TRIAL


@pytest.mark.parametrize(
    ("best", "default", "objective", "expected"),
    [
        ([0.9, 0.91, 0.92], [0.9, 0.92, 0.91], "val_accuracy", None),
        ([0.5, 0.51, 0.52], [0.9, 0.92, 0.91], "val_accuracy", DEFAULT_RECIPE),
        ([0.5, 0.51, 0.52], [0.9, 0.92, 0.91], "val_loss", BEST_TRIAL),
        ([0.9, 0.9, 0.9], [0.9, 0.9, 0.9], "val_accuracy", None),
    ],
)
def test_better_is_what_luck_does_not_explain(
    summary, best, default, objective, expected
):
    found = summary(best, default, objective=objective)
    assert found["difference"]["better"] == expected


def test_seeds_without_any_spread_have_no_interval():
    assert statistics.welch_ci([0.5, 0.5], [0.6, 0.6]) == (None, None)
    assert statistics.welch_ci([0.5], [0.6, 0.7]) == (None, None)


# Words.


def test_the_search_score_is_called_the_best_of_many(summary):
    text = " ".join(
        format_retraining(summary([0.90, 0.92, 0.91]), "lr").split()
    )
    assert "selected from 5 trials, so optimistic on average" in text
    assert "Retrained with 3 new seeds: 0.9100" in text
    assert "(95% CI 0.8852 to 0.9348, Student's t)" in text
    assert "not that of the validation examples" in text


@pytest.mark.parametrize(
    ("best", "default", "expected"),
    [
        ([0.95, 0.96, 0.955], [0.90, 0.93, 0.91], "The best trial is better."),
        (
            [0.90, 0.93, 0.91],
            [0.95, 0.96, 0.955],
            "recipe is better; use it.",
        ),
        ([0.9, 0.91, 0.92], [0.9, 0.92, 0.91], "not evidence of a difference"),
        ([0.9, 0.9], [0.9, 0.9], "cannot be tested"),
        ([0.9, 0.9], [], "0.9000, the same with each"),
        ([0.9], [], "Retrained with 1 new seed: 0.9000."),
    ],
)
def test_what_the_seeds_show_is_said_in_a_sentence(
    summary, best, default, expected
):
    text = " ".join(format_retraining(summary(best, default), "lr").split())
    assert expected in text


# The flagfile.


def test_the_flagfile_is_the_winner_with_the_first_fresh_seed(tmp_path):
    folder = begin(settings(tmp_path))
    trials = resume(folder)
    best = rank_trials(trials, settings(tmp_path))[0]
    config, _ = read([f"--flagfile={folder.path}/{FLAGS_FILE}"])
    assert config == TrainConfig(
        model="lr", learning_rate=best.values["learning_rate"], seed=1
    )
    lines = (folder.path / FLAGS_FILE).read_text().splitlines()
    mean = folder.result["retrained"]["best_trial"]["mean"]
    assert {"--model=lr", "--dataset=digits"} <= set(lines)
    assert "best trial of the sweep s" in lines[0]
    assert f"{best.score:.4f} in the search" in lines[2]
    assert f"{mean:.4f} with seeds 1, 2 and 3, 95% CI" in lines[3]
    assert str(datetime.datetime.now(datetime.UTC).date())[:4] in lines[5]


def test_without_fresh_seeds_the_flagfile_has_the_seed_of_the_trial(tmp_path):
    config = TrainConfig(model="lr", seed=7, runs_dir=str(tmp_path))
    folder = begin(settings(tmp_path, retrain_seeds=0, config=config))
    resume(folder)
    found, _ = read([f"--flagfile={folder.path}/{FLAGS_FILE}"])
    assert found.seed == 7
