"""Groups that are killed with all their processes, and typed again."""

import json
import os
import signal
import time

import keras
import pytest

from tests.integration.tuning.test_killed_sweeps import end, start

ARGV = [
    "vary", "--model=lr", "--epochs=2", "--deterministic", "--seeds=2",
    "--learning_rate=0.001,0.1", "--workers=2", "--run_name=g",
]  # fmt: skip


def begin(root):
    """Starts the group, and waits until one of its runs has ended."""
    process = start(*ARGV, f"--runs_dir={root}")
    for line in process.stdout:
        if line.startswith("1 of 4"):
            break
    return process


def result(root):
    """Returns weights, bit for bit, and the numbers that have no clock."""
    found = json.loads((root / "g" / "vary.json").read_text())
    for row in (*found["runs"], *found["values"]):
        del row["wall_seconds"]
    weights = {
        row["run"]: [
            weight.tobytes()
            for weight in keras.models.load_model(
                root / row["run"] / "model.keras", compile=False
            ).get_weights()
        ]
        for row in found["runs"]
    }
    return found, weights


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there are no process groups")
def test_a_killed_group_typed_again_repeats_nothing_and_ends_alike(tmp_path):
    undisturbed = tmp_path / "undisturbed"
    end(start(*ARGV, f"--runs_dir={undisturbed}"))
    killed = tmp_path / "killed"
    process = begin(killed)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    done = {
        path.parent: path.stat().st_mtime_ns
        for path in killed.glob("g/*/*/metrics.json")
    }
    assert 1 <= len(done) < 4
    out = end(start(*ARGV, f"--runs_dir={killed}"))
    assert f"{4 - len(done)} to train" in out
    for folder, moment in done.items():
        assert (folder / "metrics.json").stat().st_mtime_ns == moment
    assert result(killed) == result(undisturbed)


@pytest.mark.slow
def test_an_interrupted_group_says_so_and_is_resumed_by_name(tmp_path):
    process = begin(tmp_path)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err.startswith("zoo: stopped with ") and err.count("\n") == 1
    assert f"zoo resume g --runs_dir={tmp_path}` continues." in err
    assert "exist already" in end(start("resume", tmp_path / "g"))
