"""Sweeps and groups on a real cluster: whatever is lost, nothing changes.

The oracle is the same command on one machine, when nothing happens.
"""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.integration.tuning.cluster.nodes import PATIENCE
from tests.integration.tuning.test_killed_sweeps import lines
from tests.integration.tuning.test_lost_workers import of_group, of_sweep
from tests.killing import Moment

pytestmark = pytest.mark.cluster
COMMON = [
    "--model=lr", "--summaries=none", "--deterministic", "--seed=5",
]  # fmt: skip
SPACE = ["--space=learning_rate=log:1e-4:1e-1"]
SWEEPS = {
    "random": [
        *SPACE, "--trials=4", "--epochs=2", "--executions=2",
        "--retrain_seeds=2", "--workers=2",
    ],
    "grid": [
        "--tuner=grid", "--space=learning_rate=0.001,0.01,0.1", "--epochs=2",
        "--retrain_seeds=0", "--workers=2",
    ],
    # What it proposes depends on the order in which trials end.
    "hyperband": [
        *SPACE, "--tuner=hyperband", "--epochs=4", "--factor=2",
        "--retrain_seeds=0", "--workers=1",
    ],
}  # fmt: skip
# Long enough that something can happen meanwhile.
LONG = [
    *COMMON, *SPACE, "--trials=4", "--retrain_seeds=0", "--keep=all",
    "--batch_size=8",
]  # fmt: skip


def sweep(cluster, root, *argv, on_cluster=True):
    """Runs a sweep to its end; returns all in which two must agree."""
    where = [f"--cluster={cluster.address}"] if on_cluster else []
    argv = [*argv, "--sweep_name=s", "--keep=all", f"--runs_dir={root}"]
    cluster.run("sweep", *argv, *where)
    return of_sweep(root / "s")


def begin_long(cluster, tmp_path, epochs):
    """Starts a sweep that takes a while, on the cluster.

    Returns:
        Its process, its folder of runs, the flags that name both, and what it
        must come to.
    """
    argv, root = [*LONG, f"--epochs={epochs}"], tmp_path / "there"
    here = sweep(
        cluster, tmp_path / "here", *argv, "--workers=2", on_cluster=False
    )
    where = [f"--cluster={cluster.address}", f"--runs_dir={root}"]
    process = cluster.zoo("sweep", *argv, "--sweep_name=s", *where)
    return process, root, where, here


def end_well(process):
    """Waits until a command has ended without a complaint."""
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, ""), out + err


def users(cluster):
    """Returns the process that works on each run, as far as one has begun."""
    rows = cluster.uses.read_text().splitlines()
    found = [json.loads(row) for row in rows]
    return {path: number for _, number, _, path in found}


def wait_for(condition, process):
    """Waits until something is so, while a command is at work."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


def trains_on_b(cluster, root):
    """Returns the folder of a run that a worker of node b trains, if any."""
    workers = cluster.b.workers()
    for path, number in users(cluster).items() if cluster.uses.exists() else ():
        folder = Path(path).parent
        if number not in workers or root not in folder.parents:
            continue
        history = folder / "history.csv"
        if history.exists() and history.read_text().count("\n") > 3:
            return folder
    return None


@pytest.mark.parametrize("kind", SWEEPS)
def test_a_sweep_is_the_same_as_on_one_machine(cluster, tmp_path, kind):
    argv = [*COMMON, *SWEEPS[kind]]
    here = sweep(cluster, tmp_path / "here", *argv, on_cluster=False)
    there = sweep(cluster, tmp_path / "there", *argv)
    assert there == here
    assert {row["status"] for row in there[0]} <= {"completed", "paused"}


def test_seeds_are_the_same_as_on_one_machine(cluster, tmp_path):
    argv = ["train", *COMMON, "--epochs=2", "--seeds=4", "--run_name=s"]
    cluster.run(*argv, f"--runs_dir={tmp_path / 'here'}", "--workers=2")
    where = [f"--runs_dir={tmp_path / 'there'}"]
    # `auto` takes the address of the environment.
    cluster.run(*argv, *where, "--cluster=auto", RAY_ADDRESS=cluster.address)
    here, there = (
        of_group(tmp_path / name / "s", "seeds") for name in ("here", "there")
    )
    assert there == here and len(there[0]["runs"]) == 4


def test_vary_is_the_same_as_on_one_machine(cluster, tmp_path):
    argv = ["vary", *COMMON, "--epochs=2", "--learning_rate=0.001,0.01,0.1"]
    found = []
    for name in ("here", "there"):
        more = [f"--cluster={cluster.address}"] if name == "there" else []
        root = tmp_path / name
        cluster.run(*argv, f"--runs_dir={root}", "--run_name=s", *more)
        found.append(of_group(root / "s", "vary"))
    assert found[0] == found[1] and len(found[0][1]) == 3


def test_killed_workers_cost_nothing(cluster, tmp_path):
    argv = [*COMMON, *SPACE, "--trials=5", "--epochs=3", "--retrain_seeds=2"]
    here = sweep(cluster, tmp_path / "here", *argv, on_cluster=False)
    cluster.kill_at(
        Moment("import", "tensorflow"),
        Moment("os.rename", "/s/trial-001/checkpoints/.last.", 2),
        Moment("os.remove", "/s/trial-003/.metrics."),
        Moment("open", "/s/best_trial/seed6/.history."),
    )
    there = sweep(cluster, tmp_path / "there", *argv)
    assert cluster.num_killed == 4
    assert there == here and len(there[0]) == 5 and len(there[2]) == 4
    assert not (tmp_path / "there" / "s" / "lost.jsonl").exists()


def test_a_run_lost_three_times_is_reported_and_resumed(cluster, tmp_path):
    root = tmp_path / "there"
    argv = [*COMMON, *SPACE, "--trials=3", "--epochs=3", "--retrain_seeds=0"]
    here = sweep(cluster, tmp_path / "here", *argv, on_cluster=False)
    cluster.kill_at(Moment("open", "/s/trial-001/.history.", times=3))
    where = [f"--cluster={cluster.address}", f"--runs_dir={root}"]
    named = [*argv, "--sweep_name=s", "--keep=all"]
    err = cluster.run("sweep", *named, *where, code=4)
    assert f"resume s --runs_dir={root} --cluster={cluster.address}`" in err
    reason = json.loads((root / "s" / "lost.jsonl").read_text())["reason"]
    assert "lost 3 times" in reason
    cluster.run("resume", "s", *where)
    assert of_sweep(root / "s") == here


def test_a_killed_node_costs_nothing(cluster, tmp_path):
    process, root, _, here = begin_long(cluster, tmp_path, 30)
    folder = wait_for(lambda: trains_on_b(cluster, root), process)
    cluster.b.kill()
    end_well(process)
    assert of_sweep(root / "s") == here
    assert "resuming" in (folder / "log.txt").read_text()
    assert not (root / "s" / "lost.jsonl").exists()


@pytest.mark.parametrize("seconds", [20, 150])
def test_a_cut_network_costs_nothing(cluster, tmp_path, seconds):
    # A cut of 20 s is not noticed; after 65 s the node is declared dead.
    process, root, _, here = begin_long(cluster, tmp_path, 150)
    wait_for(lambda: trains_on_b(cluster, root), process)
    cluster.cut()
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.5)
    cluster.heal()
    end_well(process)
    assert of_sweep(root / "s") == here
    assert not (root / "s" / "lost.jsonl").exists()


def test_a_killed_driver_is_resumed_and_its_log_continued(cluster, tmp_path):
    process, root, where, here = begin_long(cluster, tmp_path, 10)
    wait_for(lambda: lines(root / "s") >= 2, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = (root / "s" / "trials.jsonl").read_bytes()
    cluster.run("resume", "s", *where)
    assert of_sweep(root / "s") == here
    after = (root / "s" / "trials.jsonl").read_bytes()
    assert after.startswith(before) and len(after) > len(before)


def test_ctrl_c_saves_every_running_trial(cluster, tmp_path):
    process, root, where, here = begin_long(cluster, tmp_path, 60)
    trials = [root / "s" / f"trial-00{number}" for number in (0, 1)]
    wait_for(lambda: all((t / "history.csv").exists() for t in trials), process)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert err.startswith("zoo: stopped after 0 trials")
    assert f"--cluster={cluster.address}`" in err and err.count("\n") == 1
    for trial in trials:
        metrics = json.loads((trial / "metrics.json").read_text())
        assert metrics["status"] == "interrupted"
    assert lines(root / "s") == 0
    cluster.run("resume", "s", *where)
    assert of_sweep(root / "s") == here


def test_declared_gpus_are_shared_out(cluster, tmp_path):
    cluster.start_b(flags=["--num-cpus=2", "--num-gpus=1"])
    cluster.uses.unlink(missing_ok=True)
    root = tmp_path / "runs"
    argv = [*COMMON, *SPACE, "--trials=4", "--epochs=2", "--retrain_seeds=0"]
    sweep(cluster, root, *argv)
    rows = list(map(json.loads, cluster.uses.read_text().splitlines()))
    assert len({path for *_, path in rows if "trial" in path}) >= 4
    # One process has the only GPU from the first trial to the last.
    assert {(gpu, number) for _, number, gpu, path in rows} == {
        ("0", rows[0][1])
    }
    # And two share it.
    cluster.uses.unlink()
    sweep(cluster, tmp_path / "halves", *argv, "--trial_gpus=0.5")
    rows = list(map(json.loads, cluster.uses.read_text().splitlines()))
    assert {gpu for _, _, gpu, path in rows} == {"0"}
    assert len({number for _, number, _, _ in rows}) == 2
    cluster.start_b()
