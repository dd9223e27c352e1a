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


def test_the_full_net_has_the_map_sizes_of_the_paper():
    model = create_model("alexnet", 10, initializer="equal")
    names = ("conv1", "pool1", "conv2", "pool2", "conv3", "conv5", "pool5")
    shapes = [tuple(model.get_layer(n).output.shape[1:]) for n in names]
    assert shapes == [
        (55, 55, 96),
        (27, 27, 96),
        (27, 27, 256),
        (13, 13, 256),
        (13, 13, 384),
        (13, 13, 256),
        (6, 6, 256),
    ]


def test_two_groups_split_the_maps_of_three_layers():
    options = {"groups": 2, "initializer": "equal"}
    model = create_model("alexnet", 10, (67, 67, 3), **options)
    groups = [model.get_layer(f"conv{index}").groups for index in range(1, 6)]
    assert groups == [1, 2, 1, 2, 2]


def test_67_pixels_are_the_least_that_leave_one():
    model = create_model("alexnet", 10, (67, 67, 3), initializer="equal")
    assert model.get_layer("pool5").output.shape == (None, 1, 1, 256)
    with pytest.raises(UserError, match="at least 67x67 pixels, not 66x66"):
        create_model("alexnet", 10, (66, 66, 3))
