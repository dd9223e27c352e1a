"""Output sizes and receptive fields, against values derived by hand."""

import keras
import numpy as np
import pytest
from keras import layers

from zoo.models import create_model
from zoo.models.windows import receptive_fields, window_of


@pytest.mark.parametrize(
    "inputs, size, stride, padding, outputs, pads, left_out",
    [
        (7, 3, 1, "valid", 5, (0, 0), 0),
        (7, 3, 1, "same", 7, (1, 1), 0),  # (f - 1)/2 keeps the size
        (28, 5, 1, "same", 28, (2, 2), 0),
        (32, 3, 2, "same", 16, (0, 1), 0),
        (32, 3, 2, "valid", 15, (0, 0), 1),  # 15.5
        (227, 11, 4, "valid", 55, (0, 0), 0),
        (224, 11, 4, "valid", 54, (0, 0), 1),  # 54.25
        (10, 1, 3, "valid", 4, (0, 0), 0),
        (12, 1, 3, "same", 4, (0, 0), 2),  # 4.67: no padding is needed
    ],
)
def test_the_output_size_is_that_of_the_formula(
    inputs, size, stride, padding, outputs, pads, left_out
):
    window = window_of(inputs, size, stride, padding)
    assert (window.outputs, window.left_out) == (outputs, left_out)
    assert (window.before, window.after) == pads
    assert window.is_whole == (left_out == 0)
    layer = layers.Conv2D(1, size, stride, padding)
    shape = layer.compute_output_shape((None, inputs, inputs, 1))
    assert shape[1] == outputs


def sizes(model):
    return {
        name: tuple(axis.size for axis in axes)
        for name, axes in receptive_fields(model).items()
    }


def test_receptive_fields_of_alexnet_are_those_derived_by_hand():
    # Araujo, Norris and Sim 2019, "Computing receptive fields of
    # convolutional neural networks": 195 pixels behind the last pooling.
    found = sizes(create_model("alexnet", 10, (227, 227, 3)))
    expected = {
        "conv1": 11,
        "pool1": 11 + 2 * 4,
        "conv2": 19 + 4 * 8,
        "pool2": 51 + 2 * 8,
        "conv3": 67 + 2 * 16,
        "conv4": 99 + 2 * 16,
        "conv5": 131 + 2 * 16,
        "pool5": 195,
    }
    assert {name: found[name][0] for name in expected} == expected


def test_the_shortcuts_of_a_residual_network_do_not_widen_its_fields():
    # 3, and 2 more for each 3x3 convolution, times 1, 2 and 4 pixels: the
    # first convolution of a group still looks at the maps of the one before.
    found = sizes(create_model("resnet20", 10, (32, 32, 3)))
    assert found["group1_block3_sum"] == (3 + 6 * 2,) * 2
    assert found["group2_block3_sum"] == (15 + 2 + 5 * 4,) * 2
    assert found["group3_block3_sum"] == (37 + 4 + 5 * 8,) * 2
    assert "features" not in found


def test_branches_of_an_inception_module_see_what_the_widest_sees():
    found = sizes(create_model("inception", 10, (32, 32, 3)))
    assert found["conv1"] == (3, 3)
    assert found["pool1"] == (5, 5)
    assert found["module1_1x1"] == (5, 5)
    assert found["module1_joined"] == (5 + 4 * 2,) * 2


def test_a_field_holds_exactly_the_pixels_with_a_gradient():
    image = keras.Input((20, 17, 1))
    x = layers.Conv2D(2, (3, 5), 2, "same", name="a")(image)
    x = layers.AveragePooling2D(3, 2, "valid", name="b")(x)
    x = layers.Conv2D(1, 2, padding="valid", dilation_rate=2, name="c")(x)
    model = keras.Model(image, x)
    for layer in (model.get_layer("a"), model.get_layer("c")):
        layer.set_weights([np.abs(w) + 0.1 for w in layer.get_weights()])
    one_pixel_each = np.eye(20 * 17).reshape(-1, 20, 17, 1)
    change = model(one_pixel_each) - model(np.zeros((1, 20, 17, 1)))
    touched = np.abs(change[:, 0, 0, 0]) > 1e-6
    seen = np.nonzero(touched.reshape(20, 17))
    # Dilation leaves holes, but the outermost pixels are those of the field.
    for pixels, axis, side in zip(
        seen, receptive_fields(model)["c"], (20, 17), strict=True
    ):
        field = np.clip(axis.pixels(0), 0, side)
        assert (pixels.min(), pixels.max() + 1) == tuple(field)
