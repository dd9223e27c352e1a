"""Resizing: cropped, padded or squashed, channel by channel."""

import keras
import numpy as np
import pytest
from PIL import Image

from tests.unit.data.conftest import save
from zoo.config import TrainConfig, parse_option
from zoo.data import image_files, load_dataset
from zoo.data.dataset import Split
from zoo.data.image_files import resize_image
from zoo.data.loading import resize_split
from zoo.errors import UserError
from zoo.resolve import resolve

# 4 high and 8 wide: a white square in the middle of black.
WIDE = np.zeros((4, 8), np.uint8)
WIDE[:, 2:6] = 255


def resized(mode, size=(4, 4)):
    return np.asarray(resize_image(Image.fromarray(WIDE), size, mode))


def test_cropping_keeps_the_middle_and_its_shape():
    assert (resized("crop") == 255).all()


def test_padding_keeps_all_between_black_edges():
    found = resized("pad")
    assert not found[0].any() and not found[3].any()
    np.testing.assert_array_equal(found[1:3] > 127, [[0, 1, 1, 0]] * 2)


def test_squashing_keeps_all_and_changes_the_ratio():
    found = resized("squash")
    np.testing.assert_array_equal(found > 127, [[0, 1, 1, 0]] * 4)


@pytest.mark.parametrize("mode", ["crop", "pad"])
def test_a_mode_is_that_of_the_layer_of_keras(mode):
    options = {f"{mode}_to_aspect_ratio": True}
    layer = keras.layers.Resizing(6, 6, **options)  # of 12 wide and 4 high
    image = np.linspace(1, 255, 4 * 12).reshape(4, 12).astype(np.uint8)
    expected = layer(image[None, ..., None].astype(np.float32))
    found = resize_image(Image.fromarray(image), (6, 6), mode)
    expected = keras.ops.convert_to_numpy(expected)[0, ..., 0]
    if mode == "crop":
        np.testing.assert_allclose(np.asarray(found), expected, atol=2)
    else:  # Pillow averages where it shrinks, Keras does not
        np.testing.assert_array_equal(np.asarray(found) > 0, expected > 0)


@pytest.mark.parametrize("mode", image_files.RESIZE_MODES)
def test_the_same_aspect_ratio_is_resized_the_same_in_each_mode(mode):
    found = resized(mode, (2, 4))
    np.testing.assert_array_equal(found, resized("squash", (2, 4)))


@pytest.fixture
def pictures(tmp_path):
    for label in ("a", "b"):
        for index in range(6):
            pixels = np.roll(WIDE, index, axis=1) // (1 + (label == "b"))
            save(tmp_path / label / f"{index}.png", pixels)
    return f"folder:{tmp_path}"


def test_image_files_are_cropped_unless_another_mode_is_given(pictures):
    default = load_dataset(pictures, image_size=4).train.images
    cropped = load_dataset(pictures, image_size=4, resize="crop").train.images
    squashed = load_dataset(pictures, image_size=4, resize="squash")
    np.testing.assert_array_equal(default, cropped)
    assert (default != squashed.train.images).any()
    assert "squashed" in squashed.notes[0]


def test_sizes_may_be_rectangular(pictures):
    size = parse_option("image_size", "8x16")
    assert size == (8, 16) == parse_option("image_size", "8,16")
    data = load_dataset(pictures, image_size=size)
    assert data.input_shape == (8, 16, 1)
    assert data.notes == ()


@pytest.mark.parametrize("text", ["1,2,3", "2x", "8,3", "big"])
def test_a_size_that_is_none_is_refused(text):
    with pytest.raises(UserError, match=r"^--image_size=.*\.$"):
        parse_option("image_size", text)


def test_a_mode_without_a_size_is_refused():
    config = TrainConfig(model="lr", resize="pad")
    with pytest.raises(UserError, match=r"--resize=pad has no effect"):
        resolve(config, load_dataset("digits"))


def make_split(images):
    return Split(images, np.zeros(len(images), np.int32))


def test_images_of_the_right_size_are_not_touched():
    split = make_split(np.zeros((2, 8, 8, 3), np.uint8))
    assert resize_split(split, 8) is split
    assert resize_split(split, None) is split


def test_each_channel_is_resized_by_itself():
    color = [0, 80, 160, 255]
    images = np.full((2, 6, 8, 4), color, np.uint8)
    found = resize_split(make_split(images), 12).images
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.full((2, 12, 12, 4), color))


def test_shrinking_averages_what_it_leaves_out():
    stripes = np.zeros((1, 32, 32, 1), np.uint8)
    stripes[:, :, ::2] = 200
    found = resize_split(make_split(stripes), 8).images
    assert abs(found[:, :, 1:-1].astype(int) - 100).max() <= 10
