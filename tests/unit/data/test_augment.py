"""Augmentation: numbers that depend on (seed, epoch, example) alone."""

import numpy as np
import pytest

from zoo.data.augment import AUGMENTATIONS, draw_params, reflect
from zoo.errors import UserError

SHAPE = (32, 40, 3)


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_a_draw_is_repeatable(kind):
    np.testing.assert_equal(
        vars(draw_params(kind, 3, 7, 100, SHAPE)),
        vars(draw_params(kind, 3, 7, 100, SHAPE)),
    )


def test_seeds_and_epochs_are_drawn_apart():
    draws = {
        tuple(draw_params("crop", seed, epoch, 50, SHAPE).dy)
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(draws) == 9


def test_crops_reach_an_eighth_of_the_side_and_no_further():
    draws = draw_params("crop", 0, 0, 10_000, SHAPE)
    assert set(draws.dy) == set(range(-4, 5))
    assert set(draws.dx) == set(range(-5, 6))


def test_crops_of_an_odd_side_are_centred():
    assert set(draw_params("crop", 0, 0, 10_000, (28, 28, 1)).dy) == set(
        range(-3, 4)
    )


def test_images_below_eight_pixels_are_not_cropped():
    assert not draw_params("crop", 0, 0, 100, (7, 7, 1)).dy.any()


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


def test_crops_reach_as_far_as_the_padding_that_is_given():
    draws = draw_params("crop", 0, 0, 1000, SHAPE, padding=2)
    assert set(draws.dy) == set(draws.dx) == set(range(-2, 3))


def test_reflection_is_that_of_numpy():
    padded = np.pad(np.arange(5), 3, mode="reflect")
    np.testing.assert_array_equal(reflect(np.arange(-3, 8), 5), padded)


def test_an_unknown_kind_is_named():
    with pytest.raises(UserError, match="no augmentation 'crops'.*crop"):
        draw_params("crops", 0, 0, 1, SHAPE)
