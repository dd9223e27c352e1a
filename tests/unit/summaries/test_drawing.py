"""Images of NumPy and Pillow: text, colors, sizes, grids, charts."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.summaries import drawing
from zoo.summaries.drawing import Axes, Chart


def test_text_leaves_ink_where_it_is_written_and_nowhere_else():
    picture = drawing.blank(40, 100)
    drawing.draw_text(picture, "dog", 50, 20, drawing.INCORRECT)
    assert (picture[:20] == 255).all() and (picture[:, :50] == 255).all()
    assert (picture[20:35, 50:] != 255).any()


def test_text_that_ends_somewhere_leaves_nothing_behind_it():
    picture = drawing.blank(20, 100)
    drawing.draw_text(picture, "dog", 60, 0, align=1)
    assert (picture[:, 60:] == 255).all() and (picture[:, 30:60] != 255).any()


@given(st.text(max_size=40), st.integers(0, 30), st.integers(0, 90))
def test_any_text_anywhere_is_drawn_or_cut_off(text, y, x):
    drawing.draw_text(drawing.blank(30, 90), text, x, y)


@given(st.text("abcdefgh ", max_size=60), st.integers(20, 200))
def test_fitted_text_is_no_wider_than_asked(text, width):
    assert drawing.text_width(drawing.truncate(text, width)) <= width


def test_text_that_fits_is_left_alone():
    assert drawing.truncate("dog", 100) == "dog"


def test_small_images_grow_by_a_whole_factor_pixel_by_pixel():
    images = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    grown = drawing.resize(images, 6)
    assert grown.shape == (1, 6, 6, 3)
    np.testing.assert_array_equal(grown[:, ::3, ::3], images)
    np.testing.assert_array_equal(grown[:, 2::3, 1::3], images)


def test_large_images_shrink_to_the_means_of_squares():
    images = np.zeros((1, 100, 60, 3), np.uint8)
    images[0, 0, 0] = 100
    small = drawing.resize(images, 50)
    assert small.shape == (1, 50, 30, 3)
    assert (small[0, 0, 0] == 25).all() and small[0, 1:].max() == 0
    assert drawing.resize(np.zeros((1, 2, 300, 3), np.uint8), 50).size


def test_a_wide_image_is_made_no_wider_than_asked():
    wide = np.zeros((1, 4, 12, 3), np.uint8)
    assert drawing.resize(wide, 24).shape[1:3] == (8, 24)


def test_numbers_become_gray_from_the_lowest_to_the_highest():
    values = np.array([-1.0, 0.0, 1.0, 9.0])
    assert drawing.to_pixels(values, -1, 1).tolist() == [0, 128, 255, 255]
    assert drawing.to_pixels(np.ones(2), 1, 1).tolist() == [0, 0]


def test_diverging_colors_are_white_at_zero_and_alike_in_strength():
    below, zero, above = drawing.diverging_colors(np.array([-2.0, 0, 2.0]), 2.0)
    assert zero.tolist() == [255, 255, 255]
    assert below.tolist() == drawing.NEGATIVE.tolist()
    assert above.tolist() == drawing.POSITIVE.tolist()


def test_images_of_two_channels_are_shown_by_their_mean():
    images = np.array([[[[10, 30]]]], np.uint8)
    assert drawing.to_rgb(images).tolist() == [[[[20, 20, 20]]]]
    colors = np.zeros((1, 2, 2, 3), np.uint8)
    assert drawing.to_rgb(colors) is colors


def test_tiles_of_a_sheet_lie_in_reading_order():
    tiles = np.zeros((3, 4, 5, 3), np.uint8)
    tiles[0], tiles[1], tiles[2] = 1, 2, 3
    sheet = drawing.image_grid(tiles, columns=2)
    gap = drawing.GAP
    assert sheet.shape == (2 * (4 + gap), 2 * (5 + gap), 3)
    assert (sheet[:4, :5] == 1).all()
    assert (sheet[:4, 5 + gap : 10 + gap] == 2).all()
    assert (sheet[4 + gap : 8 + gap, :5] == 3).all()
    assert (sheet[4 + gap :, 5 + gap :] == 255).all()


def test_captions_stand_under_their_own_tile():
    tiles = np.full((2, 4, 50, 3), 255, np.uint8)
    sheet = drawing.image_grid(tiles, [[], [("dog", drawing.TEXT)]], columns=2)
    assert (sheet[:, :50] == 255).all()
    assert (sheet[4 : 4 + drawing.LINE_HEIGHT, 58:] != 255).any()


def test_a_long_title_takes_more_lines():
    picture = drawing.blank(10, 400)
    short, long = (drawing.with_title(picture, "word " * n) for n in (3, 60))
    assert len(long) > len(short) and long.shape[1] == short.shape[1]


@pytest.mark.slow  # a fresh Python imports Keras
def test_pictures_need_neither_a_display_nor_matplotlib():
    program = (
        "import sys; sys.modules['matplotlib'] = None; import numpy as np\n"
        "from zoo.summaries import animation, images, tabs, toy_plots\n"
        "images.draw_confusion(np.eye(3, dtype=int), ('a', 'b', 'c'))\n"
    )
    bare = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        env={**bare, "HOME": os.devnull, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
    )


AXES = Axes((-1.0, 0.0), (3.0, 2.0), 40, 20)
RED = (255, 0, 0)


def inside(picture, axes):
    """Cuts the chart itself out of a picture with numbers at its sides."""
    left = picture.shape[1] - drawing.RIGHT_MARGIN - axes.width
    return picture[: axes.height, left : left + axes.width]


def test_corners_are_placed_at_the_corners_with_y_upwards():
    corners = np.array([[-1, 2], [3, 0], [1, 1]])
    assert AXES.to_pixels(corners).tolist() == [[0, 0], [40, 20], [20, 10]]


def test_the_grid_lies_in_the_middles_of_pixels_in_reading_order():
    y, x = np.mgrid[:20, :40] + 0.5
    np.testing.assert_allclose(
        AXES.to_pixels(AXES.grid(20, 40)),
        np.stack([x.ravel(), y.ravel()], axis=1),
        atol=1e-4,
    )


def test_axes_hold_points_that_are_all_equal():
    axes = Axes.around(np.ones((3, 2)), 10, 10)
    assert axes.low < (1, 1) < axes.high


def test_a_dot_is_where_its_point_is():
    drawn = Chart(AXES)
    drawn.scatter(np.array([[1.0, 1.0]]), [RED], radius=3, edge=RED)
    picture = inside(drawn.render(), AXES)
    rows, columns = np.nonzero((picture == RED).all(axis=-1))
    assert (rows.mean() + 0.5, columns.mean() + 0.5) == pytest.approx(
        (10, 20), abs=0.5
    )


def test_what_is_no_number_or_far_outside_is_drawn_without_harm():
    drawn = Chart(AXES)
    wild = np.array([[np.nan, 1], [1e30, -1e30], [0, 1], [1, np.inf]])
    drawn.line(wild, RED)
    drawn.scatter(np.array([[1e30, 0.0]]), [RED])
    assert drawn.render().dtype == np.uint8


@given(
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e6),
    st.integers(1, 12),
)
def test_ticks_are_few_even_and_inside(low, span, most):
    high = low + span
    found = drawing.ticks(low, high, most)
    assert len(found) <= most + 1
    slack = 1e-6 * (abs(low) + span)
    assert all(low - slack <= tick <= high + slack for tick in found)
    if len(found) > 1:
        step = found[1] - found[0]
        np.testing.assert_allclose(np.diff(found), step, rtol=1e-4)
        leading = step / 10 ** math.floor(math.log10(step * 1.0001))
        assert min(abs(leading - n) for n in drawing.TICK_STEPS) < 1e-2


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([-0.0, 1.0, 2.0], ["0", "1", "2"]),
        ([-0.5, 0.0, 0.5], ["-0.5", "0.0", "0.5"]),
        ([0.0, 2.5, 5.0], ["0.0", "2.5", "5.0"]),
        ([1e-5, 2e-5], ["1e-05", "2e-05"]),
        ([], []),
    ],
)
def test_numbers_have_the_digits_that_tell_them_apart(values, labels):
    assert drawing.tick_labels(np.array(values)) == labels
