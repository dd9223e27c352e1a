"""Resizing keeps what an image shows, channel by channel."""

import numpy as np

from zoo.data.dataset import Split
from zoo.data.loading import resize_split


def make_split(images):
    return Split(images, np.zeros(len(images), np.int32))


def test_images_of_the_right_size_are_not_touched():
    split = make_split(np.zeros((2, 8, 8, 3), np.uint8))
    assert resize_split(split, 8) is split
    assert resize_split(split, None) is split


def test_each_channel_is_resized_by_itself():
    images = np.zeros((2, 6, 8, 4), np.uint8)
    images[...] = [0, 80, 160, 255]
    found = resize_split(make_split(images), 12).images
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(
        found, np.broadcast_to([0, 80, 160, 255], (2, 12, 12, 4))
    )


def test_shrinking_averages_what_it_leaves_out():
    stripes = np.zeros((1, 32, 32, 1), np.uint8)
    stripes[:, :, ::2] = 200
    found = resize_split(make_split(stripes), 8).images
    assert abs(found[:, :, 1:-1].astype(int) - 100).max() <= 10
