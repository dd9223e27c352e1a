"""A chief and workers as processes of their own, some of which are killed."""

import os
import signal
import time

import pytest

from tests.tuning.remote.meeting import free_address
from tests.tuning.test_killed_sweeps import COMMON, lines, result, start

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="has no SIGKILL"),
]
SWEEP = [*COMMON, "--trials=5", "--epochs=2"]


@pytest.fixture
def machines(tmp_path):
    """Returns a function that starts a chief or a worker."""
    address, begun = free_address(), []

    def begin(role, *argv):
        argv = [f"--role={role}", f"--chief={address}", *argv]
        verb = "sweep"
        begun.append(start(verb, f"--runs_dir={tmp_path}", *argv))
        return begun[-1]

    yield begin
    for process in begun:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for(condition, process):
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def ended(process):
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, ""), out + err
    return out


def keys(folder):
    found = [(one["proposal"], one["execution"]) for one in result(folder)[0]]
    return sorted(found)


def is_training(folder):
    return any(folder.glob("trial-*/history.csv"))


def test_a_worker_killed_in_a_trial_costs_none(machines, tmp_path):
    chief = machines("chief", *SWEEP, "--sweep_name=s", "--epochs=12")
    victim = machines("worker")
    wait_for(lambda: is_training(tmp_path / "s"), victim)
    os.kill(victim.pid, signal.SIGKILL)
    others = [machines("worker") for _ in range(2)]
    out = ended(chief)
    assert f"(process {victim.pid}) has left; handed out again: s/trial-" in out
    assert keys(tmp_path / "s") == [(number, 0) for number in range(5)]
    statuses = {one["status"] for one in result(tmp_path / "s")[0]}
    assert statuses == {"completed"}
    assert all("the sweep is over" in ended(worker) for worker in others)


def test_a_killed_chief_goes_on_and_its_worker_waits_for_it(machines, tmp_path):
    undisturbed = [*SWEEP, "--sweep_name=a", f"--runs_dir={tmp_path}"]
    ended(start("sweep", *undisturbed))
    chief = machines("chief", *SWEEP, "--sweep_name=b")
    worker = machines("worker")
    wait_for(lambda: lines(tmp_path / "b") >= 1, worker)
    os.killpg(chief.pid, signal.SIGKILL)
    chief.communicate()
    chief = machines("chief", *SWEEP, "--sweep_name=b")
    out = ended(chief)
    assert "going on after" in out
    told = ended(worker)
    assert "is gone; what was under way is saved" in told
    assert "the sweep is over" in told
    assert result(tmp_path / "b") == result(tmp_path / "a")


def test_ctrl_c_at_the_chief_stops_its_workers_too(machines, tmp_path):
    argv = [*SWEEP, "--epochs=400", "--batch_size=8", "--sweep_name=s"]
    chief = machines("chief", *argv)
    worker = machines("worker")
    wait_for(lambda: is_training(tmp_path / "s"), worker)
    os.kill(chief.pid, signal.SIGINT)
    for process in (chief, worker):
        _, err = process.communicate(timeout=120)
        assert process.returncode == 130, err
        assert err.count("\n") == 1 and "saved" in err
    metrics = (tmp_path / "s" / "trial-000" / "metrics.json").read_text()
    assert '"status": "interrupted"' in metrics
    assert lines(tmp_path / "s") == 0
