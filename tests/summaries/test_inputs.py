"""Training images as the network sees them."""

import types

import numpy as np
import pytest

from zoo import drawing
from zoo.summaries import inputs


def view_that(change):
    return types.SimpleNamespace(seen=change)


def test_what_is_shown_is_a_training_batch_after_preprocessing(
    snapshot, log, read
):
    asked = []

    def seen(images):
        asked.append(images)
        return images - 100

    batch = np.full((50, 4, 4, 3), 7, np.float32)
    inputs.write(
        log, snapshot(step=0, view=view_that(seen), batch=lambda: batch)
    )
    assert asked[0].shape == (24, 4, 4, 3) and (asked[0] == 7).all()
    assert [step for step, _ in read(log)["inputs"]] == [0]


def test_it_is_written_before_training_alone(snapshot, log, read):
    inputs.write(log, snapshot(step=5))
    assert not read(log)


def test_the_least_value_is_black_and_the_greatest_white():
    seen = np.array([-3.0, 0, 1, 5]).reshape(4, 1, 1, 1)
    picture = inputs.picture(seen)
    row = picture[-drawing.MARGIN - drawing.GAP - 10]
    left = drawing.MARGIN + 10
    tiles = row[left :: 88 + drawing.GAP][:4, 0].tolist()
    assert tiles == [0, round(255 * 3 / 8), round(255 / 2), 255]


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (8, 8, 2)])
def test_images_of_any_channels_are_drawn(shape):
    seen = np.random.default_rng(0).normal(size=(5, *shape))
    assert inputs.picture(seen).dtype == np.uint8


def test_values_that_are_no_numbers_break_nothing():
    assert len(inputs.picture(np.full((2, 8, 8, 1), np.nan))) < 60
