"""A model of one's own is a model of the zoo."""

import keras
import pytest
from keras import layers

from zoo.errors import UserError
from zoo.models import create_model, list_models, register_model

pytestmark = pytest.mark.usefixtures("table_of_models")


def tiny(input_shape, num_classes, *, units: int = 4, wide=False):
    image = keras.Input(input_shape)
    x = layers.Flatten()(image)
    x = layers.Dense(units * (10 if wide else 1), name="features")(x)
    return keras.Model(image, layers.Dense(num_classes)(x))


def test_it_is_listed_last_and_built_by_name():
    register_model("tiny", tiny, default_input_shape=(8, 8, 1))
    assert list_models()[-1] == "tiny"
    assert create_model("tiny", 3).output_shape == (None, 3)
    assert create_model("tiny", 0, wide=True).output_shape == (None, 40)


def test_its_options_are_checked_like_any_other():
    register_model("tiny", tiny)
    with pytest.raises(UserError, match="give a whole number"):
        create_model("tiny", units="many")
    with pytest.raises(UserError, match="give True or False"):
        create_model("tiny", wide=3)
    with pytest.raises(UserError, match="it takes units and wide"):
        create_model("tiny", dropout=0.5)


def test_a_builder_that_takes_anything_is_given_anything():
    def free(input_shape, num_classes, **options):
        return tiny(input_shape, num_classes, units=options["hidden_units"])

    register_model("free", free)
    assert create_model("free", 0, hidden_units=6).output_shape == (None, 6)


def test_it_can_be_named_by_where_it_is():
    register_model("regression", "zoo.models.linear:build")
    assert create_model("regression", 4).output_shape == (None, 4)


def test_its_smallest_image_is_respected():
    register_model("tiny", tiny, min_size=16)
    with pytest.raises(UserError, match="at least 16x16 pixels"):
        create_model("tiny", 10, (8, 8, 1))


@pytest.mark.parametrize("name", ["cnn_mine", "cnn_fc", "resnet"])
def test_a_name_that_only_begins_like_a_family_is_free(name):
    register_model(name, tiny)
    assert create_model(name, 0, (8, 8, 1)).output_shape == (None, 4)


@pytest.mark.parametrize(
    "name", ["lr", "wrn28_10", "wrn94_3", "cnn_cf", "cnn_ccpnfdnf"]
)
def test_a_taken_name_is_refused(name):
    with pytest.raises(UserError, match="already"):
        register_model(name, tiny)


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a b", "3d", "a<n>"])
def test_a_name_that_cannot_be_a_file_name_is_refused(name):
    with pytest.raises(UserError, match="not a valid model name"):
        register_model(name, tiny)


@pytest.mark.parametrize("builder", [3, "tiny", None])
def test_what_is_no_builder_is_refused(builder):
    with pytest.raises(UserError, match="is not a builder"):
        register_model("tiny", builder)


def test_a_model_without_features_cannot_end_there():
    def headless(input_shape, num_classes):
        image = keras.Input(input_shape)
        x = layers.Flatten(name="flat")(image)
        return keras.Model(image, layers.Dense(num_classes)(x))

    register_model("headless", headless)
    with pytest.raises(UserError, match="no layer named 'features'"):
        create_model("headless", 0)
