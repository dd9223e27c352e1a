"""What new seeds show: numbers, sentences, and the winner's flagfile."""

import datetime

import pytest
from scipy import stats

from tests.unit.tuning import sweeping
from tests.unit.tuning.sweeping import begin, go_on
from zoo.cli.train import read
from zoo.config import TrainConfig
from zoo.evaluation import statistics
from zoo.tuning.confirming import flagfile, numbers, words
from zoo.tuning.confirming.ledger import Confirmation
from zoo.tuning.confirming.recipes import DEFAULT, WINNER
from zoo.tuning.results import ranked


def settings(tmp_path, **changes):
    """Returns a small sweep that ends with three new seeds."""
    return sweeping.settings(tmp_path, **{"retrain_seeds": 3, **changes})


# Numbers.


def confirmations(winner, default=()):
    """Returns what came of seeds with these scores."""
    return [
        Confirmation(
            name, seed, f"s/{name}/seed{seed}", "completed", score, 1, 4, 1.0
        )
        for name, scores in ((WINNER, winner), (DEFAULT, default))
        for seed, score in enumerate(scores, 1)
    ]


@pytest.fixture
def summary(tmp_path):
    """From scores of new seeds to what is told of them."""

    def summary(winner, default=(), **changes):
        asked = settings(tmp_path, **changes)
        folder = begin(asked, "s")
        trials = go_on(folder)
        best = ranked(trials, asked)[0]
        done = confirmations(winner, default)
        return numbers.summarize(folder, asked, trials, best, done)

    return summary


def test_mean_and_interval_are_students(summary):
    scores = [0.90, 0.92, 0.91]
    row = summary(scores)["winner"]
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
    assert found["better"] == "winner"


@pytest.mark.parametrize(
    ("winner", "default", "objective", "expected"),
    [
        ([0.9, 0.91, 0.92], [0.9, 0.92, 0.91], "val_accuracy", None),
        ([0.5, 0.51, 0.52], [0.9, 0.92, 0.91], "val_accuracy", "default"),
        ([0.5, 0.51, 0.52], [0.9, 0.92, 0.91], "val_loss", "winner"),
        ([0.9, 0.9, 0.9], [0.9, 0.9, 0.9], "val_accuracy", None),
    ],
)
def test_better_is_what_luck_does_not_explain(
    summary, winner, default, objective, expected
):
    found = summary(winner, default, objective=objective)
    assert found["difference"]["better"] == expected


def test_seeds_without_any_spread_have_no_interval():
    assert statistics.welch_ci([0.5, 0.5], [0.6, 0.6]) == (None, None)
    assert statistics.welch_ci([0.5], [0.6, 0.7]) == (None, None)


# Words.


def test_the_search_score_is_called_the_best_of_many(summary):
    text = " ".join(words.text(summary([0.90, 0.92, 0.91]), "lr").split())
    assert "is the best of 5 noisy ones" in text
    assert "3 new seeds say 0.9100 (0.8852 to 0.9348, Student's t)" in text
    assert "take out the luck of the seed, not that of the validation" in text


@pytest.mark.parametrize(
    ("winner", "default", "expected"),
    [
        ([0.95, 0.96, 0.955], [0.90, 0.93, 0.91], "The winner is better."),
        ([0.90, 0.93, 0.91], [0.95, 0.96, 0.955], "take that."),
        ([0.9, 0.91, 0.92], [0.9, 0.92, 0.91], "no evidence of a difference"),
        ([0.9, 0.9], [0.9, 0.9], "nothing can be said of luck"),
        ([0.9, 0.9], [], "all say 0.9000"),
        ([0.9], [], "one new seed says 0.9000"),
    ],
)
def test_what_the_seeds_show_is_said_in_a_sentence(
    summary, winner, default, expected
):
    text = " ".join(words.text(summary(winner, default), "lr").split())
    assert expected in text


# The flagfile.


def test_the_flagfile_is_the_winner_with_the_first_fresh_seed(tmp_path):
    folder = begin(settings(tmp_path))
    trials = go_on(folder)
    best = ranked(trials, settings(tmp_path))[0]
    config, _ = read([f"--flagfile={folder.path}/{flagfile.NAME}"])
    assert config == TrainConfig(
        model="lr", learning_rate=best.values["learning_rate"], seed=1
    )
    lines = (folder.path / flagfile.NAME).read_text().splitlines()
    mean = folder.result["confirmation"]["winner"]["mean"]
    assert {"--model=lr", "--dataset=digits"} <= set(lines)
    assert "winner of the sweep s" in lines[0]
    assert f"{best.score:.4f} in the search" in lines[2]
    assert f"{mean:.4f} with seeds 1, 2 and 3, 95% CI" in lines[3]
    assert str(datetime.datetime.now(datetime.UTC).date())[:4] in lines[5]


def test_without_fresh_seeds_the_flagfile_has_the_seed_of_the_trial(tmp_path):
    config = TrainConfig(model="lr", seed=7, runs_dir=str(tmp_path))
    folder = begin(settings(tmp_path, retrain_seeds=0, config=config))
    go_on(folder)
    found, _ = read([f"--flagfile={folder.path}/{flagfile.NAME}"])
    assert found.seed == 7
