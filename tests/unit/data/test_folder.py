"""`folder:PATH`: layouts, decoding, errors and the cache."""

import zlib

import numpy as np
import pytest
from PIL import Image

from zoo.data import load_dataset
from zoo.data.folder import split_of_name
from zoo.errors import UserError
from zoo.evaluation.test_set import load_test_split


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def make_folder(root, classes=("cat", "dog"), count=20, shape=(6, 8, 3)):
    random = np.random.default_rng(len(str(root.name)))
    for label in classes:
        for i in range(count):
            save(
                root / label / f"{i}.png",
                random.integers(0, 256, shape, np.uint8),
            )
    return f"folder:{root}"


def find(data, file_name):
    for split in (data.train, data.val):
        if file_name in split.file_names:
            return split.images[split.file_names.index(file_name)]
    raise KeyError(file_name)


def load_all(name, **options):
    """Everything but what is sealed; with a test/ folder that is all."""
    return load_dataset(name, val_fraction=0, **options)


def test_sub_folders_are_classes_sorted_by_name(tmp_path):
    data = load_dataset(make_folder(tmp_path, ("b", "a", "c")))
    assert data.class_names == ("a", "b", "c")
    assert data.input_shape == (6, 8, 3)
    for file, label in zip(
        data.train.file_names, data.train.labels, strict=True
    ):
        assert data.class_names[label] == file.split("/")[0]


def test_ten_classes_of_twenty_images_are_in_every_part(tmp_path):
    name = make_folder(tmp_path, [f"class{k}" for k in range(10)])
    data, test = load_dataset(name), load_test_split(name)
    assert (len(data.train), len(data.val), len(test)) == (153, 17, 30)
    assert data.num_test_examples == 30
    for split in (data.train, data.val, test):
        assert set(split.labels) == set(range(10))


def test_the_same_picture_under_two_names_never_crosses(tmp_path):
    name = make_folder(tmp_path, count=15)
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
    make_folder(tmp_path)
    before = load_test_split(f"folder:{tmp_path}")
    for i, path in enumerate(sorted(tmp_path.rglob("*.png"))):
        path.rename(path.with_name(f"{(i * 7) % 41:03}.png"))
    after = load_test_split(f"folder:{tmp_path}")
    assert set(before.file_names) != set(after.file_names)
    assert {x.tobytes() for x in before.images} == {
        x.tobytes() for x in after.images
    }


@pytest.mark.parametrize("val", ["val", "validation"])
def test_folders_for_splits_are_the_splits(tmp_path, val):
    make_folder(tmp_path / "train")
    make_folder(tmp_path / val, count=3)
    make_folder(tmp_path / "test", count=4)
    data = load_dataset(f"folder:{tmp_path}")
    assert (len(data.train), len(data.val), data.num_test_examples) == (
        40,
        6,
        8,
    )
    assert {file.split("/")[0] for file in data.val.file_names} == {val}
    test = load_test_split(f"folder:{tmp_path}")
    assert {file.split("/")[0] for file in test.file_names} == {"test"}


def test_splits_that_have_no_folder_are_cut_off_train(tmp_path):
    make_folder(tmp_path / "train")
    data = load_dataset(f"folder:{tmp_path}")
    assert (len(data.train), len(data.val), data.num_test_examples) == (
        31,
        3,
        6,
    )


def test_grey_pictures_stay_grey(tmp_path):
    data = load_dataset(make_folder(tmp_path, shape=(6, 8)))
    assert data.input_shape == (6, 8, 1)


def test_one_picture_in_colour_makes_all_colour(tmp_path):
    name = make_folder(tmp_path, shape=(6, 8))
    grey = np.asarray(Image.open(tmp_path / "cat" / "0.png"))
    save(tmp_path / "dog" / "red.png", np.full((6, 8, 3), [255, 0, 0], "u1"))
    make_folder(tmp_path / "test", count=1)
    (tmp_path / "train").mkdir()
    for label in ("cat", "dog"):
        (tmp_path / label).rename(tmp_path / "train" / label)
    data = load_all(name)
    assert data.input_shape == (6, 8, 3)
    np.testing.assert_array_equal(
        find(data, "train/cat/0.png"), np.repeat(grey[..., None], 3, 2)
    )


def with_test_folder(tmp_path):
    """A folder whose training pictures are all given back."""
    make_folder(tmp_path / "train")
    make_folder(tmp_path / "test", count=1)
    return f"folder:{tmp_path}"


def test_transparency_lies_on_white(tmp_path):
    name = with_test_folder(tmp_path)
    pixels = np.zeros((6, 8, 4), np.uint8)
    pixels[:, 4:] = [10, 20, 30, 255]
    save(tmp_path / "train" / "cat" / "clear.png", pixels)
    found = find(load_all(name), "train/cat/clear.png")
    assert (found[:, :4] == 255).all()
    assert (found[:, 4:] == [10, 20, 30]).all()


def test_a_camera_held_upright_is_respected(tmp_path):
    name = with_test_folder(tmp_path)
    pixels = np.random.default_rng(5).integers(0, 256, (8, 6, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    save(tmp_path / "train" / "cat" / "turned.png", pixels, exif=exif)
    np.testing.assert_array_equal(
        find(load_all(name), "train/cat/turned.png"), np.rot90(pixels, -1)
    )


def test_sixteen_bits_are_scaled_to_eight(tmp_path):
    make_folder(tmp_path / "train", shape=(6, 8))
    make_folder(tmp_path / "test", count=1, shape=(6, 8))
    deep = np.full((6, 8), 65_535, np.uint16)
    deep[0] = 257 * 3
    save(tmp_path / "train" / "cat" / "deep.png", deep)
    found = find(load_all(f"folder:{tmp_path}"), "train/cat/deep.png")
    assert (found[0] == 3).all()
    assert (found[1:] == 255).all()


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
    found = find(load_all(name), f"train/cat/picture.{suffix}")
    assert (found == 255).all()


def test_different_sizes_need_a_size(tmp_path):
    name = make_folder(tmp_path)
    save(tmp_path / "cat" / "large.png", np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(UserError, match="2 different sizes.*--image_size=32"):
        load_dataset(name)
    assert load_dataset(name, image_size=16).input_shape == (16, 16, 3)


def test_the_size_asked_for_does_not_move_the_cut(tmp_path):
    name = make_folder(tmp_path)
    sizes = [None, 8, 32]
    cuts = [load_test_split(name, image_size=size).file_names for size in sizes]
    assert cuts[0] == cuts[1] == cuts[2]


def test_groups_of_files_stay_together(tmp_path):
    random = np.random.default_rng(0)
    for label in ("cat", "dog"):
        for thing in range(8):
            for i in range(5):
                save(
                    tmp_path / label / f"thing{thing}" / f"{i}.png",
                    random.integers(0, 256, (6, 8, 3), np.uint8),
                )
    for group_by in ("folder", r"\w+/thing\d"):
        options = {"group_by": group_by}
        data = load_dataset(f"folder:{tmp_path}", val_fraction=0.2, **options)
        test = load_test_split(f"folder:{tmp_path}", **options)
        folders = [
            {file.rsplit("/", 1)[0] for file in split.file_names}
            for split in (data.train, data.val, test)
        ]
        assert all(folders)
        assert sum(map(len, folders)) == 16


def test_other_files_are_passed_over(tmp_path):
    name = make_folder(tmp_path)
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    (tmp_path / "cat" / ".hidden.png").write_text("nor this")
    (tmp_path / ".cache").mkdir()
    data = load_dataset(name)
    assert len(data.train) + len(data.val) + data.num_test_examples == 40


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


def test_an_empty_folder_is_explained(tmp_path):
    explain(f"folder:{tmp_path}", "has no sub-folders")


def test_one_class_is_explained(tmp_path):
    explain(make_folder(tmp_path, ["cat"]), "only one class, cat")


def test_a_class_without_images_is_explained(tmp_path):
    name = make_folder(tmp_path)
    (tmp_path / "eel").mkdir()
    explain(name, "eel has no images")


def test_an_unknown_class_in_another_split_is_explained(tmp_path):
    make_folder(tmp_path / "train")
    make_folder(tmp_path / "test", ("cat", "eel"))
    explain(f"folder:{tmp_path}", "class eel.*cat and dog")


@pytest.mark.parametrize("length", [0, 20, 120])
def test_a_broken_picture_is_named(tmp_path, length):
    name = make_folder(tmp_path)
    path = tmp_path / "dog" / "7.png"
    path.write_bytes(path.read_bytes()[:length])
    explain(name, r"dog/7\.png cannot be read")


def test_text_that_is_called_a_picture_is_named(tmp_path):
    name = make_folder(tmp_path)
    (tmp_path / "dog" / "7.png").write_text("hello")
    explain(name, r"dog/7\.png cannot be read")


# Above 89 million pixels Pillow warns, and above 179 million it refuses.
@pytest.mark.parametrize("side", [10_000, 14_000])
def test_a_bomb_is_refused_and_not_decoded(tmp_path, side):
    name = make_folder(tmp_path)
    Image.new("1", (side, side)).save(tmp_path / "dog" / "7.png")
    explain(name, r"dog/7\.png is too large")


def test_a_bomb_outside_the_training_images_is_refused(tmp_path):
    make_folder(tmp_path / "train")
    make_folder(tmp_path / "val", count=1)
    Image.new("1", (10_000, 10_000)).save(tmp_path / "val" / "dog" / "0.png")
    explain(f"folder:{tmp_path}", r"dog/0\.png is too large")


def test_another_size_in_another_split_is_named(tmp_path):
    make_folder(tmp_path / "train")
    make_folder(tmp_path / "val", count=1, shape=(9, 9, 3))
    explain(f"folder:{tmp_path}", r"val/cat/0\.png is 9x9 .* are 6x8")


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
    assert (len(data.train), len(data.val), data.num_test_examples) == (
        10,
        4,
        6,
    )
    folders = {file.split("/")[0] for file in load_test_split(name).file_names}
    assert folders == {test.split("/")[0]}
    assert data.notes == ()


@pytest.mark.parametrize("name", ["train", "training", "valid", "dev"])
def test_a_class_may_have_the_name_of_a_part(tmp_path, name):
    for label in ("boat", "car", name):
        fill(tmp_path / label, 10)
    data = load_dataset(f"folder:{tmp_path}")
    assert data.class_names == tuple(sorted(["boat", "car", name]))
    assert len(data.train) + len(data.val) + data.num_test_examples == 30


@pytest.mark.parametrize("name", ["train_station", "contest", "latest"])
def test_a_name_that_only_contains_a_part_is_a_class(tmp_path, name):
    assert split_of_name(name) is None
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
    assert len(data.train) + len(data.val) + data.num_test_examples == 8
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
    with pytest.raises(UserError, match=f"{name}, which looks like a split"):
        load_dataset(f"folder:{tmp_path}")


def test_classes_that_another_part_lacks_are_named(tmp_path):
    name = make(tmp_path, "train", classes=("a", "b", "c"))
    make(tmp_path, "val", classes=("a", "c"))
    (note,) = load_dataset(name).notes
    assert "class b" in note and str(tmp_path / "val") in note


def test_classes_with_the_same_folders_are_said(tmp_path):
    (note,) = load_dataset(make(tmp_path, "fold1", "fold2")).notes
    assert "if they are splits" in note


def test_images_outside_of_class_folders_are_counted(tmp_path):
    name = make(tmp_path, ".")
    Image.new("L", (6, 6)).save(tmp_path / "loose.png")
    (note,) = load_dataset(name).notes
    assert note.startswith("1 image is not used")
