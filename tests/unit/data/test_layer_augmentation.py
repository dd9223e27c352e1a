"""RandAugment, random erasing, MixUp and CutMix, drawn batch by batch."""

import keras
import numpy as np
import pytest

from zoo.config import TrainConfig
from zoo.data.augment import (
    LAYERS,
    MIXING,
    LayerAugmentation,
    _make_generator,
    draw_keys,
)
from zoo.data.dataset import Split
from zoo.data.pipeline import TrainingBatches
from zoo.errors import UserError
from zoo.training import losses

K = 4
# RandAugment is a dozen layers, whose graph takes seconds to build.
SLOW = pytest.param("rand_augment", marks=pytest.mark.slow)
KINDS = [SLOW, *(kind for kind in LAYERS if kind != "rand_augment")]


def make_split(channels=3):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (10, 8, 9, channels), np.uint8)
    return Split(images, np.arange(10, dtype=np.int32) % K)


def read(kind, epoch=0, seed=1, channels=3, skip=0):
    batches = TrainingBatches(
        make_split(channels), 4, seed, kind, num_classes=K
    )
    return [
        (np.asarray(images), np.asarray(labels))
        for images, labels in batches.epoch(epoch, skip)
    ]


def same(some, others):
    return all(
        np.array_equal(one, other)
        for pair, twin in zip(some, others, strict=True)
        for one, other in zip(pair, twin, strict=True)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "channels", [3, pytest.param(1, marks=pytest.mark.slow)]
)
def test_a_batch_follows_from_seed_epoch_and_number(kind, channels):
    whole = read(kind, channels=channels)
    assert [images.shape for images, _ in whole] == [
        (size, 8, 9, channels) for size in (4, 4, 2)
    ]
    assert same(whole, read(kind, channels=channels))
    assert same(whole[1:], read(kind, channels=channels, skip=1))


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_epochs_and_batches_are_drawn_apart(kind):
    keys = [draw_keys(seed, epoch, 3) for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(row) for key in keys for row in key}) == 12
    assert not same(read(kind), read(kind, seed=2))
    assert not same(read(kind), read("none"))


@pytest.mark.slow
def test_rand_augment_gives_the_bits_of_keras():
    augment = LayerAugmentation(["rand_augment"], (8, 9, 3), K)
    ((_, layer),) = augment._layers
    images = make_split().images.astype(np.float32)
    for key in draw_keys(0, 0, 2):
        found, _ = augment(images, np.zeros(10), key)
        # Drawn once more, and transformed by Keras's own method.
        vars(layer)["generator"] = generator = _make_generator(key)
        drawn = layer.get_random_transformation(
            images, training=True, seed=generator
        )
        expected = layer.transform_images(images, drawn, training=True)
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


@pytest.mark.parametrize("kind", MIXING)
def test_mixed_labels_are_shares_of_the_classes_that_are_mixed(kind):
    for _, labels in read(kind):
        assert labels.dtype == np.float32 and labels.shape[1] == K
        np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-5)
        assert ((labels > 0).sum(axis=1) <= 2).all()


@pytest.mark.parametrize("kind", [SLOW, "random_erasing"])
def test_other_kinds_leave_the_labels(kind):
    plain = read("none")
    for (_, labels), (_, expected) in zip(read(kind), plain, strict=True):
        np.testing.assert_array_equal(labels, expected)


def test_mixup_is_the_weighted_mean_of_two_images():
    augment = LayerAugmentation(["mixup"], (1, 1, 1), K)
    images = np.float32([10, 20, 40, 80]).reshape(4, 1, 1, 1)
    labels = np.arange(4, dtype=np.int32)
    mixed, shares = augment(images, labels, draw_keys(0, 0, 1)[0])
    found = np.asarray(mixed).ravel()
    expected = np.asarray(shares) @ images.ravel()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_kinds_may_follow_crops_and_flips():
    found = read("crop_flip,random_erasing,mixup")
    assert found[0][1].shape == (4, K)
    assert not same(found, read("mixup"))


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ("crop,flip", "more than one kind"),
        ("none,crop", "more than one kind"),
        ("mixup,mixup", "names one twice"),
        ("crop_flip,mixupp", "did you mean mixup"),
    ],
)
def test_kinds_that_make_no_augmentation_are_refused(kinds, words):
    with pytest.raises(UserError, match=words):
        TrainConfig(augment=kinds)


def test_the_loss_of_shares_is_the_mean_of_the_losses_of_classes():
    logits = np.float32([[2.0, 0.5, -1.0]])
    shares = np.float32([[0.3, 0.7, 0.0]])
    loss = losses.cross_entropy()
    first, second = (np.asarray(loss(np.int32([k]), logits)) for k in (0, 1))
    expected = 0.3 * first + 0.7 * second
    np.testing.assert_allclose(loss(shares, logits), expected, rtol=1e-5)
    for loss in (losses.squared_error, losses.hinge):
        assert np.isfinite(np.asarray(loss(shares, logits))).all()


def test_accuracy_of_shares_is_that_of_the_larger_class():
    logits = np.float32([[2.0, 0.5], [2.0, 0.5]])
    shares = np.float32([[0.8, 0.2], [0.4, 0.6]])
    np.testing.assert_array_equal(losses.accuracy(shares, logits), [1, 0])
    labels = keras.ops.convert_to_tensor([0, 1])
    np.testing.assert_array_equal(losses.accuracy(labels, logits), [1, 0])
