"""Which models take vectors in the place of images, and which refuse them."""

import keras
import pytest

from zoo.errors import UserError
from zoo.models import MODELS, create_model
from zoo.models.build import architecture_digest, build_model, check_shape


def test_models_without_an_eye_for_places_take_vectors():
    names = {entry.name for entry in MODELS if entry.takes_vectors}
    assert {"lr", "mlp"} <= names
    for name in ("lr", "mlp"):
        assert create_model(name, 3, (5,)).input_shape == (None, 5)


@pytest.mark.parametrize(
    "name", [entry.name for entry in MODELS if not entry.takes_vectors]
)
def test_models_of_images_refuse_vectors_and_name_one_that_does_not(name):
    with pytest.raises(UserError, match=f"^{name} takes im.*--model=mlp"):
        check_shape(MODELS.find(name), (2,))


@pytest.mark.parametrize("shape", [(0,), ("2",), (-3,), (None,)])
def test_a_vector_without_a_length_is_refused(shape):
    with pytest.raises(UserError, match="not the shape of a vector"):
        check_shape(MODELS.find("mlp"), shape)


@pytest.mark.parametrize("name", ["lr", "mlp"])
def test_a_model_for_numbers_ends_in_one_output(name):
    model = build_model(MODELS.find(name), 0, (1,), task="regression")
    assert model.output_shape == (None, 1)


def branched(act=keras.ops.relu, skip=False, name="net", unit="a"):
    inputs = keras.Input((4,), name=f"{unit}_in")
    hidden = act(keras.layers.Dense(3, name=f"{unit}_1")(inputs))
    other = keras.layers.Dense(3, name=f"{unit}_2")(inputs)
    added = keras.layers.Add(name=f"{unit}_3")(
        [hidden, other if skip else hidden]
    )
    other = keras.layers.Add(name=f"{unit}_4")([added, other])
    inner = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2, name=f"{unit}_5")],
        name=f"{unit}_6",
    )
    return keras.Model(inputs, inner(other), name=name)


def test_a_digest_goes_by_operations_and_wiring_and_not_by_names():
    digest = architecture_digest(branched())
    assert digest == architecture_digest(branched(name="x", unit="b"))
    assert digest != architecture_digest(branched(act=keras.ops.tanh))
    assert digest != architecture_digest(branched(skip=True))


@keras.saving.register_keras_serializable("digested")
class WithInitializer(keras.layers.Layer):
    """A layer whose config holds an object, as Keras can save it."""

    def __init__(self, init=None, **options):
        super().__init__(**options)
        self.init = init or keras.initializers.HeNormal()

    def call(self, inputs):
        return inputs

    def get_config(self):
        return {**super().get_config(), "init": self.init}


def test_objects_in_a_config_have_no_address_in_the_digest():
    def digest():
        return architecture_digest(
            keras.Sequential([keras.Input((3,)), WithInitializer()])
        )

    assert digest() == digest()
