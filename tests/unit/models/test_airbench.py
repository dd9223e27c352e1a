"""airbench94: what it measures, where it starts, what can be switched off."""

import keras
import numpy as np
import pytest

from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.models import create_model
from zoo.models.airbench import adapt, whitening_kernel, with_identity
from zoo.training.model import backbone_of
from zoo.training.setup import prepare

SHAPE = (16, 16, 3)


def correlated_images(count=200):
    """Images whose pixels and channels resemble their neighbors."""
    random = np.random.default_rng(0)
    noise = random.normal(size=(count, 17, 17, 3))
    smooth = noise[:, 1:, 1:] + noise[:, :-1, 1:] + noise[:, 1:, :-1]
    return (smooth @ random.normal(size=(3, 3))).astype("float32")


def test_whitened_patches_have_no_correlation_and_variance_one():
    images = correlated_images()
    model = create_model("airbench94", 10, SHAPE)
    adapt(model, images)
    layer = model.get_layer("whitening")
    layer.bias.assign(np.zeros(24))
    found = np.array(layer(images), "float64").reshape(-1, 24)
    moments = found[:, :12].T @ found[:, :12] / len(found)
    # A variance v becomes v / (v + 5e-4); the least here is 0.06.
    np.testing.assert_allclose(moments, np.eye(12), atol=0.01)
    np.testing.assert_allclose(found[:, 12:], -found[:, :12], atol=1e-4)


def test_the_kernel_is_the_eigenvectors_of_patches_in_a_plain_loop():
    images = correlated_images(4)
    patches = np.array(
        [
            image[row : row + 2, column : column + 2].ravel()
            for image in images
            for row in range(15)
            for column in range(15)
        ],
        "float64",
    )
    values, vectors = np.linalg.eigh(patches.T @ patches / len(patches))
    kernel = whitening_kernel(images).reshape(12, 24)
    for place in range(12):
        expected = vectors[:, 11 - place] / np.sqrt(values[11 - place] + 5e-4)
        found = kernel[:, place]
        # The sign of an eigenvector is nobody's.
        expected *= np.sign(expected @ found)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_the_kernel_of_the_first_layer_is_fixed_and_its_bias_learns():
    layer = create_model("airbench94", 10, SHAPE).get_layer("whitening")
    assert layer.trainable_variables == [layer.bias]


def test_without_whitening_the_first_layer_learns_like_any_other():
    model = create_model("airbench94", 10, SHAPE, whitening=False)
    layer = model.get_layer("whitening")
    before = np.array(layer.kernel)
    adapt(model, correlated_images(4))
    assert len(layer.trainable_variables) == 2
    np.testing.assert_array_equal(layer.kernel, before)


@pytest.mark.parametrize("channels, filters", [(3, 5), (5, 3), (4, 4)])
def test_an_identity_kernel_passes_its_first_maps_on(channels, filters):
    random = np.random.default_rng(0)
    kernel = random.normal(size=(3, 3, channels, filters)).astype("float32")
    images = random.normal(size=(2, 6, 6, channels)).astype("float32")
    made = with_identity(kernel)
    found = keras.ops.conv(images, made, padding="same")
    same = min(channels, filters)
    np.testing.assert_array_equal(found[..., :same], images[..., :same])
    np.testing.assert_array_equal(made[..., same:], kernel[..., same:])


def test_every_convolution_of_the_groups_starts_as_the_identity():
    model = create_model("airbench94", 10, SHAPE)
    kernel = np.array(model.get_layer("group2_conv1").kernel)
    np.testing.assert_array_equal(kernel[1, 1, :, :64], np.eye(64))
    plain = create_model("airbench94", 10, SHAPE, identity=False)
    kernel = np.array(plain.get_layer("group2_conv1").kernel)
    assert np.count_nonzero(kernel) == kernel.size


def test_the_scale_of_the_logits_multiplies_them():
    images = correlated_images(4)
    whole = create_model("airbench94", 10, SHAPE, logit_scale=1.0)
    ninth = create_model("airbench94", 10, SHAPE)
    np.testing.assert_allclose(
        ninth(images), np.array(whole(images)) / 9, rtol=1e-4, atol=1e-6
    )


def test_a_run_trains_behind_fixed_filters_that_whiten_its_own_images():
    setup = prepare(TrainConfig(model="airbench94", mean_subtraction="pixel"))
    layer = backbone_of(setup.model).get_layer("whitening")
    assert layer.kernel.path not in {
        v.path for v in setup.model.trainable_variables
    }
    images = np.float32(setup.dataset.train.images)
    before = [x for x in setup.model.layers if x.name != "network"][1:]
    for stage in before:
        images = np.asarray(stage(images))
    np.testing.assert_allclose(
        layer.kernel, whitening_kernel(images), rtol=1e-3, atol=1e-4
    )


def test_the_widths_of_all_groups_are_those_of_airbench95():
    model = create_model("airbench94", 10, (32, 32, 3), width=(128, 384, 384))
    trainable = sum(v.shape.num_elements() for v in model.trainable_variables)
    # By hand: 24 + 175,360 + 1,770,240 + 2,654,976 + 3,840.
    assert trainable == 4_604_440
    narrow = create_model("airbench94", 10, SHAPE, width=2)
    same = create_model("airbench94", 10, SHAPE, width=(2, 8, 8))
    assert narrow.count_params() == same.count_params()


def test_widths_that_are_not_three_are_refused():
    with pytest.raises(UserError, match="not of three groups"):
        create_model("airbench94", 10, SHAPE, width=(8, 8))
