"""Which mistakes are shown, in which order, and what is under them."""

import numpy as np
import pytest

from zoo import drawing
from zoo.summaries import mistakes
from zoo.summaries.snapshot import Judged


def logits_of(probabilities):
    return np.log(np.asarray(probabilities, np.float64)).astype(np.float32)


def png_size(value):
    return int(value[0]), int(value[1])


def test_wrong_answers_come_with_the_surest_first():
    probabilities = np.array(
        [[0.6, 0.4], [0.1, 0.9], [0.2, 0.8], [0.7, 0.3], [0.95, 0.05]]
    )
    labels = np.array([1, 0, 1, 1, 0])
    assert mistakes.surest_first(probabilities, labels).tolist() == [1, 3, 0]


def test_the_order_is_that_of_plain_sorting():
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(5), 200)
    labels = random.integers(0, 5, 200)
    wrong = [
        (-max(row), index)
        for index, (row, label) in enumerate(
            zip(probabilities, labels, strict=True)
        )
        if list(row).index(max(row)) != label
    ]
    expected = [index for _, index in sorted(wrong)]
    assert mistakes.surest_first(probabilities, labels).tolist() == expected


def test_the_first_tile_is_the_surest_mistake():
    inputs = np.zeros((3, 8, 8, 1), np.float32)
    inputs[2] = 200
    probabilities = np.array([[0.4, 0.6], [0.9, 0.1], [0.2, 0.8]])
    judged = Judged(inputs, np.array([0, 0, 0]), logits_of(probabilities))
    wrong = mistakes.surest_first(probabilities, judged.labels)
    picture = mistakes.mistakes(judged, probabilities, wrong, ("a", "b"))
    side = 88
    rows = np.flatnonzero((picture[:, drawing.MARGIN] == 200).all(axis=1))
    assert len(rows) == side
    second = picture[rows, drawing.MARGIN + side + drawing.GAP]
    assert (second == 0).all()


@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3), (200, 300, 3)])
def test_pictures_are_written_of_any_images(shape, snapshot, log, read):
    random = np.random.default_rng(0)
    inputs = random.uniform(0, 255, (40, *shape)).astype(np.float32)
    labels = np.zeros(40, np.int32)
    logits = random.normal(size=(40, 3)).astype(np.float32)
    mistakes.write(log, snapshot(inputs=inputs, labels=labels, logits=logits))
    (step, value), *others = read(log)["mistakes"]
    width, height = png_size(value)
    assert step == 3 and not others
    assert width <= 640 and height <= 900


def test_suspects_are_shown_at_the_end_alone(snapshot, log, read):
    inputs, labels = np.zeros((4, 2, 2, 1)), np.array([0, 1, 2, 2])
    mistakes.write(log, snapshot())
    assert "suspects" not in read(log)
    judged = Judged(inputs, labels, np.eye(3)[[1, 1, 1, 1]])
    mistakes.write(log, snapshot(last=True, judged=judged))
    assert len(read(log)["suspects"]) == 1


def test_no_mistakes_are_said_to_be_none(snapshot, log, read):
    right = np.eye(3, dtype=np.float32)[[0, 1, 2, 2]]
    mistakes.write(log, snapshot(logits=right))
    width, height = png_size(read(log)["mistakes"][0][1])
    assert height < 60


def test_logits_that_are_no_numbers_break_nothing(snapshot, log, read):
    mistakes.write(log, snapshot(logits=np.full((4, 3), np.nan)))
    assert png_size(read(log)["mistakes"][0][1])[1] < 60


def test_long_class_names_and_a_thousand_of_them_fit(snapshot, log, read):
    names = tuple(f"a very long name, number {k}" for k in range(1000))
    logits = np.random.default_rng(0).normal(size=(4, 1000))
    mistakes.write(log, snapshot(class_names=names, logits=logits))
    assert read(log)["mistakes"]


def test_no_answer_is_said_to_be_certain():
    line, _ = mistakes._says(("a", "b"), np.array([1.0, 0.0]), 0, 90, (0,) * 3)
    assert line == "a, 99.9 %"
