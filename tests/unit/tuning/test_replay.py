"""A sweep that is killed goes on as if nothing had happened."""

import errno
import os

import pytest

from tests.unit.tuning.sweeping import (
    Killed,
    begin,
    result_of,
    resume,
    run_jobs,
    settings,
    sweep,
    trial_log,
)
from zoo import io
from zoo.errors import UserError
from zoo.tuning.jobs import RunResult
from zoo.tuning.sweep import read_settings
from zoo.tuning.trials import trial_config

TUNERS = ("random", "grid", "bayesian", "hyperband")


def at_write(monkeypatch, count, error):
    """Raises an error at the `count`-th line that is added anywhere.

    Half of the line is there by then.
    """
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
    return calls


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
    asked = settings(tmp_path_factory.mktemp("runs"), tuner=request.param)
    folder = begin(asked)
    sweep(folder, asked)
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
    folder = begin(settings(tmp_path, executions=2))
    asked = []

    def counting(requests, num_workers, log):
        for request in requests:
            if len(asked) == 3:
                raise Killed
            asked.append(request.config.run_name)
            yield result_of(request)

    with pytest.raises(Killed):
        resume(folder, run_jobs=counting)
    again = []

    def answer(request):
        again.append(request.config.run_name)
        return result_of(request)

    resume(folder, run_jobs=lambda *given: run_jobs(*given, answer=answer))
    names = asked + again
    assert len(names) == len(set(names)) == 10
    assert names[:3] == ["s/trial-000/seed0", "s/trial-000/seed1"] + [
        "s/trial-001/seed0"
    ]


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
    path.write_text(path.read_text().replace('"learning_rate": ', "&9", 1))
    path.write_text(path.read_text().replace("&9", '"learning_rate": 9'))
    with pytest.raises(UserError, match="keras-tuner"):
        resume(folder)


def test_a_sweep_that_has_ended_ends_again_without_training(tmp_path):
    folder = begin(settings(tmp_path))
    trials = resume(folder)

    def none(requests, num_workers, log):
        assert list(requests) == []
        return iter(())

    assert resume(folder, run_jobs=none) == trials
    assert folder.status == "completed"


def test_the_best_trial_is_the_same_network_after_a_resume(tmp_path):
    space = ("model_arg.hidden=(8,4),(4,8)",)
    folder = begin(settings(tmp_path, space=space, tuner="grid", trials=2))

    def answer(request):
        hidden = request.config.model_arg["hidden"]
        row = {"epoch": 1.0, "val_accuracy": 1 / hidden[0]}
        return RunResult(request, "completed", history=[row], seconds=1.0)

    first = resume(folder, run_jobs=lambda *r: run_jobs(*r, answer=answer))
    again = resume(folder, run_jobs=lambda *r: run_jobs(*r, answer=answer))
    assert again == first
    asked = read_settings(folder)
    assert trial_config(asked, again[0]) == trial_config(asked, first[0])
    assert trial_log(folder)[0][0].values == {"model_arg.hidden": (8, 4)}
