"""Runs whose data were moved, and runs of several sessions."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from zoo.cli.main import main
from zoo.run_store import RunStore
from zoo.training.callbacks import SaveCheckpoint


@pytest.fixture
def type_(tmp_path, monkeypatch, capfd):
    """Returns a function that types a line in a folder with `pics`."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "pics" / label).mkdir(parents=True)
        for i in range(24):
            pixels = random.integers(0, 256, (8, 8), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pics" / label / f"{i}.png")

    def typed(line):
        code = main(shlex.split(line))
        return code, "".join(capfd.readouterr())

    return typed


TRAIN = "train --model=lr --epochs=4 --dataset=folder:pics --summaries=config"


def stop_after_two_epochs(monkeypatch):
    save = SaveCheckpoint.on_epoch_end

    def save_and_ask(self, epoch, logs=None):
        save(self, epoch, logs)
        if epoch == 1:
            self.session.stop.ask()

    monkeypatch.setattr(SaveCheckpoint, "on_epoch_end", save_and_ask)


def interrupt(self, epoch, logs=None):
    raise KeyboardInterrupt


def metrics_of(name):
    return json.loads(
        Path("runs", name, "metrics.json").read_text(encoding="utf-8")
    )


def config_summary(name):
    events = EventAccumulator(f"runs/{name}/val")
    events.Reload()
    (event,) = events.Tensors("config")
    return b"".join(event.tensor_proto.string_val).decode()


def test_a_run_is_finished_with_its_data_elsewhere(
    type_, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        stop_after_two_epochs(patch)
        assert type_(f"{TRAIN} --run_name=x")[0] == 130
    first = metrics_of("x")["wall_seconds"]
    (tmp_path / "pics").rename(tmp_path / "elsewhere")
    code, answer = type_("resume x")
    assert code == 2 and "folder:pics" in answer and "relative" in answer
    assert "--data_dir=PATH" in answer
    code, answer = type_("resume x --data_dir=elsewhere")
    assert code == 0, answer
    run = RunStore("runs").find("x")
    assert len(run.history) == 4
    assert run.config.dataset == "folder:pics"  # what was asked for stays
    # The first session is not forgotten.
    assert metrics_of("x")["wall_seconds"] > first
    proposals = [
        line.partition("-m zoo ")[2]
        for line in answer.splitlines()
        if "-m zoo evaluate" in line and "--split" not in line
    ]
    assert proposals and all(type_(line)[0] == 0 for line in proposals)
    for verb in ("evaluate", "misclassified", "report"):
        code, answer = type_(f"{verb} x --data_dir=elsewhere")
        assert code == 0, answer


def test_a_resumed_run_tells_its_whole_config(type_, monkeypatch):
    type_(f"{TRAIN} --run_name=whole")
    with monkeypatch.context() as patch:
        patch.setattr(SaveCheckpoint, "on_epoch_end", interrupt)
        assert type_(f"{TRAIN} --run_name=parts")[0] == 130
    assert type_("resume parts")[0] == 0
    expected = config_summary("whole").replace("whole", "parts")
    assert "parts" in expected
    assert config_summary("parts") == expected


def test_other_data_are_refused_in_their_place(type_, tmp_path):
    assert type_(f"{TRAIN} --run_name=x")[0] == 0
    (tmp_path / "pics" / "cat" / "0.png").unlink()
    (tmp_path / "pics").rename(tmp_path / "elsewhere")
    code, answer = type_("evaluate x --data_dir=elsewhere")
    assert code == 2 and answer.count("\n") == 1
