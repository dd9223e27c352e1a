"""Runs that are interrupted or killed, and come to the same end all the same.

The oracle is a run that nothing disturbed: same weights, bit for bit, same
history, same curves, same best epoch.
"""

import csv
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from tests import dying
from tests.integration.training.consoles import QUIET, Killed, KillingConsole
from zoo.config import TrainConfig
from zoo.run_store import RunStore
from zoo.training.resume import resume
from zoo.training.train import train

ROOT = Path(__file__).parents[3]
# No two runs agree on these: times, and a table with the name of the run.
OWN = ("seconds", "examples_per_second", "config")


def result(run):
    """Returns everything in which two equal runs must agree."""
    model = keras.models.load_model(run.path / "model.keras", compile=False)
    return {
        "status": run.metrics["status"],
        "best": (run.metrics["best_epoch"], run.metrics["best_val_loss"]),
        "steps": run.metrics["steps"],
        "history": history(run),
        "layer_stats": run.layer_stats,
        "curves": {
            split: curves(run, split)
            for split in ("train", "val")
            if (run.path / split).is_dir()
        },
        "weights": [weight.tobytes() for weight in model.get_weights()],
        "last": last_checkpoint(run),
    }


def history(run):
    with open(run.path / "history.csv", encoding="utf-8", newline="") as file:
        return [
            {key: cell for key, cell in row.items() if key not in OWN}
            for row in csv.DictReader(file)
        ]


def curves(run, split):
    """Returns (step, content) of every point, by tag, as TensorBoard reads."""
    events = EventAccumulator(
        str(run.path / split),
        size_guidance={"tensors": 0},
        purge_orphaned_data=False,  # it would hide what stands twice
    )
    events.Reload()
    return {
        tag: [
            (e.step, None if tag in OWN else repr(e.tensor_proto))
            for e in events.Tensors(tag)
        ]
        for tag in events.Tags()["tensors"]
    }


def last_checkpoint(run):
    with np.load(run.path / "checkpoints" / "last.npz") as file:
        return {
            name: file[name].tobytes() for name in file.files if name != "state"
        }


# Killed between any two file writes, all in this process.


def kill_at(monkeypatch, count):
    """Lets no file reach its place from the `count`-th on.

    Returns:
        The counter of files, which starts at 1.
    """
    replace, calls = os.replace, itertools.count(1)

    def dying(source, target):
        if next(calls) >= count:
            raise Killed
        replace(source, target)

    monkeypatch.setattr(os, "replace", dying)
    return calls


TO_THE_END = {
    "model": "lr",
    "epochs": 2,
    "batch_size": 512,
    "checkpoint_every": 2,
    "steps_per_execution": 1,
}
# Far too fast for its loss to fall for long.
UNTIL_PATIENCE_ENDS = {
    "model": "lr",
    "epochs": 9,
    "batch_size": 1000,
    "learning_rate": 3.0,
    "early_stopping_patience": 1,
}


@pytest.mark.parametrize(
    ("options", "status", "last"),
    # In a folder that came whole the layer statistics before training; history,
    # best, layer_stats and last checkpoint of each epoch, a checkpoint inside
    # each; the model; the metrics.
    [
        pytest.param(TO_THE_END, "completed", 15, marks=pytest.mark.slow),
        (UNTIL_PATIENCE_ENDS, "stopped_early", 3),
    ],
)
def test_a_kill_between_any_two_writes_leaves_a_run_that_ends_alike(
    tmp_path, monkeypatch, options, status, last
):
    def begin(name):
        asked = TrainConfig(runs_dir=str(tmp_path), run_name=name, **options)
        return train(asked, console=QUIET)

    writes = kill_at(monkeypatch, sys.maxsize)
    undisturbed = result(begin("undisturbed"))
    assert undisturbed["status"] == status
    count = next(writes) - 1
    assert last <= count
    for write in range(count - last + 1, count + 1):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
            kill_at(patch, write)
            begin("killed")
        run = RunStore(str(tmp_path)).find("killed")
        assert result(resume(run, console=QUIET)) == undisturbed
        shutil.rmtree(run.path)


# Killed in the second of three epochs, after a checkpoint inside it.

KINDS = {
    "class weights": {
        "model": "lr",
        "class_weight": "balanced",
        "steps_per_execution": 4,
    },
    "gradient accumulation": {"model": "lr", "gradient_accumulation_steps": 3},
    "features": {"model": "lr", "features": "hog"},
    "numbers": {"model": "mlp", "dataset": "bumps", "dropout": 0.1},
    "random labels": {
        "model": "mlp",
        "randomize_labels": 1.0,
        "val_fraction": 0.0,
    },
    "frozen layers": {
        "model": "mlp",
        "freeze": "hidden1*",
        "norm": "batch",
        "dropout": 0.3,
        "l2": 0.1,
        "weight_decay": 0.1,
        "optimizer": "momentum",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("options", KINDS.values(), ids=list(KINDS))
def test_a_killed_run_of_any_kind_ends_alike(tmp_path, options):
    common = {"steps_per_execution": 1, "checkpoint_every": 4}
    config = TrainConfig(
        epochs=3, batch_size=100, runs_dir=str(tmp_path), **common | options
    )
    whole = train(config.replace(run_name="whole"), console=QUIET)
    with pytest.raises(Killed):
        train(config.replace(run_name="killed"), console=KillingConsole(2))
    killed = RunStore(str(tmp_path)).find("killed")
    assert result(resume(killed, console=QUIET)) == result(whole)


# SIGKILL before every change that a real process makes to the disk.

EVERY_CHANGE = {
    "lr": ["--model=lr", "--epochs=1", "--summaries=scalars"],
    "mlp": ["--model=mlp", "--model_arg=hidden=16", "--epochs=1"],
}
# An mlp makes more changes than lr, of the same kinds: every sixth of them.
STRIDES = {"lr": 1, "mlp": 6}


def names(folder):
    """Returns all files below a folder, names of event files without time."""
    return sorted(
        re.sub(r"(?<=tfevents)\..*", "", str(path.relative_to(folder)))
        for path in folder.rglob("*")
    )


@pytest.mark.slow
@pytest.mark.parametrize("model", EVERY_CHANGE)
def test_a_kill_before_any_change_to_the_disk_changes_nothing(tmp_path, model):
    log, root = tmp_path / "log.txt", tmp_path / "runs"
    argv = ["train", *EVERY_CHANGE[model], "--run_name=a"]
    with dying.Server() as server:
        whole = tmp_path / "whole"
        code, count, _ = server.run([*argv, f"--runs_dir={whole}"], whole, log)
        assert code == 0, log.read_text()
        expected = result(RunStore(str(whole)).find("a"))
        changes = range(1, count + 1, STRIDES[model])
        for change in changes:
            train = [*argv, f"--runs_dir={root}"]
            code, *_ = server.run(train, root, log, kill_at=change)
            assert code == -signal.SIGKILL, log.read_text()
            again = ["resume", "a", f"--runs_dir={root}"]
            if not (root / "a").exists():  # killed before there was a run
                again = train
            code, *_ = server.run(again, root, log)
            is_finished = "is finished (completed)" in log.read_text()
            assert code == (2 if is_finished else 0), log.read_text()
            assert result(RunStore(str(root)).find("a")) == expected, change
            assert names(root) == names(whole), change
            assert not RunStore(str(root)).find("a").corrupt_files(), change
            shutil.rmtree(root)
            log.unlink()
    assert len(changes) >= {"lr": 130, "mlp": 30}[model]


# Signals to a real process.

# Everything that has a state of its own: dropout, running averages, moved
# pixels, momentum, a rate that rises and falls, averages of the weights,
# patience.
EVERYTHING = [
    "--model=mlp", "--model_arg=hidden=(32,16)", "--dropout=0.3",
    "--norm=batch", "--augment=crop", "--optimizer=nesterov",
    "--schedule=cosine", "--warmup_epochs=1.5", "--ema_momentum=0.9",
    "--norm_bias_factor=4", "--lookahead_every=5", "--deterministic",
]  # fmt: skip
# Its default recipe has whitened patches, Lookahead and alternating flips.
AIRBENCH = [
    "--model=airbench94", "--model_arg=width=4", "--epochs=4",
    "--train_examples=600", "--batch_size=50", "--deterministic",
]  # fmt: skip


def start(*argv):
    return subprocess.Popen(
        [sys.executable, "-m", "zoo", *map(str, argv)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process):
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    assert err == ""


def interrupt(process, number, epoch):
    """Sends a signal when an epoch has ended; checks the answer."""
    for line in process.stdout:
        if line.startswith(f"epoch {epoch}/"):
            break
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == 128 + number
    assert err.startswith("zoo: stopped after ") and err.count("\n") == 1
    return err


@pytest.mark.slow
def test_an_interrupted_run_says_so_and_resumes_to_the_same_bits(tmp_path):
    argv = [*EVERYTHING, "--epochs=9", f"--runs_dir={tmp_path}"]
    undisturbed = start("train", *argv, "--run_name=undisturbed")
    process = start("train", *argv, "--run_name=a")
    err = interrupt(process, signal.SIGINT, epoch=2)
    assert f"zoo resume a --runs_dir={tmp_path}` resumes it." in err
    run = RunStore(str(tmp_path)).find("a")
    assert run.status == "interrupted"
    assert 2 <= run.metrics["epochs"] < 9
    assert not (run.path / "model.keras").exists()
    interrupt(start("resume", run.path), signal.SIGTERM, epoch=5)
    assert 5 <= run.metrics["epochs"] < 9
    end(start("resume", run.path))
    end(undisturbed)
    expected = result(RunStore(str(tmp_path)).find("undisturbed"))
    assert result(run) == expected


def kill_after(process, epochs, delay):
    """Kills a process some seconds after it has ended some epochs."""
    while epochs:
        line = process.stdout.readline()
        assert line, "the run ended before it could be killed"
        epochs -= line.startswith("epoch ")
    time.sleep(delay)
    process.kill()
    process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("steps_per_execution", [1, 8])
def test_ten_kills_at_random_moments_change_nothing(
    tmp_path, steps_per_execution
):
    argv = [
        *EVERYTHING, "--epochs=60", "--early_stopping_patience=10",
        "--batch_size=16", "--checkpoint_every=8",
        f"--steps_per_execution={steps_per_execution}",
        f"--runs_dir={tmp_path}",
    ]  # fmt: skip
    began = time.monotonic()
    process = start("train", *argv, "--run_name=undisturbed")
    assert process.stdout.readline().startswith("data ")
    start_up = time.monotonic() - began
    end(process)
    undisturbed = RunStore(str(tmp_path)).find("undisturbed")
    assert undisturbed.metrics["epochs"] > 25

    moments = random.Random(steps_per_execution)
    # Two kills within start-up, the others within an epoch or at its end,
    # while histories, events and checkpoints are written.
    for epochs in [0, 1, 2, 1, 3, 0, 2, 1, 2, 1]:
        begun = (tmp_path / "killed" / "config.json").exists()
        process = (
            start("resume", "killed", f"--runs_dir={tmp_path}")
            if begun
            else start("train", *argv, "--run_name=killed")
        )
        kill_after(
            process, epochs, moments.uniform(0, 0.3 if epochs else start_up)
        )
    killed = RunStore(str(tmp_path)).find("killed")
    assert killed.status == "killed"
    assert killed.history[-1]["epoch"] >= 10
    end(start("resume", killed.path))
    assert result(killed) == result(undisturbed)


@pytest.mark.slow
def test_a_killed_run_of_airbench94_ends_as_if_it_was_not(tmp_path):
    argv = [*AIRBENCH, f"--runs_dir={tmp_path}"]
    end(start("train", *argv, "--run_name=undisturbed"))
    kill_after(start("train", *argv, "--run_name=killed"), 2, 0.2)
    runs = RunStore(str(tmp_path))
    killed = runs.find("killed")
    assert killed.status == "killed"
    end(start("resume", killed.path))
    assert result(killed) == result(runs.find("undisturbed"))
