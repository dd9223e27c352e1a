"""The reliability diagram shows the numbers of its bins."""

import numpy as np

from zoo import drawing
from zoo.summaries import calibration


def logits_with(confidence, count):
    """Logits of two classes, the first with this probability."""
    row = np.log([confidence, 1 - confidence])
    return np.tile(row, (count, 1))


def coloured(picture, colour, column):
    """Pixels of a colour in the middle of a bin."""
    x = drawing.MARGIN + calibration.LEFT + 20 * column + 10
    return int((picture[:, x] == colour).all(axis=1).sum())


def test_a_bar_is_as_high_as_the_share_that_is_right():
    # Confidence .9 is in the bin (13/15, 14/15]; 6 of 10 are right.
    labels = np.array([0] * 6 + [1] * 4)
    picture = calibration.diagram(logits_with(0.9, 10), labels)
    side = calibration.SIDE
    blue = coloured(picture, calibration.RIGHT, 13)
    red = coloured(picture, calibration.TOO_SURE, 13)
    # The line of equality covers one pixel of the red.
    assert blue == side * 6 // 10 and side * 3 // 10 - red in (0, 1)


def test_bins_without_examples_stay_empty():
    picture = calibration.diagram(logits_with(0.9, 4), np.zeros(4, int))
    assert coloured(picture, calibration.RIGHT, 11) == 0


def test_nothing_is_red_where_it_is_more_often_right_than_sure():
    picture = calibration.diagram(logits_with(0.6, 4), np.zeros(4, int))
    assert coloured(picture, calibration.RIGHT, 8) > 0
    assert not (picture == calibration.TOO_SURE).all(axis=2).any()


def test_a_single_example_is_counted_with_at_least_a_pixel():
    logits = np.concatenate([logits_with(0.9, 999), logits_with(0.6, 1)])
    picture = calibration.diagram(logits, np.zeros(1000, int))
    assert coloured(picture, drawing.PALE, 8) == 1
    assert coloured(picture, drawing.PALE, 13) == calibration.COUNTS


def test_it_is_written_at_the_step(snapshot, log, read):
    calibration.write(log, snapshot())
    assert [step for step, _ in read(log)["calibration"]] == [3]


def test_logits_that_are_no_numbers_break_nothing(snapshot, log, read):
    calibration.write(log, snapshot(logits=np.full((4, 3), np.nan)))
    assert int(read(log)["calibration"][0][1][1]) < 60
