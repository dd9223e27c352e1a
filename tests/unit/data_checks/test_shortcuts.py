"""What gives a class away, and what only seems to."""

import dataclasses
import pickle

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import balanced_accuracy_score

from tests.unit.data.conftest import save
from tests.unit.data_checks.conftest import textures
from zoo.data_checks import inspect, read_folder
from zoo.data_checks.checks import separability


def shortcut_of(root):
    found = inspect(read_folder(str(root)))
    return [f.sentence for f in found if f.name == "spurious_features"]


def write(root, change=lambda pixels: pixels, suffix="png"):
    """Writes two classes, of which the second is changed."""
    images, labels = textures(60, classes=2)
    for i, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        if label:
            save(root / "night" / f"{i}.{suffix}", change(pixels))
        else:
            save(root / "day" / f"{i}.png", pixels)
    return root


def test_classes_that_differ_in_nothing_have_no_shortcut(tmp_path):
    assert shortcut_of(write(tmp_path)) == []


@pytest.mark.parametrize(
    "word, change, suffix",
    [
        ("Brightness", lambda pixels: pixels // 4, "png"),
        ("Format", lambda pixels: pixels, "bmp"),
        (
            "Size",
            lambda pixels: np.asarray(Image.fromarray(pixels).resize((48, 32))),
            "png",
        ),
        ("Mode", lambda pixels: pixels[..., 0], "png"),
    ],
)
def test_what_only_one_class_has_is_told(tmp_path, word, change, suffix):
    (sentence,) = shortcut_of(write(tmp_path, change, suffix))
    assert sentence.startswith(f"{word} (100%) alone separates day from night")


def test_sizes_that_all_differ_give_nothing_away(tmp_path):
    images, labels = textures(60, classes=2)
    random = np.random.default_rng(0)
    for i, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        size = tuple(random.integers(20, 200, 2).tolist())
        picture = np.asarray(Image.fromarray(pixels).resize(size))
        save(tmp_path / "ab"[label] / f"{i}.png", picture)
    assert shortcut_of(tmp_path) == []


def test_separation_is_a_balanced_accuracy_on_held_out_images():
    values = np.arange(100.0)[:, None]
    mine = np.arange(100) >= 80
    assert separability(values, mine) > 0.95
    noise = np.random.default_rng(0).normal(size=(400, 1))
    half = np.arange(400) % 2 == 0
    chance = balanced_accuracy_score(half, np.zeros(400))
    assert separability(noise, half) == pytest.approx(chance, abs=0.1)


def test_formats_that_other_processes_tell_are_compared_by_value(tmp_path):
    looked = read_folder(str(write(tmp_path, suffix="bmp")))
    copies = [pickle.loads(pickle.dumps(image)) for image in looked.images]
    told = dataclasses.replace(looked, images=tuple(copies))
    assert inspect(told) == inspect(looked)
