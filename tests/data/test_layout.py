"""Folders are parts by what they hold and by their names, in any spelling."""

import zlib

import numpy as np
import pytest
from PIL import Image

from zoo.data import layout, load_dataset
from zoo.data.seal import open_test
from zoo.errors import UserError


def fill(folder, count=4):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(zlib.crc32(str(folder).encode()))
    for i in range(count):
        pixels = random.integers(0, 256, (6, 6), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")


def make(root, *parts, classes=("a", "b"), count=4):
    for part in parts:
        for name in classes:
            fill(root / part / name, count)
    return f"folder:{root}"


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train", "val", "test"),
        ("Train", "Val", "Test"),
        ("TRAINING", "VALIDATION", "TESTING"),
        ("train", "valid", "test"),
        ("training_set", "dev_set", "test_set"),
        ("train-images", "eval", "test-images"),
        ("TrainData", "ValData", "TestData"),
        ("train2017", "val2017", "test2017"),
        ("seg_train", "seg_val", "seg_test"),
        ("training/training", "validation/validation", "test"),
    ],
)
def test_parts_are_recognized_by_their_names(tmp_path, train, val, test):
    name = make(tmp_path, train, count=5)
    make(tmp_path, val, count=2)
    make(tmp_path, test, count=3)
    data = load_dataset(name)
    assert data.class_names == ("a", "b")
    assert (len(data.train), len(data.val), data.test_examples) == (10, 4, 6)
    folders = {file.split("/")[0] for file in open_test(name).file_names}
    assert folders == {test.split("/")[0]}
    assert data.notes == ()


@pytest.mark.parametrize("name", ["train", "training", "valid", "dev"])
def test_a_class_may_have_the_name_of_a_part(tmp_path, name):
    for label in ("boat", "car", name):
        fill(tmp_path / label, 10)
    data = load_dataset(f"folder:{tmp_path}")
    assert data.class_names == tuple(sorted(["boat", "car", name]))
    assert len(data.train) + len(data.val) + data.test_examples == 30


@pytest.mark.parametrize("name", ["train_station", "contest", "latest"])
def test_a_name_that_only_contains_a_part_is_a_class(tmp_path, name):
    assert layout.part_named(name) is None
    make(tmp_path, "bus", name)
    assert load_dataset(f"folder:{tmp_path}").class_names == ("bus", name)


@pytest.mark.parametrize(
    "names", [("train", "val", "valid"), ("train", "Train"), ("Train", "train")]
)
def test_two_folders_for_one_part_are_refused(tmp_path, names):
    with pytest.raises(UserError, match="both look like the"):
        load_dataset(make(tmp_path, *names))


def test_a_folder_beside_train_that_is_not_used_is_named(tmp_path):
    data = load_dataset(make(tmp_path, "train", "extra"))
    assert len(data.train) + len(data.val) + data.test_examples == 8
    (note,) = data.notes
    assert str(tmp_path / "extra") in note


def test_loose_test_images_are_not_used_and_told_apart(tmp_path):
    name = make(tmp_path, "train", count=10)
    fill(tmp_path / "test", 5)
    data = load_dataset(name)
    files = [*data.train.file_names, *data.val.file_names]
    assert all(file.startswith("train/") for file in files)
    assert data.test_examples == 3  # cut off train
    (note,) = data.notes
    assert "zoo predict" in note and str(tmp_path / "test") in note


def test_loose_images_in_all_parts_are_no_classes(tmp_path):
    for part in ("train", "test"):
        fill(tmp_path / part)
    with pytest.raises(UserError, match="test and train look|train and test"):
        load_dataset(f"folder:{tmp_path}")


@pytest.mark.parametrize("name", ["test", "Testing", "val", "test_images"])
@pytest.mark.parametrize("loose", [True, False])
def test_a_test_folder_beside_classes_is_never_trained_on(
    tmp_path, name, loose
):
    make(tmp_path, ".")
    if loose:
        fill(tmp_path / name)
    else:
        make(tmp_path, name)
    with pytest.raises(UserError, match=f"{name}, which looks like a part"):
        load_dataset(f"folder:{tmp_path}")


def test_classes_that_another_part_lacks_are_named(tmp_path):
    name = make(tmp_path, "train", classes=("a", "b", "c"))
    make(tmp_path, "val", classes=("a", "c"))
    (note,) = load_dataset(name).notes
    assert "class b" in note and str(tmp_path / "val") in note


def test_classes_with_the_same_folders_are_said(tmp_path):
    (note,) = load_dataset(make(tmp_path, "fold1", "fold2")).notes
    assert "if they are parts" in note


def test_images_outside_of_class_folders_are_counted(tmp_path):
    name = make(tmp_path, ".")
    Image.new("L", (6, 6)).save(tmp_path / "loose.png")
    (note,) = load_dataset(name).notes
    assert note.startswith("1 image is not used")
