"""`npz:PATH`: arrays of a file, never unpickled."""

import io
import zipfile

import numpy as np
import pytest

from tests.unit.data.conftest import sizes
from zoo.data import arrays, load_dataset
from zoo.errors import UserError
from zoo.evaluation.test_set import load_test_split


def random_images(count, seed=0, shape=(6, 5, 3)):
    return np.random.default_rng(seed).integers(
        0, 256, (count, *shape), np.uint8
    )


X, Y = random_images(60), np.arange(60) % 3


def save(tmp_path, **arrays):
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    return f"npz:{path}"


def test_x_and_y_alone_have_a_test_part_cut_off(tmp_path):
    name = save(tmp_path, x=X, y=Y)
    assert sizes(load_dataset(name, val_fraction=0.2)) == (41, 10, 9)
    assert len(load_test_split(name)) == 9


def test_a_test_part_of_its_own_is_taken_as_it_is(tmp_path):
    x_test = random_images(4, seed=1)
    name = save(tmp_path, x=X, y=Y, x_test=x_test, y_test=[2, 0, 0, 2])
    assert sizes(load_dataset(name)) == (54, 6, 4)
    test = load_test_split(name)
    np.testing.assert_array_equal(test.images, x_test)
    assert test.labels.tolist() == [2, 0, 0, 2]


def test_a_validation_part_of_its_own_is_taken_as_it_is(tmp_path):
    x_val = random_images(4, seed=1)
    name = save(tmp_path, x=X, y=Y, x_val=x_val, y_val=[0, 1, 2, 0])
    data = load_dataset(name, val_fraction=0.2)
    np.testing.assert_array_equal(data.val.images, x_val)
    assert len(data.train) == 51
    assert len(load_dataset(name, val_fraction=0).val) == 0


def test_class_names_are_read(tmp_path):
    name = save(tmp_path, x=X, y=Y, class_names=["a", "b", "c"])
    assert load_dataset(name).class_names == ("a", "b", "c")


def test_images_are_resized_and_the_cut_stays_the_same(tmp_path):
    name = save(tmp_path, x=X, y=np.arange(60) % 2)
    small, large = load_dataset(name), load_dataset(name, image_size=12)
    assert large.input_shape == (12, 12, 3)
    np.testing.assert_array_equal(small.train.labels, large.train.labels)
    np.testing.assert_allclose(
        small.train.images.mean(axis=(1, 2)),
        large.train.images.mean(axis=(1, 2)),
        atol=12,
    )


@pytest.mark.parametrize(("wide", "notes"), [(1, 0), (2, 1)])
def test_other_aspect_ratios_are_noted(tmp_path, wide, notes):
    square = np.resize(X, (60, 6, 6 * wide, 3))
    name = save(tmp_path, x=square, y=Y)
    assert len(load_dataset(name, image_size=12).notes) == notes


TEST = {"x_test": random_images(4), "y_test": np.arange(4) % 3}
BAD = {
    "no x": ({"y": Y, "z": X}, "has no x; it holds y and z"),
    "no keys": ({"images": X, "labels": Y}, "has no x or y; it holds images"),
    "half a test part": ({"x": X, "y": Y, "x_test": X}, "has no y_test"),
    "objects": ({"x": X.astype(object), "y": Y}, "never loaded"),
    "object labels": ({"x": X, "y": Y.astype(object)}, "y of npz.*objects"),
    "unequal lengths": ({"x": X, "y": Y[:9]}, "60 images and y 9 labels"),
    "one class": ({"x": X, "y": Y * 0}, "only one class"),
    "negative label": ({"x": X, "y": Y - 1}, "the label -1"),
    "broken label": ({"x": X, "y": Y / 2}, "the label 0.5"),
    "label out of range": ({"x": X, "y": Y + 99}, "label 101, but only 60"),
    "unknown test label": (
        {"x": X, "y": Y, **TEST, "y_test": [0, 1, 2, 3]},
        "y_test of .* has the class 3",
    ),
    "other test images": (
        {"x": X[:, :4], "y": Y, **TEST},
        "x_test of .* has images of",
    ),
    "a name twice": (
        {"x": X, "y": Y, "class_names": ["a", "b", "a"]},
        "class name a twice",
    ),
    "an empty name": (
        {"x": X, "y": Y, "class_names": ["a", " ", "c"]},
        "label 1 of .* is empty",
    ),
    "names that are numbers": (
        {"x": X, "y": Y, "class_names": [1, 2, 3]},
        "not a list of text",
    ),
}


@pytest.mark.parametrize(("arrays", "words"), BAD.values(), ids=BAD)
def test_what_makes_no_data_set_is_explained(tmp_path, arrays, words):
    name = save(tmp_path, **arrays)
    with pytest.raises(UserError, match=words) as error:
        load_dataset(name)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_a_missing_file_is_explained(tmp_path):
    with pytest.raises(UserError, match="is not a file"):
        load_dataset(f"npz:{tmp_path}/none.npz")


def file_of(save, *args, **arrays):
    file = io.BytesIO()
    save(file, *args, **arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"not a zip file", b"PK\x03\x04 but not more"),
        file_of(np.savez, x=X, y=Y)[:4000],
        file_of(np.save, X),
    ],
    ids=["empty", "text", "a head alone", "cut off", "a single array"],
)
def test_a_file_of_another_kind_is_explained(tmp_path, content):
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as a NumPy .npz"):
        load_dataset(f"npz:{path}")


@pytest.mark.parametrize("save_as", [np.savez, np.savez_compressed])
def test_a_damaged_array_is_named(tmp_path, save_as):
    path = tmp_path / "data.npz"
    save_as(path, x=X, y=Y)
    content = bytearray(path.read_bytes())
    content[600:640] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(UserError, match="x of npz:.* is corrupt"):
        load_dataset(f"npz:{path}")


def test_images_too_large_for_memory_stay_in_the_file(tmp_path, monkeypatch):
    saved = {"x": X, "y": Y, "x_test": X[:5], "y_test": Y[:5]}
    name = save(tmp_path, **saved)
    in_memory = load_dataset(name)
    monkeypatch.setattr(arrays, "MAX_IN_MEMORY_BYTES", X.nbytes - 1)
    data = load_dataset(name)
    assert isinstance(data.train.images, arrays.MemmapView)
    assert data.fingerprint == in_memory.fingerprint
    np.testing.assert_array_equal(load_test_split(name).images, X[:5])


@pytest.mark.parametrize("save_as", ["compressed", "floats", "columns"])
def test_what_cannot_stay_in_the_file_is_read(tmp_path, monkeypatch, save_as):
    path = tmp_path / "data.npz"
    if save_as == "compressed":
        np.savez_compressed(path, x=X, y=Y)
    elif save_as == "floats":
        np.savez(path, x=X.astype(np.float32), y=Y)
    else:
        np.savez(path, x=np.asfortranarray(X), y=Y)
    monkeypatch.setattr(arrays, "MAX_IN_MEMORY_BYTES", 1000)
    data = load_dataset(f"npz:{path}")
    assert type(data.train.images) is np.ndarray
    (tmp_path / "plain").mkdir()
    expected = load_dataset(save(tmp_path / "plain", x=X, y=Y))
    assert data.fingerprint == expected.fingerprint


@pytest.mark.parametrize("save_as", [np.savez, np.savez_compressed])
def test_no_memory_is_reserved_for_what_a_damaged_header_says(
    tmp_path, save_as
):
    path = tmp_path / "data.npz"
    header = str(X.shape).encode()
    huge = header.replace(b"60", b"6" + b"0" * 12)
    save_as(path, x=X, y=Y)
    with zipfile.ZipFile(path) as archive:
        kind = archive.infolist()[0].compress_type
        content = {name: archive.read(name) for name in archive.namelist()}
    corrupt = content["x.npy"].replace(header + b", }", huge + b", }")
    corrupt = corrupt.replace(b" " * (len(huge) - len(header)) + b"\n", b"\n")
    assert len(corrupt) == len(content["x.npy"])
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, text in (content | {"x.npy": corrupt}).items():
            archive.writestr(name, text)
    with pytest.raises(UserError, match="x of .* is corrupt"):
        load_dataset(f"npz:{path}")


def test_labels_that_are_text_keep_their_names(tmp_path):
    words = np.array(["dog", "cat"] * 10)
    x = np.full((20, 6, 5, 1), 255, np.uint8)
    x[:, 0, 0, 0] = np.arange(20)
    name = save(tmp_path, x=x, y=words, class_names=["dog", "cat"])
    dataset = load_dataset(name)
    assert dataset.class_names == ("dog", "cat")
    for split in (dataset.train, dataset.val):
        numbers = split.images[:, 0, 0, 0]
        names = np.array(dataset.class_names)[split.labels]
        np.testing.assert_array_equal(names, words[numbers])


@pytest.mark.parametrize(
    "keys",
    [
        "X Y X_val Y_val X_test Y_test",
        "x_train y_train x_valid y_valid X_test Y_test",
        "X_Train Y_Train x_validation y_validation x_testing y_testing",
        "train_images train_labels valid_images valid_labels "
        "test_images test_labels",
    ],
)
def test_splits_of_other_names_are_used(tmp_path, keys):
    arrays = (X[:30], Y[:30], X[30:50], Y[30:50], X[50:], Y[50:])
    saved = dict(zip(keys.split(), arrays, strict=True))
    data = load_dataset(save(tmp_path, **saved))
    assert sizes(data) == (30, 20, 10)
    assert not data.notes


def test_what_is_not_used_is_told(tmp_path):
    name = save(tmp_path, x=X, y=Y, x_extra=X, sample_weights=np.ones(60))
    (note,) = load_dataset(name).notes
    assert "sample_weights and x_extra besides, which are not used" in note


def test_images_and_labels_are_those_of_one_spelling(tmp_path):
    val = random_images(9, seed=1)
    name = save(tmp_path, x=X, y=Y, X_dev=val[::-1], X_valid=val, y_valid=Y[:9])
    data = load_dataset(name)
    np.testing.assert_array_equal(data.val.images, val)
    assert "X_dev besides" in data.notes[0]
    name = save(
        tmp_path, x=X, y=Y, x_val=val, y_val=Y[:9], X_dev=X[:9], y_dev=Y[:9]
    )
    np.testing.assert_array_equal(load_dataset(name).val.images, val)
