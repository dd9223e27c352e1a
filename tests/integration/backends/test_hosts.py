"""One run of two processes on JAX, which join as those of two hosts would."""

import os
import pathlib
import signal
import socket
import subprocess
import time

import numpy as np
import pytest

from tests.integration.backends import environment
from zoo.run_store import RunStore

pytestmark = pytest.mark.jax

WORDS = [
    "--model=mlp", "--model_arg=hidden=16", "--norm=batch", "--dropout=0.2",
    "--train_examples=333", "--batch_size=32", "--checkpoint_every=4",
    "--summaries=none", "--run_name=run",
]  # fmt: skip
LONG = "--epochs=2000"
FAILING = """
import sys
from zoo.training import replica

def fail(*args):
    raise ZeroDivisionError("the third epoch")

class Callback(replica.ReplicaCallback):
    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        if epoch == 2:
            fail()

replica.ReplicaCallback = Callback
from zoo.__main__ import main
sys.exit(main())
"""
OTHER_VERSION = """
import sys, zoo
zoo.__version__ = "9.9"
from zoo.__main__ import main
sys.exit(main())
"""


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


@pytest.fixture
def begin(python, tmp_path, port):
    """Returns a function that starts a process of a run, in its own folder."""
    begun = []

    def start(number, *words, count=2, place=None, program=("-m", "zoo")):
        line = [python, *program, *words]
        line += [f"--runs_dir={tmp_path / f'runs{place or number}'}"]
        if count > 1:
            line += [f"--coordinator=127.0.0.1:{port}"]
            line += [f"--num_processes={count}", f"--process_id={number}"]
        begun.append(
            subprocess.Popen(
                line, cwd=environment.ROOT, env=environment.variables(),
                text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
        )  # fmt: skip
        return begun[-1]

    yield start
    for process in begun:
        for child in children(process):
            os.kill(child, signal.SIGKILL)
        process.kill()
        process.communicate()


def children(process):
    """Returns the processes that a process has started."""
    folder = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}")
    if not folder.exists():
        return []
    return list(map(int, (folder / "children").read_text().split()))


def child(process):
    """Returns the process that trains, of one that waits for it."""
    [found] = children(process)
    return found


def ended(process, code=0, timeout=400):
    """Waits for a process; returns what it said on both streams."""
    output, errors = process.communicate(timeout=timeout)
    assert process.returncode == code, output + errors
    return output, errors


def lost(process):
    """Waits for a process that lost another one; returns its sentence."""
    _, errors = ended(process, code=4, timeout=40)
    assert errors.startswith("zoo: ") and errors.count("\n") == 1
    assert "resume run --runs_dir=" in errors
    return errors


def together(begin, *words, code=0):
    """Runs two processes to their end; returns what they said."""
    both = [begin(0, *words), begin(1, *words)]
    return [ended(process, code) for process in both]


def history(folder):
    run = RunStore(str(folder)).find("run")
    return [row["loss"] for row in run.history]


def until_saved(folder, process):
    """Waits for the next checkpoint of a run."""
    last = folder / "run" / "checkpoints" / "last.npz"
    before = last.stat().st_mtime_ns if last.exists() else 0
    while not last.exists() or last.stat().st_mtime_ns == before:
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)


def weights(folder):
    with np.load(folder / "run" / "checkpoints" / "last.npz") as file:
        return {name: file[name] for name in file if name != "state"}


def test_two_processes_learn_what_one_does(begin, tmp_path):
    words = ["train", *WORDS, "--epochs=5"]
    (spoken, errors), quiet = together(begin, *words)
    ended(begin(0, *words, count=1, place="alone"))
    assert "batches split over 2 devices in 2 processes" in spoken
    assert errors == "" and quiet == ("", "")
    assert not (tmp_path / "runs1").exists()
    one, two = (history(tmp_path / name) for name in ("runsalone", "runs0"))
    assert len(one) == 5
    assert two == pytest.approx(one, rel=1e-4)
    resolved = RunStore(str(tmp_path / "runs0")).find("run").resolved
    assert resolved["machine"]["processes"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("target", ["trainer", "parent"])
@pytest.mark.parametrize("name", ["SIGKILL", "SIGSTOP"])
def test_a_lost_process_ends_the_other_and_the_run_resumes(
    number, target, name, begin, tmp_path
):
    both = [begin(n, "train", *WORDS, LONG) for n in (0, 1)]
    until_saved(tmp_path / "runs0", both[0])
    victim = both[number]
    pid = victim.pid if target == "parent" else child(victim)
    os.kill(pid, getattr(signal, name))
    lost(both[1 - number])
    if name == "SIGSTOP":
        for stopped in (victim.pid, *children(victim)):
            os.kill(stopped, signal.SIGKILL)
    victim.wait(40)

    alone = begin(0, "resume", "run", count=1)
    until_saved(tmp_path / "runs0", alone)
    alone.send_signal(signal.SIGINT)
    assert "stopped after" in ended(alone, code=130)[1]


def test_a_run_that_lost_a_process_resumes_to_the_same_weights(begin, tmp_path):
    words = ["train", *WORDS, "--epochs=60"]
    both = [begin(n, *words) for n in (0, 1)]
    until_saved(tmp_path / "runs0", both[0])
    os.kill(child(both[1]), signal.SIGKILL)
    lost(both[0])
    lost(both[1])
    together(begin, "resume", "run")
    both = [begin(0, *words, place="whole"), begin(1, *words, place="none")]
    for process in both:
        ended(process)
    resumed, whole = (weights(tmp_path / f"runs{n}") for n in ("0", "whole"))
    assert list(resumed) == list(whole)
    for key, values in whole.items():
        np.testing.assert_array_equal(resumed[key], values)


def test_ctrl_c_on_either_process_saves_and_stops_both(begin, tmp_path):
    for words, number in (["train", *WORDS, LONG], 1), (["resume", "run"], 0):
        both = [begin(n, *words) for n in (0, 1)]
        until_saved(tmp_path / "runs0", both[0])
        both[number].send_signal(signal.SIGINT)
        for process in both:
            _, errors = ended(process, code=130, timeout=60)
            assert "and saved" in errors and errors.count("\n") == 1
    log = (tmp_path / "runs0" / "run" / "log.txt").read_text()
    assert log.count("resuming run after") == 1


def test_an_exception_in_one_process_ends_the_other(begin, tmp_path):
    first = begin(0, "train", *WORDS, LONG)
    second = begin(1, "train", *WORDS, LONG, program=("-c", FAILING))
    _, errors = ended(second, code=1, timeout=200)
    assert "ZeroDivisionError" in errors
    text = lost(first)
    assert "process 1 failed (ZeroDivisionError: the third epoch)" in text


def test_another_config_is_refused_before_the_first_step(begin, tmp_path):
    words = ["train", *WORDS]
    both = [begin(0, *words), begin(1, *words, "--learning_rate=0.5")]
    for process in both:
        output, errors = ended(process, code=2)
        assert "--learning_rate is 0.5 in process 1 and 0.001" in errors
        assert "start all with the same flags" in errors
        assert errors.count("\n") == 1
        assert output.count("\n") == (process is both[0])
    assert not list(tmp_path.glob("runs*/*"))


def test_another_version_is_refused(begin, tmp_path):
    first = begin(0, "train", *WORDS)
    second = begin(1, "train", *WORDS, program=("-c", OTHER_VERSION))
    for process in (first, second):
        _, errors = ended(process, code=2)
        assert "zoo is 9.9 in process 1 and " in errors
        assert errors.count("\n") == 1
    assert not list(tmp_path.glob("runs*/*"))


def test_a_command_of_another_kind_is_refused(begin, tmp_path):
    both = [begin(0, "train", *WORDS), begin(1, "resume", "run")]
    for process in both:
        _, errors = ended(process, code=2)
        assert "the command is zoo resume in process 1 and zoo train" in errors


@pytest.mark.slow
def test_processes_of_different_counts_do_not_join(begin):
    both = [begin(0, "train", *WORDS), begin(2, "train", *WORDS, count=3)]
    for process in both:
        _, errors = ended(process, code=2)
        assert "within 120 s" in errors
        assert "the same --num_processes" in errors and errors.count("\n") == 1


def test_auto_without_a_job_is_one_sentence(python, tmp_path):
    line = ["train", *WORDS, f"--runs_dir={tmp_path}", "--coordinator=auto"]
    done = environment.call(python, "-m", "zoo", *line)
    assert done.returncode == 2, done.stderr
    assert "found no job of Slurm" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_auto_takes_processes_from_slurm(python, tmp_path):
    both = []
    for number in ("0", "1"):
        slurm = {
            "SLURM_JOB_ID": "77", "SLURM_STEP_NODELIST": "localhost",
            "SLURM_NTASKS": "2", "SLURM_PROCID": number,
            "SLURM_LOCALID": number,
        }  # fmt: skip
        line = [python, "-m", "zoo", "train", *WORDS, "--epochs=2"]
        line += ["--coordinator=auto", f"--runs_dir={tmp_path / number}"]
        both.append(
            subprocess.Popen(
                line, cwd=environment.ROOT, text=True,
                env={**environment.variables(), **slurm},
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
        )  # fmt: skip
    output = [ended(process)[0] for process in both]
    assert "batches split over 2 devices in 2 processes" in output[0]
    assert output[1] == ""
