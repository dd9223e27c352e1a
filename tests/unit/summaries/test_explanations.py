"""Grad-CAM by hand, and patches where they were put."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from zoo.models import create_model
from zoo.summaries import drawing
from zoo.summaries.explanations import (
    cam_layer,
    convolutions,
    draw_low_middle_high,
    grad_cam,
    heat_colors,
    low_middle_high,
    resize_cam,
    top_patches,
    write_patches,
)

SHAPE = (12, 12, 1)


def unchanged(images):
    return images


@pytest.fixture(scope="module")
def images():
    """Dark images, each with one bright square of 3x3."""
    random = np.random.default_rng(0)
    images = np.zeros((10, *SHAPE), np.float32)
    corners = random.integers(1, 8, (10, 2))
    for image, (y, x) in zip(images, corners, strict=True):
        image[y : y + 3, x : x + 3] = 255
    return images, corners


def test_grad_cam_of_a_globally_pooled_network_is_its_class_activation_map():
    # Where a mean over the maps and one dense layer follow, the gradient of a
    # logit is the weight of the map over its size: Zhou et al. 2016.
    model = create_model("wrn16_1", 4, (16, 16, 1))
    images = np.random.default_rng(0).normal(size=(3, 16, 16, 1))
    images = images.astype("float32")
    layer = cam_layer(model)
    maps = np.asarray(keras.Model(model.input, layer.output)(images))
    classes = np.array([0, 3, 1])
    kernel = np.asarray(model.get_layer("logits").kernel)  # [C, K]
    size = maps.shape[1] * maps.shape[2]
    expected = np.maximum(
        np.einsum("nhwc,cn->nhw", maps, kernel[:, classes]) / size, 0
    )
    found = grad_cam(model, images, classes)
    assert found.max() > 0
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_grad_cam_is_found_where_the_class_is(images):
    # The logit of class 1 is the sum of what a bright spot excites.
    inputs = keras.Input(SHAPE)
    maps = layers.Conv2D(1, 3, padding="same", name="conv1")(inputs)
    logits = layers.Dense(2)(layers.Flatten()(maps))
    model = keras.Model(inputs, logits)
    model.get_layer("conv1").set_weights([np.ones((3, 3, 1, 1)), np.zeros(1)])
    model.layers[-1].set_weights(
        [np.stack([-np.ones(144), np.ones(144)], axis=1), np.zeros(2)]
    )
    cam = grad_cam(model, images[0], np.ones(10, int))
    for each, (y, x) in zip(cam, images[1], strict=True):
        assert np.unravel_index(each.argmax(), each.shape) == (y + 1, x + 1)
    assert grad_cam(model, images[0], np.zeros(10, int)).max() == 0


@pytest.mark.parametrize(
    "name, layer",
    [
        ("cnn_cpcpff", "conv2_activation"),
        ("lenet5", "conv3_activation"),
        ("inception", "module2_joined"),
        ("resnet20", "group3_block3_activation2"),
    ],
)
def test_the_last_maps_are_explained(name, layer):
    assert cam_layer(create_model(name, 3, (32, 32, 1))).name == layer


def test_a_network_without_maps_has_no_grad_cam():
    model = create_model("mlp", 3, SHAPE)
    assert cam_layer(model) is None
    with pytest.raises(ValueError, match="no convolution"):
        grad_cam(model, np.zeros((1, *SHAPE), "float32"), np.zeros(1, int))


def test_maps_are_scaled_and_an_empty_one_stays_empty():
    cam = np.zeros((2, 3, 3), np.float32)
    cam[0, 1, 1] = 5
    found = resize_cam(cam, (9, 6))
    assert found.shape == (2, 9, 6)
    assert (found[0].max(), found[1].max()) == (1, 0)


def test_brighter_is_more_for_every_eye():
    luma = heat_colors(np.linspace(0, 1, 50)) @ (0.299, 0.587, 0.114)
    assert (np.diff(luma) > 0).all()


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_patches_are_where_the_map_is_excited(images, padding):
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(2, 3, padding=padding, name="conv1")(inputs)
    x = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.Conv2D(1, 3, padding=padding, name="conv2")(x)
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    bright = np.ones((3, 3, 1, 1))
    kernel = np.concatenate([bright, -bright], axis=3)
    model.get_layer("conv1").set_weights([kernel, np.zeros(2)])
    first, second = top_patches(
        model, unchanged, images[0], ["conv1", "conv2"], num_patches=4
    )
    assert (first.field, second.field) == ((3, 3), (8, 8))
    # The map of the bright kernel sees exactly the square.
    row = list(first.maps).index(0)
    for index, box in zip(first.images[row], first.boxes[row], strict=True):
        y, x = images[1][index]
        assert tuple(box) == (y, y + 3, x, x + 3)
    assert (first.pixels[row] == 255).all()
    assert len(set(first.images[row])) == 4
    np.testing.assert_allclose(first.values[row], 9 * 255)


def test_what_is_outside_of_the_image_is_gray():
    model = create_model("cnn_c2k5-p-f", 2, SHAPE)
    inputs = np.random.default_rng(0).uniform(0, 255, (30, *SHAPE))
    (found,) = top_patches(
        model, unchanged, inputs.astype("float32"), ["conv1"]
    )
    outside = (found.boxes[..., 0] < 0) | (found.boxes[..., 1] > 12)
    assert outside.any()
    for patch in found.pixels[found.boxes[..., 0] < 0]:
        assert (patch[0] == 200).all()


def test_a_field_larger_than_the_image_shows_the_image():
    model = create_model("cnn_c2k5-p-c2k5-p-c2k5-f", 2, SHAPE)
    inputs = np.random.default_rng(0).uniform(0, 255, (5, *SHAPE))
    found = top_patches(
        model, unchanged, inputs.astype("float32"), convolutions(model)
    )
    assert found[-1].field == (32, 32)
    assert found[-1].pixels.shape[2:4] == (12, 12)
    assert min(draw_low_middle_high(found).shape[:2]) > 200


def test_shortcuts_are_no_layers_to_look_at():
    names = convolutions(create_model("wrn16_1", 3, (16, 16, 1)))
    assert not any("shortcut" in name for name in names)
    low, middle, high = low_middle_high(names)
    assert (low, high) == ("conv1", "group3_block2_conv2")
    assert middle.startswith("group2")


def test_maps_inside_an_inner_model_are_not_taken_for_those_of_the_network():
    base = keras.Sequential(
        [keras.Input(SHAPE), layers.Conv2D(3, 3, name="inner")]
    )
    image = keras.Input(SHAPE)
    pooled = layers.GlobalAveragePooling2D()(base(image))
    alone = keras.Model(image, layers.Dense(2)(pooled))
    assert cam_layer(alone) is None
    maps = layers.Conv2D(4, 3, name="outer")(image)
    after = keras.Sequential(
        [keras.Input((10, 10, 4)), layers.Conv2D(3, 3, name="last")]
    )
    pooled = layers.GlobalAveragePooling2D()(after(maps))
    network = keras.Model(image, layers.Dense(2)(pooled))
    assert cam_layer(network).name == "outer"
    classes = np.zeros(1, int)
    cam = grad_cam(network, np.ones((1, *SHAPE), np.float32), classes)
    assert cam.shape == (1, 10, 10)


def two_paths():
    """Both convolutions are pooled, so that only the first is on all paths."""
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, name="conv1")(inputs)
    pooled = [layers.GlobalAveragePooling2D()(x)]
    x = layers.Conv2D(4, 3, name="conv2")(x)
    pooled.append(layers.GlobalAveragePooling2D()(x))
    logits = layers.Dense(3, name="logits")(layers.Concatenate()(pooled))
    return keras.Model(inputs, logits)


def applied_twice():
    """The last convolution is applied twice."""
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, name="conv1")(inputs)
    again = layers.Conv2D(4, 3, name="conv2")
    x = layers.GlobalAveragePooling2D()(again(again(x)))
    return keras.Model(inputs, layers.Dense(3, name="logits")(x))


@pytest.mark.parametrize("make", [two_paths, applied_twice])
def test_maps_that_not_all_of_the_logits_pass_once_are_not_explained(make):
    model = make()
    images = np.random.default_rng(0).normal(size=(2, *SHAPE))
    for _ in range(2):  # Keras adds calls where parts of a model are made
        assert cam_layer(model).name == "conv1"
        cam = grad_cam(model, images.astype("float32"), np.array([0, 2]))
        assert cam.shape == (2, 10, 10)


def test_a_network_whose_every_map_is_bypassed_has_no_grad_cam():
    inputs = keras.Input(SHAPE)
    maps = layers.Conv2D(4, 3, name="conv1")(inputs)
    seen = [layers.Flatten()(inputs), layers.Flatten()(maps)]
    logits = layers.Dense(3)(layers.Concatenate()(seen))
    assert cam_layer(keras.Model(inputs, logits)) is None


def test_patches_of_a_run_without_validation_are_of_training_images(
    images, snapshot, writer, monkeypatch
):
    inputs = keras.Input(SHAPE)
    maps = layers.Conv2D(2, 3, name="conv1")(inputs)
    network = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(maps)))
    inspector = SimpleNamespace(network=network, preprocess=unchanged)
    titles = []
    monkeypatch.setattr(
        drawing,
        "with_title",
        lambda image, title: titles.append(title) or image,
    )
    for split in ("val", "train"):
        moment = snapshot(inspector=inspector, inputs=images[0], split=split)
        write_patches(writer, moment)
    first, second = titles
    assert "parts of validation images" in first
    assert "parts of training images" in second
