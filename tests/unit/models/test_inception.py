"""The naive inception module; test_googlenet has the reduced ones."""

import keras
import pytest

from zoo.models import create_model
from zoo.models.googlenet import Widths, inception_module
from zoo.models.layers import LayerFactory


def test_the_naive_module_keeps_all_maps_and_reduces_none():
    image = keras.Input((7, 7, 192))
    widths = Widths(64, 96, 128, 16, 32, 32)
    parts = LayerFactory(0, "he_normal")
    joined = inception_module(image, parts, "module", widths, reduced=False)
    model = keras.Model(image, joined)
    assert model.output_shape == (None, 7, 7, 64 + 128 + 32 + 192)
    assert model.count_params() == (
        (192 * 64 + 64) + (9 * 192 * 128 + 128) + (25 * 192 * 32 + 32)
    )


@pytest.mark.parametrize("modules, maps", [(1, 128), (2, 240)])
def test_one_or_two_modules_can_be_had(modules, maps):
    model = create_model("inception", 0, (8, 8, 1), modules=modules)
    assert model.output_shape == (None, maps)
