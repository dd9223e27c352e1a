"""Where a chart puts things, and the numbers at its sides."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.summaries import chart
from zoo.summaries.chart import Axes, Chart

AXES = Axes((-1.0, 0.0), (3.0, 2.0), 40, 20)
RED = (255, 0, 0)


def inside(picture, axes):
    """Cuts the chart itself out of a picture with numbers at its sides."""
    left = picture.shape[1] - chart.RIGHT - axes.width
    return picture[: axes.height, left : left + axes.width]


def test_corners_are_placed_at_the_corners_with_y_upwards():
    corners = np.array([[-1, 2], [3, 0], [1, 1]])
    assert AXES.place(corners).tolist() == [[0, 0], [40, 20], [20, 10]]


def test_the_grid_is_read_like_a_picture_from_the_top_left():
    grid = AXES.grid(2, 4)
    assert grid[:4].tolist() == [
        [-0.5, 1.5],
        [0.5, 1.5],
        [1.5, 1.5],
        [2.5, 1.5],
    ]
    assert grid[4].tolist() == [-0.5, 0.5]


def test_cells_of_the_grid_lie_in_the_middles_of_their_pixels():
    places = AXES.place(AXES.grid(20, 40)).reshape(20, 40, 2)
    np.testing.assert_allclose(
        places[..., 0], np.tile(np.arange(40) + 0.5, (20, 1)), atol=1e-4
    )
    np.testing.assert_allclose(places[:, 0, 1], np.arange(20) + 0.5, atol=1e-4)


def test_axes_hold_points_that_are_all_equal():
    axes = Axes.around(np.ones((3, 2)), 10, 10)
    assert axes.low < (1, 1) < axes.high


def test_a_dot_is_where_its_point_is():
    drawn = Chart(AXES)
    drawn.dots(np.array([[1.0, 1.0]]), [RED], radius=3, edge=RED)
    picture = inside(drawn.picture(), AXES)
    rows, columns = np.nonzero((picture == RED).all(axis=-1))
    assert (rows.mean() + 0.5, columns.mean() + 0.5) == pytest.approx(
        (10, 20), abs=0.5
    )


def test_what_is_no_number_or_far_outside_is_drawn_without_harm():
    drawn = Chart(AXES)
    wild = np.array([[np.nan, 1], [1e30, -1e30], [0, 1], [1, np.inf]])
    drawn.line(wild, RED)
    drawn.dots(np.array([[1e30, 0.0]]), [RED])
    assert drawn.picture().dtype == np.uint8


@given(
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e6),
    st.integers(1, 12),
)
def test_ticks_are_few_even_and_inside(low, span, most):
    high = low + span
    found = chart.ticks(low, high, most)
    assert len(found) <= most + 1
    slack = 1e-6 * (abs(low) + span)
    assert all(low - slack <= tick <= high + slack for tick in found)
    if len(found) > 1:
        step = found[1] - found[0]
        np.testing.assert_allclose(np.diff(found), step, rtol=1e-4)
        leading = step / 10 ** math.floor(math.log10(step * 1.0001))
        assert min(abs(leading - n) for n in chart.STEPS) < 1e-2


def test_numbers_have_the_digits_that_tell_them_apart_and_no_more():
    assert chart.words(np.array([-0.0, 1.0, 2.0])) == ["0", "1", "2"]
    assert chart.words(np.array([-0.5, 0.0, 0.5])) == ["-0.5", "0.0", "0.5"]
    assert chart.words(np.array([0.0, 2.5, 5.0])) == ["0.0", "2.5", "5.0"]
    assert chart.words(np.array([1e-5, 2e-5])) == ["1e-05", "2e-05"]
    assert chart.words(np.zeros(0)) == []
