"""Details of ResNet-50 and its wide sisters that no count shows."""

import functools

import pytest

from zoo.errors import UserError
from zoo.models import create_model


@functools.cache
def small(name="resnet50", **options):
    return create_model(name, 10, (64, 64, 3), initializer="equal", **options)


def test_stages_have_the_sizes_and_widths_of_the_paper():
    shapes = [
        tuple(small().get_layer(f"stage{index}_block3_sum").output.shape[1:])
        for index in (1, 2, 3, 4)
    ]
    assert shapes == [(16, 16, 256), (8, 8, 512), (4, 4, 1024), (2, 2, 2048)]


@pytest.mark.parametrize(
    "strided, first, second", [("3x3", (1, 1), (2, 2)), ("1x1", (2, 2), (1, 1))]
)
def test_the_stride_of_a_stage_is_where_it_is_asked_for(strided, first, second):
    model = small(strided=strided)
    assert model.get_layer("stage2_block1_conv1").strides == first
    assert model.get_layer("stage2_block1_conv2").strides == second
    assert model.get_layer("stage2_block1_shortcut").strides == (2, 2)
    assert model.get_layer("stage2_block2_conv2").strides == (1, 1)


def test_small_images_are_refused():
    with pytest.raises(UserError, match="at least 64x64 pixels, not 32x32"):
        create_model("resnet50", 10, (32, 32, 3))
