"""Batches for JAX: examples are held, and gathered, on the device.

Only indices and the augmentation are sent to the device. JAX computes
asynchronously, so that the next batch is requested while the last one is
trained on, and no thread is needed. Images that would take much of the
device's memory, or that stay in a file, are gathered by NumPy instead, and
sent as uint8.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import keras
import numpy as np

from zoo.data.augment import AugmentationParams, LayerAugmentation, gather
from zoo.data.dataset import Split

MAX_MEMORY_FRACTION = 0.5  # of the device; the model needs memory too

jax.tree_util.register_dataclass(AugmentationParams)


class JaxStore:
    """Images and labels as arrays on the device, where they fit.

    Args:
        split: the examples.
        batch_size: images in a batch.
        device_bytes: memory of the device; asked of it by default.
        layers: augmentation by layers of Keras, if there is any.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        device_bytes: int | None = None,
        layers: LayerAugmentation | None = None,
    ):
        self._augment = layers and jax.jit(layers)
        self._batch_size = batch_size
        kind = np.float32 if split.labels.dtype.kind == "f" else np.int32
        self._images = split.images
        self._labels = np.asarray(split.labels, kind)
        self._weights = split.sample_weight
        self.on_device = _fits(split.images, device_bytes)
        if self.on_device:
            self._images = jax.device_put(self._images)
            self._labels = jax.device_put(self._labels)

    def batches(
        self,
        order: np.ndarray,
        params: AugmentationParams | None,
        numbers: range,
        keys: np.ndarray | None = None,
    ) -> JaxBatches:
        """Returns the batches with some numbers, in an order of examples.

        Args:
            keys: of the layers, int32 `[N, 2]`, by the number of a batch.
        """

        def make_batch(number: int):
            first = number * self._batch_size
            indices = order[first : first + self._batch_size].astype(np.int32)
            own = None if params is None else params.take(indices)
            if self.on_device:
                batch = _gather_batch(self._images, self._labels, indices, own)
            else:
                images = gather(self._images, indices, own)
                batch = _to_float(images), self._labels[indices]
            if self._weights is None:
                return batch
            return *batch, self._weights[indices]

        def augmented(number: int):
            images, labels, *weights = make_batch(number)
            return *self._augment(images, labels, keys[number]), *weights

        return JaxBatches(augmented if self._augment else make_batch, numbers)


class JaxBatches(keras.utils.PyDataset):
    """Batches that are made when they are requested.

    Args:
        make_batch: function from the number of a batch to (float32
            `[B, ...]`, labels `[B]`), and weights `[B]` if there are any.
        numbers: numbers of the batches.
    """

    def __init__(self, make_batch: Callable, numbers: range):
        super().__init__()
        self._make_batch = make_batch
        self._numbers = numbers

    @property
    def num_batches(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int):
        return self._make_batch(self._numbers[index])


# Compiled once per size of a batch: the full one, and the rest of an epoch.
@jax.jit
def _gather_batch(images, labels, indices, params):
    images = gather(images, indices, params)
    return images.astype(np.float32), labels[indices]


@jax.jit
def _to_float(images):
    return images.astype(np.float32)


def _fits(images, device_bytes: int | None) -> bool:
    if not isinstance(images, np.ndarray):
        return False  # stays in its file
    if device_bytes is None:
        # Unknown for a CPU, in whose memory the images are now.
        statistics = jax.local_devices()[0].memory_stats() or {}
        device_bytes = statistics.get("bytes_limit")
    if not device_bytes:
        return True
    return images.nbytes <= MAX_MEMORY_FRACTION * device_bytes
