"""`folder:PATH`: layouts, decoding and errors."""

import re
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.unit.data.conftest import save, sizes
from zoo.data import load_dataset
from zoo.errors import UserError
from zoo.evaluation.test_set import load_test_split


def fill(folder, count, shape=(6, 8, 3)):
    seed = zlib.crc32("/".join(folder.parts[-2:]).encode())
    random = np.random.default_rng(seed)
    for i in range(count):
        pixels = random.integers(0, 256, shape, np.uint8)
        save(folder / f"{i}.png", pixels)


def make(root, *parts, classes=("cat", "dog"), count=20, shape=(6, 8, 3)):
    """Fills the folder of each class, of each part if there are some."""
    for part in parts or ["."]:
        for name in classes:
            fill(root / part / name, count, shape)
    return f"folder:{root}"


def find(name, file_name):
    """Returns a picture of a folder whose test part is apart."""
    train = load_dataset(name, val_fraction=0).train
    return train.images[train.file_names.index(file_name)]


def test_sub_folders_are_classes_sorted_by_name(tmp_path):
    data = load_dataset(make(tmp_path, classes=("b", "a", "c")))
    assert data.class_names == ("a", "b", "c")
    assert data.input_shape == (6, 8, 3)
    for file, label in zip(
        data.train.file_names, data.train.labels, strict=True
    ):
        assert data.class_names[label] == file.split("/")[0]


def test_ten_classes_of_twenty_images_are_in_every_part(tmp_path):
    name = make(tmp_path, classes=[f"class{k}" for k in range(10)])
    data, test = load_dataset(name), load_test_split(name)
    assert sizes(data) == (153, 17, len(test)) == (153, 17, 30)
    for split in (data.train, data.val, test):
        assert set(split.labels) == set(range(10))


def test_the_same_picture_under_two_names_never_crosses(tmp_path):
    name = make(tmp_path, count=15)
    for folder in ("cat", "dog"):
        for i in range(15):
            # Another file, format and class; the same pixels.
            Image.open(tmp_path / "cat" / f"{i}.png").save(
                tmp_path / folder / f"copy{i}.bmp"
            )
    data, test = load_dataset(name, val_fraction=0.3), load_test_split(name)
    pixels = [
        {image.tobytes() for image in split.images}
        for split in (data.train, data.val, test)
    ]
    assert sum(map(len, pixels)) == len(set().union(*pixels)) == 30
    assert all(pixels)


def test_the_cut_goes_by_pixels_and_not_by_names(tmp_path):
    name = make(tmp_path)
    before = load_test_split(name)
    for i, path in enumerate(sorted(tmp_path.rglob("*.png"))):
        path.rename(path.with_name(f"{(i * 7) % 41:03}.png"))
    after = load_test_split(name)
    assert set(before.file_names) != set(after.file_names)
    assert {x.tobytes() for x in before.images} == {
        x.tobytes() for x in after.images
    }


def test_splits_that_have_no_folder_are_cut_off_train(tmp_path):
    assert sizes(load_dataset(make(tmp_path, "train"))) == (31, 3, 6)


def test_grey_pictures_stay_grey(tmp_path):
    data = load_dataset(make(tmp_path, shape=(6, 8)))
    assert data.input_shape == (6, 8, 1)


def with_test_folder(tmp_path, **options):
    """A folder whose training pictures are all given back."""
    make(tmp_path, "test", count=1)
    return make(tmp_path, "train", **options)


def test_one_picture_in_colour_makes_all_colour(tmp_path):
    name = with_test_folder(tmp_path, shape=(6, 8))
    folder = tmp_path / "train"
    save(folder / "dog" / "red.png", np.full((6, 8, 3), [255, 0, 0], "u1"))
    grey = np.asarray(Image.open(folder / "cat" / "0.png"))
    np.testing.assert_array_equal(
        find(name, "train/cat/0.png"), np.repeat(grey[..., None], 3, 2)
    )


def test_transparency_lies_on_white(tmp_path):
    name = with_test_folder(tmp_path)
    pixels = np.zeros((6, 8, 4), np.uint8)
    pixels[:, 4:] = [10, 20, 30, 255]
    save(tmp_path / "train" / "cat" / "clear.png", pixels)
    found = find(name, "train/cat/clear.png")
    assert (found[:, :4] == 255).all()
    assert (found[:, 4:] == [10, 20, 30]).all()


@pytest.mark.parametrize("mode", ["1", "P", "LA", "CMYK", "I", "F", "YCbCr"])
def test_every_mode_of_picture_can_be_read(tmp_path, mode):
    name = with_test_folder(tmp_path)
    picture = Image.new("RGB", (8, 6), (255, 255, 255)).convert("L")
    if mode in ("CMYK", "YCbCr", "P"):
        picture = picture.convert("RGB")
    suffix = {"P": "png", "1": "png", "LA": "png"}.get(mode, "tif")
    path = tmp_path / "train" / "cat" / f"picture.{suffix}"
    if mode == "I":
        Image.new("I", (8, 6), 255).save(path)
    else:
        picture.convert(mode).save(path)
    assert (find(name, f"train/cat/picture.{suffix}") == 255).all()


def test_different_sizes_need_a_size(tmp_path):
    name = make(tmp_path)
    save(tmp_path / "cat" / "large.png", np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(UserError, match="2 different sizes.*--image_size=32"):
        load_dataset(name)
    assert load_dataset(name, image_size=16).input_shape == (16, 16, 3)


def test_the_size_asked_for_does_not_move_the_cut(tmp_path):
    name = make(tmp_path)
    cuts = {
        load_test_split(name, image_size=size).file_names
        for size in (None, 8, 32)
    }
    assert len(cuts) == 1


def test_groups_of_files_stay_together(tmp_path):
    things = [f"{label}/thing{i}" for label in ("cat", "dog") for i in range(8)]
    name = make(tmp_path, classes=things, count=5)
    for group_by in ("folder", r"\w+/thing\d"):
        options = {"group_by": group_by}
        data = load_dataset(name, val_fraction=0.2, **options)
        test = load_test_split(name, **options)
        folders = [
            {file.rsplit("/", 1)[0] for file in split.file_names}
            for split in (data.train, data.val, test)
        ]
        assert all(folders)
        assert sum(map(len, folders)) == 16


@pytest.mark.parametrize(
    ("group_by", "sentence"),
    [
        ("folder", "cat are in the folder cat/all, .* sub-folder"),
        (r"cat|dog", "cat are in the group 'cat', .* give an expression"),
        ("(x?)", "are in the group '', .* give an expression"),
        ("near_duplicates", "cat look nearly the same, .* the option out"),
    ],
)
def test_one_group_for_each_class_is_refused(tmp_path, group_by, sentence):
    random = np.random.default_rng(0)
    for label in ("cat", "dog"):
        pixels = random.integers(50, 200, (32, 32, 3), np.uint8)
        for i in range(10):
            save(tmp_path / label / "all" / f"{i}.png", pixels + np.uint8(i))
    with pytest.raises(UserError) as error:
        load_dataset(f"folder:{tmp_path}", group_by=group_by)
    assert str(error.value).startswith(f"--group_by={group_by}: all images")
    assert re.search(sentence, str(error.value))


def test_other_files_are_passed_over(tmp_path):
    name = make(tmp_path)
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    (tmp_path / "cat" / ".hidden.png").write_text("nor this")
    (tmp_path / ".cache").mkdir()
    assert sum(sizes(load_dataset(name))) == 40


def explain(name, words):
    with pytest.raises(UserError, match=words) as error:
        load_dataset(name)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_a_missing_folder_is_explained(tmp_path):
    explain(f"folder:{tmp_path}/none", "does not exist")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    explain(f"folder:{tmp_path}/file", "is a file")


def put(root, *names):
    """Writes small pictures, and folders for names that end in a slash."""
    for name in names:
        path = root / name
        folder = path if name.endswith("/") else path.parent
        folder.mkdir(parents=True, exist_ok=True)
        if path != folder:
            Image.new("L", (6, 6)).save(path, "PNG")
    return f"folder:{root}"


BAD = {
    "nothing": ([], "has no sub-folders"),
    "one class": (["cat/0.png"], "only one class, cat"),
    "an empty class": (["cat/0.png", "eel/"], "eel has no images"),
    "a class of videos": (
        ["cat/0.png", "eel/0.mp4"],
        "eel has no images.*1 .mp4",
    ),
    "a class that training lacks": (
        ["train/cat/0.png", "train/dog/0.png", "test/eel/0.png"],
        "class eel.*cat and dog",
    ),
    "two folders for one part": (
        ["train/cat/0.png", "val/cat/0.png", "valid/cat/0.png"],
        "val and valid, which both look like the val",
    ),
    "one name in two cases": (
        ["Train/cat/0.png", "train/cat/0.png"],
        "Train and train, which both look like the train",
    ),
    "loose images in all parts": (
        ["train/0.png", "test/0.png"],
        "train and test look like splits",
    ),
}


@pytest.mark.parametrize(("names", "words"), BAD.values(), ids=BAD)
def test_a_layout_that_is_none_is_explained(tmp_path, names, words):
    explain(put(tmp_path, *names), words)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda whole: b"", "the file is empty"),
        (lambda whole: whole[:20], "it is corrupt"),
        (lambda whole: whole[:120], "it is truncated"),
        (lambda whole: b"hello", "it is text"),
    ],
    ids=["empty", "its head alone", "cut off", "text"],
)
def test_a_broken_picture_is_named_with_remedies(tmp_path, change, reason):
    name = make(tmp_path)
    path = tmp_path / "dog" / "7.png"
    path.write_bytes(change(path.read_bytes()))
    remedies = rf"`zoo inspect {tmp_path}` lists all.*--skip_unreadable"
    explain(name, rf"dog/7\.png cannot be read .*{reason}.*{remedies}")


# Above 89 million pixels Pillow warns, and above 179 million it refuses.
@pytest.mark.parametrize("side", [10_000, 14_000])
def test_a_bomb_is_refused_and_not_decoded(tmp_path, side):
    name = make(tmp_path)
    Image.new("1", (side, side)).save(tmp_path / "dog" / "7.png")
    explain(name, r"dog/7\.png is too large")


def test_a_bomb_outside_the_training_images_is_refused(tmp_path):
    make(tmp_path, "val", count=1)
    Image.new("1", (10_000, 10_000)).save(tmp_path / "val" / "dog" / "0.png")
    explain(make(tmp_path, "train"), r"dog/0\.png is too large")


def test_another_size_in_another_split_is_named(tmp_path):
    make(tmp_path, "val", count=1, shape=(9, 9, 3))
    explain(make(tmp_path, "train"), r"val/cat/0\.png is 9x9 .* are 6x8")


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
    assert data.class_names == ("cat", "dog")
    assert sizes(data) == (10, 4, 6)
    folders = {file.split("/")[0] for file in load_test_split(name).file_names}
    assert folders == {test.split("/")[0]}
    assert data.notes == ()


@pytest.mark.parametrize("name", ["train", "training", "valid", "dev"])
def test_a_class_may_have_the_name_of_a_part(tmp_path, name):
    data = load_dataset(make(tmp_path, classes=("boat", "car", name), count=10))
    assert data.class_names == tuple(sorted(["boat", "car", name]))
    assert sum(sizes(data)) == 30


@pytest.mark.parametrize("name", ["train_station", "contest", "latest"])
def test_a_name_that_only_contains_a_part_is_a_class(tmp_path, name):
    data = load_dataset(make(tmp_path, "bus", name, count=4))
    assert data.class_names == ("bus", name)


def test_a_folder_beside_train_that_is_not_used_is_named(tmp_path):
    data = load_dataset(make(tmp_path, "train", "extra", count=4))
    assert sum(sizes(data)) == 8
    (note,) = data.notes
    assert str(tmp_path / "extra") in note


def test_loose_test_images_are_not_used_and_told_apart(tmp_path):
    name = make(tmp_path, "train", count=10)
    fill(tmp_path / "test", 5)
    data = load_dataset(name)
    files = [*data.train.file_names, *data.val.file_names]
    assert all(file.startswith("train/") for file in files)
    assert data.num_test_examples == 3  # cut off train
    (note,) = data.notes
    assert "zoo predict" in note and str(tmp_path / "test") in note


@pytest.mark.parametrize("name", ["test", "Testing", "val", "test_images"])
@pytest.mark.parametrize("files", [["0.png"], ["cat/0.png", "dog/0.png"]])
def test_a_test_folder_beside_classes_is_never_trained_on(
    tmp_path, name, files
):
    put(tmp_path, *[f"{name}/{file}" for file in files])
    explain(make(tmp_path), f"{name}, which looks like a split")


def test_classes_that_another_part_lacks_are_named(tmp_path):
    make(tmp_path, "val", classes=("a", "c"))
    name = make(tmp_path, "train", classes=("a", "b", "c"))
    (note,) = load_dataset(name).notes
    assert "class b" in note and str(tmp_path / "val") in note


def test_classes_with_the_same_folders_are_said(tmp_path):
    (note,) = load_dataset(make(tmp_path, "fold1", "fold2")).notes
    assert "if they are splits" in note


def test_images_outside_of_class_folders_are_counted(tmp_path):
    make(tmp_path)
    name = put(tmp_path, "loose.png")
    (note,) = load_dataset(name).notes
    assert note.startswith("1 image is not used")
