"""The inception module against the paper's table of widths."""

import keras
import pytest

from zoo.models import create_model
from zoo.models.googlenet import Widths, inception_module
from zoo.models.layers import LayerFactory

# Maps in, widths, parameters: all modules of GoogLeNet. The parameters are
# those of the widths, biases included; the paper prints rounded values.
GOOGLENET = {
    "3a": (192, Widths(64, 96, 128, 16, 32, 32), 163_696),
    "3b": (256, Widths(128, 128, 192, 32, 96, 64), 388_736),
    "4a": (480, Widths(192, 96, 208, 16, 48, 64), 376_176),
    "4b": (512, Widths(160, 112, 224, 24, 64, 64), 449_160),
    "4c": (512, Widths(128, 128, 256, 24, 64, 64), 510_104),
    "4d": (512, Widths(112, 144, 288, 32, 64, 64), 605_376),
    "4e": (528, Widths(256, 160, 320, 32, 128, 128), 868_352),
    "5a": (832, Widths(256, 160, 320, 32, 128, 128), 1_043_456),
    "5b": (832, Widths(384, 192, 384, 48, 128, 128), 1_444_080),
}


def one_module(channels, widths, reduced):
    image = keras.Input((7, 7, channels))
    parts = LayerFactory(0, "he_normal")
    joined = inception_module(image, parts, "module", widths, reduced)
    return keras.Model(image, joined)


@pytest.mark.parametrize("name", GOOGLENET)
def test_reduced_modules_have_the_parameters_of_googlenet(name):
    channels, widths, parameters = GOOGLENET[name]
    model = one_module(channels, widths, reduced=True)
    maps = widths.one + widths.three + widths.five + widths.pool
    assert model.count_params() == parameters
    assert model.output_shape == (None, 7, 7, maps)


def test_the_naive_module_keeps_all_maps_and_reduces_none():
    channels, widths, _ = GOOGLENET["3a"]
    model = one_module(channels, widths, reduced=False)
    assert model.output_shape == (None, 7, 7, 64 + 128 + 32 + 192)
    assert model.count_params() == (
        (192 * 64 + 64) + (9 * 192 * 128 + 128) + (25 * 192 * 32 + 32)
    )


@pytest.mark.parametrize("modules, maps", [(1, 128), (2, 240)])
def test_one_or_two_modules_can_be_had(modules, maps):
    model = create_model("inception", 0, (8, 8, 1), modules=modules)
    assert model.output_shape == (None, maps)
