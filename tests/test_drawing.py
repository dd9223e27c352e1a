"""Pictures of NumPy and Pillow: text, colours, sizes, sheets."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo import drawing


def test_text_leaves_ink_where_it_is_written_and_nowhere_else():
    picture = drawing.canvas(40, 100)
    drawing.write(picture, "dog", 50, 20, drawing.BAD)
    assert (picture[:20] == 255).all() and (picture[:, :50] == 255).all()
    assert (picture[20:35, 50:] != 255).any()


def test_text_that_ends_somewhere_leaves_nothing_behind_it():
    picture = drawing.canvas(20, 100)
    drawing.write(picture, "dog", 60, 0, align=1)
    assert (picture[:, 60:] == 255).all() and (picture[:, 30:60] != 255).any()


@given(st.text(max_size=40), st.integers(0, 30), st.integers(0, 90))
def test_any_text_anywhere_is_drawn_or_cut_off(text, y, x):
    drawing.write(drawing.canvas(30, 90), text, x, y)


@given(st.text("abcdefgh ", max_size=60), st.integers(20, 200))
def test_fitted_text_is_no_wider_than_asked(text, width):
    assert drawing.text_width(drawing.fit(text, width)) <= width


def test_text_that_fits_is_left_alone():
    assert drawing.fit("dog", 100) == "dog"


def test_small_images_grow_by_a_whole_factor_pixel_by_pixel():
    images = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    grown = drawing.resized(images, 6)
    assert grown.shape == (1, 6, 6, 3)
    np.testing.assert_array_equal(grown[:, ::3, ::3], images)
    np.testing.assert_array_equal(grown[:, 2::3, 1::3], images)


def test_large_images_shrink_to_the_means_of_squares():
    images = np.zeros((1, 100, 60, 3), np.uint8)
    images[0, 0, 0] = 100
    small = drawing.resized(images, 50)
    assert small.shape == (1, 50, 30, 3)
    assert (small[0, 0, 0] == 25).all() and small[0, 1:].max() == 0


def test_an_image_much_longer_than_high_can_shrink():
    assert drawing.resized(np.zeros((1, 2, 300, 3), np.uint8), 50).size


def test_numbers_become_grey_from_the_lowest_to_the_highest():
    values = np.array([-1.0, 0.0, 1.0, 9.0])
    assert drawing.to_pixels(values, -1, 1).tolist() == [0, 128, 255, 255]


def test_equal_numbers_have_a_colour_too():
    assert drawing.to_pixels(np.ones(2), 1, 1).tolist() == [0, 0]


def test_diverging_colours_are_white_at_zero_and_alike_in_strength():
    below, zero, above = drawing.diverging(np.array([-2.0, 0, 2.0]), 2.0)
    assert zero.tolist() == [255, 255, 255]
    assert below.tolist() == drawing.BELOW_ZERO.tolist()
    assert above.tolist() == drawing.ABOVE_ZERO.tolist()


def test_images_of_two_channels_are_shown_by_their_mean():
    images = np.array([[[[10, 30]]]], np.uint8)
    assert drawing.in_colour(images).tolist() == [[[[20, 20, 20]]]]


def test_colour_images_stay_what_they_are():
    images = np.zeros((1, 2, 2, 3), np.uint8)
    assert drawing.in_colour(images) is images


def test_tiles_of_a_sheet_lie_in_reading_order():
    tiles = np.zeros((3, 4, 5, 3), np.uint8)
    tiles[0], tiles[1], tiles[2] = 1, 2, 3
    sheet = drawing.sheet(tiles, columns=2)
    gap = drawing.GAP
    assert sheet.shape == (2 * (4 + gap), 2 * (5 + gap), 3)
    assert (sheet[:4, :5] == 1).all()
    assert (sheet[:4, 5 + gap : 10 + gap] == 2).all()
    assert (sheet[4 + gap : 8 + gap, :5] == 3).all()
    assert (sheet[4 + gap :, 5 + gap :] == 255).all()


def test_captions_stand_under_their_own_tile():
    tiles = np.full((2, 4, 50, 3), 255, np.uint8)
    sheet = drawing.sheet(tiles, [[], [("dog", drawing.INK)]], columns=2)
    assert (sheet[:, :50] == 255).all()
    assert (sheet[4 : 4 + drawing.LINE, 58:] != 255).any()


def test_a_long_title_takes_more_lines():
    picture = drawing.canvas(10, 400)
    short, long = (drawing.titled(picture, "word " * n) for n in (3, 60))
    assert len(long) > len(short) and long.shape[1] == short.shape[1]


@pytest.mark.slow  # a fresh Python imports Keras
def test_pictures_need_neither_a_display_nor_matplotlib():
    program = (
        "import sys; sys.modules['matplotlib'] = None; import numpy as np\n"
        "from zoo.summaries import calibration, confusion, filters, inputs\n"
        "from zoo.summaries import maps, mistakes, projector, templates\n"
        "confusion.bars(np.eye(3, dtype=int), ('a', 'b', 'c'))\n"
    )
    bare = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        env={**bare, "HOME": os.devnull, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
    )
