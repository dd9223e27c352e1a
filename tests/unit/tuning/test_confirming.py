"""After the last trial: new seeds, the default recipe, and the flagfile."""

import contextlib
import io

import pytest

from tests.unit.tuning import sweeping
from tests.unit.tuning.sweeping import begin, go_on, outcome, work
from zoo.config import TrainConfig
from zoo.run_store import RunStore
from zoo.training.console import TrainingConsole
from zoo.tuning.confirming import flagfile, recipes
from zoo.tuning.confirming.ledger import Confirmations
from zoo.tuning.confirming.recipes import DEFAULT, WINNER, Tag
from zoo.tuning.display import Display
from zoo.tuning.folder import read_settings
from zoo.tuning.pool import Outcome
from zoo.tuning.results import ranked
from zoo.tuning.sweep import run_sweep


def settings(tmp_path, **changes):
    return sweeping.settings(tmp_path, **{"retrain_seeds": 3, **changes})


def watched(jobs_done, also=outcome):
    """Returns what does jobs, and notes their configs."""

    def noted(job):
        jobs_done.append(job)
        return also(job)

    return lambda *given: work(*given, answer=noted)


def run(folder, also=outcome, workers=1):
    """Runs a sweep; returns its jobs, what it printed, and its trials."""
    done, out, asked = [], io.StringIO(), read_settings(folder)
    display = Display(TrainingConsole(out), folder, asked, workers)
    trials = run_sweep(
        folder, asked, display, workers=workers, work=watched(done, also)
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
    fresh = [job for job in done if isinstance(job.tag, Tag)]
    assert fresh == done[-6:]
    best = ranked(trials, asked)[0]
    for job in fresh:
        # Of two executions the seeds were 0 and 1.
        assert job.config.seed in (2, 3, 4) and job.until_epoch is None
        name = f"s/{job.tag.recipe}/seed{job.config.seed}"
        assert job.config.run_name == name
        rate = best.values["learning_rate"]
        expected = rate if job.tag.recipe == WINNER else None
        assert job.config.learning_rate == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"retrain_seeds": 0}, ()),
        ({"retrain_seeds": 1}, (WINNER,)),
        ({"compare_default": False}, (WINNER,)),
        ({}, (WINNER, DEFAULT)),
    ],
)
def test_the_default_recipe_goes_along_where_seeds_can_be_compared(
    tmp_path, changes, expected
):
    assert recipes.names(settings(tmp_path, **changes)) == expected


def test_both_recipes_are_trained_for_as_long(tmp_path):
    space = ("learning_rate=0.01,0.02", "epochs=3,5")
    asked = settings(tmp_path, space=space, trials=4)
    folder = begin(asked)
    done, _, trials = run(folder)
    epochs = ranked(trials, asked)[0].values["epochs"]
    fresh = [job for job in done if isinstance(job.tag, Tag)]
    assert {job.config.epochs for job in fresh} == {epochs}


def test_the_default_says_the_models_own_arguments(tmp_path):
    config = TrainConfig(model="mlp", runs_dir=str(tmp_path))
    space = ("learning_rate=0.01,0.02", "model_arg.hidden=8,(8,8)")
    asked = settings(tmp_path, config=config, space=space, trials=4)
    folder = begin(asked)
    best = go_on(folder, work=watched([]))[0]
    found = recipes.config_of(DEFAULT, asked, best, folder)
    assert found.model_arg == {"hidden": (512, 512)}


def test_winner_and_default_are_groups_of_runs(tmp_path):
    folder = begin(settings(tmp_path))
    run(folder)
    for name in (WINNER, DEFAULT):
        group = RunStore(str(tmp_path)).find_group(f"s/{name}")
        names = [f"s/{name}/seed{seed}" for seed in (1, 2, 3)]
        assert [one.name for one in group.runs()] == names


class Killed(BaseException):
    """Stands for SIGKILL."""


def test_nothing_is_repeated_after_a_kill_at_any_moment(tmp_path):
    expected, _, _ = run(begin(settings(tmp_path), "whole"))
    folder, seen = begin(settings(tmp_path), "s"), []

    def killing(job):
        if len(seen) < len(expected) - 1 and job not in killed:
            killed.append(job)
            raise Killed
        return outcome(job)

    killed = []
    for _ in range(len(expected) + 1):
        with contextlib.suppress(Killed):
            done, _, _ = run(folder, killing)
        seen = [*sweeping.ledger(folder)[0], *Confirmations(folder.path).read()]
    assert len(seen) == len(expected) == 11
    assert len({one.run for one in seen}) == 11


def test_a_finished_sweep_trains_nothing_and_says_what_there_is(tmp_path):
    folder = begin(settings(tmp_path))
    _, first, _ = run(folder)
    result = folder.result
    done, again, _ = run(folder)
    assert done == []
    assert "it has ended before" in again and "done:" not in again
    assert folder.result == result
    last = first[first.index("recipe  ") :]
    assert again.endswith(last)


def test_without_a_single_score_there_is_no_winner(tmp_path):
    def diverging(job):
        return Outcome(job, "diverged", reason="too fast")

    folder = begin(settings(tmp_path))
    done, text, _ = run(folder, diverging)
    assert len(done) == 5
    assert "there is no winner" in text
    assert not (folder.path / flagfile.NAME).exists()
    assert folder.result["confirmation"] is None


def test_a_fresh_seed_that_fails_is_told_and_the_others_count(tmp_path):
    def failing(job):
        if isinstance(job.tag, Tag) and job.config.seed == 2:
            return Outcome(job, "diverged", reason="too fast")
        return outcome(job)

    folder = begin(settings(tmp_path))
    _, text, _ = run(folder, failing)
    row = folder.result["confirmation"]["winner"]
    assert row["seeds"] == [1, 3] and len(row["scores"]) == 2
    assert "s/winner/seed2 diverged: too fast" in text
