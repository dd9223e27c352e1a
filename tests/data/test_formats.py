"""Which files are images: Pillow's formats, and content where no name helps."""

import sys
import types

import numpy as np
import pytest
from PIL import Image, features

from zoo.data import formats, load_dataset, pictures
from zoo.errors import UserError

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
    assert formats.is_image(path)
    with Image.open(path) as picture:
        expected = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(pictures.decode(path, 3), expected)


@pytest.mark.parametrize("name", ["README", "x.txt", "x.pdf", "x.svg", "x.mp4"])
def test_documents_and_videos_are_no_images(tmp_path, name):
    (tmp_path / name).write_text("BM: this begins as a bitmap does")
    assert not formats.is_image(tmp_path / name)


def test_a_document_under_an_images_name_is_refused(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "x.eps")
    (tmp_path / "x.eps").rename(tmp_path / "x.png")
    with pytest.raises(pictures.Unreadable, match="x.png"):
        pictures.decode(tmp_path / "x.png", 3)


def test_a_damaged_file_without_a_suffix_is_an_image(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "x", "PNG")
    content = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(content[:60])
    assert formats.is_image(tmp_path / "x")


def test_what_is_left_out_is_counted_by_kind(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        for i in range(3):
            Image.fromarray(PIXELS + i).save(tmp_path / label / f"{i}.png")
    for name in ("a/1.heic", "a/2.HEIC", "b/notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    if ".heic" in formats.suffixes():
        pytest.skip("HEIC is read here")
    (note,) = load_dataset(f"folder:{tmp_path}").notes
    assert note.startswith("3 files are left out")
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
    formats.readable.cache_clear()
    formats.suffixes.cache_clear()
    try:
        assert "HEIF" in formats.readable()
        assert ".heic" in formats.suffixes()
    finally:
        formats.readable.cache_clear()
        formats.suffixes.cache_clear()


def test_a_class_of_unread_files_says_what_they_are(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
    Image.fromarray(PIXELS).save(tmp_path / "a" / "0.png")
    (tmp_path / "b" / "0.mp4").write_bytes(b"x")
    with pytest.raises(UserError, match="b has no images.*1 .mp4"):
        load_dataset(f"folder:{tmp_path}")
