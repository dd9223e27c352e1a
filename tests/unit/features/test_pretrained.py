"""Trained networks as extractors: where they are cut, and what is refused."""

import pathlib
import zipfile

import keras
import numpy as np
import pytest

from zoo import features
from zoo.data import load_dataset
from zoo.errors import UserError
from zoo.features import pretrained
from zoo.models import applications


def classifier(tail):
    """Returns a stock model of 8x8 images that ends with some layers."""
    hidden = keras.layers.Dense(7, activation="relu", name="hidden")
    first = [keras.Input((8, 8, 1)), keras.layers.Flatten(), hidden]
    return keras.Sequential([*first, *tail])


def saved(tmp_path, model):
    path = str(tmp_path / "model.keras")
    model.save(path)
    return path


pytestmark = pytest.mark.filterwarnings(
    # Keras's own saving, with NumPy 2.4.
    "ignore:__array__ implementation:DeprecationWarning"
)


def test_a_model_is_cut_before_its_last_dense_layer(tmp_path, digits):
    model = classifier([keras.layers.Dense(3), keras.layers.Softmax()])
    images = digits[:5].astype(np.float32)
    hidden = keras.Model(model.inputs[0], model.get_layer("hidden").output)
    found = pretrained.from_file(saved(tmp_path, model), (8, 8, 1))
    assert found.size == 7
    np.testing.assert_allclose(
        found.model.predict_on_batch(images), hidden(images), rtol=1e-5
    )


def test_a_layer_named_features_is_where_a_model_is_cut(tmp_path):
    tail = [keras.layers.Dense(4, name="features"), keras.layers.Dense(5)]
    path = saved(tmp_path, classifier([*tail, keras.layers.Dense(3)]))
    assert pretrained.from_file(path, (8, 8, 1)).size == 4


def test_a_model_inside_a_model_is_cut_inside(tmp_path, digits):
    inner = classifier([keras.layers.Dense(3)])
    image = keras.Input((8, 8, 1))
    scaled = keras.layers.Rescaling(0.1)(image)
    path = saved(tmp_path, keras.Model(image, inner(scaled)))
    images = digits[:5].astype(np.float32)
    hidden = keras.Model(inner.inputs[0], inner.get_layer("hidden").output)
    found = pretrained.from_file(path, (8, 8, 1)).model.predict_on_batch(images)
    np.testing.assert_allclose(found, hidden(images * 0.1), rtol=1e-4)


def test_a_model_of_other_images_is_refused_with_both_shapes(tmp_path):
    path = saved(tmp_path, classifier([keras.layers.Dense(3)]))
    with pytest.raises(UserError, match="8x8x1, and the images are 32x32x3"):
        pretrained.from_file(path, (32, 32, 3))


def test_a_model_without_a_dense_layer_is_refused(tmp_path):
    image = keras.Input((8, 8, 1))
    path = saved(tmp_path, keras.Model(image, keras.layers.Flatten()(image)))
    with pytest.raises(UserError, match="has no dense layer"):
        pretrained.from_file(path, (8, 8, 1))


@pytest.mark.parametrize("content", [b"", b"PK no model", b"text"])
def test_what_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as a model"):
        pretrained.from_file(str(path), (8, 8, 1))


def test_a_flipped_bit_in_the_weights_of_a_file_is_refused(tmp_path):
    path = saved(tmp_path, classifier([keras.layers.Dense(3)]))
    with zipfile.ZipFile(path) as archive:
        weights = archive.getinfo("model.weights.h5")
    content = bytearray(pathlib.Path(path).read_bytes())
    content[weights.header_offset + weights.compress_size // 2] ^= 1
    pathlib.Path(path).write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as a model"):
        pretrained.from_file(path, (8, 8, 1))


def test_every_model_has_a_builder_and_an_image_size():
    builders = applications._builders()
    assert len(builders) > 30
    assert set(applications.OTHER_IMAGE_SIZES) <= set(builders)


def test_underscores_and_capitals_do_not_matter():
    keys = {
        applications.application_key(f"keras:{name}")
        for name in ("mobilenet_v3_small", "MobileNetV3Small")
    }
    assert keys == {"mobilenetv3small"}


def test_an_unknown_network_is_refused_with_near_ones():
    with pytest.raises(UserError, match="did you mean mobilenet"):
        applications.application_key("keras:mobilnet")


def test_gray_images_are_repeated_and_pixels_prepared_as_it_wants(digits):
    found = pretrained.from_applications(
        "keras:mobilenet_v2", (8, 8, 1), weights=None
    )
    image = digits[:1].astype(np.float32)
    three = keras.layers.Resizing(224, 224)(np.repeat(image, 3, axis=-1))
    prepared = keras.applications.mobilenet_v2.preprocess_input(
        np.asarray(three).copy()
    )
    options = {"include_top": False, "input_shape": (224, 224, 3)}
    body = keras.applications.MobileNetV2(
        weights=None, pooling="avg", **options
    )
    body.set_weights(found.model.get_weights())
    np.testing.assert_allclose(
        found.model.predict_on_batch(image), body(prepared), atol=1e-5
    )


def test_weights_that_cannot_be_fetched_are_one_sentence():
    def builder(**options):
        raise Exception("URL fetch failure on https://x: None -- nowhere")

    with pytest.raises(UserError, match="cannot be downloaded; try again"):
        applications._build(builder, "imagenet", None)


def test_a_bug_in_a_builder_keeps_its_traceback():
    def builder(**options):
        raise ZeroDivisionError("ours")

    with pytest.raises(ZeroDivisionError):
        applications._build(builder, "imagenet", None)


@pytest.mark.slow
def test_weights_of_a_file_are_used_and_said(tmp_path, digits):
    options = {"include_top": False, "input_shape": (224, 224, 3)}
    known = keras.applications.MobileNetV3Small(
        weights=None, pooling="avg", **options
    )
    path = str(tmp_path / "mine.weights.h5")
    known.save_weights(path)
    spec = f"keras:mobilenet_v3_small:{path}"
    assert features.resolve(spec, "runs") == spec
    found = features.find(spec, load_dataset("digits"), "runs")
    assert found.about.endswith(f"pixels, with weights of {path}")
    pairs = zip(found.model.get_weights(), known.get_weights(), strict=True)
    assert all(np.array_equal(one, two) for one, two in pairs)


def test_a_file_that_holds_no_such_weights_is_named(tmp_path):
    path = str(tmp_path / "mine.weights.h5")
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    other.save_weights(path)
    spec = f"keras:mobilenet_v2:{path}"
    with pytest.raises(UserError, match="mine.weights.h5 do not fit"):
        pretrained.from_applications(spec, (8, 8, 1), path)


def test_a_file_of_weights_that_is_not_there_is_refused():
    with pytest.raises(UserError, match="there is no file"):
        features.resolve("keras:vgg16:no.weights.h5", "runs")
