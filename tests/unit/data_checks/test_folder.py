"""Every file of a folder is looked at, whatever is in it."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from tests.unit.data.conftest import save
from tests.unit.data_checks.conftest import bomb, textures
from zoo.data import load_dataset
from zoo.data.dataset import hash_image
from zoo.data_checks import inspect, read_dataset, read_folder
from zoo.diagnostics.findings import INFO, WARNING


@pytest.fixture(scope="module")
def looked(photographs):
    return read_folder(str(photographs.root))


def pictures(count=4):
    """Returns pictures of two classes by name: a/0.png, b/1.png, ..."""
    images, _ = textures(count)
    return {f"{'ab'[i % 2]}/{i}.png": image for i, image in enumerate(images)}


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


def test_a_test_part_of_its_own_is_in_no_statistic(tmp_path):
    for i, (name, pixels) in enumerate(pictures(40).items()):
        part = "test" if i < 10 else "val" if i < 16 else "train"
        save(tmp_path / part / name, pixels)
    (tmp_path / "test" / "a" / "bad.png").write_bytes(b"")
    looked = read_folder(str(tmp_path))
    parts = {look.name.split("/")[0] for look in looked.images}
    assert parts == {"train", "val"}
    assert looked.unreadable == () and looked.num_test == 11
    note = "1 test file cannot be read as an image, such as test/a/bad.png"
    assert note in finding(looked, "unused_files").images[0]
    counts = {name: len(part) for name, part in looked.splits.items()}
    assert counts == {"train": 24, "val": 6, "test": 0}


@pytest.mark.parametrize(
    ("part", "remedy"),
    [("val", "add images to it"), ("test", "hold out more")],
)
def test_a_larger_fraction_is_proposed_where_one_is_held_out(
    tmp_path, part, remedy
):
    images, labels = textures(40, classes=2)
    for i, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        split = part if i < 8 else "train"
        save(tmp_path / split / "ab"[label] / f"{i}.png", pixels)
    found = finding(read_folder(str(tmp_path)), "small_validation_set")
    assert remedy in found.remedy


MODES = {
    "L": "gray",
    "LA": "gray with transparency",
    "RGBA": "color with transparency",
    "CMYK": "CMYK",
    "I;16": "16-bit gray",
    "1": "black and white",
}


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_is_told_in_words(collect, tmp_path, mode):
    (tmp_path / "a").mkdir()
    Image.new(mode, (8, 8)).save(tmp_path / "a" / "other.tif")
    (found,) = (
        look
        for look in collect(pictures(2)).images
        if look.name == "a/other.tif"
    )
    assert found.mode == MODES[mode]
    assert found.size == (8, 8)


def finding(collection, name):
    (found,) = (f for f in inspect(collection) if f.name == name)
    return found


def test_text_bombs_and_animations_are_told(tmp_path):
    for name, pixels in pictures().items():
        save(tmp_path / name, pixels)
    (tmp_path / "a" / "text.png").write_text("not a picture, these are words")
    (tmp_path / "a" / "noise.png").write_bytes(bytes(range(128, 256)) * 4)
    (tmp_path / "b" / "bomb.png").write_bytes(bomb())
    first, *others = (Image.fromarray(pixels) for pixels in textures(5)[0])
    path = tmp_path / "b" / "moving.gif"
    first.save(path, save_all=True, append_images=others)
    looked = read_folder(str(tmp_path))
    why = {bad.name: bad.reason for bad in looked.unreadable}
    assert why.keys() == {"a/text.png", "a/noise.png", "b/bomb.png"}
    assert why["a/text.png"] == "it is text"
    assert "not supported" in why["a/noise.png"]
    assert "too large" in why["b/bomb.png"]
    found = finding(looked, "multiple_frames")
    assert found.images == ("b/moving.gif: 5 frames",)


def test_formats_that_are_not_read_are_counted(collect, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "IMG_1.HEIC").write_bytes(b"x")
    (tmp_path / "a" / "notes.txt").write_text("x")
    looked = collect(pictures())
    assert looked.skipped == {".heic": 1, ".txt": 1}
    assert "1 .heic" in finding(looked, "skipped_files").sentence


def test_skipped_images_are_more_severe_than_other_files(looked):
    for suffix, severity in ((".heic", WARNING), (".txt", INFO)):
        told = dataclasses.replace(looked, skipped={suffix: 1})
        assert finding(told, "skipped_files").severity == severity


def test_pictures_that_can_be_read_are_told_in_no_finding(collect):
    names = [found.name for found in inspect(collect(pictures()))]
    assert "unreadable_files" not in names


def test_a_class_without_a_picture_is_named(collect, tmp_path):
    (tmp_path / "emu").mkdir()
    found = finding(collect(pictures()), "empty_classes")
    assert "class emu has no image" in found.sentence


def test_different_sizes_are_told_with_a_flag_that_helps(collect, tmp_path):
    wide = {"a/wide.png": np.zeros((100, 200, 3), np.uint8)}
    told = finding(collect(pictures(8) | wide), "different_sizes").sentence
    assert "2 different sizes, 32x32 in 8 of them" in told
    flag = told.split("--image_size=")[1].rstrip(".")
    data = load_dataset(f"folder:{tmp_path}", image_size=int(flag))
    assert data.input_shape[:2] == (int(flag),) * 2


def test_blank_pictures_are_named(collect):
    white = {"a/white.png": np.full((32, 32, 3), 255, np.uint8)}
    found = finding(collect(pictures() | white), "blank_images")
    assert found.images == ("a/white.png",)


def test_the_classes_that_differ_twofold_are_told(looked):
    told = finding(looked, "class_imbalance").sentence
    assert "class cat has 62 images, 3.1 times as many as emu with 20" in told
    assert "--class_weight=balanced" in told


def test_an_unreadable_test_image_of_a_table_is_told(tmp_path):
    lines = ["path,label,split"]
    for i, (name, pixels) in enumerate(pictures(8).items()):
        save(tmp_path / name, pixels)
        lines.append(f"{name},{name[0]},{'test' if i > 5 else 'train'}")
    (tmp_path / name).write_bytes(b"")
    (tmp_path / "t.csv").write_text("\n".join(lines))
    looked = read_dataset(f"csv:{tmp_path / 't.csv'}")
    assert len(looked.images) == 6 and looked.test_digests == ()
    (note,) = finding(looked, "unused_files").images
    assert note.startswith("test images are not compared") and name in note


def test_the_digits_are_seen_without_their_test_part():
    looked = read_dataset("digits")
    assert len(looked.images) == 1_437 and looked.num_test == 360
    data = load_dataset("digits")
    sizes = [len(looked.splits[part]) for part in ("train", "val", "test")]
    assert sizes == [len(data.train), len(data.val), 0]


def test_folders_that_are_not_used_are_named(tmp_path):
    for name, pixels in pictures(12).items():
        save(tmp_path / "Train" / name, pixels)
    save(tmp_path / "test" / "0.png", pixels)
    save(tmp_path / "other" / "0.png", pixels)
    looked = read_folder(str(tmp_path))
    assert looked.class_names == ("a", "b")
    told = "\n".join(finding(looked, "unused_files").images)
    assert "zoo predict" in told and str(tmp_path / "other") in told


def test_pixels_far_below_white_are_told(collect):
    looked = collect({name: x // 16 for name, x in pictures().items()})
    assert "between 0 and 15" in finding(looked, "scaled_pixels").sentence


def test_photographs_of_one_size_that_is_no_square_are_told(collect):
    wide = {name: np.tile(x, (2, 1)) for name, x in pictures().items()}
    assert "32x64" in finding(collect(wide), "not_square").sentence


def test_two_colors_of_one_gray_level_are_no_blank_image(collect):
    flag = np.zeros((32, 32, 3), np.uint8)
    flag[:16] = (255, 0, 0)
    flag[16:] = (0, 130, 0)  # 76 in gray, as the red is
    almost = np.full((32, 32, 3), (255, 0, 0), np.uint8)
    almost[::2, ::2] = (253, 1, 0)
    looked = collect(pictures() | {"a/flag.png": flag, "b/almost.png": almost})
    assert finding(looked, "blank_images").images == ("b/almost.png",)
