"""Workers that die: their runs are resumed, and nothing else changes.

The oracle is the same command when nothing happens.
"""

import csv
import json
import os
import re

import numpy as np
import pytest

from tests import killing
from tests.killing import Moment
from zoo.tuning.retrain import RetrainLog
from zoo.tuning.trials import TrialLog

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="has no SIGKILL"),
]
COMMON = [
    "--model=lr", "--epochs=3", "--deterministic", "--seed=5", "--workers=2",
    "--summaries=scalars",
]  # fmt: skip
SWEEP = ["sweep", *COMMON, "--trials=5", "--retrain_seeds=2", "--keep=all"]
SWEEP += ["--space=learning_rate=log:1e-4:1e-1", "--sweep_name=s"]
SEEDS = ["train", *COMMON, "--seeds=10", "--run_name=s"]


def ten_moments(runs, folder=2):
    """Returns ten moments in the life of a worker, in eight runs or fewer.

    Args:
        runs: eight names of runs; none stands there three times, since a run
            is lost that loses its worker so often.
        folder: the how manieth folder that a process makes is its last.
    """
    a, b, c, d, e, f, g, h = (f"/s/{name}" for name in runs)
    return [
        # While TensorFlow is imported, and between two runs of a process.
        Moment("import", "tensorflow"),
        Moment("os.mkdir", "/.new-", folder),
        # Before the run is locked; while the network is built.
        Moment("open", f"{a}/lock"),
        Moment("open", f"{b}/train/events"),
        # At the end of an epoch; while a checkpoint is written.
        Moment("open", f"{c}/.history."),
        Moment("os.rename", f"{d}/checkpoints/.last.", 2),
        # While the model is written; before its folder has its name.
        Moment("os.rename", f"{e}/.model."),
        Moment("os.rename", f"{f} -1 -1"),
        # In the last epoch; with a result that nobody was told.
        Moment("os.mkdir", f"{g}/checkpoints", 5),
        Moment("os.remove", f"{h}/.metrics."),
    ]


def command(root, argv, moments=(), code=0):
    """Runs a command whose runs go to `root`; returns what it printed."""
    helper = root.with_name(f"{root.name}-{len(list(root.parent.iterdir()))}")
    argv = [*argv, f"--runs_dir={root}"]
    done, killed = killing.run(argv, helper, moments)
    assert done.returncode == code, done.stdout + done.stderr
    assert killed == sum(moment.times for moment in moments)
    assert code or done.stderr == ""
    return done.stdout + done.stderr


def trained(folder):
    """Returns histories and last weights of all runs, bit for bit."""
    found = {}
    for path in folder.rglob("history.csv"):
        with open(path, encoding="utf-8", newline="") as file:
            rows = [
                {**row, "seconds": "", "examples_per_second": ""}
                for row in csv.DictReader(file)
            ]
        with np.load(path.parent / "checkpoints" / "last.npz") as file:
            weights = {
                name: file[name].tobytes()
                for name in file.files
                if name != "state"
            }
        metrics = json.loads((path.parent / "metrics.json").read_text())
        name = str(path.parent.relative_to(folder))
        found[name] = rows, weights, metrics["status"], metrics["best_epoch"]
    return found


def of_sweep(folder):
    """Returns all in which two equal sweeps must agree, in order of trials."""
    log = TrialLog(folder)
    executions = [{**vars(one), "seconds": 0} for one in log.executions()]
    executions.sort(key=lambda row: (row["proposal"], row["execution"]))
    retrained = [
        {**vars(one), "seconds": 0} for one in RetrainLog(folder).read()
    ]
    # With two workers the order of finishing is nobody's.
    retrained.sort(key=lambda row: row["run"])
    proposals = [{**row, "after": 0} for row in log.proposals()]
    best = json.loads((folder / "result.json").read_text())["best"]
    return executions, proposals, retrained, best, trained(folder)


def of_group(folder, kind):
    """Returns all in which two equal groups of runs must agree."""
    found = json.loads((folder / f"{kind}.json").read_text())
    for row in (*found["runs"], *found["values"]):
        del row["wall_seconds"]
    return found, trained(folder)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    root = tmp_path_factory.mktemp("undisturbed") / "runs"
    out = command(root, SWEEP)
    assert "9 models: 5 in the search, then the best trial" in out
    assert "3 epochs each, 27 in all" in out
    assert re.search(r"^time +about", out, re.MULTILINE)
    return of_sweep(root / "s")


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    root = tmp_path_factory.mktemp("undisturbed") / "runs"
    out = command(root, SEEDS)
    assert "10 to train, 2 at once; 3 epochs each, 30 epochs in all" in out
    return of_group(root / "s", "seeds")


def test_ten_workers_of_a_sweep_are_killed_and_nothing_changes(tmp_path, sweep):
    trials = [f"trial-{number:03d}" for number in range(5)]
    moments = ten_moments(
        [*trials, *(f"best_trial/seed{n}" for n in (6, 7))]
        + ["default_recipe/seed6"]
    )
    command(tmp_path / "runs", SWEEP, moments)
    found = of_sweep(tmp_path / "runs" / "s")
    assert found == sweep
    assert len(found[0]) == 5 and len(found[2]) == 4
    assert {row["status"] for row in found[0]} == {"completed"}


def test_ten_workers_of_several_seeds_are_killed_and_nothing_changes(
    tmp_path, seeds
):
    # The first two runs, 5 and 6, lose workers to what is no run's own.
    moments = ten_moments([f"seed{n}" for n in range(7, 15)], folder=1)
    command(tmp_path / "runs", SEEDS, moments)
    found = of_group(tmp_path / "runs" / "s", "seeds")
    assert found == seeds
    assert [row["status"] for row in found[0]["runs"]] == ["completed"] * 10


def test_trials_lost_in_every_try_are_reported_and_resumed(tmp_path, sweep):
    root, folder = tmp_path / "runs", tmp_path / "runs" / "s"
    lost = [
        Moment("open", "/s/trial-001/.history.", times=3),
        Moment("open", "/s/trial-003/train/events", times=3),
    ]
    text = command(root, SWEEP, lost, code=4)
    assert "lost: s/trial-001: lost 3 times" in text and "SIGKILL" in text
    assert "zoo: 2 trainings of s lost their workers" in text
    assert {e.trial for e in TrialLog(folder).executions()} == {0, 2, 4}
    assert not (folder / "best_trial.flags").exists()
    assert not RetrainLog(folder).read()
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "incomplete"
    assert {r["run"] for r in result["lost"]} == {"s/trial-001", "s/trial-003"}
    # One of them is resumed by hand, and that counts.
    command(root, ["resume", "s/trial-003"])
    moment = (folder / "trial-003/metrics.json").stat().st_mtime_ns
    command(root, ["resume", "s", "--workers=2"])
    assert of_sweep(folder) == sweep
    assert (folder / "trial-003/metrics.json").stat().st_mtime_ns == moment


def test_a_seed_lost_in_every_try_is_reported_and_resumed(tmp_path, seeds):
    root = tmp_path / "runs"
    lost = Moment("open", "/s/seed6/.history.", times=3)
    text = command(root, SEEDS, [lost], code=4)
    assert "lost: lost 3 times" in text and "SIGKILL" in text
    rows = json.loads((root / "s" / "seeds.json").read_text())["runs"]
    assert [row["status"] for row in rows].count("completed") == 9
    assert rows[1]["status"] == "lost"
    command(root, ["resume", "s"])
    assert of_group(root / "s", "seeds") == seeds
