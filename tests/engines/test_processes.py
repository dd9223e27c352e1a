"""One run of two processes, which call each other as two machines would."""

import os
import signal
import socket
import subprocess
import time

import pytest

from tests.engines import environment
from zoo import runs

pytestmark = pytest.mark.jax

WORDS = [
    "--model=mlp", "--model_arg=hidden=16", "--norm=batch", "--dropout=0.2",
    "--train_examples=333", "--batch_size=32", "--checkpoint_every=4",
    "--summaries=none", "--run_name=run",
]  # fmt: skip
LONG = "--epochs=2000"


@pytest.fixture(scope="module")
def port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


@pytest.fixture
def begin(python, tmp_path, port):
    """Returns a function that starts a process of a run, in its own folder."""
    begun = []

    def start(number, *words, count=2, place=None):
        line = [python, "-m", "zoo", *words]
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
        process.kill()
        process.communicate()


def ended(process, code=0, timeout=400):
    """Waits for a process; returns what it said on both streams."""
    output, errors = process.communicate(timeout=timeout)
    assert process.returncode == code, output + errors
    return output, errors


def together(begin, *words, code=0):
    """Runs two processes to their end; returns what they said."""
    both = [begin(0, *words), begin(1, *words)]
    return [ended(process, code) for process in both]


def history(folder):
    run = runs.find("run", str(folder))
    return [row["loss"] for row in run.history]


def until_saved(folder, process):
    """Waits for the next checkpoint of a run."""
    last = folder / "run" / "checkpoints" / "last.npz"
    before = last.stat().st_mtime_ns if last.exists() else 0
    while not last.exists() or last.stat().st_mtime_ns == before:
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)


def test_two_processes_learn_what_one_does(begin, tmp_path):
    words = ["train", *WORDS, "--epochs=5"]
    (spoken, errors), quiet = together(begin, *words)
    ended(begin(0, *words, count=1, place="alone"))
    assert "batches shared by 2 devices in 2 processes" in spoken
    assert errors == "" and quiet == ("", "")
    assert not (tmp_path / "runs1").exists()
    one, two = (history(tmp_path / name) for name in ("runsalone", "runs0"))
    assert len(one) == 5
    assert two == pytest.approx(one, rel=1e-4)
    resolved = runs.find("run", str(tmp_path / "runs0")).resolved
    assert resolved["machine"]["processes"] == 2


def test_a_lost_process_stops_the_other_and_one_or_two_go_on(begin, tmp_path):
    first, second = (begin(n, "train", *WORDS, LONG) for n in (0, 1))
    until_saved(tmp_path / "runs0", first)
    second.send_signal(signal.SIGKILL)
    began = time.monotonic()
    _, errors = ended(first, code=4, timeout=60)
    assert time.monotonic() - began < 45
    assert errors.startswith("zoo: process 1 of 2 was lost; `")
    assert "goes on from the last checkpoint" in errors
    assert errors.count("\n") == 1

    alone = begin(0, "resume", "run", count=1)
    until_saved(tmp_path / "runs0", alone)
    alone.send_signal(signal.SIGINT)
    assert "stopped after" in ended(alone, code=130)[1]

    first, second = (begin(n, "resume", "run") for n in (0, 1))
    until_saved(tmp_path / "runs0", first)
    second.send_signal(signal.SIGINT)  # stops both, and process 0 saves
    assert "goes on" in ended(first, code=130)[1]
    assert "goes on" in ended(second, code=130)[1]
    log = (tmp_path / "runs0" / "run" / "log.txt").read_text()
    assert log.count("resuming run after") == 2


def test_losing_process_0_stops_the_others(begin, tmp_path):
    first, second = (begin(n, "train", *WORDS, LONG) for n in (0, 1))
    until_saved(tmp_path / "runs0", first)
    os.kill(first.pid, signal.SIGKILL)
    _, errors = ended(second, code=4, timeout=60)
    assert "zoo: process 0 of 2 was lost; `" in errors


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


def test_two_processes_of_one_number_are_refused(begin):
    both = [begin(0, "train", *WORDS), begin(2, "train", *WORDS, count=3)]
    for process in both:
        _, errors = ended(process, code=2)
        assert "num_processes is 3 in process 2 and 2 in process 0" in errors
