"""After the last trial: new seeds, the default recipe, and the flagfile."""

import contextlib
import io

import pytest

from tests.unit.tuning import sweeping
from tests.unit.tuning.sweeping import begin, result_of, resume, run_jobs
from zoo.config import TrainConfig
from zoo.run_store import RunStore
from zoo.training.console import TrainingConsole
from zoo.tuning.jobs import RunResult
from zoo.tuning.progress import SweepProgress
from zoo.tuning.retrain import (
    BEST_TRIAL,
    DEFAULT_RECIPE,
    FLAGS_FILE,
    RetrainLog,
    RunKey,
    recipe_config,
    recipe_names,
)
from zoo.tuning.sweep import read_settings, run_sweep
from zoo.tuning.trials import rank_trials


def settings(tmp_path, **changes):
    return sweeping.settings(tmp_path, **{"retrain_seeds": 3, **changes})


def watched(jobs_done, also=result_of):
    """Returns what does jobs, and notes their configs."""

    def noted(request):
        jobs_done.append(request)
        return also(request)

    return lambda *given: run_jobs(*given, answer=noted)


def run(folder, also=result_of, workers=1):
    """Runs a sweep; returns its jobs, what it printed, and its trials."""
    done, out, asked = [], io.StringIO(), read_settings(folder)
    progress = SweepProgress(TrainingConsole(out), folder, asked, workers)
    trials = run_sweep(
        folder,
        asked,
        progress,
        num_workers=workers,
        run_jobs=watched(done, also),
    )
    return done, out.getvalue(), trials


@pytest.mark.parametrize("tuner", ["random", "grid", "hyperband", "bayesian"])
@pytest.mark.parametrize("workers", [1, 3])
def test_the_best_trial_is_trained_again_with_fresh_seeds(
    tmp_path, tuner, workers
):
    asked = settings(tmp_path, tuner=tuner, executions=2)
    folder = begin(asked)
    done, _, trials = run(folder, workers=workers)
    fresh = [request for request in done if isinstance(request.key, RunKey)]
    assert fresh == done[-6:]
    best = rank_trials(trials, asked)[0]
    for request in fresh:
        # Of two executions the seeds were 0 and 1.
        assert request.config.seed in (2, 3, 4) and request.until_epoch is None
        name = f"s/{request.key.recipe}/seed{request.config.seed}"
        assert request.config.run_name == name
        rate = best.values["learning_rate"]
        expected = rate if request.key.recipe == BEST_TRIAL else None
        assert request.config.learning_rate == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"retrain_seeds": 0}, ()),
        ({"retrain_seeds": 1}, (BEST_TRIAL,)),
        ({"compare_default": False}, (BEST_TRIAL,)),
        ({}, (BEST_TRIAL, DEFAULT_RECIPE)),
    ],
)
def test_the_default_recipe_goes_along_where_seeds_can_be_compared(
    tmp_path, changes, expected
):
    assert recipe_names(settings(tmp_path, **changes)) == expected


def test_both_recipes_are_trained_for_as_long(tmp_path):
    space = ("learning_rate=0.01,0.02", "epochs=3,5")
    asked = settings(tmp_path, space=space, trials=4)
    folder = begin(asked)
    done, _, trials = run(folder)
    epochs = rank_trials(trials, asked)[0].values["epochs"]
    fresh = [request for request in done if isinstance(request.key, RunKey)]
    assert {request.config.epochs for request in fresh} == {epochs}


def test_the_default_says_the_models_own_arguments(tmp_path):
    config = TrainConfig(model="mlp", runs_dir=str(tmp_path))
    space = ("learning_rate=0.01,0.02", "model_arg.hidden=8,(8,8)")
    asked = settings(tmp_path, config=config, space=space, trials=4)
    folder = begin(asked)
    best = resume(folder, run_jobs=watched([]))[0]
    found = recipe_config(DEFAULT_RECIPE, asked, best, folder)
    assert found.model_arg == {"hidden": (512, 512)}


def test_best_trial_and_default_recipe_are_groups_of_runs(tmp_path):
    folder = begin(settings(tmp_path))
    run(folder)
    for name in (BEST_TRIAL, DEFAULT_RECIPE):
        group = RunStore(str(tmp_path)).find_group(f"s/{name}")
        names = [f"s/{name}/seed{seed}" for seed in (1, 2, 3)]
        assert [one.name for one in group.runs()] == names


class Killed(BaseException):
    """Stands for SIGKILL."""


def test_nothing_is_repeated_after_a_kill_at_any_moment(tmp_path):
    expected, _, _ = run(begin(settings(tmp_path), "whole"))
    folder, seen = begin(settings(tmp_path), "s"), []

    def killing(request):
        if len(seen) < len(expected) - 1 and request not in killed:
            killed.append(request)
            raise Killed
        return result_of(request)

    killed = []
    for _ in range(len(expected) + 1):
        with contextlib.suppress(Killed):
            done, _, _ = run(folder, killing)
        seen = [*sweeping.trial_log(folder)[0], *RetrainLog(folder.path).read()]
    assert len(seen) == len(expected) == 11
    assert len({one.run for one in seen}) == 11


def test_a_finished_sweep_trains_nothing_and_says_what_there_is(tmp_path):
    folder = begin(settings(tmp_path))
    _, first, _ = run(folder)
    result = folder.result
    done, again, _ = run(folder)
    assert done == []
    assert "this sweep is complete" in again and "done:" not in again
    assert folder.result == result
    last = first[first.index("recipe  ") :]
    assert again.endswith(last)


def test_without_a_single_score_there_is_no_best_trial(tmp_path):
    def diverging(request):
        return RunResult(request, "diverged", reason="too fast")

    folder = begin(settings(tmp_path))
    done, text, _ = run(folder, diverging)
    assert len(done) == 5
    assert "there is no best trial" in text
    assert not (folder.path / FLAGS_FILE).exists()
    assert folder.result["retrained"] is None


def test_a_fresh_seed_that_fails_is_told_and_the_others_count(tmp_path):
    def failing(request):
        if isinstance(request.key, RunKey) and request.config.seed == 2:
            return RunResult(request, "diverged", reason="too fast")
        return result_of(request)

    folder = begin(settings(tmp_path))
    _, text, _ = run(folder, failing)
    row = folder.result["retrained"]["best_trial"]
    assert row["seeds"] == [1, 3] and len(row["scores"]) == 2
    assert "s/best_trial/seed2 diverged: too fast" in text
