"""A person's own arrays become a data set, or a sentence."""

import subprocess
import sys

import numpy as np
import pytest

from zoo.data.dataset import Dataset
from zoo.errors import UserError


def make_arrays(count=60, classes=3, shape=(6, 5, 3)):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, *shape), np.uint8)
    return images, np.arange(count) % classes


def test_arrays_are_divided_exactly_and_keep_their_labels():
    x, y = make_arrays()
    data = Dataset.from_arrays(x, y, val_fraction=0.2)
    assert (len(data.train), len(data.val)) == (48, 12)
    assert data.test_examples is None
    of_image = {
        image.tobytes(): label for image, label in zip(x, y, strict=True)
    }
    for split in (data.train, data.val):
        for image, label in zip(split.images, split.labels, strict=True):
            assert of_image.pop(image.tobytes()) == label
    assert not of_image


def test_a_data_set_knows_its_shape_and_classes():
    data = Dataset.from_arrays(*make_arrays(), class_names=["a", "b", "c"])
    assert data.input_shape == (6, 5, 3)
    assert data.num_classes == 3
    assert data.class_names == ("a", "b", "c")


def test_classes_without_names_are_numbered():
    assert Dataset.from_arrays(*make_arrays()).class_names == ("0", "1", "2")


def test_grey_images_get_a_channel():
    x, y = make_arrays(shape=(6, 5))
    assert Dataset.from_arrays(x, y).input_shape == (6, 5, 1)


def test_without_a_fraction_all_images_are_for_training():
    x, y = make_arrays()
    data = Dataset.from_arrays(x, y, val_fraction=0)
    np.testing.assert_array_equal(data.train.images, x)
    assert len(data.val) == 0
    assert data.val.images.shape == (0, 6, 5, 3)


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64])
def test_pixels_of_other_types_are_taken_if_they_are_0_to_255(dtype):
    x, y = make_arrays()
    data = Dataset.from_arrays(x.astype(dtype), y.astype(np.float32))
    assert data.train.images.dtype == np.uint8
    assert data.fingerprint == Dataset.from_arrays(x, y).fingerprint


def with_value(array, value):
    array = array.astype(np.float64)
    array.flat[7] = value
    return array


X, Y = make_arrays()
BAD = {
    "unequal lengths": (X, Y[:-1], "60 images and y 59 labels"),
    "NaN": (with_value(X, np.nan), Y, "1 value that is no number"),
    "infinite": (with_value(X, np.inf), Y, "no number"),
    "negative pixel": (with_value(X, -1), Y, "between -1 and 255"),
    "too bright": (with_value(X, 256), Y, "between 0 and 256"),
    "unit pixels": (X / 255.0, Y, "multiply by 255"),
    "objects": (X.astype(object), Y, "holds Python objects"),
    "text": (X.astype(str), Y, "holds text"),
    "flat images": (X.reshape(60, -1), Y, r"shape \[60, 90\]"),
    "five channels": (np.zeros((60, 4, 4, 5)), Y, r"shape \[60, 4, 4, 5\]"),
    "no images": (X[:0], Y[:0], "at least one image"),
    "one class": (X, Y * 0, "one class only"),
    "negative label": (X, Y - 1, "the label -1"),
    "half a label": (X, Y + 0.5, "the label 0.5"),
    "NaN label": (X, with_value(Y, np.nan), "the label nan"),
    "a gap": (X, Y * 2, "none of class 1"),
    "label out of range": (X, with_value(Y, 2**30), "label 1073741824"),
    "label beyond int32": (X, with_value(Y, 2**40), "the label 1099511627776"),
    "text labels": (X, Y.astype(str), "y of arrays holds text"),
    "one-hot labels": (X, np.eye(3)[Y], r"shape \[60, 3\]"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_makes_no_data_set_is_explained(case):
    x, y, words = BAD[case]
    with pytest.raises(UserError, match=words) as error:
        Dataset.from_arrays(x, y)
    assert str(error.value).endswith(".")


@pytest.mark.parametrize("fraction", [-0.1, 1, float("nan")])
def test_a_fraction_out_of_range_is_explained(fraction):
    with pytest.raises(UserError, match="from 0 to below 1"):
        Dataset.from_arrays(X, Y, val_fraction=fraction)


def test_another_number_of_names_is_explained():
    with pytest.raises(UserError, match="3 classes and 2 class names"):
        Dataset.from_arrays(X, Y, class_names=["a", "b"])


def test_a_fingerprint_sees_everything_that_matters():
    def swapped(array):
        return np.concatenate([array[1:2], array[:1], array[2:]])

    brighter = X.copy()
    brighter[0, 0, 0, 0] ^= 1
    relabelled = Y.copy()
    relabelled[0] = 2
    variants = [
        Dataset.from_arrays(X, Y),
        Dataset.from_arrays(brighter, Y),
        Dataset.from_arrays(X, relabelled),
        Dataset.from_arrays(swapped(X), swapped(Y)),
        Dataset.from_arrays(X, Y, val_fraction=0),
        Dataset.from_arrays(X, Y, class_names=["a", "b", "c"]),
        Dataset.from_arrays(X.reshape(60, 5, 6, 3), Y),
    ]
    assert len({data.fingerprint for data in variants}) == len(variants)


def test_the_name_is_no_part_of_the_fingerprint():
    one, other = (Dataset.from_arrays(X, Y, name=n) for n in ("one", "other"))
    assert one.fingerprint == other.fingerprint


def test_importing_the_room_costs_no_framework():
    code = (
        "import sys, zoo.data, zoo.data.sources, zoo.data.dataset\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'PIL', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
