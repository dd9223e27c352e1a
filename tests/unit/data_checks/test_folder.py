"""Every file of a folder is looked at, whatever is in it."""

import struct

import numpy as np
import pytest
from PIL import Image

from tests.unit.data_checks.conftest import bomb, save, textures
from zoo.data import load_dataset
from zoo.data.dataset import hash_image
from zoo.data_checks import inspect, read_dataset, read_folder
from zoo.errors import UserError


@pytest.fixture(scope="module")
def looked(photographs):
    return read_folder(str(photographs.root))


def test_readable_pictures_are_counted_by_class(looked, photographs):
    counts = dict(zip(looked.class_names, looked.counts.tolist(), strict=True))
    assert counts == photographs.counts


def test_every_unreadable_file_is_named_with_its_reason(looked, photographs):
    assert {bad.name for bad in looked.unreadable} == set(photographs.bad)
    for bad in looked.unreadable:
        assert photographs.bad[bad.name] in bad.reason


def test_a_picture_is_hashed_as_training_hashes_it(looked, photographs):
    first = looked.images[0]
    pixels = np.asarray(Image.open(photographs.root / first.name))
    assert first.digest == hash_image(pixels)


def test_the_parts_are_those_that_training_has(looked, tmp_path, photographs):
    for look in looked.images:
        source = photographs.root / look.name
        target = tmp_path / look.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(source.read_bytes())
    data = load_dataset(f"folder:{tmp_path}")
    names = [look.name for look in looked.images]
    for part, split in (("train", data.train), ("val", data.val)):
        told = {names[i] for i in looked.splits[part]}
        assert told == set(split.file_names)
    assert len(looked.splits["test"]) == data.num_test_examples


def test_a_test_part_of_its_own_stays_unseen(tmp_path):
    images, labels = textures(40, classes=2)
    for i, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        part = "test" if i < 10 else "val" if i < 16 else "train"
        save(tmp_path / part / "ab"[label] / f"{i}.png", pixels)
    (tmp_path / "test" / "a" / "bad.png").write_bytes(b"")
    looked = read_folder(str(tmp_path))
    assert {look.name.split("/")[0] for look in looked.images} == {
        "train",
        "val",
    }
    assert looked.unreadable == () and looked.num_test == 11
    assert {name: len(part) for name, part in looked.splits.items()} == {
        "train": 24,
        "val": 6,
        "test": 0,
    }


MODES = {
    "L": "gray",
    "LA": "gray with transparency",
    "RGBA": "color with transparency",
    "CMYK": "CMYK",
    "I;16": "16-bit gray",
    "1": "black and white",
}


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_is_told_in_words(tmp_path, mode):
    for name in "ab":
        save(tmp_path / name / "1.png", textures(1)[0][0])
    Image.new(mode, (8, 8)).save(tmp_path / "a" / "other.tif")
    looked = read_folder(str(tmp_path))
    (found,) = (k for k in looked.images if k.name == "a/other.tif")
    assert found.mode == MODES[mode]
    assert found.size == (8, 8)


def finding(collection, name):
    (found,) = (f for f in inspect(collection) if f.name == name)
    return found


def test_text_bombs_and_animations_are_told(tmp_path):
    images, _ = textures(9)
    for i, pixels in enumerate(images[:4]):
        save(tmp_path / "ab"[i % 2] / f"{i}.png", pixels)
    (tmp_path / "a" / "text.png").write_text("not a picture, these are words")
    (tmp_path / "a" / "noise.png").write_bytes(bytes(range(128, 256)) * 4)
    (tmp_path / "b" / "bomb.png").write_bytes(bomb())
    frames = [Image.fromarray(pixels) for pixels in images[4:]]
    frames[0].save(
        tmp_path / "b" / "moving.gif",
        save_all=True,
        append_images=frames[1:],
    )
    looked = read_folder(str(tmp_path))
    why = {bad.name: bad.reason for bad in looked.unreadable}
    assert why.keys() == {"a/text.png", "a/noise.png", "b/bomb.png"}
    assert why["a/text.png"] == "it is text"
    assert "not supported" in why["a/noise.png"]
    assert "too large" in why["b/bomb.png"]
    assert finding(looked, "multiple_frames").images == (
        "b/moving.gif: 5 frames",
    )


def test_formats_that_are_not_read_are_counted(collect, tmp_path):
    images, _ = textures(4)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "IMG_1.HEIC").write_bytes(b"x")
    (tmp_path / "a" / "notes.txt").write_text("x")
    looked = collect({f"{'ab'[i % 2]}/{i}.png": images[i] for i in range(4)})
    assert looked.skipped == {".heic": 1, ".txt": 1}
    assert "1 .heic" in finding(looked, "skipped_files").sentence


def test_a_class_without_a_picture_is_named(collect, tmp_path):
    (tmp_path / "emu").mkdir()
    images, _ = textures(4)
    looked = collect({f"{'ab'[i % 2]}/{i}.png": images[i] for i in range(4)})
    assert "class emu has no image" in finding(looked, "empty_classes").sentence


def test_different_sizes_are_told_with_a_flag_that_helps(collect, tmp_path):
    images, _ = textures(8)
    pictures = {f"{'ab'[i % 2]}/{i}.png": images[i] for i in range(8)}
    pictures["a/wide.png"] = np.zeros((100, 200, 3), np.uint8)
    told = finding(collect(pictures), "different_sizes").sentence
    assert "2 different sizes, 32x32 in 8 of them" in told
    flag = told.split("--image_size=")[1].rstrip(".")
    data = load_dataset(f"folder:{tmp_path}", image_size=int(flag))
    assert data.input_shape[:2] == (int(flag),) * 2


def test_blank_pictures_are_named(collect):
    images, _ = textures(4)
    pictures = {f"{'ab'[i % 2]}/{i}.png": images[i] for i in range(4)}
    pictures["a/white.png"] = np.full((32, 32, 3), 255, np.uint8)
    assert finding(collect(pictures), "blank_images").images == ("a/white.png",)


def test_the_classes_that_differ_twofold_are_told(looked):
    told = finding(looked, "class_imbalance").sentence
    assert "class cat has 62 images, 3.1 times as many as emu with 20" in told
    assert "--class_weight=balanced" in told


def test_training_names_one_bad_file_and_where_all_are_listed(photographs):
    with pytest.raises(UserError) as error:
        load_dataset(f"folder:{photographs.root}")
    assert "cat/empty.png cannot be read" in str(error.value)
    assert "the file is empty" in str(error.value)
    assert f"`zoo inspect {photographs.root}` lists all" in str(error.value)


def test_the_digits_are_seen_without_their_test_part():
    looked = read_dataset("digits")
    assert len(looked.images) == 1_437 and looked.num_test == 360
    data = load_dataset("digits")
    sizes = [len(looked.splits[part]) for part in ("train", "val", "test")]
    assert sizes == [len(data.train), len(data.val), 0]


def test_folders_that_are_not_used_are_named(tmp_path):
    images, labels = textures(12, classes=2)
    for i, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        save(tmp_path / "Train" / "ab"[label] / f"{i}.png", pixels)
    save(tmp_path / "test" / "0.png", images[0])
    save(tmp_path / "other" / "0.png", images[0])
    looked = read_folder(str(tmp_path))
    assert looked.class_names == ("a", "b")
    told = "\n".join(finding(looked, "unused_files").images)
    assert "zoo predict" in told and str(tmp_path / "other") in told


def test_files_with_damaged_tags_are_looked_at(collect, tmp_path):
    images, _ = textures(4)
    entry = struct.pack("<HHI", 0x0112, 2, 2) + b"6\0\0\0"  # of type text
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + b"\0" * 4
    (tmp_path / "a").mkdir()
    Image.fromarray(images[0]).save(tmp_path / "a" / "text.jpg", exif=exif)
    looked = collect({f"{'ab'[i % 2]}/{i}.png": images[i] for i in range(4)})
    assert "a/text.jpg" in [look.name for look in looked.images]


def test_pixels_far_below_white_are_told(collect):
    images, _ = textures(4)
    looked = collect(
        {f"{'ab'[i % 2]}/{i}.png": images[i] // 16 for i in range(4)}
    )
    assert "between 0 and 15" in finding(looked, "scaled_pixels").sentence


def test_photographs_of_one_size_that_is_no_square_are_told(collect):
    images, _ = textures(4)
    wide = np.concatenate([images, images], axis=2)
    looked = collect({f"{'ab'[i % 2]}/{i}.png": wide[i] for i in range(4)})
    assert "32x64" in finding(looked, "not_square").sentence


def test_two_colors_of_one_gray_level_are_no_blank_image(collect):
    images, _ = textures(4)
    pictures = {f"{'ab'[i % 2]}/{i}.png": images[i] for i in range(4)}
    red_and_green = np.zeros((32, 32, 3), np.uint8)
    red_and_green[:16] = (255, 0, 0)
    red_and_green[16:] = (0, 130, 0)  # 76 in gray, as the red is
    pictures["a/flag.png"] = red_and_green
    pictures["b/almost.png"] = np.full((32, 32, 3), (255, 0, 0), np.uint8)
    pictures["b/almost.png"][::2, ::2] = (253, 1, 0)
    found = finding(collect(pictures), "blank_images")
    assert found.images == ("b/almost.png",)
