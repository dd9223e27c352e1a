"""Runs that cannot do what is asked of them, told in one sentence."""

import json
import os
import re
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image

from zoo import pretrained
from zoo.cli.main import main
from zoo.config import TrainConfig
from zoo.runs import Run, RunWriter
from zoo.training.console import TrainingConsole
from zoo.training.train import train


@pytest.fixture
def killed(copy):
    """A run as if killed before it could write its result."""
    (copy / "metrics.json").unlink()
    (copy / "model.keras").unlink()
    return copy


def test_a_finished_run_is_not_resumed_but_repeated_by_what_is_printed(
    answer, copy
):
    sentence = answer("resume", "done")
    assert "finished (completed)" in sentence
    command = re.search("zoo (.*)`", sentence).group(1)
    assert main([*shlex.split(command), "--run_name=again"]) == 0
    assert (copy.parent / "again" / "model.keras").exists()


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


def test_a_single_run_is_not_resumed_on_a_cluster(answer, copy):
    sentence = answer("resume", "done", "--cluster=auto")
    assert "--cluster=auto has no effect on a single run" in sentence


def test_a_run_at_work_elsewhere_is_not_resumed(answer, killed):
    with RunWriter(Run(killed, "done")).lock():
        assert "running in another process" in answer("resume", "done")


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


@pytest.mark.parametrize(
    "line", ["resume done", "report done", "export done", "predict done x.png"]
)
def test_a_run_of_another_format_is_not_read(answer, killed, line):
    text = (killed / "resolved.json").read_text()
    newer = text.replace('"format": 1', '"format": 2')
    (killed / "SHA256SUMS").unlink()
    (killed / "resolved.json").write_text(newer)
    assert "format 2" in answer(*line.split())


@pytest.mark.parametrize("verb", ["resume", "report"])
def test_a_folder_that_is_no_run_is_named(answer, copy, verb):
    (copy / "config.json").unlink()
    assert "no config.json" in answer(verb, str(copy))


@pytest.mark.parametrize(
    "line", ["evaluate done", "export done", "predict done {here}/x.png"]
)
def test_a_run_that_is_not_finished_has_no_model(
    answer, killed, tmp_path, line
):
    Image.new("L", (8, 8)).save(tmp_path / "x.png")
    sentence = answer(*line.format(here=tmp_path).split())
    assert "no model.keras" in sentence and "zoo resume" in sentence


def test_a_trial_whose_model_was_not_kept_is_told_how_to_come_back(
    answer, copy
):
    (copy / "model.keras").unlink()
    sentence = answer("evaluate", "done")
    assert f"--flagfile={copy}/flags.txt` trains it again" in sentence


def test_a_run_without_validation_images_is_not_scored_on_them(
    answer, tmp_path
):
    config = TrainConfig(
        model="lr", steps=1, val_fraction=0, run_name="done",
        runs_dir=str(tmp_path / "runs"),
    )  # fmt: skip
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


def test_a_diverged_run_is_not_told_to_resume(answer, killed):
    (killed / "SHA256SUMS").unlink()
    metrics = {**pretrained.find("lr:mnist").metrics, "status": "diverged"}
    (killed / "metrics.json").write_text(json.dumps(metrics))
    sentence = answer("evaluate", "done")
    assert "diverged" in sentence and "zoo diagnose done" in sentence
    assert "resume" not in sentence
