"""After the last trial: new seeds, the default recipe, and the flagfile."""

import contextlib
import datetime
import io

import pytest
from scipy import stats

from tests.unit.tuning import sweeping
from tests.unit.tuning.sweeping import (
    Killed,
    answering,
    begin,
    result_of,
    resume,
)
from zoo.cli.train import read as read_flags
from zoo.config import TrainConfig
from zoo.evaluation import statistics
from zoo.run_store import RunStore
from zoo.training.console import TrainingConsole
from zoo.tuning.jobs import RunResult
from zoo.tuning.retrain import (
    BEST_TRIAL,
    DEFAULT_RECIPE,
    FLAGS_FILE,
    RetrainedRun,
    RetrainLog,
    RunKey,
    format_retraining,
    recipe_config,
    recipe_names,
    summarize_retraining,
)
from zoo.tuning.trials import rank_trials


def settings(tmp_path, **changes):
    return sweeping.settings(tmp_path, **{"retrain_seeds": 3, **changes})


def run(folder, answer=result_of, workers=1):
    """Runs a sweep; returns its jobs, what it printed, and its trials."""
    done, out = [], io.StringIO()

    def noted(request):
        done.append(request)
        return answer(request)

    console = TrainingConsole(out)
    trials = resume(folder, workers, answering(noted), console)
    return done, out.getvalue(), trials


class Bars(TrainingConsole):
    """A console that keeps how far its bars were."""

    def __init__(self):
        super().__init__(io.StringIO())
        self.shown = []

    def show_progress(self, text, done, total, details="", force=False):
        self.shown.append((text, done, total))


def test_a_bar_is_shown_from_the_first_trial_to_the_last_retrained_run(
    tmp_path,
):
    bars = Bars()
    resume(begin(settings(tmp_path, trials=2)), console=bars)
    trials = [("trials", done, 2) for done in range(3)]
    retrained = [("retrained", done, 6) for done in range(7)]
    assert list(dict.fromkeys(bars.shown)) == [*trials, *retrained]


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
    best = resume(folder)[0]
    found = recipe_config(DEFAULT_RECIPE, asked, best, folder)
    assert found.model_arg == {"hidden": (512, 512)}


def test_best_trial_and_default_recipe_are_groups_of_runs(tmp_path):
    folder = begin(settings(tmp_path))
    run(folder)
    for name in (BEST_TRIAL, DEFAULT_RECIPE):
        group = RunStore(str(tmp_path)).find_group(f"s/{name}")
        names = [f"s/{name}/seed{seed}" for seed in (1, 2, 3)]
        assert [one.name for one in group.runs()] == names


def test_nothing_is_repeated_after_a_kill_at_any_moment(tmp_path):
    expected, _, _ = run(begin(settings(tmp_path), "whole"))
    folder, seen, killed = begin(settings(tmp_path)), [], []

    def killing(request):
        if len(seen) < len(expected) - 1 and request not in killed:
            killed.append(request)
            raise Killed
        return result_of(request)

    for _ in range(len(expected) + 1):
        with contextlib.suppress(Killed):
            run(folder, killing)
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


# Numbers.


@pytest.fixture
def summary(tmp_path):
    """From scores of new seeds to what is told of them."""

    def summary(best, default=(), **changes):
        asked = settings(tmp_path, **changes)
        folder = begin(asked)
        trials = resume(folder)
        done = [
            RetrainedRun(
                name, seed, f"s/{name}/seed{seed}", "completed", score, 1, 4, 1
            )
            for name, scores in ((BEST_TRIAL, best), (DEFAULT_RECIPE, default))
            for seed, score in enumerate(scores, 1)
        ]
        trial = rank_trials(trials, asked)[0]
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
        ([0.5, 0.51, 0.52], [0.9, 0.92, 0.91], "val_loss", BEST_TRIAL),
        ([0.9, 0.9, 0.9], [0.9, 0.9, 0.9], "val_accuracy", None),
    ],
)
def test_better_is_the_recipe_of_the_lower_loss_and_none_of_equal_ones(
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
    ("epoch", "expected"),
    [
        ("best", "by which this trial and the epoch of each run were selected"),
        ("last", "by which this trial was selected"),
    ],
)
def test_an_epoch_is_called_selected_only_where_one_is(
    summary, epoch, expected
):
    found = summary([0.90, 0.92, 0.91], select_epoch=epoch)
    text = " ".join(format_retraining(found, "lr").split())
    assert text.endswith(f"{expected}.")


@pytest.mark.parametrize(
    ("best", "default", "expected"),
    [
        ([0.95, 0.96, 0.955], [0.90, 0.93, 0.91], "The best trial is better."),
        ([0.90, 0.93, 0.91], [0.95, 0.96, 0.955], "recipe is better; use it"),
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
    config, _ = read_flags([f"--flagfile={folder.path}/{FLAGS_FILE}"])
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
    found, _ = read_flags([f"--flagfile={folder.path}/{FLAGS_FILE}"])
    assert found.seed == 7
