"""Batches for JAX: the examples lie on its device, and so does the gather.

Only indices, and what is drawn for the augmentation, cross to the device. JAX
computes behind Python's back, so the next batch is asked for while the last
one is learned from, and no thread is needed. Images that would take much of
the device's memory, or that stay in a file, are gathered by NumPy instead,
and cross as uint8.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import keras
import numpy as np

from zoo.data.augment import Draws
from zoo.data.batches.gathering import gather
from zoo.data.dataset import Split

MOST_ON_DEVICE = 0.5  # share of its memory; a network needs room too

jax.tree_util.register_dataclass(Draws)


class Store:
    """Images and labels as arrays on the device, where there is room.

    Args:
        device_bytes: memory of the device; asked of it if not given.
    """

    def __init__(
        self, split: Split, batch_size: int, device_bytes: int | None = None
    ):
        self._batch_size = batch_size
        kind = np.float32 if split.labels.dtype.kind == "f" else np.int32
        self._images = split.images
        self._labels = np.asarray(split.labels, kind)
        self.on_device = _fits(split.images, device_bytes)
        if self.on_device:
            self._images = jax.device_put(self._images)
            self._labels = jax.device_put(self._labels)

    def batches(
        self, order: np.ndarray, draws: Draws | None, span: range
    ) -> Batches:
        """Returns the batches number `span` of an order."""

        def batch(number: int):
            first = number * self._batch_size
            indices = order[first : first + self._batch_size].astype(np.int32)
            moves = None if draws is None else draws.of(indices)
            if self.on_device:
                return _gather(self._images, self._labels, indices, moves)
            images = gather(self._images, indices, moves)
            return _as_float(images), self._labels[indices]

        return Batches(batch, span)


class Batches(keras.utils.PyDataset):
    """Some batches, made when they are asked for, in order.

    Args:
        batch: gives (float32 `[B, ...]`, labels `[B]`) by its number.
        span: the numbers.
    """

    def __init__(self, batch: Callable, span: range):
        super().__init__()
        self._batch = batch
        self._span = span

    @property
    def num_batches(self) -> int:
        return len(self._span)

    def __getitem__(self, index: int):
        return self._batch(self._span[index])


# Compiled once a size of batch: the whole ones, and the rest of an epoch.
@jax.jit
def _gather(images, labels, indices, moves):
    images = gather(images, indices, moves)
    return images.astype(np.float32), labels[indices]


@jax.jit
def _as_float(images):
    return images.astype(np.float32)


def _fits(images, device_bytes: int | None) -> bool:
    if not isinstance(images, np.ndarray):
        return False  # stays in its file
    if device_bytes is None:
        # Of a processor nothing is known: the images are in its memory now.
        statistics = jax.local_devices()[0].memory_stats() or {}
        device_bytes = statistics.get("bytes_limit")
    return not device_bytes or images.nbytes <= MOST_ON_DEVICE * device_bytes
