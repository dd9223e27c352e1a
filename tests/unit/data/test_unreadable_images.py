"""Files that cannot be read are named, or left out and counted."""

import os
import struct

import numpy as np
import pytest
from PIL import Image

from tests.unit.data.conftest import save
from zoo.config import TrainConfig
from zoo.data import folder, image_files, load_dataset
from zoo.errors import UserError
from zoo.evaluation.test_set import load_test_split

RANDOM = np.random.default_rng(0)


def pixels(shape=(6, 8, 3)):
    return RANDOM.integers(0, 256, shape, np.uint8)


@pytest.fixture
def place(tmp_path):
    """A folder of 24 pictures of each of two classes, one of them broken."""
    for label in ("cat", "dog"):
        for i in range(24):
            save(tmp_path / "p" / label / f"{i}.png", pixels())
    path = tmp_path / "p" / "cat" / "3.png"
    path.write_bytes(path.read_bytes()[:60])
    return tmp_path


def load(place, **options):
    where = {"data_dir": str(place / "kept"), **options}
    return load_dataset(f"folder:{place}/p", **where)


def test_broken_files_are_left_out_and_counted(place):
    data = load(place, skip_unreadable=True)
    test = load_test_split(f"folder:{place}/p", skip_unreadable=True)
    names = [*data.train.file_names, *data.val.file_names, *test.file_names]
    assert len(set(names)) == len(names) == 47
    assert "cat/3.png" not in names
    (note,) = data.notes
    assert note.startswith("1 unreadable file") and "cat/3.png" in note


def test_what_is_left_is_what_it_is_without_the_broken_file(place):
    found = load(place, skip_unreadable=True)
    (place / "p" / "cat" / "3.png").unlink()
    assert load(place).fingerprint == found.fingerprint
    again = load(place, skip_unreadable=True)
    assert again.fingerprint == found.fingerprint and again.notes == ()


@pytest.fixture
def cached(place, monkeypatch):
    """What is left of the folder, kept as arrays."""
    monkeypatch.setattr(folder, "MIN_CACHED_FILES", 40)
    return load(place, skip_unreadable=True)


def test_kept_arrays_know_what_was_left_out(place, cached, monkeypatch):
    monkeypatch.setattr(image_files, "_open", None)
    again = load(place, skip_unreadable=True)
    assert again.fingerprint == cached.fingerprint
    assert again.train.file_names == cached.train.file_names
    assert again.notes == cached.notes


def test_kept_arrays_are_not_those_of_a_reading_that_refuses(place, cached):
    with pytest.raises(UserError, match=r"cat/3\.png"):
        load(place)


def test_a_class_with_no_readable_image_is_refused(place):
    for path in (place / "p" / "cat").iterdir():
        path.write_bytes(b"")
    with pytest.raises(UserError, match="no readable train image.*cat/"):
        load(place, skip_unreadable=True)


def test_leaving_files_out_needs_files():
    with pytest.raises(UserError, match="--skip_unreadable.*folder:PATH"):
        TrainConfig(dataset="digits", skip_unreadable=True)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("name", ["pipe.png", "pipe"])
def test_a_pipe_is_never_opened(place, name):
    broken, pipe = place / "p" / "cat" / "3.png", place / "p" / "cat" / name
    broken.unlink()
    os.mkfifo(pipe)
    if name == "pipe":  # recognized by its first bytes, if it had any
        assert any("1 pipe" in note for note in load(place).notes)
        return
    with pytest.raises(UserError, match="pipe.png.*not a regular file"):
        load(place)
    (note,) = load(place, skip_unreadable=True).notes
    assert "pipe.png" in note


def exif(kind, count, value):
    """Returns EXIF data with one tag, the orientation, of some type."""
    entry = struct.pack("<HHI", image_files.ORIENTATION, kind, count) + value
    return b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + b"\0" * 4


ORIENTATIONS = {
    "text": exif(2, 2, b"6\0\0\0"),
    "bytes": exif(7, 2, b"6\0\0\0"),
    "zero": exif(3, 1, struct.pack("<HH", 0, 0)),
    "99": exif(3, 1, struct.pack("<HH", 99, 0)),
    "junk": b"Exif\0\0junk",
}


@pytest.mark.parametrize("tags", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_an_orientation_that_is_none_turns_nothing(tmp_path, tags):
    path = tmp_path / "x.jpg"
    save(path, pixels(), exif=tags)
    with image_files.refuse_decompression_bombs():
        assert image_files.read_size_and_mode(path)[0] == (6, 8)
        assert image_files.read_header(path).size == (6, 8)
        found = image_files.decode(path, 3)
    np.testing.assert_array_equal(found, np.asarray(Image.open(path)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_every_orientation_is_turned_upright(tmp_path, orientation, suffix):
    upright = pixels()
    # As EXIF 2.3 has it: where row 0 and column 0 of the file are seen.
    turned = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    tags = Image.Exif()
    tags[image_files.ORIENTATION] = orientation
    path = tmp_path / f"x.{suffix}"
    save(path, np.ascontiguousarray(turned), exif=tags)
    assert image_files.read_size_and_mode(path)[0] == (6, 8)
    np.testing.assert_array_equal(image_files.decode(path, 3), upright)


def test_an_animation_that_was_cut_off_has_a_header_or_a_reason(tmp_path):
    path = tmp_path / "x.gif"
    others = [Image.fromarray(pixels())]
    save(path, pixels(), save_all=True, append_images=others)
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        try:
            assert image_files.read_header(path).num_frames >= 1
        except image_files.UnreadableImageError as error:
            assert error.reason


def test_what_is_drawn_in_white_on_transparency_is_refused(tmp_path):
    path = tmp_path / "x.png"
    drawn = np.full((6, 8, 4), 255, np.uint8)
    drawn[..., 3] = pixels((6, 8))
    save(path, drawn)
    with pytest.raises(image_files.UnreadableImageError, match="white on"):
        image_files.decode(path, 3)
    drawn[..., 3] = 0
    save(path, drawn)
    assert (image_files.decode(path, 3) == 255).all()


def test_other_aspect_ratios_are_counted(tmp_path):
    for label in ("a", "b"):
        for i in range(6):
            shape = (32, 32, 3) if i else (24, 32, 3)
            save(tmp_path / label / f"{i}.png", pixels(shape))
    (note,) = load_dataset(f"folder:{tmp_path}", image_size=16).notes
    assert note.startswith("2 images have another aspect ratio")
