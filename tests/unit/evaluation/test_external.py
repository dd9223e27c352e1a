"""Another dataset: in the form of a run's inputs, with its classes."""

import numpy as np
import pytest
from PIL import Image

from zoo.data import load_dataset
from zoo.data.dataset import Split
from zoo.errors import UserError
from zoo.evaluation.external import (
    ExternalSplit,
    load_external,
    map_classes,
    match_channels,
)
from zoo.evaluation.test_set import load_test_split

KNOWN = ("airplane", "fire truck", "T-shirt/top")


def other(*names, numbered=False):
    nothing = Split(np.zeros((0, 4, 4, 1), np.uint8), np.zeros(0, np.int32))
    return ExternalSplit("folder:new", "all", nothing, names, numbered, None)


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
    assert map_classes(other(name), "run", KNOWN) == [label]


def test_classes_may_stand_in_another_order_and_be_fewer():
    names = other("T-shirt/top", "airplane")
    assert map_classes(names, "run", KNOWN) == [2, 0]


def test_a_class_written_exactly_so_comes_first():
    assert map_classes(other("a b", "a_b"), "run", ("a_b", "a b")) == [1, 0]


def test_a_name_that_fits_two_classes_is_refused():
    with pytest.raises(UserError, match="'A-B'.*matches a_b and a b of run"):
        map_classes(other("A-B"), "run", ("a_b", "a b"))


def test_an_unknown_class_is_named_with_the_nearest_one():
    with pytest.raises(UserError, match="'airplanes'.*did you mean airplane?"):
        map_classes(other("airplane", "airplanes"), "run", KNOWN)


def test_a_class_like_no_other_is_told_what_there_is():
    with pytest.raises(
        UserError, match="'zebra'.*its classes are airplane, fire"
    ):
        map_classes(other("zebra"), "run", KNOWN)


def test_numbers_are_the_same_classes_only_if_there_are_as_many():
    numbers = other("0", "1", "2", numbered=True)
    assert map_classes(numbers, "run", ("0", "1", "2")) == [0, 1, 2]
    with pytest.raises(UserError, match="3 classes without names.*run has 4"):
        map_classes(numbers, "run", ("0", "1", "2", "3"))


def test_numbers_are_no_names():
    numbers = other("0", "1", numbered=True)
    with pytest.raises(UserError, match="numbers for class names.*airplane"):
        map_classes(numbers, "run", KNOWN)


def test_numbers_that_were_given_as_names_may_be_fewer():
    assert map_classes(other("2", "0"), "run", ("0", "1", "2")) == [2, 0]


def save(path, count=20, shape=(6, 8), **more):
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (count, *shape), np.uint8)
    np.savez(path, x=x, y=np.arange(count) % 2, **more)
    return f"npz:{path}", x


def test_all_images_of_a_set_without_parts_are_read(tmp_path):
    name, x = save(tmp_path / "a.npz")
    found = load_external(name, None, (6, 8, 1))
    assert (found.split, found.original_shape) == ("all", (6, 8, 1))
    np.testing.assert_array_equal(found.examples.images[..., 0], x)
    assert found.labels_are_names


def test_a_part_is_cut_as_for_training_if_it_is_asked_for(tmp_path):
    name, _ = save(tmp_path / "a.npz")
    for part, expected in (
        ("test", load_test_split(name)),
        ("val", load_dataset(name).val),
        ("train", load_dataset(name).train),
    ):
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
