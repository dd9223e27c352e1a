"""Files below a folder: links are followed once, hidden ones are not seen."""

import pytest

from zoo.data import walking


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def names(root):
    images, others = walking.divide(root)
    return [
        [path.relative_to(root).as_posix() for path in found]
        for found in (images, others)
    ]


def test_images_at_any_depth_and_other_files_are_told_apart(tmp_path):
    for name in ("b.png", "a/x.JPG", "a/b/notes.txt", "README"):
        touch(tmp_path / name)
    assert names(tmp_path) == [
        ["a/x.JPG", "b.png"],
        ["README", "a/b/notes.txt"],
    ]


@pytest.mark.parametrize(
    "folder", [".ipynb_checkpoints", "a/.cache/deep", "__MACOSX", "@eaDir"]
)
def test_hidden_folders_are_not_seen_at_any_depth(tmp_path, folder):
    touch(tmp_path / "a" / "x.png")
    touch(tmp_path / folder / "y.png")
    touch(tmp_path / "a" / ".z.png")
    assert names(tmp_path) == [["a/x.png"], []]


def test_linked_folders_are_followed(tmp_path):
    touch(tmp_path / "other" / "deep" / "y.png")
    touch(tmp_path / "class" / "x.png")
    (tmp_path / "class" / "link").symlink_to(tmp_path / "other")
    assert names(tmp_path / "class")[0] == ["link/deep/y.png", "x.png"]


def test_a_folder_is_read_once_however_many_links_lead_there(tmp_path):
    touch(tmp_path / "class" / "own" / "x.png")
    (tmp_path / "class" / "again").symlink_to(tmp_path / "class" / "own")
    (tmp_path / "class" / "loop").symlink_to(tmp_path / "class")
    (tmp_path / "class" / "own" / "up").symlink_to(tmp_path)
    assert names(tmp_path / "class") == [["own/x.png"], []]
