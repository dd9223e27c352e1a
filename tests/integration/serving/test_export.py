"""Exports have metadata, predict what the run does, and are whole or absent."""

import dataclasses
import errno
import importlib.util
import json
import os
import runpy
import subprocess
import sys
import tempfile
import zipfile

import keras
import numpy as np
import pytest
from scipy.special import softmax

from zoo import model_metadata
from zoo.errors import UserError, is_out_of_memory
from zoo.features import handcrafted
from zoo.runs import Run
from zoo.serving import export as export_module
from zoo.serving.export import (
    check_examples,
    check_parity,
    export,
    replacing,
    resolve_path,
    with_probabilities,
)
from zoo.serving.formats import FORMATS, find_format, load_keras, write_onnx

# Keras's own saving, with NumPy 2.4.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")


COLORS = np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3)).astype("f4")


def logits_of(run, examples):
    return run.load_model().predict_on_batch(examples)


def skip_without_packages(form):
    for package in FORMATS[form].packages:
        pytest.importorskip(package)


@pytest.fixture
def examples(digit):
    return digit.images[:20].astype(np.float32)


def test_an_export_predicts_what_the_run_does(run, examples, tmp_path):
    made = export(run, "keras", str(tmp_path / "m.keras"))
    found = load_keras(made.path)(examples)
    wanted = logits_of(run, examples)
    assert np.abs(found["logits"] - wanted).max() < 1e-4
    expected = softmax(wanted.astype(np.float64), axis=1)
    assert np.abs(found["probabilities"] - expected).max() < 1e-6


@pytest.mark.parametrize("form", ["tflite", "tflite_int8"])
def test_a_lite_model_predicts_in_its_own_runtime(
    run, examples, tmp_path, form
):
    interpreters = pytest.importorskip("ai_edge_litert.interpreter")
    made = export(run, form, str(tmp_path / "m.tflite"))
    runner = interpreters.Interpreter(str(made.path)).get_signature_runner()
    (name,) = runner.get_input_details()
    found = runner(**{name: examples})
    wanted = logits_of(run, examples)
    if form == "tflite":
        assert np.abs(found["logits"] - wanted).max() < 1e-4
        assert made.parity.logits < 1e-4
    else:
        # Nine of ten at least; the differences are those of rounding.
        equal = (found["logits"].argmax(1) == wanted.argmax(1)).mean()
        assert equal >= 0.9
        assert 1e-4 < made.parity.logits < 0.1 * np.abs(wanted).max()
    probabilities = softmax(found["logits"].astype(np.float64), axis=1)
    assert np.abs(found["probabilities"] - probabilities).max() < 1e-2
    assert f"{made.parity.equal:,} of 144 predictions" in str(made)
    with zipfile.ZipFile(made.path) as file:
        assert json.loads(file.read("about.json"))["class_names"][3] == "3"


def gone(*_):
    raise UserError("the images are gone.")


def test_only_integers_need_the_training_images(run, tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "calibration_examples", gone)
    export(run, "keras", str(tmp_path / "m.keras"))
    with pytest.raises(UserError, match="gone"):
        export(run, "tflite_int8", str(tmp_path / "m.tflite"))


def test_integers_that_change_predictions_are_not_kept(
    run, tmp_path, monkeypatch
):
    wrong = np.zeros((20, 8, 8, 1), np.float32)
    monkeypatch.setattr(export_module, "calibration_examples", lambda _: wrong)
    with pytest.raises(UserError, match="differ"):
        export(run, "tflite_int8", str(tmp_path / "m.tflite"))
    assert not list(tmp_path.iterdir())


def test_the_python_code_of_a_run_prints_its_predictions(
    colors, tmp_path, monkeypatch, capfd
):
    made = export(colors, "python", str(tmp_path / "code"))
    found = FORMATS["python"].load(made.path)(COLORS)
    difference = found["logits"] - logits_of(colors, COLORS)
    assert np.abs(difference).max() < 1e-6
    np.save(tmp_path / "x.npy", np.full((2, 16, 16, 3), (250, 30, 30), "u1"))
    monkeypatch.setitem(sys.modules, "zoo", None)  # as where it is not
    monkeypatch.setattr(sys, "argv", ["model.py", str(tmp_path / "x.npy")])
    runpy.run_path(str(made.path / "model.py"), run_name="__main__")
    printed = capfd.readouterr().out
    script = (made.path / "model.py").read_text()
    assert "layers.Dense(3, name=" in script and "import zoo" not in script
    assert [line.split()[1] for line in printed.splitlines()] == ["red"] * 2


def test_a_layer_that_is_not_of_keras_has_no_plain_code(tmp_path):
    class Doubled(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    odd = keras.Sequential([keras.Input((2,)), Doubled(name="twice")])
    with pytest.raises(UserError, match="twice is a Doubled, which is no"):
        FORMATS["python"].write(
            with_probabilities(odd), tmp_path / "m", METADATA
        )
    assert not (tmp_path / "m").exists()


def check_plain_code(model, folder, tolerance):
    FORMATS["python"].write(with_probabilities(model), folder / "m", METADATA)
    x = np.random.default_rng(0).normal(size=(5, *model.input_shape[1:]))
    found = FORMATS["python"].load(folder / "m")(x.astype("f4"))["logits"]
    wanted = model.predict(x.astype("f4"), verbose=0)
    assert np.abs(found - wanted).max() < tolerance


def test_plain_code_tells_layers_of_one_name_apart(tmp_path):
    inner = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2, name="features")]
    )
    image = keras.Input((4,))
    outer = keras.layers.Dense(3, name="features")(image)
    check_plain_code(keras.Model(image, inner(outer)), tmp_path, 1e-6)


def test_plain_code_has_the_constants_and_functions_of_operations(tmp_path):
    image = keras.Input((4, 4, 1))
    patches = keras.ops.image.extract_patches(image, size=2, strides=2)
    scaled = patches * np.array([1, 2, 3, 4], np.float32)
    logits = keras.layers.Dense(2)(keras.layers.Flatten()(scaled))
    check_plain_code(keras.Model(image, logits), tmp_path, 1e-5)


def test_a_folder_of_something_else_is_not_replaced(colors, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="holds no model.py"):
        export(colors, "python", str(tmp_path / "mine"), overwrite=True)


def test_a_keras_file_has_its_metadata(colors, tmp_path):
    export(colors, "keras", str(tmp_path / "m.keras"))
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        about = json.loads(archive.read("about.json"))
    assert about["class_names"] == ["red", "green", "blue"]
    assert about["input"]["shape"] == [None, 16, 16, 3]
    assert about["input"]["values"] == "raw pixels 0..255"
    assert about["outputs"]["probabilities"] == [None, 3]
    assert (about["run"], about["model"]) == ("colors", "lr")


NEEDS_NO_ZOO = """
import json, sys, zipfile
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "zoo":
            raise ImportError(name)
sys.meta_path.insert(0, Blocker())
import keras
model = keras.models.load_model(sys.argv[1])
with zipfile.ZipFile(sys.argv[1]) as archive:
    names = json.loads(archive.read("about.json"))["class_names"]
print(json.dumps([list(model.output_shape), names]))
"""


def test_a_run_s_model_names_its_classes(colors):
    about_it = model_metadata.read(colors.path / "model.keras")
    assert about_it["class_names"] == ["red", "green", "blue"]
    assert about_it["outputs"] == {"logits": [None, 3]}


@pytest.mark.slow
def test_stock_keras_loads_a_run_s_model_and_passes_over_the_names(colors):
    path = str(colors.path / "model.keras")
    done = subprocess.run(
        [sys.executable, "-I", "-c", NEEDS_NO_ZOO, path],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[None, 3], ["red", "green", "blue"]]


def test_it_is_checked_on_validation_images(run, tmp_path, digit):
    found, about = check_examples(run)
    assert about == "validation images"
    assert np.array_equal(found, digit.images)
    made = export(run, "keras", str(tmp_path / "m.keras"))
    assert made.parity.examples == made.parity.equal == 144


def test_it_is_checked_on_noise_where_the_data_are_gone(run, monkeypatch):
    monkeypatch.setattr(export_module, "load_split", gone)
    found, about = check_examples(run)
    assert about == "images of random noise (the dataset cannot be loaded)"
    assert found.shape == (64, 8, 8, 1)
    assert 0 <= found.min() < 20 and 235 < found.max() <= 255


def test_points_are_exported_too(moons, tmp_path):
    made = export(moons, "keras", str(tmp_path / "m.keras"))
    assert made.parity.description == "validation points"
    assert made.parity.holds
    assert made.metadata["input"]["shape"] == [None, 2]


@pytest.mark.parametrize("shift", [1e-3, np.nan])
def test_a_different_prediction_is_refused_and_the_old_file_stays(
    run, tmp_path, monkeypatch, shift
):
    def load(path):
        answer = load_truly(path)

        def shifted(examples):
            found = answer(examples)
            return {**found, "logits": found["logits"] + np.float32(shift)}

        return shifted

    load_truly = FORMATS["keras"].load
    changed = dataclasses.replace(FORMATS["keras"], load=load)
    monkeypatch.setitem(FORMATS, "keras", changed)
    path = tmp_path / "m.keras"
    path.write_text("old")
    with pytest.raises(UserError, match="differ from those of the run"):
        export(run, "keras", str(path), overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["m.keras"]
    assert path.read_text() == "old"


def test_an_export_inside_a_run_is_named_after_it(run):
    for name, form in FORMATS.items():
        path = resolve_path(run, form, None, False)
        suffix = form.suffix or f"-{name}"
        if name == "tflite_int8":  # beside the one in float32
            suffix = f"-int8{suffix}"
        assert path == run.path / "exports" / f"digits{suffix}"


def test_a_run_named_by_a_dot_has_a_name_all_the_same(run, monkeypatch):
    monkeypatch.chdir(run.path)
    here = Run(run.path.relative_to(run.path), "digits")
    path = resolve_path(here, FORMATS["onnx"], None, False)
    assert path.name == "digits.onnx"


def test_a_folder_takes_the_place_of_an_older_one_as_a_whole(tmp_path):
    place = tmp_path / "model"
    for content in ("old", "new"):
        with replacing(place) as temporary:
            temporary.mkdir()
            (temporary / content).touch()
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    assert [file.name for file in place.iterdir()] == ["new"]


def test_a_replacement_that_was_killed_halfway_is_undone(tmp_path):
    old = tmp_path / ".old.m"
    old.mkdir()
    (old / "saved_model.pb").write_text("old")
    path = tmp_path / "m"
    with pytest.raises(UserError, match="exists already; --overwrite"):
        resolve_path(None, find_format("saved_model"), str(path), False)
    assert (path / "saved_model.pb").read_text() == "old"
    assert not old.exists()


def test_a_folder_that_cannot_be_written_is_told_with_out(
    tmp_path, monkeypatch
):
    def refuse(**options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(UserError, match="Read-only.*--out"):
        with replacing(tmp_path / "a.keras"):
            pass


def test_what_fails_leaves_the_older_one_and_nothing_else(tmp_path):
    place = tmp_path / "new" / "model"
    with pytest.raises(ZeroDivisionError), replacing(place) as temporary:
        temporary.mkdir()
        raise ZeroDivisionError
    assert not place.parent.exists()


def test_an_existing_export_is_replaced_only_with_overwrite(run, tmp_path):
    path = tmp_path / "m.keras"
    path.write_text("old")
    with pytest.raises(UserError, match="exists already"):
        export(run, "keras", str(path))
    assert export(run, "keras", str(path), overwrite=True).parity.holds
    assert path.read_bytes() != b"old"


def test_a_regression_is_not_exported(curve):
    with pytest.raises(UserError, match="predicts numbers"):
        export(curve, "keras")


LARGE = np.float32([[300.0, 0.0], [0.0, 1.0]])


def compare(wanted, logits):
    """Measures an export that answers with these logits, in two batches."""
    left = list(logits)

    def answer(part):
        given = np.stack([left.pop(0) for _ in part])
        return {"logits": given, "probabilities": softmax(given, axis=1)}

    examples = np.zeros((len(wanted), 3), np.float32)
    return check_parity(wanted, answer, examples, "points")


def test_large_logits_may_differ_by_their_rounding():
    assert compare(LARGE, LARGE + np.float32(2e-4)).holds
    assert not compare(LARGE, LARGE + np.float32(1e-3)).holds
    assert not compare(LARGE / 300, LARGE / 300 + np.float32(2e-4)).holds


def test_predictions_of_another_shape_differ():
    found = compare(LARGE, np.repeat(LARGE, 2, axis=1))
    assert not found.holds and found.equal == 0


def test_predictions_that_differ_are_counted():
    found = compare(LARGE, LARGE[:, ::-1])
    assert (found.examples, found.equal) == (2, 0)
    assert found.logits == 300.0
    assert not found.holds


# Formats.

METADATA = {"run": "small", "class_names": ["cat", "dog"]}
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
    skip_without_packages(name)
    wanted = small.predict_on_batch(IMAGES)
    path = tmp_path / f"m{form.suffix}"
    form.write(with_probabilities(small), path, METADATA)
    found = form.load(path)(IMAGES)
    assert set(found) == {"logits", "probabilities"}
    assert np.abs(found["logits"] - wanted).max() < 1e-5
    assert np.abs(found["probabilities"].sum(axis=1) - 1).max() < 1e-6


def test_an_onnx_file_names_its_axes_and_classes(small, tmp_path):
    skip_without_packages("onnx")
    import onnxruntime

    write_onnx(with_probabilities(small), tmp_path / "m.onnx", METADATA)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    (given,) = session.get_inputs()
    assert (given.name, given.shape) == ("image", ["batch", 4, 4, 1])
    for output in session.get_outputs():
        assert output.shape == ["batch", 2]
    properties = session.get_modelmeta().custom_metadata_map
    assert json.loads(properties["class_names"]) == ["cat", "dog"]
    assert properties["run"] == "small"


def test_what_onnx_cannot_express_is_refused(tmp_path):
    skip_without_packages("onnx")
    # Keras finds the largest of floats by their bits, which ONNX has not.
    edges = handcrafted.build_hog((16, 16, 3)).model
    odd = with_probabilities(keras.Sequential([edges, keras.layers.Dense(2)]))
    with pytest.raises(UserError, match="small cannot be written as ONNX"):
        write_onnx(odd, tmp_path / "m.onnx", METADATA)


def test_only_the_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "tf2onnx" else name,
    )
    with pytest.raises(UserError, match="needs tf2onnx, which is not inst"):
        FORMATS["onnx"].check_packages()
    FORMATS["keras"].check_packages()


def test_an_unknown_format_gets_the_nearest_name():
    with pytest.raises(UserError, match="did you mean saved_model"):
        find_format("savedmodel")


def test_a_full_disk_that_tensorflow_meets_is_no_lack_of_memory(tmp_path):
    class ResourceExhaustedError(Exception):
        """As TensorFlow raises it for both."""

    error = ResourceExhaustedError("file.pb; No space left on device")
    assert not is_out_of_memory(error)
    with (
        pytest.raises(UserError, match="No space left on device; choose"),
        replacing(tmp_path / "export"),
    ):
        raise error
    assert not list(tmp_path.iterdir())
