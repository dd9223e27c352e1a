"""Runs that others are asked about: short ones, made once."""

import numpy as np
import pytest
from PIL import Image

from zoo.config import TrainConfig
from zoo.data import load_dataset
from zoo.training.console import TrainingConsole
from zoo.training.train import train


def trained(runs_dir, name, **options):
    """Trains a few updates, without summaries."""
    config = TrainConfig(
        runs_dir=str(runs_dir),
        run_name=name,
        summaries=("none",),
        **{"dataset": "digits", "steps": 8, **options},
    )
    return train(config, console=TrainingConsole(quiet=True))


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Softmax regression on the digits, right about most of them."""
    folder = tmp_path_factory.mktemp("serving")
    return trained(folder, "digits", model="lr", steps=80)


@pytest.fixture(scope="session")
def colors(tmp_path_factory):
    """A run on color images 16x16 of the classes red, green and blue."""
    folder = tmp_path_factory.mktemp("colors")
    random = np.random.default_rng(0)
    x = random.integers(0, 90, (60, 16, 16, 3), np.uint8)
    y = np.arange(60) % 3
    x[np.arange(60), :, :, y] += 150
    names = np.array(["red", "green", "blue"])
    np.savez(folder / "data.npz", x=x, y=y, class_names=names)
    return trained(
        folder, "colors", model="lr", dataset=f"npz:{folder}/data.npz"
    )


@pytest.fixture(scope="session")
def moons(tmp_path_factory):
    """A run on points in the plane."""
    folder = tmp_path_factory.mktemp("moons")
    return trained(folder, "moons", model="lr", dataset="moons")


@pytest.fixture(scope="session")
def curve(tmp_path_factory):
    """A run that predicts numbers."""
    folder = tmp_path_factory.mktemp("curve")
    return trained(folder, "curve", model="mlp", dataset="sine")


@pytest.fixture(scope="session")
def digit():
    """The validation images of the digits, uint8 `[144, 8, 8, 1]`."""
    return load_dataset("digits").val


@pytest.fixture
def picture(tmp_path):
    """Returns a function: writes pixels as a picture, and returns its path."""

    def write(pixels, name="digit.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.squeeze(pixels)).save(path)
        return path

    return write
