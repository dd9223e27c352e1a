"""Workers: ordinary runs in processes of their own, whatever happens."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from zoo.config import TrainConfig
from zoo.errors import Interrupted
from zoo.run_store import RunStore
from zoo.runs import RunWriter
from zoo.training.console import TrainingConsole
from zoo.training.resume import resume
from zoo.training.train import train
from zoo.tuning import workers
from zoo.tuning.cluster import Placement, open_workers
from zoo.tuning.jobs import RunRequest, RunResult, run_on_pool
from zoo.tuning.workers import run_jobs

ROOT = Path(__file__).parents[3]
QUIET = TrainingConsole(quiet=True)
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
        RunRequest(config(tmp_path, name, model=model, seed=3), key=name)
        for name, model in (("a", "lr"), ("b", "mlp"), ("c", "lr"))
    ]
    log = tmp_path / "workers.log"
    done = list(run_jobs(iter(jobs), 1, log))
    assert [(o.request.key, o.status) for o in done] == [
        (name, "completed") for name in "abc"
    ]
    assert done[0].history[-1]["step"] == 6
    flags = f"--flagfile={tmp_path}/b/flags.txt"
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
        RunRequest(config(tmp_path, "bad", dropout=0.5)),
        RunRequest(config(tmp_path, "wild", model="mlp", learning_rate=1e30)),
        RunRequest(config(tmp_path, "good")),
    ]
    bad, wild, good = run_jobs(iter(jobs), 1)
    assert bad.status == "failed" and "--dropout=0.5 has no" in bad.reason
    assert wild.status == "diverged" and "not finite" in wild.reason
    assert good.status == "completed" and good.reason == ""
    # Asked for again, nothing is trained anew, and the answers are the same.
    before = (tmp_path / "good" / "metrics.json").stat().st_mtime_ns
    statuses = [o.status for o in run_jobs(iter(jobs[1:]), 1)]
    assert statuses == ["diverged", "completed"]
    assert (tmp_path / "good" / "metrics.json").stat().st_mtime_ns == before


class Script:
    """A pool without processes: each run ends as its key says, one by one."""

    def __init__(self, places=1):
        self.places, self.at_work, self.started = places, [], []
        self.terminated = self.closed = False

    @property
    def num_running(self):
        return len(self.at_work)

    @property
    def num_free(self):
        return self.places - len(self.at_work)

    def submit(self, request):
        self.at_work.append(request)
        self.started.append(request.config.run_name)

    def wait(self, timeout):
        request = self.at_work.pop(0)
        status = request.key.pop(0)
        return [RunResult(request, status, reason="it died", seconds=1.5)]

    def terminate(self):
        self.terminated = True

    def kill(self):
        raise AssertionError("nobody asked for that")

    def close(self):
        self.closed = True


def scripted(**ends):
    """Yields a request for each name, with how its tries end."""
    for name, statuses in ends.items():
        yield RunRequest(TrainConfig(run_name=name), key=statuses)


def test_a_job_whose_worker_is_lost_starts_again_and_is_one_outcome():
    pool = Script(places=2)
    jobs = scripted(a=["lost", "lost", "completed"], b=["completed"])
    found = list(run_on_pool(jobs, pool))
    assert [(o.request.config.run_name, o.status) for o in found] == [
        ("b", "completed"),
        ("a", "completed"),
    ]
    assert pool.started == ["a", "b", "a", "a"]
    assert found[1].seconds == 4.5 and found[0].seconds == 1.5
    assert pool.closed


def test_a_job_is_lost_after_three_tries_and_the_others_are_done():
    pool = Script()
    jobs = scripted(a=["lost"] * 4, b=["lost", "completed"])
    found = list(run_on_pool(jobs, pool))
    assert [o.status for o in found] == ["lost", "completed"]
    assert pool.started == ["a", "a", "a", "b", "b"]
    assert found[0].reason == "lost 3 times, the last time because it died"


def test_failures_of_the_training_itself_are_not_tried_again():
    pool = Script()
    jobs = scripted(a=["failed"], b=["diverged"])
    found = [o.status for o in run_on_pool(jobs, pool)]
    assert found == ["failed", "diverged"]
    assert pool.started == ["a", "b"]


def test_a_job_that_was_stopped_from_outside_starts_again():
    jobs = scripted(a=["interrupted", "completed"])
    assert [o.status for o in run_on_pool(jobs, Script())] == ["completed"]


def test_a_job_that_is_lost_while_all_is_stopped_has_no_outcome():
    pool = Script()

    def jobs():
        yield from scripted(a=["lost", "completed"])
        raise AssertionError("no request starts once all is stopped")

    pool.submit = lambda request: (
        Script.submit(pool, request),
        signal.raise_signal(signal.SIGINT),
    )
    with pytest.raises(Interrupted):
        list(run_on_pool(jobs(), pool))
    assert pool.started == ["a"] and pool.terminated and pool.closed


def test_a_run_that_another_process_holds_is_waited_for(tmp_path, monkeypatch):
    asked = config(tmp_path, "held")
    run = train(asked, console=QUIET)
    holder = RunWriter(run).lock()
    holder.__enter__()
    waits = []

    def release(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            holder.__exit__(None, None, None)

    clock = SimpleNamespace(monotonic=time.monotonic, sleep=release)
    monkeypatch.setattr(workers, "time", clock)
    outcome = workers.train_run(RunRequest(asked))
    assert outcome.status == "completed" and len(waits) == 3


@needs_sigkill
def test_how_a_process_died_is_said_in_words():
    assert "SIGKILL" in workers._exit_reason(-9)
    assert workers._exit_reason(-11) == "its process crashed (SIGSEGV)"
    assert workers._exit_reason(3) == "its process ended with exit code 3"


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
    straight = RunStore(str(tmp_path)).find("straight")

    def rows(one):
        return [{**row, "seconds": None} for row in one.history]

    assert rows(run) == rows(straight)
    assert run.metrics["best_epoch"] == straight.metrics["best_epoch"]


def test_cores_are_divided_and_settings_from_outside_stand(monkeypatch):
    for name in workers.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setattr(workers, "num_cores", lambda: 8)
    shares = workers.worker_environments(4)
    assert len(shares) == 4
    assert all("OMP_NUM_THREADS" not in share for share in shares)
    assert {share["TF_NUM_INTRAOP_THREADS"] for share in shares} == {"2"}
    # A single worker has the machine to itself, as `zoo train` has.
    assert "TF_NUM_INTRAOP_THREADS" not in workers.worker_environments(1)[0]


def test_each_worker_sees_one_gpu(monkeypatch):
    monkeypatch.setattr(workers, "list_gpus", lambda: ["0", "2"])
    environments = workers.worker_environments(3)
    seen = [one[workers.CUDA_DEVICES] for one in environments]
    assert seen == ["0", "2", "0"]
    assert workers.auto_num_workers() == 2


@pytest.mark.parametrize(
    "number, total, expected", [(200, 100, 4), (200, 3, 3), (2, 100, 2)]
)
def test_workers_are_bounded_by_runs_and_by_cores(
    monkeypatch, number, total, expected
):
    monkeypatch.setattr(workers, "num_cores", lambda: 4)
    monkeypatch.setattr(workers, "list_gpus", list)
    said = []
    with open_workers(Placement(number), "runs", said.append) as (_, at_once):
        assert at_once(total) == expected
    assert len(said) == (number > 4)
