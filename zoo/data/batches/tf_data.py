"""Batches for TensorFlow: tf.data, from images in the host's memory."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from zoo.data import augment as augmentation
from zoo.data.dataset import Split


class Store:
    """Images and labels as tensors in the host's memory."""

    def __init__(self, split: Split, batch_size: int):
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
