"""A finished run is continued for more epochs by a new run."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)
from tensorboard.util import tensor_util

import zoo
from tests import hparams_table
from tests.integration.training.weights import assert_equal_weights
from zoo.cli.main import main
from zoo.evaluation import statistics
from zoo.runs import RunGroup
from zoo.tuning.multirun import Multirun, MultirunConfig
from zoo.tuning.multirun_checks import _is_same

ASKED = {"schedule": "constant", "summaries": ("none",), "verbose": False}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder `runs` with a finished run."""
    folder = tmp_path_factory.mktemp("extended")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        zoo.train("lr", epochs=2, **ASKED)
    return folder / "runs"


@pytest.fixture
def finished(runs, tmp_path, monkeypatch):
    """A copy of that run, in `runs` below the working directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(runs, "runs")
    return zoo.load_run("last")


def test_it_reaches_the_weights_of_a_longer_run(finished):
    before = sorted(finished.path.rglob("*"))
    assert main(["resume", finished.name, "--epochs=3"]) == 0
    extended = zoo.load_run("last")
    assert extended.name != finished.name
    assert extended.resolved["parent"]["run"] == finished.name
    assert extended.config.epochs == 3
    assert [row["epoch"] for row in extended.history] == [1, 2, 3]
    assert sorted(finished.path.rglob("*")) == before
    whole = zoo.train("lr", epochs=3, **ASKED)
    assert_equal_weights(extended, whole)


def test_as_many_epochs_or_an_unfinished_run_are_refused(finished, capsys):
    assert main(["resume", "last", "--epochs=2"]) == 2
    assert "was trained for 2 epochs" in capsys.readouterr().err
    (finished.path / "metrics.json").unlink()
    assert main(["resume", "last", "--epochs=3"]) == 2
    assert "is not finished" in capsys.readouterr().err
    assert len(zoo.list_runs()) == 1


def test_dashes_stand_for_underscores(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["train", "--model=lr", "--batch-size=64", "--steps=1"]
    assert main([*words, "--summaries=none", "--run-name=a"]) == 0
    assert zoo.load_run("a").config.batch_size == 64


def test_predictions_are_written_as_a_table(finished, tmp_path, capsys):
    images = zoo.load_dataset("digits").val.images[:5]
    np.save("x.npy", images)
    words = ["predict", finished.name, "x.npy", "--top=2"]
    assert main([*words, "--out=p.csv"]) == 0
    with open("p.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    answers = zoo.predict(finished, images, 2)
    assert [row["class"] for row in rows] == [one.classes[0] for one in answers]
    assert [float(row["probability_2"]) for row in rows] == pytest.approx(
        [one.probabilities[1] for one in answers]
    )
    assert main([*words, "--out=p.csv"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*words, "--out=p.txt"]) == 2


def test_it_knows_the_weights_it_began_with_and_can_be_resumed(finished):
    options = {**ASKED, "weights": finished.name, "learning_rate": 0.01}
    begun = zoo.train("lr", epochs=1, **options)
    extended = zoo.resume(begun, epochs=2, verbose=False)
    assert extended.resolved["weights"] == begun.resolved["weights"]
    (extended.path / "metrics.json").unlink()  # as if it had been killed
    again = zoo.resume(extended, verbose=False)
    assert len(again.history) == 2


def curve(run, tag):
    """Returns the points of a validation curve, as TensorBoard reads them."""
    events = EventAccumulator(
        str(run.path / "val"), size_guidance={"tensors": 0}
    )
    return events.Reload().Tensors(tag)


def test_tensorboard_shows_the_options_of_the_new_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {**ASKED, "summaries": ("scalars", "hparams", "config")}
    old = zoo.train("lr", epochs=1, run_name="old", **options)
    new = zoo.resume(old, epochs=2, verbose=False)
    lines = hparams_table.read(tmp_path / "runs")[2]
    epochs = {
        line.name.split("/")[0]: line.hparams["epochs"].number_value
        for line in lines
    }
    assert epochs == {"old": 1, new.name: 2}
    for run in (old, new):
        (text,) = curve(run, "config")
        (table,) = tensor_util.make_ndarray(text.tensor_proto).reshape(-1)
        assert f"| `epochs` | {run.config.epochs} |" in table.decode()
        steps = [event.step for event in curve(run, "loss")]
        assert steps == [row["step"] for row in run.history]


def test_an_extended_run_that_was_killed_continues_its_event_files(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    options = {**ASKED, "summaries": ("scalars", "hparams")}
    old = zoo.train("lr", epochs=1, **options)
    new = zoo.resume(old, epochs=3, verbose=False)
    (new.path / "metrics.json").unlink()  # as if it had been killed
    again = zoo.resume(new, verbose=False)
    steps = [event.step for event in curve(again, "loss")]
    assert steps == [row["step"] for row in again.history]


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_continued_run_is_the_config_of_a_whole_one_if_it_learns_the_same(
    tmp_path, monkeypatch, schedule
):
    monkeypatch.chdir(tmp_path)
    asked = {**ASKED, "schedule": schedule, "warmup_epochs": 0}
    begun = zoo.train("lr", epochs=1, **asked)
    extended = zoo.resume(begun, epochs=2, verbose=False)
    again = zoo.resume(extended, epochs=3, verbose=False)
    whole = zoo.train("lr", epochs=2, **asked)
    assert extended.resolved["parent"]["run"] == begun.name
    assert again.resolved["parent"]["continued_after_epochs"] == [1, 2]
    is_same = schedule == "constant"
    hashes = {statistics.config_hash(run) for run in (extended, whole)}
    assert (len(hashes) == 1) == is_same
    group = RunGroup(Path("runs/g"), "g")
    group = Multirun(group, MultirunConfig(whole.config, (0,)), ())
    inputs = statistics.input_digests(whole.resolved)
    settings = statistics.settings(whole)
    assert _is_same(group, whole, settings, inputs)
    assert _is_same(group, extended, settings, inputs) == is_same
    groups = statistics.group_by_config([extended, whole])
    different = statistics.split_options(groups)[0]
    expected = {"epochs": [["2 (continued after 1)"], [2]]}
    assert different == ({} if is_same else expected)
