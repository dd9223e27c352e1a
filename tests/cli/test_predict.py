"""`zoo predict`, as it is typed and as it answers."""

import json

import numpy as np
import pytest
from PIL import Image

from zoo.cli.main import main


@pytest.fixture
def photos(tmp_path):
    """A folder of two pictures, a dark one and one a little brighter."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, value in (("a", 60), ("b", 90)):
        Image.new("L", (30, 30), value).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def typed(copy, capfd):
    """Returns a function: types a command, and returns what it says."""

    def type_(*argv, code=0):
        words = [str(word) for word in argv]
        argv = ["predict", "done", *words, f"--runs_dir={copy.parent}"]
        assert main(argv) == code
        return capfd.readouterr()

    return type_


def test_a_line_names_file_class_and_runner_up(typed, photos):
    said = typed(photos)
    heads, *rows = said.out.splitlines()
    assert heads.split() == [
        "file", "class", "probability", "runner-up", "probability",
    ]  # fmt: skip
    assert [row.split()[0] for row in rows] == [
        str(photos / "a.png"), str(photos / "b.png"),
    ]  # fmt: skip
    _, _, share, _, second = rows[0].split()
    assert 1 >= float(share) >= float(second) >= 0
    assert said.err == ""


@pytest.mark.parametrize(("top", "cells"), [(1, 3), (3, 7), (10, 21)])
def test_as_many_classes_are_named_as_are_asked_for(typed, photos, top, cells):
    for line in typed(photos, f"--top={top}").out.splitlines()[1:]:
        assert len(line.split()) == cells


def test_json_has_the_keys_that_programs_read(typed, photos):
    found = json.loads(typed(photos, "--json", "--top=3").out)
    first = found["predictions"][0]
    assert found["run"] == "done"
    assert first["file"] == str(photos / "a.png")
    assert first["top"][0] == {
        "class": first["class"], "probability": first["probability"],
    }  # fmt: skip
    assert len(first["top"]) == 3
    assert (found["unreadable"], found["warnings"]) == ([], [])


def test_one_broken_picture_does_not_spoil_the_others(typed, photos):
    (photos / "broken.png").write_text("no picture")
    said = typed(photos, code=2)
    assert len(said.out.splitlines()) == 3
    assert said.err.count("\n") == 1
    assert f"{photos}/broken.png cannot be read as an image" in said.err


def test_many_broken_pictures_are_told_of_in_one_sentence(typed, photos):
    for i in range(5):
        (photos / f"broken{i}.png").touch()
    said = typed(photos, "--json", code=2)
    assert "5 of 7 files cannot be read as images" in said.err
    assert "and 2 more." in said.err
    assert len(json.loads(said.out)["unreadable"]) == 5


def test_pictures_that_look_like_negatives_are_warned_of(typed, photos):
    Image.new("L", (8, 8), 250).save(photos / "paper.png")
    said = typed(photos / "paper.png")
    assert "look like negatives" in said.err
    assert len(said.out.splitlines()) == 2


FILES = {
    "text.png": (b"hello", "text.png cannot be read as an image"),
    "empty.png": (b"", "empty.png cannot be read as an image"),
    "text.npy": (b"hello", "text.npy is corrupt"),
    "text.npz": (b"hello", "text.npz cannot be read as a NumPy .npz file"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_example_is_named(answer, copy, tmp_path, name):
    content, words = FILES[name]
    (tmp_path / name).write_bytes(content)
    assert words in answer("predict", "done", str(tmp_path / name))


def test_a_picture_of_too_many_pixels_is_named(answer, copy, tmp_path):
    Image.new("1", (10_000, 10_000)).save(tmp_path / "bomb.png")
    sentence = answer("predict", "done", str(tmp_path / "bomb.png"))
    assert "bomb.png is too large" in sentence


def test_scaled_pixels_are_named_and_nothing_is_predicted(
    answer, copy, tmp_path
):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((4, 8, 8)))
    sentence = answer("predict", "done", str(tmp_path / "x.npy"))
    assert "x.npy lies between 0.00" in sentence
    assert "multiply by 255" in sentence


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "an IMAGE is missing"),
        (["{photos}/c.png"], "did you mean {photos}/"),
        (["{photos}/*.gif"], "matches no file"),
        (["{photos}/none"], "there is no file {photos}/none"),
        (["{photos}", "--top=0"], "--top=0"),
        (["{photos}", "--top=11"], "give 1 to 10"),
        (["{photos}", "--top=x"], "--top=x is not a number"),
    ],
)
def test_a_mistake_gets_one_sentence(answer, copy, photos, words, said):
    words = [word.format(photos=photos) for word in words]
    assert said.format(photos=photos) in answer("predict", "done", *words)


def test_a_run_that_is_not_there_is_told_before_a_file(answer, copy):
    sentence = answer("predict", "dune", "no.png")
    assert "no run 'dune'" in sentence and "did you mean done" in sentence
