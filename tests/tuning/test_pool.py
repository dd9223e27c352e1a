"""Workers: ordinary runs in processes of their own, whatever happens."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from zoo import runs
from zoo.config import TrainConfig
from zoo.training import resume, train
from zoo.training.console import Console
from zoo.tuning import devices
from zoo.tuning.pool import Job, work

ROOT = Path(__file__).parents[2]
QUIET = Console(quiet=True)
needs_sigkill = pytest.mark.skipif(os.name == "nt", reason="has no SIGKILL")


def config(runs_dir, name, **changes):
    values = {"model": "lr", "steps": 6, "batch_size": 256, "epochs": None}
    values |= {"deterministic": True, "summaries": ("none",), **changes}
    return TrainConfig(runs_dir=str(runs_dir), run_name=name, **values)


def weights(runs_dir, name):
    with np.load(Path(runs_dir, name, "checkpoints", "last.npz")) as file:
        return {
            key: file[key].tobytes() for key in file.files if key != "state"
        }


@pytest.mark.slow
def test_a_worker_trains_the_same_bits_as_a_process_of_its_own(tmp_path):
    jobs = [
        Job(config(tmp_path, name, model=model, seed=3), tag=name)
        for name, model in (("a", "lr"), ("b", "mlp"), ("c", "lr"))
    ]
    log = tmp_path / "workers.log"
    done = list(work(iter(jobs), 1, log))
    assert [(o.job.tag, o.status) for o in done] == [
        (name, "completed") for name in "abc"
    ]
    assert done[0].history[-1]["step"] == 6
    flags = f"--flagfile={tmp_path}/b/again.flags"
    alone = ["train", flags, f"--runs_dir={tmp_path}", "--run_name=alone"]
    subprocess.run(
        [sys.executable, "-m", "zoo", *alone],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    assert weights(tmp_path, "a") == weights(tmp_path, "c")
    assert weights(tmp_path, "b") == weights(tmp_path, "alone")


@pytest.mark.slow
def test_mistakes_and_divergence_are_outcomes_and_the_next_job_is_done(
    tmp_path,
):
    jobs = [
        Job(config(tmp_path, "bad", dropout=0.5)),
        Job(config(tmp_path, "wild", model="mlp", learning_rate=1e30)),
        Job(config(tmp_path, "good")),
    ]
    bad, wild, good = work(iter(jobs), 1)
    assert bad.status == "failed" and "--dropout=0.5 has no" in bad.reason
    assert wild.status == "diverged" and "no longer a number" in wild.reason
    assert good.status == "completed" and good.reason == ""
    # Asked for again, nothing is trained anew, and the answers are the same.
    before = (tmp_path / "good" / "metrics.json").stat().st_mtime_ns
    statuses = [o.status for o in work(iter(jobs[1:]), 1)]
    assert statuses == ["diverged", "completed"]
    assert (tmp_path / "good" / "metrics.json").stat().st_mtime_ns == before


@needs_sigkill
@pytest.mark.slow
def test_a_process_that_is_killed_fails_its_own_job_alone(tmp_path):
    slow = {"steps": 60000, "batch_size": 8}
    victim = Job(config(tmp_path, "victim", **slow), tag="victim")
    others = [Job(config(tmp_path, n), tag=n) for n in ("a", "b")]
    outcomes = {}
    for outcome in work(iter([victim, *others]), 2):
        outcomes[outcome.job.tag] = outcome
        if outcome.job.tag == "b":
            holder = holder_of(tmp_path / "victim")
            os.kill(holder, signal.SIGKILL)
    assert outcomes["victim"].status == "failed"
    assert "killed from outside" in outcomes["victim"].reason
    assert outcomes["a"].status == outcomes["b"].status == "completed"


def holder_of(run):
    """Returns the process that works on a run, from Linux's own table."""
    while not (run / "history.csv").exists():
        time.sleep(0.1)
    target = str(run / "lock")
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) == target:
                return int(link.parts[2])
        except OSError:
            continue
    raise AssertionError("nobody holds the run")


def test_a_run_paused_twice_equals_one_trained_straight_through(tmp_path):
    options = {
        "model": "mlp", "model_arg": {"hidden": (16,)}, "steps": None,
        "epochs": 3, "dropout": 0.3, "augment": "crop", "norm": "batch",
        "optimizer": "nesterov", "schedule": "cosine", "warmup_epochs": 1.5,
    }  # fmt: skip
    train(config(tmp_path, "straight", **options), console=QUIET)
    asked = config(tmp_path, "paused", **options)
    run = train(asked, console=QUIET, until_epoch=1)
    assert run.status == "paused" and run.metrics["epochs"] == 1
    assert not (run.path / "model.keras").exists()
    resume(run, console=QUIET, until_epoch=2)
    assert run.status == "paused" and run.metrics["epochs"] == 2
    resume(run, console=QUIET)
    assert run.status == "completed"
    assert weights(tmp_path, "paused") == weights(tmp_path, "straight")
    straight = runs.find("straight", str(tmp_path))

    def rows(one):
        return [{**row, "seconds": None} for row in one.history]

    assert rows(run) == rows(straight)
    assert run.metrics["best_epoch"] == straight.metrics["best_epoch"]


def test_cores_are_divided_and_settings_from_outside_stand(monkeypatch):
    for name in devices.THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setattr(devices, "cores", lambda: 8)
    shares = devices.environments(4)
    assert len(shares) == 4
    assert all("OMP_NUM_THREADS" not in share for share in shares)
    assert {share["TF_NUM_INTRAOP_THREADS"] for share in shares} == {"2"}
    # A single worker has the machine to itself, as `zoo train` has.
    assert "TF_NUM_INTRAOP_THREADS" not in devices.environments(1)[0]


def test_each_worker_sees_one_gpu(monkeypatch):
    monkeypatch.setattr(devices, "gpus", lambda: ["0", "2"])
    seen = [share[devices.VISIBLE] for share in devices.environments(3)]
    assert seen == ["0", "2", "0"]
    assert devices.workers_at_once() == 2
