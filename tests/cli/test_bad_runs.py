"""Runs that cannot do what is asked of them, told in one sentence."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest

from zoo import pretrained
from zoo.cli.main import main
from zoo.config import TrainConfig
from zoo.training.console import TrainingConsole
from zoo.training.train import train


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run that trained to its end."""
    runs_dir = tmp_path_factory.mktemp("runs")
    config = TrainConfig(
        model="lr", steps=8, batch_size=128, runs_dir=str(runs_dir)
    )
    return train(config, console=TrainingConsole(quiet=True)).path


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished run, named `done`, in `tmp_path`/runs."""
    copy = shutil.copytree(finished, tmp_path / "runs" / "done")
    (copy / "report.html").touch()
    return copy


@pytest.fixture
def killed(copy):
    """The same run, as if killed before it could write its result."""
    (copy / "metrics.json").unlink()
    (copy / "model.keras").unlink()
    return copy


def test_a_finished_run_is_not_resumed(answer, copy):
    sentence = answer("resume", "done")
    assert "finished (completed)" in sentence
    assert f"--like={copy.name} --runs_dir={copy.parent}" in sentence


def test_a_name_that_is_taken_is_refused(answer, copy):
    sentence = answer("train", "--model=lr", "--run_name=done")
    assert "'done'" in sentence and "already" in sentence


def test_the_name_of_a_folder_that_is_no_run_is_refused(answer, copy):
    (copy.parent / "mine").mkdir()
    sentence = answer("train", "--model=lr", "--run_name=mine")
    assert "mine exists already, and is not a run" in sentence


def test_a_name_inside_another_run_is_refused(answer, copy):
    sentence = answer("train", "--model=lr", "--run_name=done/config.json/x")
    assert "--run_name=done/config.json/x" in sentence


HOLD = """
import sys
from pathlib import Path
from zoo.runs import Run, RunWriter
with RunWriter(Run(Path(sys.argv[1]), "done")).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_run_at_work_in_another_process_is_not_resumed(answer, killed):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(killed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        assert "running in another process" in answer("resume", "done")
        holder.stdin.close()


def _truncate(path):
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("checkpoints/last.npz", _truncate),
        ("checkpoints/last.npz", lambda path: path.write_bytes(b"garbage")),
        (
            "checkpoints/last.npz",
            lambda path: np.savez(path, weights=np.zeros(3)),
        ),
        ("resolved.json", lambda path: path.write_text("garbage")),
        ("resolved.json", lambda path: path.unlink()),
        ("config.json", lambda path: path.write_text("{")),
        ("config.json", lambda path: path.write_bytes(b"\xff")),
    ],
)
def test_a_damaged_run_is_not_resumed(answer, killed, name, damage):
    damage(killed / name)
    sentence = answer("resume", "done")
    assert f"{killed / name}" in sentence or f": {name}" in sentence
    assert "corrupt" in sentence


def test_a_run_of_another_format_is_not_read(answer, killed):
    text = (killed / "resolved.json").read_text()
    newer = text.replace('"format": 1', '"format": 2')
    (killed / "SHA256SUMS").unlink()
    (killed / "resolved.json").write_text(newer)
    assert "format 2" in answer("resume", "done")


def test_a_folder_that_is_no_run_is_not_resumed(answer, copy):
    (copy / "config.json").unlink()
    assert "no config.json" in answer("resume", str(copy))


def test_a_run_that_is_not_finished_is_not_scored(answer, killed):
    sentence = answer("evaluate", "done")
    assert "no model.keras" in sentence and "killed" in sentence


def test_a_trial_whose_model_was_not_kept_is_told_how_to_come_back(
    answer, copy
):
    (copy / "model.keras").unlink()
    sentence = answer("evaluate", "done")
    assert f"--flagfile={copy}/flags.txt` trains it again" in sentence


def test_a_model_file_that_is_damaged_is_named(answer, copy):
    _truncate(copy / "model.keras")
    assert "model.keras" in answer("evaluate", "done")


def test_a_run_without_validation_images_is_not_scored_on_them(
    answer, tmp_path
):
    config = TrainConfig(
        model="lr",
        steps=1,
        val_fraction=0,
        runs_dir=str(tmp_path / "runs"),
        run_name="done",
    )
    train(config, console=TrainingConsole(quiet=True))
    assert "--split=train or --split=test" in answer("evaluate", "done")


@pytest.mark.parametrize("verb", ["evaluate", "compare"])
def test_a_run_that_is_named_twice_is_refused(answer, copy, verb):
    sentence = answer(verb, "done", "do")
    assert sentence.startswith("'do' names done a second time")


def test_runs_are_not_compared_into_a_picture_of_no_kind(answer, copy):
    shutil.copytree(copy, copy.with_name("two"))
    sentence = answer("compare", "done", "two", "--plot=curves")
    assert "--plot=curves.png" in sentence


def test_a_damaged_ledger_is_named_and_nothing_is_shown(answer, copy):
    ledger = copy.parent / "test_evaluations.jsonl"
    ledger.write_text("no look\n")
    sentence = answer("evaluate", "done", "--split=test")
    assert f"{ledger} is corrupt: line 1" in sentence


def test_a_prefix_of_several_runs_is_refused(answer, copy):
    shutil.copytree(copy, copy.with_name("donkey"))
    assert "matches 2 runs" in answer("resume", "don")


def test_the_answer_of_a_resume_elsewhere_can_be_typed_as_it_stands(
    answer, copy
):
    command = re.search("zoo (.*)`", answer("resume", "done")).group(1)
    assert main([*shlex.split(command), "--run_name=again"]) == 0
    assert (copy.parent / "again" / "model.keras").exists()


def test_a_diverged_run_is_not_told_to_resume(answer, killed):
    (killed / "SHA256SUMS").unlink()
    metrics = {**pretrained.find("lr:mnist").metrics, "status": "diverged"}
    (killed / "metrics.json").write_text(json.dumps(metrics))
    sentence = answer("evaluate", "done")
    assert "diverged" in sentence and "zoo diagnose done" in sentence
    assert "resume" not in sentence
