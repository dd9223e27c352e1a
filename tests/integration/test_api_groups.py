"""Groups of runs as functions: sweeps, varied options, suites, clusters."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import zoo
from zoo.errors import UserError
from zoo.evaluation.statistics import first_of_each_seed, group_by_config


@pytest.fixture(autouse=True)
def data_dir(tmp_path_factory, monkeypatch):
    """Arrays are cached in a folder of this test alone."""
    folder = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))


def test_a_sweep_and_a_varied_option_return_their_results(tmp_path):
    runs_dir = {"runs_dir": str(tmp_path), "verbose": False}
    swept = zoo.sweep(
        "lr", space={"l2": [0.0, 0.01]}, tuner="grid", retrain_seeds=0,
        steps=4, summaries=("none",), **runs_dir,
    )  # fmt: skip
    assert swept["trials"] == 2 and "best trial" in str(swept)
    config = zoo.TrainConfig(
        model="lr", steps=4, summaries=("none",), runs_dir=str(tmp_path)
    )
    varied = zoo.vary(config, l2=[0.0, 0.1], **runs_dir)
    assert len(varied["runs"]) == 2


def test_runs_are_varied_in_the_folder_of_their_config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = zoo.TrainConfig(
        model="lr", steps=4, summaries=("none",), runs_dir="elsewhere"
    )
    zoo.vary(config, l2=[0.0, 0.1], verbose=False)
    assert len(zoo.list_runs("elsewhere")) == 2
    assert not Path("runs").exists()


def test_groups_refuse_what_they_cannot_take(tmp_path):
    options = {"steps": 4, "runs_dir": str(tmp_path)}
    with pytest.raises(UserError, match="takes data by name or as arrays"):
        zoo.sweep("lr", zoo.load_dataset("digits"), **options)
    with pytest.raises(UserError, match="did you mean dropout"):
        zoo.vary(zoo.TrainConfig(), dropuot=[0.1, 0.2], **options)
    assert list(tmp_path.iterdir()) == []


def test_suites_are_listed_and_others_refused(tmp_path):
    listed = zoo.reproduce()
    assert "seconds" in listed["lecture"] and "recipes: " in str(listed)
    with pytest.raises(UserError, match="did you mean lecture"):
        zoo.reproduce("lectur", runs_dir=str(tmp_path))
    with pytest.raises(UserError, match="budget=tiny is not a budget"):
        zoo.reproduce("lecture", "tiny", runs_dir=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_model_from_python_cannot_be_trained_by_other_processes(tmp_path):
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    data = np.zeros((30, 6, 6, 1), np.uint8), np.arange(30) % 3
    options = {"runs_dir": str(tmp_path), "verbose": False}
    run = zoo.train(model, data, steps=2, summaries=("none",), **options)
    with pytest.raises(UserError, match="model='net.py:build'"):
        zoo.vary(run, learning_rate=[0.01, 0.001], **options)
    assert [path.name for path in tmp_path.iterdir()] == [run.name]


def test_a_trained_model_is_another_config_and_a_new_draw_a_seed(tmp_path):
    data = np.zeros((30, 6, 6, 1), np.uint8), np.arange(30) % 3

    def run_from(seed, bias=0.0):
        keras.utils.set_random_seed(seed)
        layers = [keras.layers.Flatten(), keras.layers.Dense(3)]
        image = keras.Input((6, 6, 1))
        model = keras.Sequential([image, *layers], name="mine")
        layers[1].bias.assign_add([bias, 0.0, 0.0])
        return zoo.train(
            model, data, steps=2, summaries=("none",), verbose=False,
            runs_dir=str(tmp_path),
        )  # fmt: skip

    runs = [run_from(1), run_from(2), run_from(2), run_from(1, bias=0.1)]
    drawn, trained = group_by_config(runs)
    assert first_of_each_seed(drawn) == runs[:2]
    assert trained == runs[3:]


@pytest.mark.slow
def test_a_suite_returns_the_runs_of_its_recipes(tmp_path):
    options = {"verbose": False, "runs_dir": str(tmp_path)}
    found = zoo.reproduce("plane", "smoke", **options)
    (run,) = found["spiral_mlp"]["runs"]
    assert run["status"] == "completed" and "spiral_mlp" in str(found)
    again = zoo.reproduce("plane", "smoke", **options)  # trains nothing
    assert again["spiral_mlp"]["runs"] == [run]


def test_a_sweep_and_a_varied_option_reach_for_the_cluster(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "ray", None)  # as where it is missing
    options = {"steps": 4, "runs_dir": str(tmp_path), "cluster": "auto"}
    with pytest.raises(UserError, match="needs Ray"):
        zoo.sweep("lr", space={"l2": [0.0, 0.1]}, **options)
    config = zoo.TrainConfig(model="lr")
    with pytest.raises(UserError, match="needs Ray"):
        zoo.vary(config, l2=[0.0, 0.1], **options)
    options["cluster"] = "nowhere"
    with pytest.raises(UserError, match="nowhere is not an address"):
        zoo.vary(config, l2=[0.0, 0.1], **options)
    del options["steps"]
    with pytest.raises(UserError, match="nowhere is not an address"):
        zoo.reproduce("lecture", **options)
    assert list(tmp_path.iterdir()) == []
