"""Raw pixels are whole numbers 0..255; anything else is refused."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tests.unit.data.conftest import save
from zoo.data import Dataset, arrays, load_dataset
from zoo.errors import UserError

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 256, (40, 6, 6, 1), np.uint8)
Y = np.arange(40) % 2
DIGITS = load_digits()


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "i8", "f2", "f8"])
def test_whole_numbers_of_any_type_are_read_as_they_are(dtype):
    found = arrays.check_pixels(X.astype(dtype), "x")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, X)


def remedied(values):
    """Does what the error message says, and returns what is read then."""
    with pytest.raises(UserError) as error:
        arrays.check_pixels(values, "x")
    said = str(error.value)
    if "multiply by 255" in said:
        return arrays.check_pixels(np.round(values * 255), "x")
    start = min(i for i in (said.find(w) for w in ("numpy.", "(x")) if i >= 0)
    code = said[start:].rstrip(".").partition(", or give")[0]
    scaled = eval(code, {"numpy": np, "x": values})  # noqa: S307
    return arrays.check_pixels(np.round(scaled), "x")


@pytest.mark.parametrize(
    "scaled",
    [
        X / 255,
        X / 127.5,
        X / 127.5 - 1,
        (X / 255 * 65_535).astype(np.uint16),
        np.round(X / 255 * 4_095),
        X / 255 * 16,
        X + 0.25 * (X < 255),
        X / 255 + 0.12 * (X == 255) - 0.15 * (X == 0),
    ],
    ids=[
        *("0..1", "0..2", "-1..1", "16 bits", "12 bits", "0..16"),
        *("fractions", "beyond 0 and 1"),
    ],
)
def test_the_remedy_that_is_named_gives_the_pixels_back(scaled):
    np.testing.assert_allclose(remedied(scaled), X, atol=1)


def test_floats_that_go_beyond_one_are_refused_and_clipped_by_the_remedy():
    found = remedied(np.clip(X / 255 * 1.02, 0, None))
    np.testing.assert_allclose(found, np.minimum(X * 1.02, 255), atol=0.51)


def test_pixels_beyond_255_by_resizing_are_refused():
    found = remedied(X * 1.1 - 12.0)
    expected = np.clip(np.round(X * 1.1 - 12), 0, 255)
    np.testing.assert_array_equal(found, expected)


def test_the_digits_of_scikit_learn_are_refused_with_their_scale():
    expected = np.round(DIGITS.images * (255 / 16))
    np.testing.assert_array_equal(remedied(DIGITS.images)[..., 0], expected)


@pytest.mark.parametrize("part", ["x", "x_val", "x_test"])
@pytest.mark.parametrize(
    "scale", [lambda x: x / 255, lambda x: x / 255 * 16, lambda x: x // 16]
)
def test_every_part_of_an_npz_is_held_to_it(tmp_path, part, scale):
    arrays = {"x": X, "y": Y, "x_val": X, "y_val": Y, "x_test": X, "y_test": Y}
    arrays[part] = scale(X.copy())
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(UserError, match="x.* of .*lies between 0 and"):
        load_dataset(f"npz:{tmp_path}/data.npz")


def test_dark_integers_are_taken_and_said():
    dark, whole = (Dataset.from_arrays(x, Y).pixel_range for x in (X // 16, X))
    assert dark == (0, 15)
    assert "between 0 and 15" in arrays.dark_pixels_warning(dark)
    assert arrays.dark_pixels_warning(whole) is None


def saved(root, images, suffix="tif"):
    """Writes one file per image, in folders of their classes."""
    for i, (pixels, label) in enumerate(zip(images, Y, strict=False)):
        save(root / "ab"[label] / f"{i}.{suffix}", pixels)
    return f"folder:{root}"


@pytest.mark.parametrize(
    ("suffix", "values"),
    [
        ("tif", X.astype("i4")),
        ("tif", X.astype("f4")),
        ("tif", X * np.uint16(257)),
        ("png", X * np.uint16(257)),
    ],
    ids=["int32", "float32", "uint16", "uint16 in PNG"],
)
def test_deep_pixels_are_scaled_by_the_range_they_declare_if_any(
    tmp_path, suffix, values
):
    name = saved(tmp_path, values[:8, ..., 0], suffix)
    train = load_dataset(name, val_fraction=0).train
    for image, file in zip(train.images, train.file_names, strict=True):
        index = int(file.split("/")[1].split(".")[0])
        np.testing.assert_array_equal(image, X[index])


@pytest.mark.parametrize(
    "values",
    [
        (X / 255).astype("f4"),
        (X * 257.0).astype("f4"),
        (X * np.int32(257)),
        np.full(X.shape, np.nan, "f4"),
        X.astype("u2"),
    ],
    ids=["0..1", "0..65535", "int32 above 255", "NaN", "uint16 below 256"],
)
def test_tiffs_of_another_range_are_refused_by_name(tmp_path, values):
    name = saved(tmp_path, values[:8, ..., 0])
    with pytest.raises(UserError, match=r"\.tif has no raw pixels"):
        load_dataset(name)
