"""Filters are the first convolution's kernels."""

import numpy as np
import pytest

from zoo import drawing
from zoo.summaries import filters


def test_the_first_convolution_is_shown_under_its_name(snapshot, log, read):
    weights = {
        "dense": np.ones((4, 4)),
        "conv1": np.ones((3, 3, 1, 6)),
        "conv2": np.ones((3, 3, 6, 6)),
    }
    filters.write(log, snapshot(weights=weights))
    assert list(read(log)) == ["filters/conv1"]


def test_networks_without_convolutions_write_nothing(snapshot, log, read):
    filters.write(log, snapshot(weights={"logits": np.ones((4, 3))}))
    assert not read(log)


def test_pixels_are_the_weights_from_black_over_grey_to_white():
    kernel = np.array([[-2.0, 0.0], [1.0, 2.0]]).reshape(2, 2, 1, 1)
    picture = filters.picture(kernel, "conv1")
    top = len(picture) - drawing.MARGIN - drawing.GAP - 84
    tile = picture[top : top + 84 : 42, drawing.MARGIN :][:, :84:42, 0]
    assert tile.tolist() == [[0, 128], [191, 255]]


@pytest.mark.parametrize("channels", [1, 2, 3, 16])
@pytest.mark.parametrize("count", [1, 16, 300])
def test_filters_of_any_number_and_depth_are_drawn(channels, count):
    kernel = np.random.default_rng(0).normal(size=(3, 3, channels, count))
    assert filters.picture(kernel, "conv1").shape[1] <= 640


def test_weights_that_are_no_numbers_break_nothing():
    kernel = np.full((3, 3, 1, 2), np.nan)
    assert len(filters.picture(kernel, "conv1")) < 60
