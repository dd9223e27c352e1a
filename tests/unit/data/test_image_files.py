"""Which files are images, where they are, and how they are decoded."""

import sys
import types

import numpy as np
import pytest
from PIL import Image, features

from tests.unit.data.conftest import save
from zoo.data import image_files, load_dataset

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("suffix", "format"),
    [
        (".jfif", "JPEG"),
        (".jpe", "JPEG"),
        (".JPG", "JPEG"),
        (".avif", "AVIF"),
        (".jp2", "JPEG2000"),
        (".tga", "TGA"),
        (".webp", "WEBP"),
        ("", "PNG"),
        (".17", "TIFF"),
    ],
)
def test_every_format_of_pillow_is_read(tmp_path, suffix, format):
    feature = {"AVIF": "avif", "JPEG2000": "jpg_2000", "WEBP": "webp"}
    if format in feature and not features.check(feature[format]):
        pytest.skip(f"this Pillow was built without {format}")
    path = tmp_path / f"x{suffix}"
    Image.fromarray(PIXELS).save(path, format)
    assert image_files.is_image(path)
    with Image.open(path) as picture:
        expected = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(image_files.decode(path, 3), expected)


@pytest.mark.parametrize("name", ["README", "x.txt", "x.pdf", "x.svg", "x.mp4"])
def test_documents_and_videos_are_no_images(tmp_path, name):
    (tmp_path / name).write_text("BM: this begins as a bitmap does")
    assert not image_files.is_image(tmp_path / name)


def test_a_document_under_an_images_name_is_refused(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "x.png", "EPS")
    with pytest.raises(image_files.UnreadableImageError, match="x.png"):
        image_files.decode(tmp_path / "x.png", 3)


def test_a_damaged_file_without_a_suffix_is_an_image(tmp_path):
    path = tmp_path / "x"
    Image.fromarray(PIXELS).save(path, "PNG")
    path.write_bytes(path.read_bytes()[:60])
    assert image_files.is_image(path)


def test_what_is_left_out_is_counted_by_kind(tmp_path):
    for i in range(6):
        save(tmp_path / "ab"[i % 2] / f"{i}.png", PIXELS + i)
    for name in ("a/1.heic", "a/2.HEIC", "b/notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    if ".heic" in image_files.supported_suffixes():
        pytest.skip("HEIC is read here")
    (note,) = load_dataset(f"folder:{tmp_path}").notes
    assert note.startswith("3 files are skipped")
    assert "2 .heic" in note and "1 .txt" in note
    assert "pip install pillow-heif" in note


def test_heic_is_read_where_its_package_is_there(monkeypatch):
    plug_in = types.ModuleType("pillow_heif")

    def register():
        Image.register_open("HEIF", None, None)
        Image.register_extensions("HEIF", [".heic"])

    plug_in.register_heif_opener = register
    monkeypatch.setitem(sys.modules, "pillow_heif", plug_in)
    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "EXTENSION", dict(Image.EXTENSION))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    image_files.supported_formats.cache_clear()
    image_files.supported_suffixes.cache_clear()
    try:
        assert "HEIF" in image_files.supported_formats()
        assert ".heic" in image_files.supported_suffixes()
    finally:
        image_files.supported_formats.cache_clear()
        image_files.supported_suffixes.cache_clear()


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def names(root):
    images, others = image_files.find_images(root)
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
