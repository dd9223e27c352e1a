"""Another data set, read in the form of a run's own inputs."""

import numpy as np
import pytest
from PIL import Image

from zoo.data import load_dataset
from zoo.data.dataset import Split
from zoo.data.elsewhere import open_elsewhere, recoloured
from zoo.data.seal import open_test
from zoo.errors import UserError


def save(path, count=20, shape=(6, 8), **more):
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (count, *shape), np.uint8)
    np.savez(path, x=x, y=np.arange(count) % 2, **more)
    return f"npz:{path}", x


def test_all_images_of_a_set_without_parts_are_read(tmp_path):
    name, x = save(tmp_path / "a.npz")
    found = open_elsewhere(name, None, (6, 8, 1))
    assert (found.part, found.came) == ("all", (6, 8, 1))
    np.testing.assert_array_equal(found.split.images[..., 0], x)
    assert found.numbered


def test_a_part_is_cut_as_for_training_if_it_is_asked_for(tmp_path):
    name, _ = save(tmp_path / "a.npz")
    for part, expected in (
        ("test", open_test(name)),
        ("val", load_dataset(name).val),
        ("train", load_dataset(name).train),
    ):
        found = open_elsewhere(name, part, (6, 8, 1))
        np.testing.assert_array_equal(found.split.images, expected.images)
        assert found.part == part


def test_a_set_with_a_test_part_keeps_it_sealed_unless_it_is_asked_for():
    found = open_elsewhere("digits", None, (8, 8, 1))
    assert (found.part, len(found.split)) == ("val", 144)
    assert not found.numbered
    assert len(open_elsewhere("digits", "test", (8, 8, 1)).split) == 360


def test_images_are_resized_as_when_they_are_read_for_training():
    found = open_elsewhere("digits", "val", (28, 28, 1))
    expected = load_dataset("digits", image_size=28).val
    np.testing.assert_array_equal(found.split.images, expected.images)
    assert found.came == (8, 8, 1)


def test_inputs_need_not_be_square(tmp_path):
    name, x = save(tmp_path / "a.npz")
    found = open_elsewhere(name, None, (12, 4, 1)).split.images[0, ..., 0]
    expected = Image.fromarray(x[0]).resize((4, 12), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(found, np.asarray(expected))


def test_pictures_of_several_sizes_are_resized(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        for side in (5, 9):
            pixels = np.full((side, side, 3), 10 * side, np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / f"{side}.png")
    found = open_elsewhere(f"folder:{tmp_path}", None, (7, 7, 3))
    assert found.split.images.shape == (4, 7, 7, 3)
    assert found.came is None
    assert set(found.split.images[:, 0, 0, 0]) == {50, 90}


def test_grey_becomes_colour_and_colour_grey():
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), np.uint8)
    split = Split(images, np.zeros(3, np.int32))
    grey = recoloured(split, 1, "a").images
    luma = images @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey[..., 0] - luma).max() <= 1
    again = recoloured(Split(grey, split.labels), 3, "a").images
    assert (again == grey).all() and again.shape == images.shape
    assert recoloured(split, 3, "a") is split


@pytest.mark.parametrize(
    ("name", "part", "shape", "words"),
    [
        ("moons", None, (28, 28, 1), "moons has points.*a data set of images"),
        ("digits", None, (2,), "digits has images.*a data set of points"),
        ("sine", None, (1,), "sine asks for numbers"),
        ("moons", "val", (5,), "2 coordinates.*trained on 5"),
        ("digits", None, (8, 8, 2), "1 channels.*trained on 2"),
    ],
)
def test_what_cannot_be_brought_into_form_is_refused(name, part, shape, words):
    with pytest.raises(UserError, match=words):
        open_elsewhere(name, part, shape)
