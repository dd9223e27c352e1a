"""Sweeps that lose trainings for good, or until they are resumed."""

import pytest

from tests.unit.tuning.sweeping import (
    answering,
    begin,
    result_of,
    resume,
    settings,
    trial_log,
)
from zoo.errors import Lost
from zoo.tuning.jobs import RunRequest, RunResult
from zoo.tuning.progress import Budget, TimeLeft, describe_budget
from zoo.tuning.retrain import RetrainLog

TUNERS = ("random", "grid", "hyperband")  # Bayesian search takes seconds


def losing(*names):
    """Returns what does jobs, of which those of some runs are lost."""

    def answer(request):
        if request.config.run_name.removeprefix("s/") in names:
            return RunResult(request, "lost", reason="lost 3 times")
        return result_of(request)

    return answering(answer)


def in_order(folder):
    """Returns executions by number, and proposals without their moment."""
    executions, proposals = trial_log(folder)
    rows = [vars(one) for one in executions]
    rows.sort(key=lambda row: (row["proposal"], row["execution"]))
    return rows, [{**row, "after": 0} for row in proposals]


@pytest.mark.parametrize("tuner", TUNERS)
def test_a_lost_trial_is_trained_when_the_sweep_is_resumed(tmp_path, tuner):
    undisturbed = begin(settings(tmp_path / "a", tuner=tuner, retrain_seeds=2))
    resume(undisturbed)
    folder = begin(settings(tmp_path / "b", tuner=tuner, retrain_seeds=2))
    with pytest.raises(Lost, match="1 training of s lost its worker"):
        resume(folder, run_jobs=losing("trial-001"))
    assert folder.result["status"] == folder.status == "incomplete"
    assert [row["run"] for row in folder.result["lost"]] == ["s/trial-001"]
    assert 1 not in {one.trial for one in trial_log(folder)[0]}
    assert not RetrainLog(folder.path).read()
    resume(folder)
    assert folder.status == "completed"
    if tuner != "hyperband":  # which learns from outcomes, in their order
        assert in_order(folder) == in_order(undisturbed)
    assert folder.result["best"][0]["score"] > 0.9
    assert len(RetrainLog(folder.path).read()) == 4


@pytest.mark.parametrize("tuner", ["random", "hyperband"])
def test_a_trial_that_is_lost_again_is_a_failure_and_the_sweep_ends(
    tmp_path, tuner
):
    folder = begin(settings(tmp_path, tuner=tuner, retrain_seeds=1))
    with pytest.raises(Lost):
        resume(folder, run_jobs=losing("trial-001"))
    resume(folder, run_jobs=losing("trial-001"))
    assert folder.result["status"] == "completed"
    statuses = [one.status for one in trial_log(folder)[0] if one.trial == 1]
    assert statuses == ["lost"]
    # And nothing is left to do.
    before = in_order(folder)
    resume(folder, run_jobs=losing())
    assert in_order(folder) == before


def test_a_lost_seed_of_the_winner_is_trained_when_resumed(tmp_path):
    folder = begin(settings(tmp_path, retrain_seeds=2))
    with pytest.raises(Lost):
        resume(folder, run_jobs=losing("best_trial/seed1"))
    assert folder.result["retrained"] is None
    assert not (folder.path / "best_trial.flags").exists()
    resume(folder)
    runs = [one.run for one in RetrainLog(folder.path).read()]
    assert sorted(runs) == [
        "s/best_trial/seed1",
        "s/best_trial/seed2",
        "s/default_recipe/seed1",
        "s/default_recipe/seed2",
    ]
    assert folder.result["retrained"]["best_trial"]["seeds"] == [1, 2]


def test_three_lost_trials_in_a_row_end_a_sweep(tmp_path):
    folder = begin(settings(tmp_path))
    names = [f"trial-{number:03d}" for number in range(5)]
    with pytest.raises(Lost, match="3 trials in a row"):
        resume(folder, run_jobs=losing(*names))
    assert not trial_log(folder)[0]


@pytest.mark.parametrize(
    ("changes", "models", "epochs", "words"),
    [
        ({"trials": 3, "epochs": 2}, 3, 6, "3 models; 2 epochs each, 6 in all"),
        (
            {"trials": 3, "epochs": 2, "retrain_seeds": 3},
            9,
            18,
            "9 models: 3 in the search, then the best trial and the default "
            "recipe with 3 new seeds each; 2 epochs each, 18 in all",
        ),
        (
            {"trials": 3, "executions": 2, "retrain_seeds": 1},
            7,
            None,
            "7 models: 6 in the search, then the best trial with 1 new seed",
        ),
        # With factor 2: 4 trials of 1 epoch, 2 of 2, 1 of 4; 3 of 2, 1 of 4;
        # and 3 of 4, as its authors count.
        ({"tuner": "hyperband"}, 10, 30, "10 models; up to 4 epochs each"),
    ],
)
def test_a_sweep_says_how_much_it_trains(
    tmp_path, changes, models, epochs, words
):
    asked = settings(tmp_path, **changes)
    budget = Budget.of(asked)
    assert (budget.models, budget.epochs) == (models, epochs)
    assert describe_budget(asked).startswith(words)


@pytest.mark.parametrize("tuner", TUNERS)
def test_the_models_that_are_announced_are_those_that_are_trained(
    tmp_path, tuner
):
    asked = settings(tmp_path, tuner=tuner, retrain_seeds=2, executions=2)
    runs = set()

    def noted(request):
        runs.add(request.config.run_name)
        return result_of(request)

    resume(begin(asked), run_jobs=answering(noted))
    assert len(runs) == Budget.of(asked).models


def test_the_time_left_follows_from_the_trainings_that_are_done(tmp_path):
    asked = settings(tmp_path, trials=4, epochs=2, retrain_seeds=2)
    left = TimeLeft(asked, 2, [("s/trial-000", 2)])
    assert left.format() == ""
    for name in ("s/trial-001", "s/trial-002"):
        request = RunRequest(asked.config.replace(run_name=name))
        left.add(RunResult(request, "completed", seconds=10.0))
    # Eight models, of which five are left, two at once.
    assert left.format() == "about 25 s left, for 5 models"
