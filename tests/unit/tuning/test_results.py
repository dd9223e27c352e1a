"""Scores of trials, which weights stay, and what is printed."""

import contextlib
import io
import math
import re

import pytest

from tests.unit.tuning.sweeping import (
    answering,
    begin,
    failing,
    result_of,
    resume,
    run_jobs,
    settings,
)
from zoo.config import OPTIONS, TrainConfig
from zoo.errors import UserError
from zoo.models import MODELS
from zoo.models.options import check_options
from zoo.training.console import TrainingConsole
from zoo.tuning import sweep as sweeps
from zoo.tuning.jobs import RunResult
from zoo.tuning.oracle import Oracle, hyperband_plan
from zoo.tuning.space import ARGUMENT, SearchSpace
from zoo.tuning.sweep_config import NUM_KEPT
from zoo.tuning.trials import Search, best_epoch, rank_trials, trial_name

RATE = "learning_rate=log:1e-4:1e-1"
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


@pytest.mark.parametrize("tuner", ["random", "grid", "hyperband"])
def test_a_failed_trial_has_a_reason_and_the_others_go_on(tmp_path, tuner):
    asked = settings(tmp_path, tuner=tuner)
    trials = resume(begin(asked), run_jobs=failing(1))
    failed = [(t.number, t.failure.reason) for t in trials if t.score is None]
    assert failed == [(1, "it rained, hard")]
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

    assert len(resume(folder, run_jobs=answering(answer))) == 5
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

    return answering(answer)


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


# What is printed.


def printed(folder, run_jobs=run_jobs):
    """Runs a sweep; returns what it printed."""
    out = io.StringIO()
    resume(folder, run_jobs=run_jobs, console=TrainingConsole(out))
    return out.getvalue()


def test_a_sweep_says_what_it_will_do_and_what_came_of_it(tmp_path):
    folder = begin(settings(tmp_path, executions=2))
    text = printed(folder, failing(2))
    assert "lr on digits, random: 5 trials, each with 2 seeds" in text
    assert "highest val_accuracy, of each run by its best epoch" in text
    assert "models and checkpoints of the 3 best" in text
    assert text.count("  failed: it rained") == 1
    assert text.count("trial-002 failed: ") == 1
    assert "done: 5 trials" in text
    assert (folder.path / "log.txt").read_text().strip() == text.strip()


def test_a_tuner_that_runs_out_of_points_says_so(tmp_path):
    folder = begin(settings(tmp_path, space=("l2=0,0.1",), trials=5))
    assert "no further values to try, of 5" in printed(folder)


# keras-tuner.


@contextlib.contextmanager
def oracle(tuner, *space, **options):
    """Returns the oracle of a sweep for the largest score."""
    space = SearchSpace.parse(space)
    options = {"trials": None, "direction": "max", "seed": 0, **options}
    with contextlib.closing(Oracle(tuner, space, **options)) as made:
        yield made


@pytest.mark.parametrize(("epochs", "factor"), [(4, 2), (9, 3), (10, 3)])
def test_hyperband_does_what_was_counted_before(epochs, factor):
    trained, trainings = {}, 0
    with oracle("hyperband", RATE, epochs=epochs, factor=factor) as made:
        while (proposal := made.create_trial()) is not None:
            trainings += 1
            trained[proposal.trial] = proposal.until_epoch
            made.end_trial(proposal.number, proposal.values["learning_rate"])
    found = (len(trained), trainings, sum(trained.values()))
    assert found == hyperband_plan(epochs, factor)
    assert max(trained.values()) == epochs


def test_seed_zero_is_a_seed():
    def first():
        with oracle("random", RATE, trials=1, seed=0) as made:
            return made.create_trial()

    assert first() == first()


def test_proposals_never_leave_their_ranges():
    space = ("dropout=0:0.6:0.1", "model_arg.n=log:1:9")
    with oracle("random", *space, trials=40, seed=1) as made:
        drawn = [made.create_trial() for _ in range(40)]
    points = [one.values for one in drawn if one is not None]
    rates = {0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6}
    assert {point["dropout"] for point in points} <= rates
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
        assert not any(name.startswith(ARGUMENT) for name in config.model_arg)
        for name, value in (options | config.model_arg).items():
            # `cnn_<letters>` has these only where a letter asks for them.
            if not entry.lacks_option(name):
                check_options(entry, {name: value})


def test_a_saved_model_of_another_epoch_than_the_score_is_told(
    tmp_path, monkeypatch
):
    folder = begin(settings(tmp_path, select_epoch="last", trials=1))
    found = {"best_epoch": 2, "best_val_accuracy": 0.75, "best_val_loss": 0.4}
    monkeypatch.setattr(sweeps.Run, "metrics", found)
    told = "trial-000 keeps the weights of epoch 2, .* val_accuracy 0.7500"
    assert re.search(told, printed(folder))
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
