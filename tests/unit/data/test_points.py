"""A person's own points: read as they are meant, or refused in a sentence."""

import numpy as np
import pytest

from zoo.data import load_dataset
from zoo.errors import UserError
from zoo.evaluation.test_set import load_test_split

GOOD = "".join(
    f"{i},{-i / 2},{'red' if i % 2 else 'blue'}\n" for i in range(40)
)


@pytest.fixture
def name(tmp_path):
    """Returns a function: writes a file, returns the dataset's name."""

    def write(content):
        path = tmp_path / "points.csv"
        is_text = isinstance(content, str)
        path.write_bytes(content.encode() if is_text else content)
        return f"points:{path}"

    return write


def test_every_line_is_a_point(name):
    path = name(GOOD)
    data = load_dataset(path)
    found = {
        (*point.tolist(), data.class_names[label])
        for part in (data.train, data.val, load_test_split(path))
        for point, label in zip(part.images, part.labels, strict=True)
    }
    assert found == {(i, -i / 2, ("blue", "red")[i % 2]) for i in range(40)}


@pytest.mark.parametrize(
    "same",
    [
        "x1,x2,class\n" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace(",", " , "),
        GOOD.replace("\n", "\n\n"),
        b"\xef\xbb\xbf" + GOOD.encode(),
    ],
    ids=["headings", "windows", "spaces", "blank lines", "byte order mark"],
)
def test_what_other_programs_write_is_the_same_data(name, same):
    first = load_dataset(name(GOOD)).fingerprint
    assert load_dataset(name(same)).fingerprint == first


def test_classes_that_are_numbers_are_in_the_order_of_numbers(name):
    lines = [f"{i},{'10 9 2'.split()[i % 3]}" for i in range(30)]
    data = load_dataset(name("\n".join(lines)))
    assert data.class_names == ("2", "9", "10")
    assert data.input_shape == (1,)


def test_coordinates_are_float32(name):
    images = load_dataset(name(GOOD)).train.images
    assert images.dtype == np.float32


BAD = {
    "nothing": ("", "is empty"),
    "blanks": ("\n , \n", "is empty"),
    "headings alone": ("x,y,class\n", "header and no points"),
    "one column": ("1\n2\n", "line 1 .* one column"),
    "semicolons": ("1;2;a\n2;3;b\n", "one column.*separated by commas"),
    "text": (GOOD + "1,abc,red\n", "line 41 .* 'abc' where a number belongs"),
    "text under a heading": ("a,b,c\n1,2,d\n3,x,e\n", "line 3 .* in column b"),
    "an empty cell": (GOOD + ",1,red\n", "line 41 .* '' where a number"),
    "a short line": (GOOD + "1,red\n", "line 41 .* 2 columns.* has 3"),
    "a long line": (GOOD + "1,2,3,red\n", "line 41 .* 4 columns"),
    "NaN": (GOOD + "nan,1,red\n", "line 41 .* nan in column x1"),
    "infinity": (GOOD + "1,inf,red\n", "line 41 .* inf in column x2"),
    "beyond float32": (GOOD + "1,1e39,red\n", "1e39 .* not a finite number"),
    "no class": (GOOD + "1,2,\n", "line 41 .* has no class"),
    "one class": ("1,2,a\n3,4,a\n", "only one class, a"),
    "no classes at all": (
        "\n".join(f"{i},{i / 7}" for i in range(1, 30)),
        "29 different values",
    ),
    "no text": (b"\xff\xfe\x00\x01", "cannot be read as a CSV file"),
    "zeros": (b"1,2,a\n\x00\x00", "points.csv"),
}


@pytest.mark.parametrize("content, words", BAD.values(), ids=BAD.keys())
def test_a_file_that_is_no_points_is_explained(name, content, words):
    with pytest.raises(UserError, match=words) as error:
        load_dataset(name(content))
    assert "points.csv" in str(error.value)
    assert str(error.value).endswith(".")


def test_a_folder_is_no_file_of_points(tmp_path):
    with pytest.raises(UserError, match="is not a file"):
        load_dataset(f"points:{tmp_path}")


def test_points_cannot_be_resized(name):
    with pytest.raises(UserError, match="--image_size=8 resizes images"):
        load_dataset(name(GOOD), image_size=8)


def test_the_index_that_pandas_writes_is_no_coordinate(name):
    lines = [f"{i},{i % 7}.5,{i % 3}.25,{'ab'[i % 2]}" for i in range(20)]
    data = load_dataset(name("\n".join([",x,y,label", *lines])))
    assert data.input_shape == (2,)
    assert "numbers the rows" in data.notes[0]
    shuffled = ["Unnamed: 0,x,y,label", *lines[::-2], *lines[::2]]
    assert load_dataset(name("\n".join(shuffled))).input_shape == (2,)
    named = name("\n".join(["t,x,y,label", *lines]))
    assert load_dataset(named).input_shape == (3,)
