"""Which models take vectors in the place of images, and which refuse them."""

import pytest

from zoo.errors import UserError
from zoo.models import MODELS, create_model
from zoo.models.build import build_model, check_shape


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
