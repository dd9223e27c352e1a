"""Details of Wide ResNets that no count of parameters shows."""

import keras
import numpy as np
import pytest

from zoo.errors import UserError
from zoo.models import create_model


@pytest.fixture(scope="module")
def model():
    return create_model("wrn16_2", 10, (32, 32, 3), dropout=0.3)


def follows(model, later, *earlier):
    """Whether a layer takes exactly what the earlier layers give."""
    inputs = model.get_layer(later).input
    inputs = inputs if isinstance(inputs, list) else [inputs]
    outputs = [model.get_layer(name).output for name in earlier]
    return len(inputs) == len(outputs) and all(
        one is two for one, two in zip(inputs, outputs, strict=True)
    )


@pytest.mark.parametrize("group", ["group1", "group2", "group3"])
def test_the_projection_sees_the_activated_input(model, group):
    assert follows(
        model, f"{group}_block1_shortcut", f"{group}_block1_activation1"
    )
    assert follows(
        model, f"{group}_block1_conv1", f"{group}_block1_activation1"
    )
    shortcut = model.get_layer(f"{group}_block1_shortcut")
    assert shortcut.kernel_size == (1, 1)
    assert not shortcut.use_bias


@pytest.mark.parametrize("group", ["group1", "group2", "group3"])
def test_the_identity_carries_the_raw_input(model, group):
    assert follows(
        model,
        f"{group}_block2_sum",
        f"{group}_block2_conv2",
        f"{group}_block1_sum",
    )
    assert follows(model, f"{group}_block2_norm1", f"{group}_block1_sum")


def test_a_group_of_the_same_width_has_no_projection():
    model = create_model("wrn10_1", 10, (8, 8, 1))
    names = [layer.name for layer in model.layers]
    assert "group1_block1_shortcut" not in names
    assert "group2_block1_shortcut" in names
    assert follows(model, "group1_block1_sum", "group1_block1_conv2", "conv1")


def test_dropout_stands_between_the_second_relu_and_the_second_convolution(
    model,
):
    assert follows(model, "group2_block1_norm2", "group2_block1_conv1")
    assert follows(model, "group2_block1_activation2", "group2_block1_norm2")
    assert follows(model, "group2_block1_dropout", "group2_block1_activation2")
    assert follows(model, "group2_block1_conv2", "group2_block1_dropout")


def test_there_is_one_dropout_in_each_block(model):
    drops = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Dropout)
    ]
    assert len(drops) == 3 * 2
    assert {layer.rate for layer in drops} == {0.3}


def test_batch_norm_has_the_constants_of_torch(model):
    norms = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert len(norms) == 2 * 6 + 1
    assert {layer.momentum for layer in norms} == {0.9}
    assert {layer.epsilon for layer in norms} == {1e-5}


def test_the_net_ends_in_batch_norm_relu_and_a_mean_of_all_pixels(model):
    assert follows(model, "final_norm", "group3_block2_sum")
    assert follows(model, "final_activation", "final_norm")
    assert follows(model, "features", "final_activation")
    pool = model.get_layer("features")
    assert isinstance(pool, keras.layers.GlobalAveragePooling2D)


def test_groups_have_the_sizes_and_widths_of_the_paper(model):
    shapes = [
        tuple(model.get_layer(f"group{index}_block2_sum").output.shape[1:])
        for index in (1, 2, 3)
    ]
    assert shapes == [(32, 32, 32), (16, 16, 64), (8, 8, 128)]


def test_convolutions_start_from_an_untruncated_normal_of_two_over_fan_in():
    model = create_model("wrn16_4", 10, (8, 8, 1))
    convolutions = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    assert len(convolutions) == 1 + 2 * 6 + 3
    for layer in convolutions:
        kernel = np.asarray(layer.kernel)
        z = kernel / np.sqrt(2 / np.prod(kernel.shape[:3]))
        # Five standard errors of a variance estimated from z.size draws.
        assert abs(z.var() - 1) < 5 * np.sqrt(2 / z.size), layer.name
        if z.size > 5_000:
            # Truncated at two and scaled to variance 1, none is above 2.28.
            assert np.abs(z).max() > 2.5, layer.name
        assert not layer.use_bias


def test_the_bias_of_the_logits_starts_at_zero(model):
    assert not np.asarray(model.get_layer("logits").bias).any()


@pytest.mark.parametrize(
    "depth, hint",
    [(29, "28 and 34"), (33, "28 and 34"), (4, "10"), (9, "10")],
)
def test_a_depth_that_cannot_be_is_refused_with_the_nearest(depth, hint):
    with pytest.raises(UserError, match=f"depth {depth} is not 6n.4.*{hint}"):
        create_model(f"wrn{depth}_2")
