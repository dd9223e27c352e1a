"""Details of ResNet-50 and its wide sisters that no count shows."""

import functools

import pytest

from zoo.errors import UserError
from zoo.models import MODELS, create_model


@functools.cache
def small(name="resnet50", **options):
    return create_model(name, 10, (64, 64, 3), initializer="equal", **options)


def test_stages_have_the_sizes_and_widths_of_the_paper():
    shapes = [
        tuple(small().get_layer(f"stage{index}_block3_sum").output.shape[1:])
        for index in (1, 2, 3, 4)
    ]
    assert shapes == [(16, 16, 256), (8, 8, 512), (4, 4, 1024), (2, 2, 2048)]


def test_stages_have_3_4_6_and_3_blocks():
    names = [x.name for x in small().layers if x.name.endswith("_sum")]
    assert names == [
        f"stage{stage}_block{index}_sum"
        for stage, blocks in enumerate((3, 4, 6, 3), start=1)
        for index in range(1, blocks + 1)
    ]


@pytest.mark.parametrize(
    "strided, first, second", [("3x3", (1, 1), (2, 2)), ("1x1", (2, 2), (1, 1))]
)
def test_the_stride_of_a_stage_is_where_it_is_asked_for(strided, first, second):
    model = small(strided=strided)
    assert model.get_layer("stage2_block1_conv1").strides == first
    assert model.get_layer("stage2_block1_conv2").strides == second
    assert model.get_layer("stage2_block1_shortcut").strides == (2, 2)
    assert model.get_layer("stage2_block2_conv2").strides == (1, 1)


def test_a_projection_with_norm_starts_each_stage():
    names = [x.name for x in small().layers if "shortcut" in x.name]
    assert sorted(names) == sorted(
        f"stage{stage}_block1_{part}"
        for stage in (1, 2, 3, 4)
        for part in ("shortcut", "shortcut_norm")
    )


def test_a_wide_sister_is_wider_inside_its_blocks_only():
    model = small("wrn50_2")
    shapes = [
        tuple(model.get_layer(f"stage1_block2_conv{index}").kernel.shape)
        for index in (1, 2, 3)
    ]
    assert shapes == [(1, 1, 256, 128), (3, 3, 128, 128), (1, 1, 128, 256)]


def test_their_names_do_not_mean_the_nets_for_small_images():
    for name in ("resnet50", "wrn50_2", "wrn50_4"):
        assert MODELS.find(name).builder == "zoo.models.resnet:build_bottleneck"
    for name in ("resnet44", "wrn40_2"):
        assert MODELS.find(name).builder != "zoo.models.resnet:build_bottleneck"


def test_a_width_of_zero_is_refused():
    with pytest.raises(UserError, match="width of 0"):
        create_model("wrn50_0")


def test_small_images_are_refused():
    with pytest.raises(UserError, match="at least 64x64 pixels, not 32x32"):
        create_model("resnet50", 10, (32, 32, 3))
