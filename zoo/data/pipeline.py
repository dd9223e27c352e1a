"""Batches for training and for scoring.

An epoch's order is a function of (seed, epoch) alone, so a run that was
interrupted goes on with exactly the batches it would have seen. Images stay
in memory as uint8 and are gathered by index; the last, smaller batch is kept.
"""

from __future__ import annotations

import numpy as np

from zoo.data import augment as augmentation
from zoo.data.dataset import Split

# Keeps these random numbers apart from those of the augmentation.
STREAM = 1


def epoch_order(seed: int, epoch: int, num_examples: int) -> np.ndarray:
    """Returns the order of one epoch, an int64 permutation `[N]`."""
    random = np.random.default_rng([seed, epoch, STREAM])
    return random.permutation(num_examples)


class Batches:
    """The training batches of every epoch, as tf.data.

    Holds one copy of the images for all epochs.
    """

    def __init__(
        self, split: Split, batch_size: int, seed: int, augment: str = "none"
    ):
        """Keeps the images at hand.

        Args:
            split: what to train on.
            batch_size: images in a batch; the last of an epoch has the rest.
            seed: fixes order and augmentation.
            augment: one of `augment.KINDS`.
        """
        self.num_examples = len(split)
        self.batch_size = batch_size
        self.batches_per_epoch = -(-len(split) // batch_size)
        self._seed = seed
        self._augment = augment
        self._shape = split.images.shape[1:]
        self._store = _Store(split, batch_size)

    def epoch(
        self, epoch: int, skip_batches: int = 0, num_batches: int | None = None
    ):
        """Returns the batches of one epoch, or a stretch of them.

        Args:
            epoch: counted from 0.
            skip_batches: how many to leave out at the start.
            num_batches: how many to give at most; the rest of the epoch if
                not given.

        Returns:
            A finite `tf.data.Dataset` of (float32 `[B, H, W, C]` raw pixels,
            int32 `[B]` labels), with the same `element_spec` in every epoch.
        """
        order = epoch_order(self._seed, epoch, self.num_examples)
        draws = None
        if self._augment != "none":
            draws = augmentation.draw(
                self._augment, self._seed, epoch, len(order), self._shape
            )
        stop = self.batches_per_epoch
        if num_batches is not None:
            stop = min(stop, skip_batches + num_batches)
        span = range(skip_batches, max(skip_batches, stop))
        return self._store.batches(order, draws, span)


def eval_batches(split: Split, batch_size: int):
    """Returns every example exactly once, in order, as `Batches.epoch` does."""
    span = range(-(-len(split) // batch_size))
    order = np.arange(len(split))
    return _Store(split, batch_size).batches(order, None, span)


class _Store:
    """Images and labels as tensors in the host's memory."""

    def __init__(self, split: Split, batch_size: int):
        import tensorflow as tf

        self._batch_size = batch_size
        self._traced = None
        with tf.device("/CPU:0"):
            self._images = tf.constant(split.images)
            numbers = split.labels.dtype.kind == "f"
            kind = tf.float32 if numbers else tf.int32
            self._labels = tf.constant(split.labels, kind)

    def batches(
        self,
        order: np.ndarray,
        draws: augmentation.Draws | None,
        span: range,
    ):
        """Returns the batches number `span` of an order, as tf.data."""
        import tensorflow as tf

        with tf.device("/CPU:0"):
            if draws is not None:
                draws = draws.mirrored, draws.down, draws.right
                draws = tuple(map(tf.constant, draws))
            start, stop = (
                tf.constant(n, tf.int64) for n in (span.start, span.stop)
            )
            given = tf.constant(order), draws, start, stop
            # Traced once for all epochs: tracing takes ten milliseconds, of
            # the few hundred that an epoch of a small network takes.
            if self._traced is None:
                function = tf.function(self._batches, autograph=False)
                self._traced = function.get_concrete_function(*given)
            return self._traced(*given)

    def _batches(self, order, draws, start, stop):
        """As `batches`, from tensors."""
        import tensorflow as tf

        if draws is not None:
            draws = augmentation.Draws(*draws)

        def batch(number):
            first = number * self._batch_size
            indices = order[first : first + self._batch_size]
            images = self._gather(indices, draws)
            return tf.cast(images, tf.float32), tf.gather(self._labels, indices)

        options = tf.data.Options()
        options.deterministic = True
        # Nothing here can be tuned, and the tuner's thread delays the end of
        # an iterator by a third of a second now and then.
        options.autotune.enabled = False
        # Keras makes one iterator more than it uses, at the end of an epoch.
        options.experimental_warm_start = False
        numbers = tf.data.Dataset.range(start, stop)
        return numbers.map(batch).prefetch(8).with_options(options)

    def _gather(self, indices, draws: augmentation.Draws | None):
        """Reads images `[B, H, W, C]`, moving pixels as `draws` says."""
        import tensorflow as tf

        if draws is None:
            return tf.gather(self._images, indices)
        _, height, width, channels = self._images.shape
        mirrored, down, right = (
            tf.gather(d, indices)[:, None]
            for d in (draws.mirrored, draws.down, draws.right)
        )
        row, column = tf.range(height)[None], tf.range(width)[None]
        column = tf.where(mirrored, width - 1 - column, column)
        rows = augmentation.reflect(down + row, height)
        columns = augmentation.reflect(right + column, width)
        # One table of pixels and one gather: no padded copy of the images.
        pixels = tf.reshape(self._images, [-1, channels])
        position = tf.cast(rows[:, :, None] * width + columns[:, None], "int64")
        return tf.gather(
            pixels, indices[:, None, None] * (height * width) + position
        )
