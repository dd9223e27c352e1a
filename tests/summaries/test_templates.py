"""Templates are the columns of the first kernel, as images."""

import types

import numpy as np
import pytest

from zoo import drawing
from zoo.summaries import templates


def looking_at(*shape):
    return types.SimpleNamespace(
        body=types.SimpleNamespace(input_shape=(None, *shape))
    )


def test_a_template_is_a_column_of_the_kernel_in_the_images_shape():
    kernel = np.arange(24.0).reshape(12, 2)
    layer, images = templates.first_dense({"logits": kernel}, (2, 2, 3))
    assert layer == "logits"
    assert images[1, 0, 1].tolist() == [7.0, 9.0, 11.0]


def test_scales_of_a_norm_are_no_kernel():
    weights = {"norm": np.ones(4), "dense": np.ones((4, 3))}
    assert templates.first_dense(weights, (2, 2, 1))[0] == "dense"


@pytest.mark.parametrize(
    "weights",
    [
        {},
        {"conv": np.ones((3, 3, 1, 2)), "logits": np.ones((4, 3))},
        {"hidden": np.ones((5, 3))},
    ],
)
def test_layers_that_see_something_else_than_pixels_have_none(weights):
    assert templates.first_dense(weights, (2, 2, 1)) is None


def tile_pixels(picture, size):
    """The first tile's pixels, one for each weight; tiles are 100 wide."""
    top = len(picture) - drawing.MARGIN - drawing.GAP - 100
    left = drawing.MARGIN
    step = 100 // size
    return picture[top : top + 100 : step, left : left + 100 : step]


def test_grey_templates_are_blue_below_zero_and_red_above():
    kernel = np.array([[-1.0, 0.0], [0.5, 1.0]]).reshape(1, 2, 2, 1)
    pixels = tile_pixels(templates.picture(kernel, "hidden1", ()), 2)
    assert pixels[0, 0].tolist() == drawing.BELOW_ZERO.tolist()
    assert pixels[0, 1].tolist() == [255, 255, 255]
    limit = np.percentile([1, 0, 0.5, 1], templates.SHARE)
    expected = 255 + (drawing.ABOVE_ZERO - 255) * (0.5 / limit)
    np.testing.assert_allclose(pixels[1, 0], expected, atol=1)


def test_colour_templates_are_grey_at_zero():
    kernel = np.zeros((1, 2, 2, 3))
    kernel[0, 0, 0] = [1, -1, 0]
    pixels = tile_pixels(templates.picture(kernel, "hidden1", ()), 2)
    assert pixels[0, 0].tolist() == [255, 0, 128]
    assert pixels[1, 1].tolist() == [128, 128, 128]


@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3), (6, 6, 2)])
@pytest.mark.parametrize("units", [1, 10, 100])
def test_they_are_written_for_any_data(shape, units, snapshot, log, read):
    kernel = np.random.default_rng(0).normal(size=(np.prod(shape), units))
    names = tuple(map(str, range(units)))
    templates.write(
        log,
        snapshot(
            view=looking_at(*shape),
            weights={"logits": kernel},
            class_names=names,
        ),
    )
    ((step, value),) = read(log)["templates"]
    assert step == 3 and int(value[0]) <= 640


def test_networks_without_any_write_nothing(snapshot, log, read):
    weights = {"conv1": np.ones((3, 3, 1, 2))}
    templates.write(log, snapshot(view=looking_at(2, 2, 1), weights=weights))
    assert not read(log)


def test_weights_that_are_no_numbers_break_nothing(snapshot, log, read):
    weights = {"logits": np.full((4, 3), np.nan)}
    templates.write(log, snapshot(view=looking_at(2, 2, 1), weights=weights))
    assert int(read(log)["templates"][0][1][1]) < 60


def test_weights_that_are_all_zero_break_nothing():
    assert templates.picture(np.zeros((3, 2, 2, 1)), "x", ()).size
