"""Batches for TensorFlow: tf.data, from the host's memory or from a file."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from zoo.data.arrays import MemmapView, rows_per_chunk
from zoo.data.augment import AugmentationParams, LayerAugmentation, reflect
from zoo.data.dataset import Split

MAX_PREFETCH = 8  # batches
MAX_PREFETCH_BYTES = 2**27


class TensorFlowStore:
    """Labels, and images unless they stay in a file, in the host's memory.

    Args:
        split: the examples.
        batch_size: images in a batch.
        layers: augmentation by layers of Keras, if there is any.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        layers: LayerAugmentation | None = None,
    ):
        self._batch_size = batch_size
        self._layers = layers
        self._traced = None
        batch_bytes = MAX_PREFETCH_BYTES // batch_size
        fitting = rows_per_chunk(batch_bytes, split.images.shape, 4)
        self._prefetch = min(MAX_PREFETCH, fitting)
        with tf.device("/CPU:0"):
            self._images = split.images
            if not isinstance(split.images, MemmapView):
                self._images = tf.constant(split.images)
            is_float = split.labels.dtype.kind == "f"
            kind = tf.float32 if is_float else tf.int32
            self._labels = tf.constant(split.labels, kind)
            self._weights = None
            if split.sample_weight is not None:
                self._weights = tf.constant(split.sample_weight, tf.float32)

    def batches(
        self,
        order: np.ndarray,
        params: AugmentationParams | None,
        numbers: range,
        keys: np.ndarray | None = None,
    ):
        """Returns the batches with some numbers, in an order of examples.

        Args:
            keys: of the layers, int32 `[N, 2]`, by the number of a batch.
        """
        with tf.device("/CPU:0"):
            if params is not None:
                params = params.flip, params.dy, params.dx
                params = tuple(map(tf.constant, params))
            start, stop = (
                tf.constant(n, tf.int64) for n in (numbers.start, numbers.stop)
            )
            if keys is not None:
                keys = tf.constant(keys)
            inputs = tf.constant(order), params, start, stop, keys
            # Traced once for all epochs: tracing takes ten milliseconds, of
            # the few hundred that an epoch of a small network takes.
            if self._traced is None:
                function = tf.function(self._batches, autograph=False)
                self._traced = function.get_concrete_function(*inputs)
            return self._traced(*inputs)

    def _batches(self, order, params, start, stop, keys):
        """Does the work of `batches`, from tensors."""
        if params is not None:
            params = AugmentationParams(*params)

        def make_batch(number):
            first = number * self._batch_size
            indices = order[first : first + self._batch_size]
            images = tf.cast(self._gather(indices, params), tf.float32)
            labels = tf.gather(self._labels, indices)
            if self._layers is not None:
                images, labels = self._layers(images, labels, keys[number])
            if self._weights is None:
                return images, labels
            return images, labels, tf.gather(self._weights, indices)

        options = tf.data.Options()
        options.deterministic = True
        # There is nothing to tune, and the tuner's thread delays the end of an
        # iterator by a third of a second now and then.
        options.autotune.enabled = False
        # Keras makes one iterator more than it uses, at the end of an epoch.
        options.experimental_warm_start = False
        batches = tf.data.Dataset.range(start, stop).map(make_batch)
        return batches.prefetch(self._prefetch).with_options(options)

    def _gather(self, indices, params: AugmentationParams | None):
        """Returns augmented images `[B, H, W, C]`."""
        images, positions = self._images, indices
        if isinstance(images, MemmapView):
            images, positions = self._read(indices), tf.range(tf.size(indices))
        if params is None:
            return tf.gather(images, positions)
        _, height, width, channels = images.shape
        flip, dy, dx = (
            tf.gather(p, indices)[:, None]
            for p in (params.flip, params.dy, params.dx)
        )
        row, column = tf.range(height)[None], tf.range(width)[None]
        column = tf.where(flip, width - 1 - column, column)
        rows = reflect(dy + row, height)
        columns = reflect(dx + column, width)
        # One table of pixels and one gather, without a padded copy.
        pixels = tf.reshape(images, [-1, channels])
        offset = tf.cast(rows[:, :, None] * width + columns[:, None], "int64")
        first = tf.cast(positions, "int64") * (height * width)
        return tf.gather(pixels, first[:, None, None] + offset)

    def _read(self, indices):
        """Reads images from their file, `[B, H, W, C]`."""
        kind = tf.as_dtype(self._images.dtype)
        images = tf.numpy_function(self._images.__getitem__, [indices], kind)
        return tf.ensure_shape(images, [None, *self._images.shape[1:]])
