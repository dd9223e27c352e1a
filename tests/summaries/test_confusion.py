"""Counts behind the matrix and the bars, and what happens at the edges."""

import numpy as np
import pytest

from zoo import drawing, metrics
from zoo.summaries import confusion


def test_counts_are_those_of_plain_counting():
    random = np.random.default_rng(0)
    labels, answers = random.integers(0, 4, (2, 300))
    expected = np.zeros((4, 4), int)
    for label, answer in zip(labels, answers, strict=True):
        expected[label, answer] += 1
    counts = metrics.confusion_matrix(labels, answers, 4)
    np.testing.assert_array_equal(counts, expected)


def test_a_class_that_is_missing_has_an_empty_row():
    counts = metrics.confusion_matrix(np.array([0, 2]), np.array([0, 1]), 3)
    assert counts.tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_few_classes_are_all_shown_in_their_order():
    counts = np.random.default_rng(0).integers(0, 9, (20, 20))
    assert confusion.worst(counts).tolist() == list(range(20))


def test_of_many_classes_those_with_most_errors_are_shown():
    counts = np.diag(np.full(1000, 7))
    wrong = np.arange(0, 1000, 50)  # 20 classes
    for number, k in enumerate(wrong):
        counts[k, (k + 50) % 1000] = number + 1
    assert confusion.worst(counts).tolist() == wrong.tolist()


def test_right_answers_are_green_errors_red_and_the_rest_white():
    counts = np.array([[3, 1], [0, 2]])
    picture = confusion._paint(confusion._shares(counts), 10)
    inside = picture[5::10, 5::10].astype(int)
    assert inside[0, 0, 1] > inside[0, 0, 0]  # more green than red
    assert inside[0, 1, 0] > inside[0, 1, 1]  # more red than green
    assert inside[1, 0].tolist() == [255, 255, 255]
    assert inside[1, 1, 0] < inside[0, 0, 0]  # all right is darker


def bar_lengths(counts, names):
    """Coloured pixels of each bar, below the title."""
    picture = confusion.bars(counts, names)
    deep = drawing.LINE + 3
    first = len(picture) - drawing.MARGIN - deep * len(counts) + 5
    rows = picture[first::deep][: len(counts)]
    return [int((row == confusion.RIGHT).all(axis=1).sum()) for row in rows]


def test_a_bar_is_as_long_as_the_share_that_is_right():
    counts = np.array([[3, 1], [2, 2]])
    lengths = bar_lengths(counts, ("a", "b"))
    assert lengths == [confusion.BAR * 3 // 4, confusion.BAR // 2]


def test_a_missing_class_has_no_bar_and_a_wrong_one_an_empty_bar():
    counts = np.array([[2, 0, 0], [0, 0, 0], [1, 0, 0]])
    picture = confusion.bars(counts, ("a", "b", "c"))
    deep = drawing.LINE + 3
    end = drawing.MARGIN + 100 + confusion.BAR // 2
    first = len(picture) - drawing.MARGIN - deep * 3 + 5
    assert picture[first + deep, end].tolist() == [255, 255, 255]
    assert picture[first + 2 * deep, end].tolist() == list(drawing.LINES)


@pytest.mark.parametrize("num_classes", [1, 2, 10, 20, 21, 1000])
def test_pictures_are_written_for_any_number_of_classes(
    num_classes, snapshot, log, read
):
    random = np.random.default_rng(0)
    names = tuple(f"class number {k}" for k in range(num_classes))
    moment = snapshot(
        class_names=names,
        labels=random.integers(0, num_classes, 50),
        logits=random.normal(size=(50, num_classes)),
        inputs=np.zeros((50, 3)),
    )
    confusion.write(log, moment)
    found = read(log)
    for tag in ("confusion", "correct_by_class"):
        ((step, value),) = found[tag]
        assert step == 3
        assert max(int(value[0]), int(value[1])) <= 700


def test_logits_that_are_no_numbers_break_nothing(snapshot, log, read):
    confusion.write(log, snapshot(logits=np.full((4, 3), np.inf)))
    assert list(read(log)) == ["confusion"]
