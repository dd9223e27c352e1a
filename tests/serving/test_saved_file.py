"""A `.keras` file that is asked in the place of its run."""

import shutil

import keras
import numpy as np
import pytest

from zoo import about
from zoo.errors import UserError
from zoo.serving import export, predict, saved_file


@pytest.fixture
def pixels():
    random = np.random.default_rng(1)
    return random.integers(0, 256, (5, 16, 16, 3), np.uint8)


def same_answers(one, other, pixels):
    found, wanted = (predict(run, pixels, top=3) for run in (one, other))
    for mine, run_s in zip(found.predictions, wanted.predictions, strict=True):
        assert mine.classes == run_s.classes
        assert mine.probabilities == pytest.approx(
            run_s.probabilities, abs=1e-6
        )


def test_a_copy_of_a_run_s_model_answers_by_the_names_of_its_classes(
    colours, pixels, tmp_path
):
    path = tmp_path / "mine.keras"
    shutil.copy(colours.path / "model.keras", path)
    found = saved_file.find(str(path), str(tmp_path))
    assert set(predict(found, pixels).predictions[0].classes) < {
        "red",
        "green",
        "blue",
    }
    same_answers(found, colours, pixels)


def test_an_export_answers_by_the_names_of_its_classes(
    colours, pixels, tmp_path
):
    path = tmp_path / "export.keras"
    export(colours, "keras", str(path))
    same_answers(saved_file.find(str(path), str(tmp_path)), colours, pixels)


def test_in_its_folder_it_stands_for_the_run(colours):
    path = colours.path / "model.keras"
    assert saved_file.find(str(path), "runs").path == colours.path


def test_a_name_that_is_no_file_is_a_run_s(colours):
    found = saved_file.find("colours", str(colours.path.parent))
    assert found.path == colours.path


def test_a_file_that_names_no_classes_is_refused(tmp_path):
    path = tmp_path / "other.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(path)
    with pytest.raises(UserError, match="about.json, which names the classes"):
        saved_file.find(str(path), str(tmp_path))


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "text.keras"
    path.write_text("no model")
    with pytest.raises(UserError, match="cannot be read"):
        about.read(path)
