"""Scores of trials, which weights stay, and what is printed."""

import contextlib
import io
import math

import pytest

from tests.unit.tuning.sweeping import (
    begin,
    result_of,
    resume,
    run_jobs,
    settings,
    sweep,
)
from zoo.config import OPTIONS, TrainConfig
from zoo.errors import UserError
from zoo.models import MODELS
from zoo.models.options import check_options
from zoo.training.console import TrainingConsole
from zoo.tuning import sweep as sweeps
from zoo.tuning.jobs import RunResult
from zoo.tuning.oracle import Oracle, hyperband_plan
from zoo.tuning.progress import SweepProgress
from zoo.tuning.space import ARGUMENT, SearchSpace
from zoo.tuning.sweep import run_sweep
from zoo.tuning.sweep_config import NUM_KEPT
from zoo.tuning.trials import Search, best_epoch, rank_trials, trial_name

HISTORY = [
    {"epoch": 1.0, "val_accuracy": 0.5, "val_loss": 1.0},
    {"epoch": 2.0, "val_accuracy": 0.8, "val_loss": 0.4},
    {"epoch": 3.0, "val_accuracy": 0.8, "val_loss": 0.6},
]


@pytest.mark.parametrize(
    ("objective", "select_epoch", "expected"),
    [
        ("val_accuracy", "best", (0.8, 2)),
        ("val_accuracy", "last", (0.8, 3)),
        ("val_loss", "best", (0.4, 2)),
        ("val_loss", "last", (0.6, 3)),
    ],
)
def test_a_score_is_of_the_epoch_that_was_chosen(
    tmp_path, objective, select_epoch, expected
):
    asked = settings(tmp_path, objective=objective, select_epoch=select_epoch)
    assert best_epoch(HISTORY, asked) == expected


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_history_without_a_finite_value_has_no_score(tmp_path, value):
    rows = [{"epoch": 1.0, "val_accuracy": value}]
    assert best_epoch(rows, settings(tmp_path)) is None


def test_a_trial_scores_the_mean_of_its_seeds(tmp_path):
    folder = begin(settings(tmp_path, executions=3))
    for trial in resume(folder):
        scores = [one.score for one in trial.executions]
        assert [one.seed for one in trial.executions] == [0, 1, 2]
        assert trial.score == pytest.approx(sum(scores) / 3)
        assert len(set(scores)) == 3


@pytest.mark.parametrize("objective", ["val_accuracy", "val_loss"])
def test_the_best_trial_goes_first(tmp_path, objective):
    asked = settings(tmp_path, objective=objective, tuner="grid")
    best = rank_trials(resume(begin(asked)), asked)[0]
    assert best.values == {"learning_rate": 0.01}


def failing(*numbers):
    """Returns what does jobs, of which some fail."""

    def answer(request):
        if request.key[0].number in numbers:
            return RunResult(request, "failed", reason="it rained")
        return result_of(request)

    return lambda *given: run_jobs(*given, answer=answer)


@pytest.mark.parametrize("tuner", ["random", "grid", "hyperband"])
def test_a_failed_trial_has_a_reason_and_the_others_go_on(tmp_path, tuner):
    asked = settings(tmp_path, tuner=tuner)
    trials = resume(begin(asked), run_jobs=failing(1))
    failed = [trial for trial in trials if trial.score is None]
    assert [(t.number, t.failure.reason) for t in failed] == [(1, "it rained")]
    assert len(trials) >= 4


def test_three_failures_in_a_row_end_a_sweep_with_the_reason(tmp_path):
    folder = begin(settings(tmp_path, trials=9))
    with pytest.raises(UserError, match="3 trials in a row.*it rained"):
        resume(folder, run_jobs=failing(1, 3, 4, 5))
    # It goes on where it was; what has failed is not tried again.
    assert len(resume(folder)) == 9


def test_diverged_trials_do_not_end_a_sweep(tmp_path):
    folder = begin(settings(tmp_path))

    def answer(request):
        return RunResult(request, "diverged", reason="too fast")

    trials = resume(
        folder, run_jobs=lambda *given: run_jobs(*given, answer=answer)
    )
    assert len(trials) == 5
    assert folder.result["failed"] == 5 and folder.result["best"] == []


# Weights on the disk.


def with_weights(runs_dir):
    """Returns what does jobs and leaves weights, as training does."""

    def answer(request):
        folder = runs_dir / request.config.run_name
        (folder / "checkpoints").mkdir(parents=True)
        (folder / "model.keras").touch()
        (folder / "history.csv").touch()
        return result_of(request)

    return lambda *given: run_jobs(*given, answer=answer)


@pytest.mark.parametrize(("keep", "count"), [("best", NUM_KEPT), ("all", 5)])
def test_weights_of_the_best_trials_alone_stay(tmp_path, keep, count):
    folder = begin(settings(tmp_path, keep=keep))
    trials = resume(folder, run_jobs=with_weights(tmp_path))
    kept = {path.parent.name for path in folder.path.rglob("model.keras")}
    best = rank_trials(trials, settings(tmp_path))[:count]
    assert kept == {trial_name(trial.number) for trial in best}
    assert len(list(folder.path.rglob("history.csv"))) == 5


def test_at_no_time_are_there_many_more_weights_than_stay(tmp_path):
    folder = begin(settings(tmp_path, trials=8))
    most = []

    def watched(jobs, workers, log):
        for one in with_weights(tmp_path)(jobs, workers, log):
            most.append(len(list(folder.path.rglob("model.keras"))))
            yield one

    resume(folder, run_jobs=watched)
    assert max(most) == NUM_KEPT + 1


def test_to_drop_weights_twice_is_no_mistake(tmp_path):
    sweeps._drop_weights(tmp_path)
    sweeps._drop_weights(tmp_path)


# What is printed.


def test_a_sweep_says_what_it_will_do_and_what_came_of_it(tmp_path):
    asked = settings(tmp_path, executions=2)
    folder, out = begin(asked), io.StringIO()
    progress = SweepProgress(TrainingConsole(out), folder, asked, 1)
    run_sweep(folder, asked, progress, run_jobs=failing(2))
    text = out.getvalue()
    assert "lr on digits, random: 5 trials, each with 2 seeds" in text
    assert "highest val_accuracy, of each run by its best epoch" in text
    assert "models and checkpoints of the 3 best" in text
    assert text.count("  failed: it rained") == 1
    assert text.count("trial-002 failed: ") == 1
    assert "done: 5 trials" in text
    assert (folder.path / "log.txt").read_text().strip() == text.strip()


def test_a_tuner_that_runs_out_of_points_says_so(tmp_path):
    asked = settings(tmp_path, space=("l2=0,0.1",), trials=5)
    folder, out = begin(asked), io.StringIO()

    def answer(request):
        return RunResult(request, "completed", history=HISTORY)

    progress = SweepProgress(TrainingConsole(out), folder, asked, 1)
    run_sweep(
        folder,
        asked,
        progress,
        run_jobs=lambda *given: run_jobs(*given, answer=answer),
    )
    assert "no further values to try, of 5" in out.getvalue()


# keras-tuner.


@pytest.mark.parametrize(("epochs", "factor"), [(4, 2), (9, 3), (10, 3)])
def test_hyperband_does_what_was_counted_before(epochs, factor):
    oracle = Oracle(
        "hyperband",
        SearchSpace.parse(["learning_rate=log:1e-4:1e-1"]),
        trials=None,
        direction="max",
        seed=0,
        epochs=epochs,
        factor=factor,
    )
    trained, trainings = {}, 0
    with contextlib.closing(oracle):
        while (proposal := oracle.create_trial()) is not None:
            trainings += 1
            trained[proposal.trial] = proposal.until_epoch
            oracle.end_trial(proposal.number, proposal.values["learning_rate"])
    found = (len(trained), trainings, sum(trained.values()))
    assert found == hyperband_plan(epochs, factor)
    assert max(trained.values()) == epochs


def test_seed_zero_is_a_seed():
    def first():
        space = SearchSpace.parse(["learning_rate=log:1e-4:1e-1"])
        oracle = Oracle("random", space, trials=1, direction="max", seed=0)
        with contextlib.closing(oracle):
            return oracle.create_trial()

    assert first() == first()


def test_proposals_never_leave_their_ranges():
    space = SearchSpace.parse(["dropout=0:0.6:0.1", "model_arg.n=log:1:9"])
    oracle = Oracle("random", space, trials=40, direction="max", seed=1)
    with contextlib.closing(oracle):
        drawn = [oracle.create_trial() for _ in range(40)]
    points = [one.values for one in drawn if one is not None]
    assert {point["dropout"] for point in points} <= set(
        space["dropout"].values
    )
    assert all(type(point["model_arg.n"]) is int for point in points)
    assert {point["model_arg.n"] for point in points} <= set(range(1, 10))


# The spaces that models bring along.


@pytest.mark.parametrize("entry", list(MODELS), ids=lambda entry: entry.name)
def test_the_space_of_every_model_has_nothing_that_it_lacks(entry):
    space = SearchSpace.parse(entry.search_space)
    assert space.hyperparameters
    for point in space.corner_points():
        config = space.config(TrainConfig(model=entry.name), point)
        options = {
            name: getattr(config, name)
            for name in point
            if name in OPTIONS and OPTIONS[name].is_model_arg
        }
        arguments = {n: v for n, v in config.model_arg.items()}
        assert not any(name.startswith(ARGUMENT) for name in arguments)
        for name, value in (options | arguments).items():
            # `cnn_<letters>` has these only where a letter asks for them.
            if not entry.lacks_option(name):
                check_options(entry, {name: value})


def test_sweep_and_resume_are_the_same_loop(tmp_path):
    asked = settings(tmp_path)
    assert sweep(begin(asked, "a"), asked)[0].values == (
        resume(begin(asked, "b"))[0].values
    )


def test_a_saved_model_of_another_epoch_than_the_score_is_told(
    tmp_path, monkeypatch
):
    asked = settings(tmp_path, select_epoch="last", trials=1)
    folder, out = begin(asked), io.StringIO()
    found = {
        "best_epoch": 2,
        "best_val_accuracy": 0.75,
        "best_val_loss": 0.4,
    }
    monkeypatch.setattr(sweeps.Run, "metrics", found)
    progress = SweepProgress(TrainingConsole(out), folder, asked, 1)
    run_sweep(folder, asked, progress, run_jobs=run_jobs)
    assert (
        "s/trial-000 keeps the weights of epoch 2, its best, with val_accuracy "
        "0.7500"
    ) in out.getvalue()
    (kept,) = folder.result["best"][0]["kept"]
    assert kept == {
        "run": "s/trial-000", "epoch": 2, "val_accuracy": 0.75, "val_loss": 0.4,
    }  # fmt: skip


def test_losses_of_another_kind_are_not_compared(tmp_path, monkeypatch):
    asked = settings(tmp_path, objective="val_loss", trials=3)
    smoothed = {"loss": "cross_entropy", "label_smoothing": 0.1}
    plain = {**smoothed, "label_smoothing": 0.0}
    monkeypatch.setattr(
        Search,
        "_losses",
        lambda self, name: smoothed if "trial-001" in name else plain,
    )
    trials = resume(begin(asked))
    assert [trial.number for trial in trials if trial.failure] == [1]
    assert trials[1].failure.reason == (
        "its label_smoothing is 0.1, and that of trial-000 is 0.0, so that "
        "their val_loss cannot be compared; use --objective=val_accuracy"
    )
