"""Inputs: files by path, folder and pattern; arrays of pixels; points."""

import numpy as np
import pytest

from zoo.errors import UserError
from zoo.serving.inputs import find_files, read_images, read_points

# Files.


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "a.jpg", "c.txt", ".hidden.png", "deep/d.PNG"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def names(folder, *words):
    found = find_files([str(folder / word) for word in words])
    return [path.relative_to(folder).as_posix() for path in found.paths]


def test_a_file_stands_for_itself_whatever_it_is_called(folder):
    assert names(folder, "c.txt") == ["c.txt"]


def test_a_folder_stands_for_the_images_at_any_depth(folder):
    assert names(folder, "") == ["a.jpg", "b.png", "deep/d.PNG"]


def test_a_pattern_in_quotes_is_expanded(folder):
    assert names(folder, "?.*") == ["a.jpg", "b.png", "c.txt"]
    assert names(folder, "**/*.PNG") == ["deep/d.PNG"]


def test_a_file_that_looks_like_a_pattern_is_a_file(folder):
    (folder / "[1].png").touch()
    assert names(folder, "[1].png") == ["[1].png"]


def test_a_file_that_is_named_twice_is_taken_once(folder):
    assert names(folder, "b.png", "") == ["b.png", "a.jpg", "deep/d.PNG"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("x.png", "did you mean .*b.png"),
        ("qqqqqqqq", "or a pattern"),
        ("none/x.png", "nor a folder"),
        ("*.gif", "matches no file"),
        ("empty", "contains no images"),
    ],
)
def test_a_word_that_matches_nothing_is_refused(folder, word, said):
    (folder / "empty").mkdir()
    with pytest.raises(UserError, match=said):
        names(folder, word)


# Arrays of images.

GRAY, COLOR = (8, 8, 1), (6, 8, 3)
RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (4, 8, 8, 1), np.uint8)
PHOTOS = RANDOM.integers(0, 256, (4, 6, 8, 3), np.uint8)
FIRST = np.moveaxis(PHOTOS, -1, 1)


def read(folder, array, shape=GRAY):
    np.save(folder / "x.npy", array)
    return read_images(folder / "x.npy", shape)


@pytest.mark.parametrize(
    ("array", "shape", "count"),
    [
        (PIXELS, GRAY, 4),
        (PIXELS[0], GRAY, 1),
        (PIXELS[..., 0], GRAY, 4),
        (PIXELS[0, ..., 0], GRAY, 1),
        (PHOTOS, COLOR, 4),
        (PHOTOS[0], COLOR, 1),
        (PIXELS.astype(np.float32), GRAY, 4),
    ],
)
def test_pixels_arrive_as_they_are(tmp_path, array, shape, count):
    names, values = read(tmp_path, array, shape)
    assert values.dtype == np.uint8
    assert values.shape == (count, *shape)
    assert np.array_equal(values.ravel(), array.ravel())
    assert len(names) == count


def test_each_image_is_named_by_its_index(tmp_path):
    names, _ = read(tmp_path, PIXELS)
    assert names[2] == f"{tmp_path}/x.npy[2]"
    names, _ = read(tmp_path, PIXELS[0])
    assert names == [f"{tmp_path}/x.npy"]


def test_an_archive_gives_its_x_or_its_only_array(tmp_path):
    np.savez(tmp_path / "x.npz", x=PIXELS, y=np.arange(4))
    assert len(read_images(tmp_path / "x.npz", GRAY)[1]) == 4
    np.savez(tmp_path / "x.npz", photos=PIXELS[:3])
    assert len(read_images(tmp_path / "x.npz", GRAY)[1]) == 3
    np.savez(tmp_path / "x.npz", a=PIXELS, b=PIXELS)
    with pytest.raises(UserError, match="holds a and b; name .* x"):
        read_images(tmp_path / "x.npz", GRAY)


# `tests/unit/data/test_arrays.py` has every reason why values are no pixels.
WRONG = {
    "divided by 255": (PIXELS / 255, GRAY, "between 0 and 1.* by 255"),
    "zeros and ones": (PIXELS // 128, GRAY, "between 0 and 1.* by 255"),
    "standardized": (PIXELS / 64 - 2, GRAY, "raw pixels .*before any mean"),
    "centred": (PIXELS - 77.5, GRAY, "raw pixels .*before any mean"),
    "too large": (PIXELS * 4.0, GRAY, "lies between 0 and 1020"),
    "complex": (PIXELS * 1j, GRAY, "complex numbers"),
    "dates": (PIXELS.astype("datetime64[s]"), GRAY, "dates"),
    "channels first": (FIRST, COLOR, r"moveaxis\(x, 1, -1\)"),
    "one, channels first": (FIRST[0], COLOR, r"moveaxis\(x, 0, -1\)"),
    "grayscale, channels first": (
        PIXELS.reshape(4, 1, 8, 8), GRAY, r"moveaxis\(x, 1, -1\)",
    ),
    "color for grayscale": (np.repeat(PIXELS, 3, -1), GRAY, "3 channels inst"),
    "with opacity": (np.repeat(PHOTOS[..., :1], 4, -1), COLOR, "4 channels"),
    "grayscale for color": (PHOTOS[..., 0], COLOR, r"it is grayscale.*repeat"),
    "another size": (np.zeros((2, 9, 9, 1)), GRAY, "resize"),
    "none": (PIXELS[:0], GRAY, r"\[0, 8, 8, 1\]"),
    "flat": (PIXELS.reshape(4, 64), GRAY, r"\[4, 64\].*\[N, 8, 8, 1\]"),
    "a number": (np.float32(1), GRAY, r"shape \[\]"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("array", "shape", "said"), list(WRONG.values()), ids=list(WRONG)
)
def test_an_array_that_is_not_raw_pixels_is_refused(
    tmp_path, array, shape, said
):
    with pytest.raises(UserError, match=said) as caught:
        read(tmp_path, array, shape)
    assert "x.npy" in str(caught.value)


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_a_file_that_is_no_array_is_named(tmp_path, name):
    (tmp_path / name).write_text("no array")
    with pytest.raises(UserError, match=name):
        read_images(tmp_path / name, GRAY)


def test_an_array_that_was_cut_off_is_named(tmp_path):
    np.save(tmp_path / "x.npy", PIXELS)
    content = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(content[:-9])
    with pytest.raises(UserError, match="x.npy is corrupt"):
        read_images(tmp_path / "x.npy", GRAY)


# Points.

POINTS = np.float32([[0.5, -1.25], [2, 3]])


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("0.5,-1.25\n2,3\n", [1, 2]),
        ("height,width\n0.5,-1.25\n2,3\n", [2, 3]),
        ("# x, y\n\n0.5,-1.25  # above\n\n2,3\n", [3, 5]),
    ],
    ids=["points alone", "a header", "comments and blank lines"],
)
def test_points_are_named_by_their_lines_in_the_file(tmp_path, text, lines):
    path = tmp_path / "p.csv"
    path.write_text(text)
    names, values = read_points(path, 2)
    assert np.array_equal(values, POINTS)
    assert names == [f"{path}:{line}" for line in lines]


def test_an_array_gives_its_rows(tmp_path):
    np.save(tmp_path / "p.npy", POINTS)
    names, values = read_points(tmp_path / "p.npy", 2)
    assert np.array_equal(values, POINTS) and values.dtype == np.float32
    assert names[1].endswith("p.npy[1]")
    np.save(tmp_path / "p.npy", POINTS[0])
    assert np.array_equal(read_points(tmp_path / "p.npy", 2)[1], POINTS[:1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2,3\n4,5,6\n", r"shape \[2, 3\].*\[N, 2\]"),
        ("1,2\n3\n", "cannot be read as a CSV file"),
        ("1,2\n3,red\n", "p.csv:2 has a value"),
        ("1,2\n3,inf\n", "p.csv:2 has a value"),
        ("", r"takes \[N, 2\]"),
        ("x,y\n", "p.csv:1 has a value"),
    ],
)
def test_a_text_file_without_such_points_is_refused(tmp_path, text, said):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(UserError, match=said):
        read_points(tmp_path / "p.csv", 2)


def test_an_image_is_not_a_file_of_points(tmp_path):
    with pytest.raises(UserError, match="not a file of points"):
        read_points(tmp_path / "cat.png", 2)


def test_an_array_of_text_is_refused(tmp_path):
    np.save(tmp_path / "p.npy", POINTS.astype(str))
    with pytest.raises(UserError, match="holds no numbers"):
        read_points(tmp_path / "p.npy", 2)


def test_a_device_is_not_a_missing_file():
    with pytest.raises(UserError, match="null is not a regular file"):
        find_files(["/dev/null"])
