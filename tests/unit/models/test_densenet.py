"""Details of densely connected networks that no count shows."""

import pytest
from keras import layers

from zoo.errors import UserError
from zoo.models import create_model

SHAPE = (8, 8, 1)


def block(model, name):
    return [
        layer.name.removeprefix(f"{name}_")
        for layer in model.layers
        if layer.name.startswith(f"{name}_")
    ]


def test_each_layer_sees_all_maps_before_it():
    model = create_model("densenet13_12", 10, SHAPE)
    channels = [
        model.get_layer(f"block1_layer{index}_conv").kernel.shape[2]
        for index in (1, 2, 3)
    ]
    assert channels == [16, 28, 40]
    one, two = model.get_layer("block1_joined2").input
    assert one is model.get_layer("block1_joined1").output
    assert two is model.get_layer("block1_layer2_conv").output


def test_blocks_have_the_sizes_and_widths_of_the_paper():
    model = create_model("densenet40_12", 10, (32, 32, 3))
    shapes = [
        tuple(model.get_layer(f"block{index}_joined12").output.shape[1:])
        for index in (1, 2, 3)
    ]
    assert shapes == [(32, 32, 160), (16, 16, 304), (8, 8, 448)]


def test_batch_norm_and_relu_come_before_each_convolution():
    model = create_model("densenet10_4", 10, SHAPE, dropout=0.2)
    assert block(model, "block1_layer1") == [
        *("norm1", "activation1", "conv", "dropout")
    ]
    assert block(model, "transition1") == [
        *("norm", "activation", "conv", "dropout", "pool")
    ]
    assert isinstance(
        model.get_layer("transition1_pool"), layers.AveragePooling2D
    )


def test_the_bc_form_narrows_compresses_and_starts_wider():
    model = create_model("densenet_bc16_6", 10, SHAPE)
    assert block(model, "block1_layer1") == [
        *("norm0", "activation0", "reduce"),
        *("norm1", "activation1", "conv"),
    ]
    shapes = [
        tuple(model.get_layer(name).kernel.shape)
        for name in ("conv1", "block1_layer2_reduce", "block1_layer2_conv")
    ]
    assert shapes == [(3, 3, 1, 12), (1, 1, 18, 24), (3, 3, 24, 6)]
    # 12 + 2 * 6 maps, halved
    assert model.get_layer("transition1_conv").kernel.shape[2:] == (24, 12)


def test_there_is_a_dropout_after_each_convolution_but_the_first():
    for name, convolutions in (("densenet13_4", 11), ("densenet_bc16_4", 14)):
        model = create_model(name, 10, SHAPE, dropout=0.2)
        drops = [x for x in model.layers if isinstance(x, layers.Dropout)]
        assert len(drops) == convolutions
        for drop in drops:
            before = drop.input._keras_history.operation
            assert isinstance(before, layers.Conv2D)


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("densenet41_12", "41 is not 3n.4; the nearest are 40 and 43"),
        ("densenet4_12", "4 is not 3n.4; the least is 7"),
        ("densenet_bc43_12", "43 is not 6n.4; the nearest are 40 and 46"),
        ("densenet_bc4_12", "4 is not 6n.4; the least is 10"),
        ("densenet40_0", "densenet40_0 has a growth of 0; it must be a whole"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_the_nearest(name, sentence):
    with pytest.raises(UserError, match=sentence):
        create_model(name)
