"""Each format keeps what a model computes, not what it does in training."""

import importlib.util
import json

import keras
import numpy as np
import pytest

from zoo.errors import UserError
from zoo.features import hog
from zoo.serving.exporting import with_probabilities
from zoo.serving.formats import FORMATS, find_format

# Keras's own saving, with NumPy 2.4.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")

ABOUT = {"run": "small", "class_names": ["cat", "dog"]}
IMAGES = np.random.default_rng(0).uniform(0, 255, (5, 4, 4, 1)).astype("f4")


@pytest.fixture(scope="module")
def small():
    """A model as a run saves it: statistics, enlarging, and dropout."""
    inner = keras.Input((8, 8, 1))
    x = keras.layers.Dropout(0.5, seed=0)(keras.layers.Flatten()(inner))
    network = keras.Model(inner, keras.layers.Dense(2)(x), name="network")
    image = keras.Input((4, 4, 1), name="image")
    x = keras.layers.Normalization(mean=[99.0], variance=[64.0**2])(image)
    # Which is called as in training, and hands that on to what follows.
    x = keras.layers.Resizing(8, 8)(x)
    return keras.Model(image, network(x))


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_answers_as_the_model_does(small, tmp_path, name):
    form = FORMATS[name]
    for package in form.packages:
        pytest.importorskip(package)
    wanted = small.predict_on_batch(IMAGES)
    path, way = tmp_path / f"m{form.ending}", form.load_module()
    way.write(with_probabilities(small), path, ABOUT)
    found = way.load(path)(IMAGES)
    assert set(found) == {"logits", "probabilities"}
    assert np.abs(found["logits"] - wanted).max() < 1e-5
    assert np.abs(found["probabilities"].sum(axis=1) - 1).max() < 1e-6


def test_an_onnx_file_names_its_axes_and_classes(small, tmp_path):
    for package in FORMATS["onnx"].packages:
        pytest.importorskip(package)
    import onnxruntime

    from zoo.serving import onnx_file

    onnx_file.write(with_probabilities(small), tmp_path / "m.onnx", ABOUT)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    (given,) = session.get_inputs()
    assert (given.name, given.shape) == ("image", ["batch", 4, 4, 1])
    for output in session.get_outputs():
        assert output.shape == ["batch", 2]
    properties = session.get_modelmeta().custom_metadata_map
    assert json.loads(properties["class_names"]) == ["cat", "dog"]
    assert properties["run"] == "small"


def test_what_onnx_has_no_word_for_is_told_in_a_sentence(tmp_path):
    for package in FORMATS["onnx"].packages:
        pytest.importorskip(package)
    from zoo.serving import onnx_file

    # Keras finds the largest of floats by their bits, which ONNX has not.
    edges = hog.make((16, 16, 3)).model
    odd = with_probabilities(keras.Sequential([edges, keras.layers.Dense(2)]))
    with pytest.raises(UserError, match="small cannot be written as ONNX"):
        onnx_file.write(odd, tmp_path / "m.onnx", ABOUT)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"tf2onnx"}, "needs tf2onnx, which is not installed"),
        ({"tf2onnx", "onnx"}, "needs tf2onnx and onnx, which are not"),
    ],
)
def test_packages_that_are_missing_are_named(monkeypatch, missing, said):
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name in missing else name,
    )
    with pytest.raises(UserError, match=said):
        FORMATS["onnx"].check_packages()
    FORMATS["keras"].check_packages()


def test_an_unknown_format_gets_the_nearest_name():
    with pytest.raises(UserError, match="did you mean saved_model"):
        find_format("savedmodel")
