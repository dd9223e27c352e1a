"""Words of a command as files: paths, folders, patterns."""

import pytest

from zoo.errors import UserError
from zoo.serving.finding import find_files


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "a.jpg", "c.txt", ".hidden.png", "deep/d.PNG"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def names(folder, *words):
    found = find_files([str(folder / word) for word in words])
    return [path.relative_to(folder).as_posix() for path in found.paths]


def test_a_file_stands_for_itself_whatever_it_is_called(folder):
    assert names(folder, "c.txt") == ["c.txt"]


def test_a_folder_stands_for_the_pictures_at_any_depth(folder):
    assert names(folder, "") == ["a.jpg", "b.png", "deep/d.PNG"]


def test_a_pattern_in_quotes_is_expanded(folder):
    assert names(folder, "?.*") == ["a.jpg", "b.png", "c.txt"]
    assert names(folder, "**/*.PNG") == ["deep/d.PNG"]


def test_a_file_that_looks_like_a_pattern_is_a_file(folder):
    (folder / "[1].png").touch()
    assert names(folder, "[1].png") == ["[1].png"]


def test_a_file_that_is_named_twice_is_taken_once(folder):
    assert names(folder, "b.png", "") == ["b.png", "a.jpg", "deep/d.PNG"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("x.png", "did you mean .*b.png"),
        ("qqqqqqqq", "or a pattern"),
        ("none/x.png", "nor a folder"),
        ("*.gif", "fits no file"),
        ("empty", "has no pictures"),
    ],
)
def test_a_word_that_stands_for_nothing_is_refused(folder, word, said):
    (folder / "empty").mkdir()
    with pytest.raises(UserError, match=said):
        names(folder, word)
