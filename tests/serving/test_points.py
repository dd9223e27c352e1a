"""New points from text and from arrays."""

import numpy as np
import pytest

from zoo.errors import UserError
from zoo.serving.points import read

POINTS = np.float32([[0.5, -1.25], [2, 3]])


def test_a_csv_file_gives_its_lines(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("0.5,-1.25\n2,3\n")
    names, values = read(path, 2)
    assert np.array_equal(values, POINTS)
    assert names == [f"{path}:1", f"{path}:2"]


def test_a_line_of_headings_is_left_out(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("height,width\n0.5,-1.25\n2,3\n")
    names, values = read(path, 2)
    assert np.array_equal(values, POINTS)
    assert names == [f"{path}:2", f"{path}:3"]


def test_an_array_gives_its_rows(tmp_path):
    np.save(tmp_path / "p.npy", POINTS)
    names, values = read(tmp_path / "p.npy", 2)
    assert np.array_equal(values, POINTS) and values.dtype == np.float32
    assert names[1].endswith("p.npy[1]")
    np.save(tmp_path / "p.npy", POINTS[0])
    assert np.array_equal(read(tmp_path / "p.npy", 2)[1], POINTS[:1])


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
def test_a_text_that_holds_no_such_points_is_refused(tmp_path, text, said):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(UserError, match=said):
        read(tmp_path / "p.csv", 2)


def test_a_picture_is_no_file_of_points(tmp_path):
    with pytest.raises(UserError, match="no file of points"):
        read(tmp_path / "cat.png", 2)


def test_an_array_of_text_is_refused(tmp_path):
    np.save(tmp_path / "p.npy", POINTS.astype(str))
    with pytest.raises(UserError, match="holds no numbers"):
        read(tmp_path / "p.npy", 2)
