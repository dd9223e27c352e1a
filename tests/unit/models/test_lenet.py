"""LeNet-5 has the map sizes of 1998, on padded digits and on full fields."""

import keras
import pytest

from zoo.errors import UserError
from zoo.models import create_model


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 1)])
def test_maps_have_the_sizes_of_the_paper(shape):
    model = create_model("lenet5", 10, shape)
    names = ("conv1", "pool2", "conv3", "pool4", "dense5", "dense6")
    sizes = [tuple(model.get_layer(n).output.shape[1:]) for n in names]
    assert sizes == [
        (28, 28, 6),
        (14, 14, 6),
        (10, 10, 16),
        (5, 5, 16),
        (120,),
        (84,),
    ]


@pytest.mark.parametrize(
    "pool, kind",
    [
        ("average", keras.layers.AveragePooling2D),
        ("max", keras.layers.MaxPooling2D),
    ],
)
def test_subsampling_is_by_average_or_maximum(pool, kind):
    model = create_model("lenet5", pool=pool)
    assert isinstance(model.get_layer("pool2"), kind)
    assert isinstance(model.get_layer("pool4"), kind)


def test_images_below_28_pixels_are_refused():
    with pytest.raises(UserError, match="at least 28x28 pixels, not 8x8"):
        create_model("lenet5", 10, (8, 8, 1))
