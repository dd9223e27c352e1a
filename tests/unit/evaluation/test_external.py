"""Another dataset: in the form of a run's inputs, with its classes."""

import types

import numpy as np
import pytest
from PIL import Image

from zoo.data import load_dataset
from zoo.data.dataset import Split
from zoo.errors import UserError
from zoo.evaluation import external
from zoo.evaluation.external import (
    ExternalSplit,
    load_external,
    map_classes,
    match_channels,
    original_accuracies,
)
from zoo.evaluation.test_set import load_test_split

KNOWN = ("airplane", "fire truck", "T-shirt/top")


def labels_of(names, known, numbered=False):
    nothing = Split(np.zeros((0, 4, 4, 1), np.uint8), np.zeros(0, np.int32))
    new = ExternalSplit("folder:new", "all", nothing, names, numbered, None)
    return map_classes(new, "run", known)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("airplane", 0),
        ("AirPlane", 0),
        ("fire_truck", 1),
        ("Fire-Truck", 1),
        ("firetruck", 1),
        ("T-shirt_top", 2),
    ],
)
def test_case_and_separators_do_not_matter(name, label):
    assert labels_of([name], KNOWN) == [label]


@pytest.mark.parametrize(
    ("names", "known"),
    [(["T-shirt/top", "airplane"], KNOWN), (["2", "0"], ["0", "1", "2"])],
)
def test_classes_may_stand_in_another_order_and_be_fewer(names, known):
    assert labels_of(names, known) == [2, 0]


def test_a_class_written_exactly_so_comes_first():
    assert labels_of(["a b", "a_b"], ("a_b", "a b")) == [1, 0]


def test_as_many_numbers_are_the_same_classes():
    assert labels_of(list("012"), list("012"), numbered=True) == [0, 1, 2]


@pytest.mark.parametrize(
    ("names", "known", "numbered", "words"),
    [
        (["A-B"], ("a_b", "a b"), False, "'A-B'.*matches a_b and a b of run"),
        (["airplane", "airplanes"], KNOWN, False, "'airplanes'.*mean airplane"),
        (["zebra"], KNOWN, False, "'zebra'.*its classes are airplane, fire"),
        (list("012"), list("0123"), True, "3 classes without names.*has 4"),
        (list("01"), KNOWN, True, "numbers for class names.*airplane"),
    ],
    ids=["of two", "misspelled", "unknown", "fewer numbers", "not named"],
)
def test_a_class_that_cannot_be_found_is_refused(names, known, numbered, words):
    with pytest.raises(UserError, match=words):
        labels_of(names, known, numbered)


def save(path):
    x = np.random.default_rng(0).integers(0, 256, (20, 6, 8), np.uint8)
    np.savez(path, x=x, y=np.arange(20) % 2)
    return f"npz:{path}", x


def test_all_images_of_a_set_without_parts_are_read(tmp_path):
    name, x = save(tmp_path / "a.npz")
    found = load_external(name, None, (6, 8, 1))
    assert (found.split, found.original_shape) == ("all", (6, 8, 1))
    np.testing.assert_array_equal(found.examples.images[..., 0], x)
    assert found.labels_are_names


def test_a_part_is_cut_as_for_training_if_it_is_asked_for(tmp_path):
    name, _ = save(tmp_path / "a.npz")
    data, test = load_dataset(name), load_test_split(name)
    parts = {"train": data.train, "val": data.val, "test": test}
    for part, expected in parts.items():
        found = load_external(name, part, (6, 8, 1))
        np.testing.assert_array_equal(found.examples.images, expected.images)
        assert found.split == part


def test_a_set_with_a_test_part_keeps_it_held_out_unless_asked_for():
    found = load_external("digits", None, (8, 8, 1))
    assert (found.split, len(found.examples)) == ("val", 144)
    assert not found.labels_are_names
    assert len(load_external("digits", "test", (8, 8, 1)).examples) == 360


def test_images_are_resized_as_when_they_are_read_for_training():
    found = load_external("digits", "val", (28, 28, 1))
    expected = load_dataset("digits", image_size=28).val
    np.testing.assert_array_equal(found.examples.images, expected.images)
    assert found.original_shape == (8, 8, 1)


def test_inputs_need_not_be_square(tmp_path):
    name, x = save(tmp_path / "a.npz")
    squashed = load_external(name, None, (12, 4, 1), resize="squash")
    found = squashed.examples.images[0, ..., 0]
    expected = Image.fromarray(x[0]).resize((4, 12), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(found, np.asarray(expected))


def test_pictures_of_several_sizes_are_resized(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        for side in (5, 9):
            pixels = np.full((side, side, 3), 10 * side, np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / f"{side}.png")
    found = load_external(f"folder:{tmp_path}", None, (7, 7, 3))
    assert found.examples.images.shape == (4, 7, 7, 3)
    assert found.original_shape is None
    assert set(found.examples.images[:, 0, 0, 0]) == {50, 90}


def test_gray_becomes_color_and_color_gray():
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), np.uint8)
    split = Split(images, np.zeros(3, np.int32))
    gray = match_channels(split, 1, "a").images
    luma = images @ np.array([0.299, 0.587, 0.114])
    assert np.abs(gray[..., 0] - luma).max() <= 1
    again = match_channels(Split(gray, split.labels), 3, "a").images
    assert (again == gray).all() and again.shape == images.shape
    assert match_channels(split, 3, "a") is split


@pytest.mark.parametrize(
    ("name", "part", "shape", "words"),
    [
        ("moons", None, (28, 28, 1), "moons has points.*a dataset of images"),
        ("digits", None, (2,), "digits has images.*a dataset of points"),
        ("sine", None, (1,), "sine is a regression"),
        ("moons", "val", (5,), "2 coordinates.*training 5"),
        ("digits", None, (8, 8, 2), "1 channels.*training 2"),
    ],
)
def test_what_cannot_be_brought_into_form_is_refused(name, part, shape, words):
    with pytest.raises(UserError, match=words):
        load_external(name, part, shape)


@pytest.mark.parametrize(
    ("recorded", "split", "used"),
    [
        (["test val", "val"], "val", [True, True]),
        (["test val", "test val"], "test", [True, True]),
        (["test", "test", "val"], "test", [True, True, False]),
        (["test", "val", "val"], "val", [False, True, True]),
        (["test", ""], "test", [True, False]),
        (["val"], "val", [True]),
    ],
)
def test_original_accuracies_are_of_the_split_that_most_runs_have(
    monkeypatch, recorded, split, used
):
    monkeypatch.setattr(
        external,
        "_recorded_accuracies",
        lambda run, _: {each: {"split": each} for each in run.recorded.split()},
    )
    runs = [types.SimpleNamespace(name="net", recorded=r) for r in recorded]
    found = original_accuracies(runs, "runs")
    expected = [{"split": split} if each else None for each in used]
    assert [original for original, _ in found] == expected
    for original, notes in found:
        assert original or " of net " in notes[0]
