"""Exports hold what they say, answer as the run, and come whole or not."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from scipy.special import softmax

from zoo import about
from zoo.errors import UserError
from zoo.runs import Run
from zoo.serving import export, keras_file, parity, target
from zoo.serving.formats import FORMATS


def logits_of(run, examples):
    return run.load_model().predict_on_batch(examples)


@pytest.fixture
def examples(digit):
    return digit.images[:20].astype(np.float32)


def test_an_export_answers_as_the_run_does(run, examples, tmp_path):
    made = export(run, "keras", str(tmp_path / "m.keras"))
    found = keras_file.load(made.path)(examples)
    wanted = logits_of(run, examples)
    assert np.abs(found["logits"] - wanted).max() < 1e-4
    expected = softmax(wanted.astype(np.float64), axis=1)
    assert np.abs(found["probabilities"] - expected).max() < 1e-6


def test_a_keras_file_says_what_it_is(colours, tmp_path):
    export(colours, "keras", str(tmp_path / "m.keras"))
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        about = json.loads(archive.read("about.json"))
    assert about["class_names"] == ["red", "green", "blue"]
    assert about["input"]["shape"] == [None, 16, 16, 3]
    assert about["input"]["values"] == "raw pixels 0..255"
    assert about["outputs"]["probabilities"] == [None, 3]
    assert (about["run"], about["model"]) == ("colours", "lr")


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


def test_a_run_s_model_names_its_classes(colours):
    about_it = about.read(colours.path / "model.keras")
    assert about_it["class_names"] == ["red", "green", "blue"]
    assert about_it["outputs"] == {"logits": [None, 3]}


@pytest.mark.slow
def test_stock_keras_loads_a_run_s_model_and_passes_over_the_names(colours):
    path = str(colours.path / "model.keras")
    done = subprocess.run(
        [sys.executable, "-I", "-c", NEEDS_NO_ZOO, path],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[None, 3], ["red", "green", "blue"]]


def test_it_is_checked_on_validation_images(run, tmp_path, digit):
    found, about = parity.examples_of(run)
    assert about == "validation images"
    assert np.array_equal(found, digit.images)
    made = export(run, "keras", str(tmp_path / "m.keras"))
    assert made.parity.examples == made.parity.equal == 144


def test_it_is_checked_on_noise_where_the_data_are_gone(run, monkeypatch):
    def gone(run, split):
        raise UserError("the images are gone.")

    monkeypatch.setattr(parity, "images_of", gone)
    found, about = parity.examples_of(run)
    assert about == "images of noise, for want of data"
    assert found.shape == (64, 8, 8, 1)
    assert 0 <= found.min() < 20 and 235 < found.max() <= 255


def test_points_are_exported_too(moons, tmp_path):
    made = export(moons, "keras", str(tmp_path / "m.keras"))
    assert made.parity.about == "validation points"
    assert made.parity.holds
    assert made.about["input"]["shape"] == [None, 2]


@pytest.mark.parametrize("shift", [1e-3, np.nan])
def test_another_answer_is_refused_and_what_was_there_stays(
    run, tmp_path, monkeypatch, shift
):
    def load(path):
        answer = load_truly(path)

        def shifted(examples):
            found = answer(examples)
            return {**found, "logits": found["logits"] + np.float32(shift)}

        return shifted

    load_truly = keras_file.load
    monkeypatch.setattr(keras_file, "load", load)
    path = tmp_path / "m.keras"
    path.write_text("old")
    with pytest.raises(UserError, match="answers differently"):
        export(run, "keras", str(path), overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["m.keras"]
    assert path.read_text() == "old"


def test_an_export_inside_a_run_is_named_after_it(run):
    for name, form in FORMATS.items():
        path = target.choose(run, form, None, False)
        ending = form.ending or f"-{name}"
        assert path == run.path / "exports" / f"digits{ending}"


def test_a_run_named_by_a_dot_has_a_name_all_the_same(run, monkeypatch):
    monkeypatch.chdir(run.path)
    here = Run(run.path.relative_to(run.path), "digits")
    assert target.choose(here, FORMATS["onnx"], None, False).name == (
        "digits.onnx"
    )


def test_a_folder_takes_the_place_of_an_older_one_as_a_whole(tmp_path):
    place = tmp_path / "model"
    for content in ("old", "new"):
        with target.replacing(place) as temporary:
            temporary.mkdir()
            (temporary / content).touch()
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    assert [file.name for file in place.iterdir()] == ["new"]


def test_what_fails_leaves_the_older_one_and_nothing_else(tmp_path):
    place = tmp_path / "new" / "model"
    with pytest.raises(ZeroDivisionError), target.replacing(place) as temporary:
        temporary.mkdir()
        raise ZeroDivisionError
    assert not place.parent.exists()


def test_an_export_that_is_there_is_replaced_where_that_is_asked(
    run, tmp_path, capfd
):
    path = str(tmp_path / "m.keras")
    export(run, "keras", path)
    with pytest.raises(UserError, match="is there already"):
        export(run, "keras", path)
    assert export(run, "keras", path, overwrite=True).parity.holds


def test_a_run_that_predicts_numbers_is_not_exported(curve):
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
    return parity.measure(wanted, answer, examples, "points")


def test_large_logits_may_differ_by_their_rounding():
    assert compare(LARGE, LARGE + np.float32(2e-4)).holds
    assert not compare(LARGE, LARGE + np.float32(1e-3)).holds
    assert not compare(LARGE / 300, LARGE / 300 + np.float32(2e-4)).holds


def test_answers_of_another_shape_are_no_answers():
    found = compare(LARGE, np.repeat(LARGE, 2, axis=1))
    assert not found.holds and found.equal == 0


def test_answers_that_differ_are_counted():
    found = compare(LARGE, LARGE[:, ::-1])
    assert (found.examples, found.equal) == (2, 0)
    assert found.logits == 300.0
    assert not found.holds
