"""Arrays that are no raw pixels are refused, and told what they are."""

import numpy as np
import pytest

from zoo.errors import UserError
from zoo.serving.arrays import read_images

GREY, COLOUR = (8, 8, 1), (6, 8, 3)
RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (4, 8, 8, 1), np.uint8)
PHOTOS = RANDOM.integers(0, 256, (4, 6, 8, 3), np.uint8)


def read(folder, array, shape=GREY):
    np.save(folder / "x.npy", array)
    return read_images(folder / "x.npy", shape)


@pytest.mark.parametrize(
    ("array", "shape", "count"),
    [
        (PIXELS, GREY, 4),
        (PIXELS[0], GREY, 1),
        (PIXELS[..., 0], GREY, 4),
        (PIXELS[0, ..., 0], GREY, 1),
        (PHOTOS, COLOUR, 4),
        (PHOTOS[0], COLOUR, 1),
    ],
)
def test_pixels_arrive_as_they_are(tmp_path, array, shape, count):
    names, values = read(tmp_path, array, shape)
    assert values.dtype == np.uint8
    assert values.shape == (count, *shape)
    assert np.array_equal(values.ravel(), array.ravel())
    assert len(names) == count


def test_whole_floats_in_0_to_255_are_pixels(tmp_path):
    _, values = read(tmp_path, PIXELS.astype(np.float32))
    assert values.dtype == np.uint8
    assert np.array_equal(values, PIXELS)


def test_each_image_is_named_by_its_index(tmp_path):
    names, _ = read(tmp_path, PIXELS)
    assert names[2] == f"{tmp_path}/x.npy[2]"
    names, _ = read(tmp_path, PIXELS[0])
    assert names == [f"{tmp_path}/x.npy"]


def test_an_archive_gives_its_x_or_its_only_array(tmp_path):
    np.savez(tmp_path / "x.npz", x=PIXELS, y=np.arange(4))
    assert len(read_images(tmp_path / "x.npz", GREY)[1]) == 4
    np.savez(tmp_path / "x.npz", photos=PIXELS[:3])
    assert len(read_images(tmp_path / "x.npz", GREY)[1]) == 3
    np.savez(tmp_path / "x.npz", a=PIXELS, b=PIXELS)
    with pytest.raises(UserError, match="holds a and b; name .* x"):
        read_images(tmp_path / "x.npz", GREY)


WRONG = {
    "divided by 255": (PIXELS / 255, GREY, "between 0 and 1.* by 255"),
    "zeros and ones": (PIXELS // 128, GREY, "between 0 and 1.* by 255"),
    "standardized": (PIXELS / 64 - 2, GREY, "raw pixels .*before any mean"),
    "centred": (PIXELS - 77.5, GREY, "raw pixels .*before any mean"),
    "too large": (PIXELS * 4.0, GREY, "lies between 0 and 1020"),
    "with fractions": (PIXELS / 2, GREY, r"numpy\.round\(x\)"),
    "not quite 0..1": (PIXELS / 250, GREY, "between 0 and 1.02 with fractions"),
    "0..2": (PIXELS / 127.5, GREY, r"255 / 2\)"),
    "0..16, whole": (PIXELS // 16 * 1.0, GREY, r"255 / 16\)"),
    "beyond 255 by resizing": (PIXELS * 1.1 - 9, GREY, r"numpy\.clip"),
    "complex": (PIXELS * 1j, GREY, "complex numbers"),
    "dates": (PIXELS.astype("datetime64[s]"), GREY, "dates"),
    "not numbers": (PIXELS * np.nan, GREY, "not numbers"),
    "text": (PIXELS.astype(str), GREY, "holds text"),
    "objects": (PIXELS.astype(object), GREY, "Python objects"),
    "channels first": (
        np.moveaxis(PHOTOS, -1, 1),
        COLOUR,
        r"moveaxis\(x, 1, -1\)",
    ),
    "one, channels first": (
        np.moveaxis(PHOTOS[0], -1, 0),
        COLOUR,
        r"moveaxis\(x, 0, -1\)",
    ),
    "grey, channels first": (
        np.moveaxis(PIXELS, -1, 1),
        GREY,
        r"moveaxis\(x, 1, -1\)",
    ),
    "colour for grey": (
        np.repeat(PIXELS, 3, -1),
        GREY,
        "3 channels instead of 1",
    ),
    "with opacity": (np.repeat(PHOTOS[..., :1], 4, -1), COLOUR, "4 channels"),
    "grey for colour": (PHOTOS[..., 0], COLOUR, r"it is grey.*repeat"),
    "another size": (np.zeros((2, 9, 9, 1)), GREY, "resize"),
    "none": (PIXELS[:0], GREY, r"\[0, 8, 8, 1\]"),
    "flat": (PIXELS.reshape(4, 64), GREY, r"\[4, 64\].*\[N, 8, 8, 1\]"),
    "a number": (np.float32(1), GREY, r"shape \[\]"),
}


@pytest.mark.parametrize(
    ("array", "shape", "said"), list(WRONG.values()), ids=list(WRONG)
)
def test_what_is_no_raw_pixels_is_named(tmp_path, array, shape, said):
    with pytest.raises(UserError, match=said) as caught:
        read(tmp_path, array, shape)
    assert "x.npy" in str(caught.value)


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_a_file_that_is_no_array_is_named(tmp_path, name):
    (tmp_path / name).write_text("no array")
    with pytest.raises(UserError, match=name):
        read_images(tmp_path / name, GREY)


def test_an_array_that_was_cut_off_is_named(tmp_path):
    np.save(tmp_path / "x.npy", PIXELS)
    content = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(content[:-9])
    with pytest.raises(UserError, match="x.npy is damaged"):
        read_images(tmp_path / "x.npy", GREY)
