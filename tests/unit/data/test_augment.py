"""Augmentation: numbers that depend on (seed, epoch, example) alone."""

import numpy as np
import pytest

from zoo.data.augment import AUGMENTATIONS, draw_params, reflect
from zoo.errors import UserError

SHAPE = (32, 40, 3)


def test_seeds_and_epochs_are_drawn_apart():
    draws = {
        tuple(draw_params("crop", seed, epoch, 50, SHAPE).dy)
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(draws) == 9


@pytest.mark.parametrize(
    ("shape", "padding", "dy", "dx"),
    [
        (SHAPE, None, 4, 5),  # an eighth of the side
        ((28, 28, 1), None, 3, 3),
        ((7, 7, 1), None, 0, 0),
        (SHAPE, 2, 2, 2),
    ],
)
def test_crops_reach_as_far_as_the_padding(shape, padding, dy, dx):
    draws = draw_params("crop", 0, 0, 10_000, shape, padding)
    assert set(draws.dy) == set(range(-dy, dy + 1))
    assert set(draws.dx) == set(range(-dx, dx + 1))


def test_half_of_the_images_are_mirrored():
    share = draw_params("flip", 0, 0, 10_000, SHAPE).flip.mean()
    # Ten standard deviations of a fair coin.
    assert abs(share - 0.5) < 0.05


def test_a_kind_changes_what_its_name_says():
    changed = {
        kind: (draws.flip.any(), draws.dy.any(), draws.dx.any())
        for kind in AUGMENTATIONS
        for draws in [draw_params(kind, 0, 0, 100, SHAPE)]
    }
    assert changed == {
        "none": (False, False, False),
        "flip": (True, False, False),
        "crop": (False, True, True),
        "crop_flip": (True, True, True),
        "alternating_flip": (True, False, False),
        "crop_alternating_flip": (True, True, True),
    }


def test_an_alternating_flip_mirrors_each_image_in_every_second_epoch():
    first, *later = (
        draw_params("alternating_flip", 3, epoch, 1000, SHAPE).flip
        for epoch in range(4)
    )
    assert 400 < first.sum() < 600
    for mirrored, expected in zip(later, [~first, first, ~first], strict=True):
        np.testing.assert_array_equal(mirrored, expected)


def test_reflection_is_that_of_numpy():
    padded = np.pad(np.arange(5), 3, mode="reflect")
    np.testing.assert_array_equal(reflect(np.arange(-3, 8), 5), padded)


def test_an_unknown_kind_is_named():
    with pytest.raises(UserError, match="no augmentation 'crops'.*crop"):
        draw_params("crops", 0, 0, 1, SHAPE)
