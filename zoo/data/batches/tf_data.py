"""Batches for TensorFlow: tf.data, from the host's memory or from a file."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from zoo.data import augment as augmentation
from zoo.data.dataset import Split
from zoo.data.rows import Rows, rows_in

# Batches that are made before they are asked for, and bytes they may have.
MOST_AHEAD = 8
MOST_BYTES_AHEAD = 2**27


class Store:
    """Labels, and images unless they stay in a file, in the host's memory."""

    def __init__(self, split: Split, batch_size: int):
        self._batch_size = batch_size
        self._traced = None
        fit = rows_in(MOST_BYTES_AHEAD // batch_size, split.images.shape, 4)
        self._ahead = min(MOST_AHEAD, fit)
        with tf.device("/CPU:0"):
            self._images = split.images
            if not isinstance(split.images, Rows):
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
        return numbers.map(batch).prefetch(self._ahead).with_options(options)

    def _gather(self, indices, draws: augmentation.Draws | None):
        """Reads images `[B, H, W, C]`, moving pixels as `draws` says."""
        images, places = self._images, indices
        if isinstance(images, Rows):
            images, places = self._read(indices), tf.range(tf.size(indices))
        if draws is None:
            return tf.gather(images, places)
        _, height, width, channels = images.shape
        mirrored, down, right = (
            tf.gather(d, indices)[:, None]
            for d in (draws.mirrored, draws.down, draws.right)
        )
        row, column = tf.range(height)[None], tf.range(width)[None]
        column = tf.where(mirrored, width - 1 - column, column)
        rows = augmentation.reflect(down + row, height)
        columns = augmentation.reflect(right + column, width)
        # One table of pixels and one gather: no padded copy of the images.
        pixels = tf.reshape(images, [-1, channels])
        position = tf.cast(rows[:, :, None] * width + columns[:, None], "int64")
        first = tf.cast(places, "int64") * (height * width)
        return tf.gather(pixels, first[:, None, None] + position)

    def _read(self, indices):
        """Reads images that stay in a file, `[B, H, W, C]`."""
        kind = tf.as_dtype(self._images.dtype)
        images = tf.numpy_function(self._images.__getitem__, [indices], kind)
        return tf.ensure_shape(images, [None, *self._images.shape[1:]])
