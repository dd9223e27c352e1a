"""Maps of a few images in a few layers."""

import types

import numpy as np

from zoo import drawing
from zoo.summaries import maps


def giving(outputs):
    """A view whose hidden layers give this of any images."""
    return types.SimpleNamespace(
        activations=lambda images: {
            name: np.repeat(output[None], len(images), axis=0)
            for name, output in outputs.items()
        }
    )


def test_images_are_of_different_classes_if_there_are_so_many():
    labels = np.array([3, 3, 1, 1, 2, 0])
    assert maps.one_of_each(labels, 4).tolist() == [0, 2, 4, 5]


def test_images_are_filled_up_where_classes_are_few():
    labels = np.array([1, 1, 1, 0])
    assert maps.one_of_each(labels, 4).tolist() == [0, 3, 1, 2]


def test_layers_are_spread_from_the_first_to_the_last():
    names = list("abcdefg")
    assert maps.spread(names, 4) == ["a", "c", "e", "g"]
    assert maps.spread(["a"], 4) == ["a"]
    assert maps.spread([], 4) == []


def test_layers_that_give_vectors_have_no_maps(snapshot, log, read):
    outputs = {"conv_activation": np.ones((4, 4, 9)), "features": np.ones(5)}
    maps.write(log, snapshot(view=giving(outputs)))
    assert list(read(log)) == ["maps/conv_activation"]


def test_channels_stand_beside_their_image_on_one_scale():
    images = np.full((1, 2, 2, 1), 255.0)
    outputs = np.zeros((1, 2, 2, 2))
    outputs[..., 1] = 4.0
    picture = maps.rows(images, outputs, "conv")
    middle = len(picture) - drawing.MARGIN - drawing.GAP - 33
    row = picture[middle, drawing.MARGIN + 33 :: 66 + drawing.GAP, 0]
    assert row[:3].tolist() == [255, 0, 255]


def test_layers_alike_for_all_break_nothing():
    images = np.zeros((2, 32, 32, 3))
    assert maps.rows(images, np.zeros((2, 1, 1, 3)), "conv").size


def test_outputs_that_are_no_numbers_break_nothing():
    outputs = np.full((2, 4, 4, 3), np.nan)
    assert len(maps.rows(np.zeros((2, 8, 8, 1)), outputs, "conv")) < 60
