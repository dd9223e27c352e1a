"""The small AlexNet keeps what the lectures name of the large one."""

import keras
import pytest

from zoo.errors import UserError
from zoo.models import create_model


@pytest.mark.parametrize("side, left", [(28, 2), (32, 3), (64, 7)])
def test_it_takes_images_of_28_to_64_pixels(side, left):
    model = create_model("alexnet_lite", 10, (side, side, 3))
    assert model.get_layer("pool5").output.shape == (None, left, left, 64)


def test_pooling_windows_overlap():
    model = create_model("alexnet_lite")
    for name in ("pool1", "pool2", "pool5"):
        assert model.get_layer(name).pool_size == (3, 3)
        assert model.get_layer(name).strides == (2, 2)


def test_dropout_comes_before_both_hidden_dense_layers():
    model = create_model("alexnet_lite")
    for name in ("dense6", "dense7"):
        drop = model.get_layer(f"{name}_dropout")
        assert drop.rate == 0.5
        assert model.get_layer(name).input is drop.output


def test_local_response_normalization_follows_the_first_two_layers():
    def divisions(norm):
        model = create_model("alexnet_lite", norm=norm)
        return [
            operation
            for operation in model.operations
            if not isinstance(operation, keras.layers.Layer)
            and "divide" in operation.name
        ]

    assert len(divisions("local_response")) == 2
    assert divisions("none") == []


@pytest.mark.parametrize("divisor", [0, 65])
def test_a_divisor_that_leaves_no_maps_is_refused(divisor):
    with pytest.raises(UserError, match=f"divisor={divisor}"):
        create_model("alexnet_lite", divisor=divisor)
