"""Details of residual and plain networks that no count shows."""

import keras
import numpy as np
import pytest
from keras import layers

from zoo.errors import UserError
from zoo.models import create_model

SHAPE = (8, 8, 1)


def make(name="resnet14", **options):
    return create_model(name, 10, SHAPE, **options)


def before(model, name):
    """Returns the names of the operations whose outputs a layer takes."""
    inputs = model.get_layer(name).input
    inputs = inputs if isinstance(inputs, list) else [inputs]
    return [tensor._keras_history.operation.name for tensor in inputs]


def block(model, name):
    """Returns the layers of one block in order, without its name."""
    return [
        layer.name.removeprefix(f"{name}_")
        for layer in model.layers
        if layer.name.startswith(f"{name}_")
    ]


def test_the_order_is_convolution_norm_relu_unless_told_otherwise():
    assert block(make(), "group1_block2") == [
        *("conv1", "norm1", "activation1"),
        *("conv2", "norm2", "sum", "activation2"),
    ]
    assert before(make(), "group1_block2_sum") == [
        "group1_block2_norm2",
        "group1_block1_activation2",
    ]


def test_preactivation_turns_the_order_round():
    model = make(preactivation=True)
    assert block(model, "group1_block2") == [
        *("norm1", "activation1", "conv1"),
        *("norm2", "activation2", "conv2", "sum"),
    ]
    assert before(model, "group1_block2_sum") == [
        "group1_block2_conv2",
        "group1_block1_sum",
    ]
    assert before(model, "final_norm") == ["group3_block2_sum"]
    assert before(model, "features") == ["final_activation"]


def test_a_plain_network_is_a_chain():
    model = make("plain14")
    assert not any(isinstance(layer, layers.Add) for layer in model.layers)
    assert all(
        len(layer._inbound_nodes[0].input_tensors) == 1
        for layer in model.layers[1:]
    )
    assert model.count_params() == make("resnet14").count_params()


def test_shortcut_a_takes_every_second_pixel_and_adds_zeros():
    model = make()
    _, carried = model.get_layer("group2_block1_sum").input
    source = model.get_layer("group1_block2_activation2").output
    both = keras.Model(model.input, [source, carried])
    image = np.random.default_rng(0).normal(size=(2, *SHAPE))
    raw, found = (np.asarray(values) for values in both(image))
    assert raw.any()
    np.testing.assert_array_equal(found[..., :16], raw[:, ::2, ::2])
    np.testing.assert_array_equal(found[..., 16:], 0)


def test_shortcut_b_is_a_1x1_convolution_with_norm():
    model = make(shortcut="B")
    shortcut = model.get_layer("group2_block1_shortcut")
    assert shortcut.kernel.shape == (1, 1, 16, 32)
    assert shortcut.strides == (2, 2)
    assert not shortcut.use_bias
    assert before(model, shortcut.name) == ["group1_block2_activation2"]
    assert before(model, "group2_block1_sum") == [
        "group2_block1_norm2",
        "group2_block1_shortcut_norm",
    ]
    assert "shortcut" not in block(model, "group1_block1")


def test_preactivated_shortcut_b_sees_the_activated_input_without_norm():
    model = make(shortcut="B", preactivation=True)
    shortcut = "group2_block1_shortcut"
    assert before(model, shortcut) == ["group2_block1_activation1"]
    assert before(model, "group2_block1_sum") == [
        "group2_block1_conv2",
        shortcut,
    ]


def test_preactivated_shortcut_b_is_a_wide_resnet_of_width_1():
    # Its two 1x1 convolutions count as layers there.
    ours = make("resnet20", shortcut="B", preactivation=True)
    wide = make("wrn22_1")
    assert [w.path for w in ours.weights] == [w.path for w in wide.weights]
    image = np.random.default_rng(0).normal(size=(2, *SHAPE))
    np.testing.assert_array_equal(ours(image), wide(image))


@pytest.mark.parametrize("preactivation", [True, False])
def test_dropout_stands_before_the_second_convolution(preactivation):
    model = make(preactivation=preactivation, dropout=0.3)
    assert before(model, "group3_block2_conv2") == ["group3_block2_dropout"]
    drops = [x for x in model.layers if isinstance(x, layers.Dropout)]
    assert len(drops) == 3 * 2


def test_groups_have_the_sizes_and_widths_of_the_paper():
    model = create_model("resnet8", 10, (32, 32, 3))
    shapes = [
        tuple(model.get_layer(f"group{index}_block1_sum").output.shape[1:])
        for index in (1, 2, 3)
    ]
    assert shapes == [(32, 32, 16), (16, 16, 32), (8, 8, 64)]


@pytest.mark.parametrize("shape", [(28, 28, 1), (9, 11, 3)])
@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_images_of_odd_sides_fit_too(shape, shortcut):
    model = create_model("resnet8", 10, shape, shortcut=shortcut)
    assert model.output_shape == (None, 10)


@pytest.mark.parametrize(
    "depth, hint", [(21, "20 and 26"), (17, "14 and 20"), (2, "8")]
)
@pytest.mark.parametrize("family", ["plain", "resnet"])
def test_a_depth_that_cannot_be_is_refused_with_the_nearest(
    family, depth, hint
):
    with pytest.raises(UserError, match=f"depth {depth} is not 6n.2.*{hint}"):
        create_model(f"{family}{depth}")


def test_a_plain_network_has_no_shortcut_to_choose():
    with pytest.raises(UserError, match="fixes shortcut at none"):
        create_model("plain20", shortcut="A")


@pytest.mark.parametrize("side, first", [(32, (32, 32)), (224, (56, 56))])
def test_the_stem_fits_the_size_of_the_image(side, first):
    model = create_model("resnet18", 10, (side, side, 3), initializer="equal")
    shapes = [
        tuple(model.get_layer(f"stage{index}_block2_sum").output.shape[1:])
        for index in (1, 2, 3, 4)
    ]
    sides = [(first[0] // 2**i, first[1] // 2**i) for i in range(4)]
    assert shapes == [(*s, 64 * 2**i) for i, s in enumerate(sides)]


def test_the_stem_can_be_chosen():
    model = create_model(
        "resnet34", 10, (64, 64, 3), stem="large", initializer="equal"
    )
    assert model.get_layer("conv1").kernel.shape == (7, 7, 3, 64)
