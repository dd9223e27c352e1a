"""Real sweeps in real processes, killed at random moments and resumed."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from tests import dying
from zoo.runs import SweepFolder
from zoo.tuning.retrain import RetrainLog
from zoo.tuning.trials import TrialLog

ROOT = Path(__file__).parents[3]
COMMON = [
    "--model=lr", "--summaries=none", "--deterministic", "--seed=5",
    "--space=learning_rate=log:1e-4:1e-1", "--space=mean_subtraction=none,"
    "pixel",
]  # fmt: skip
TUNERS = {
    "random": ["--trials=6", "--epochs=2"],
    "grid": ["--epochs=2"],
    "bayesian": ["--trials=8", "--epochs=1"],
    "hyperband": ["--epochs=4", "--factor=2"],
}


def start(*argv):
    """Starts the product in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "zoo", *map(str, argv)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end(process):
    out, err = process.communicate()
    assert (process.returncode, err) == (0, ""), out + err
    return out


def lines(folder):
    path = folder / "trials.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill_after(process, folder, more, delay):
    """Kills the whole group some seconds after some more trials have ended.

    Returns:
        Whether it was still at work.
    """
    wanted = lines(folder) + more
    while lines(folder) < wanted and process.poll() is None:
        time.sleep(0.02)
    time.sleep(delay)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return alive


def result(folder):
    """Returns all in which two equal sweeps must agree."""
    log = TrialLog(folder)
    executions = [
        {**vars(one), "seconds": None, "run": one.run.partition("/")[2]}
        for one in log.executions()
    ]
    retrained = [
        {**vars(one), "seconds": None, "run": one.run.partition("/")[2]}
        for one in RetrainLog(folder).read()
    ]
    return executions, log.proposals(), retrained


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="has no process groups")
@pytest.mark.parametrize("tuner", TUNERS)
def test_five_kills_at_random_moments_change_no_trial(tmp_path, tuner):
    argv = [*COMMON, *TUNERS[tuner], f"--tuner={tuner}"]
    argv += [f"--runs_dir={tmp_path}"]
    end(start("sweep", *argv, "--sweep_name=undisturbed"))
    expected = result(tmp_path / "undisturbed")
    folder = tmp_path / "killed"
    moments, kills = random.Random(tuner), 0
    # In the start-up, in the first trial, and around the end of others.
    for more, longest in [(0, 8), (0, 15), (1, 2), (2, 2), (1, 1)]:
        begun = (folder / "sweep.json").exists()
        process = (
            start("resume", "killed", f"--runs_dir={tmp_path}")
            if begun
            else start("sweep", *argv, "--sweep_name=killed")
        )
        delay = moments.uniform(0, longest)
        kills += kill_after(process, folder, more, delay)
    out = end(start("resume", "killed", f"--runs_dir={tmp_path}"))
    assert kills == 5
    assert result(folder) == expected
    keys = [(one["proposal"], one["execution"]) for one in expected[0]]
    assert len(keys) == len(set(keys)) > 5
    assert len(expected[2]) == 6  # three new seeds of either recipe
    assert "done: " in out
    assert SweepFolder(folder, "killed").status == "completed"


FOUR_TRIALS = [
    "sweep", "--model=lr", "--epochs=1", "--deterministic", "--trials=4",
    "--workers=2", "--retrain_seeds=0", "--summaries=scalars",
    "--space=learning_rate=log:1e-4:1e-1", "--sweep_name=s", "--keep=all",
]  # fmt: skip
POINTS = 20  # at which the sweep dies, and as many at which a worker does


def outcome(root):
    """Returns what two equal sweeps agree on, whatever trial ended first."""
    folder = root / "s"
    scores = {one.trial: one.score for one in TrialLog(folder).executions()}
    weights = {}
    for trial in scores:
        path = folder / f"trial-{trial:03d}" / "model.keras"
        model = keras.models.load_model(path, compile=False)
        weights[trial] = [array.tobytes() for array in model.get_weights()]
    found = SweepFolder(folder, "s").result
    return scores, weights, found["status"], found["best"]


def leftovers(root):
    """Returns what has a temporary name."""
    return [path for path in root.rglob(".*") if path.suffix != ".lock"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="needs Linux")
def test_a_sweep_that_dies_before_any_of_40_changes_ends_alike(tmp_path):
    log, root = tmp_path / "log.txt", tmp_path / "runs"
    argv = [*FOUR_TRIALS, f"--runs_dir={root}"]
    with dying.Server() as server:
        whole = tmp_path / "whole"
        code, count, _ = server.run(
            [*FOUR_TRIALS, f"--runs_dir={whole}"], whole, log
        )
        assert code == 0, log.read_text()
        expected = outcome(whole)
        assert len(expected[0]) == 4
        points = [
            *((at, False) for at in np.linspace(1, count, POINTS).astype(int)),
            # A worker makes some 190 changes in a run, and trains two runs.
            *((at, True) for at in np.linspace(1, 250, POINTS).astype(int)),
        ]
        for change, in_worker in points:
            where = f"change {change} of the {'worker' * in_worker or 'sweep'}"
            code, _, died = server.run(argv, root, log, int(change), in_worker)
            assert died, where
            if in_worker:
                assert code == 0, (where, log.read_text())
            else:
                assert code == -signal.SIGKILL, where
                again = argv
                if (root / "s").exists():
                    again = ["resume", "s", f"--runs_dir={root}"]
                code, *_ = server.run(again, root, log)
                assert code == 0, (where, log.read_text())
            assert outcome(root) == expected, where
            assert not leftovers(root), where
            shutil.rmtree(root)
            log.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_saves_what_is_under_way_and_says_how_to_go_on(
    tmp_path, workers
):
    argv = [*COMMON, "--epochs=60", "--trials=3", f"--runs_dir={tmp_path}"]
    more = ["--sweep_name=a", f"--workers={workers}", "--batch_size=8"]
    process = start("sweep", *argv, *more)
    first = tmp_path / "a" / "trial-000" / "history.csv"
    while not first.exists():
        assert process.poll() is None
        time.sleep(0.1)
    # As a terminal does it: every process of the group gets the signal.
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert err.startswith("zoo: stopped after 0 trials") and "resume a" in err
    assert err.count("\n") == 1
    metrics = (tmp_path / "a" / "trial-000" / "metrics.json").read_text()
    assert '"status": "interrupted"' in metrics
    assert lines(tmp_path / "a") == 0
