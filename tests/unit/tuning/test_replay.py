"""A sweep that is killed goes on as if nothing had happened."""

import errno
import os

import pytest

from tests.unit.tuning.sweeping import (
    Killed,
    answering,
    begin,
    result_of,
    resume,
    run_jobs,
    settings,
    trial_log,
)
from zoo import io
from zoo.errors import UserError
from zoo.tuning.jobs import RunResult
from zoo.tuning.sweep import read_settings
from zoo.tuning.trials import trial_config

TUNERS = ("random", "grid", "bayesian", "hyperband")


def at_write(monkeypatch, count, error):
    """Raises an error when half of the `count`-th line is written."""
    sync, calls = os.fsync, []

    def failing(number):
        calls.append(number)
        if len(calls) == count:
            os.ftruncate(number, os.fstat(number).st_size - 9)
            raise error
        sync(number)

    class Os:
        fsync = staticmethod(failing)

        def __getattr__(self, name):
            return getattr(os, name)

    monkeypatch.setattr(io, "os", Os())
    monkeypatch.setattr(io, "sync_folder", lambda folder: None)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.slow)
        if name in ("grid", "hyperband")
        else name
        for name in TUNERS
    ],
)
def undisturbed(request, tmp_path_factory):
    """A tuner, and what its sweep comes to when nothing happens."""
    runs_dir = tmp_path_factory.mktemp("runs")
    folder = begin(settings(runs_dir, tuner=request.param))
    resume(folder)
    return request.param, trial_log(folder)


def test_a_kill_at_any_line_changes_no_trial_and_repeats_none(
    undisturbed, tmp_path, monkeypatch
):
    tuner, expected = undisturbed
    lines = len(expected[0]) + len(expected[1])
    # Bayesian search takes a second for each proposal, each time.
    few = {"bayesian": (2, lines), "hyperband": range(1, lines + 1, 5)}
    for count in few.get(tuner, range(1, lines + 1)):
        folder = begin(settings(tmp_path, tuner=tuner), f"killed-{count}")
        with monkeypatch.context() as patch, pytest.raises(Killed):
            at_write(patch, count, Killed)
            resume(folder)
        resume(folder)
        found = trial_log(folder)
        assert renamed(found[0]) == renamed(expected[0])
        assert found[1] == expected[1]


def renamed(executions):
    """Returns executions as dictionaries, with runs by their last part."""
    return [
        {**vars(one), "run": one.run.partition("/")[2]} for one in executions
    ]


@pytest.mark.parametrize("count", [1, 4, 7])
def test_a_full_disk_is_a_sentence_and_loses_nothing(
    undisturbed, tmp_path, monkeypatch, count
):
    tuner, expected = undisturbed
    folder = begin(settings(tmp_path, tuner=tuner))
    full = OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patch:
        at_write(patch, count, full)
        with pytest.raises(UserError, match="No space left.*zoo resume"):
            resume(folder)
    resume(folder)
    assert renamed(trial_log(folder)[0]) == renamed(expected[0])


def test_what_is_finished_is_not_trained_again(tmp_path):
    folder, names = begin(settings(tmp_path, executions=2)), []

    def noted(request):
        names.append(request.config.run_name)
        return result_of(request)

    def dying(requests, num_workers, log):
        for number, request in enumerate(requests):
            if number == 3:
                raise Killed
            yield noted(request)

    with pytest.raises(Killed):
        resume(folder, run_jobs=dying)
    assert names == [
        "s/trial-000/seed0", "s/trial-000/seed1", "s/trial-001/seed0",
    ]  # fmt: skip
    resume(folder, run_jobs=answering(noted))
    assert len(names) == len(set(names)) == 10


def test_trials_of_several_workers_keep_their_values_after_a_kill(tmp_path):
    folder = begin(settings(tmp_path, tuner="hyperband"))
    seen = {}

    def dying(requests, num_workers, log):
        for number, one in enumerate(run_jobs(requests, num_workers, log)):
            if number == 4:
                raise Killed
            yield one

    for _ in range(2):
        with pytest.raises(Killed):
            resume(folder, 3, dying)
        proposals = trial_log(folder)[1]
        values = {row["proposal"]: row["values"] for row in proposals}
        assert values.items() >= seen.items()
        seen = values
    resume(folder, 3)
    executions, proposals = trial_log(folder)
    keys = [one.proposal for one in executions]
    assert sorted(keys) == [row["proposal"] for row in proposals]
    assert all(
        one.values == proposals[one.proposal]["values"] for one in executions
    )


def test_a_tuner_that_proposes_otherwise_now_is_refused(tmp_path):
    folder = begin(settings(tmp_path))
    resume(folder)
    path = folder.path / "proposals.jsonl"
    found = '"learning_rate": '
    path.write_text(path.read_text().replace(found, f"{found}9", 1))
    with pytest.raises(UserError, match="keras-tuner"):
        resume(folder)


def test_the_best_trial_is_the_same_network_after_a_resume(tmp_path):
    space = ("model_arg.hidden=(8,4),(4,8)",)
    folder = begin(settings(tmp_path, space=space, tuner="grid", trials=2))

    def answer(request):
        hidden = request.config.model_arg["hidden"]
        row = {"epoch": 1.0, "val_accuracy": 1 / hidden[0]}
        return RunResult(request, "completed", history=[row], seconds=1.0)

    first = resume(folder, run_jobs=answering(answer))
    again = resume(folder, run_jobs=answering(answer))
    assert again == first
    asked = read_settings(folder)
    assert trial_config(asked, again[0]) == trial_config(asked, first[0])
    assert trial_log(folder)[0][0].values == {"model_arg.hidden": (8, 4)}
