"""Batches for training and for evaluation, the same on every backend.

The order of an epoch is a function of (seed, epoch) alone, so that a run that
was interrupted resumes with exactly the batches it would have had. Images stay
uint8, in memory or in their file, and are gathered by index; the last, smaller
batch is kept. `batches_tensorflow` and `batches_jax` make what each backend
reads fastest: a store holds the examples of a split and has one method,
`batches(order, params, batch_numbers, keys)`, whose result can be iterated
again.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from zoo.data import augment as augmentation
from zoo.data.dataset import Split

# Separates these random numbers from those of the augmentation.
RNG_STREAM = 1


def epoch_order(seed: int, epoch: int, num_examples: int) -> np.ndarray:
    """Returns the order of an epoch, an int64 permutation `[N]`."""
    random = np.random.default_rng([seed, epoch, RNG_STREAM])
    return random.permutation(num_examples)


class TrainingBatches:
    """The training batches of every epoch.

    Holds one copy of the images for all epochs.

    Args:
        split: training examples.
        batch_size: images in a batch; the last of an epoch has the rest.
        seed: determines order and augmentation.
        augment: one of `augment.AUGMENTATIONS`, names of `augment.LAYERS`, or
            both, with commas.
        crop_padding: pixels; an eighth of the side by default.
        num_classes: K, where labels are mixed.

    Attributes:
        num_examples: Number of examples of an epoch.
        batch_size: Number of images in a batch.
        batches_per_epoch: Number of batches, the last smaller one included.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int,
        augment: str = "none",
        crop_padding: int | None = None,
        num_classes: int = 0,
    ):
        self.num_examples = len(split)
        self.batch_size = batch_size
        self.batches_per_epoch = -(-len(split) // batch_size)
        self._seed = seed
        self._augment, kinds = augmentation.split_kinds(augment)
        self._crop_padding = crop_padding
        self._shape = split.images.shape[1:]
        self._layers = None
        if kinds:
            self._layers = augmentation.LayerAugmentation(
                kinds, self._shape, num_classes
            )
        self._store = _make_store(split, batch_size, self._layers)

    def epoch(
        self, epoch: int, skip_batches: int = 0, num_batches: int | None = None
    ):
        """Returns the batches of one epoch, or some of them.

        Args:
            epoch: counted from 0.
            skip_batches: number of batches to skip at the start.
            num_batches: number of batches at most; the rest of the epoch by
                default.

        Returns:
            Data for `fit`: batches of (float32 `[B, H, W, C]` raw pixels,
            int32 `[B]` labels, or float32 `[B, K]` mixed ones), and float32
            `[B]` weights if the examples have any. A finite `tf.data.Dataset`,
            with the same `element_spec` in every epoch, or a
            `keras.utils.PyDataset`.
        """
        order = epoch_order(self._seed, epoch, self.num_examples)
        params = None
        if self._augment != "none":
            params = augmentation.draw_params(
                self._augment,
                self._seed,
                epoch,
                len(order),
                self._shape,
                self._crop_padding,
            )
        stop = self.batches_per_epoch
        if num_batches is not None:
            stop = min(stop, skip_batches + num_batches)
        numbers = range(skip_batches, max(skip_batches, stop))
        keys = None
        if self._layers:
            keys = augmentation.draw_keys(
                self._seed, epoch, self.batches_per_epoch
            )
        return self._store.batches(order, params, numbers, keys)


def eval_batches(split: Split, batch_size: int):
    """Returns each example exactly once, in order, as `TrainingBatches.epoch`.

    The same types of batches as there, without weights: in scores all examples
    count the same.
    """
    split = dataclasses.replace(split, sample_weight=None)
    numbers = range(-(-len(split) // batch_size))
    order = np.arange(len(split))
    return _make_store(split, batch_size).batches(order, None, numbers)


def _make_store(
    split: Split,
    batch_size: int,
    layers: augmentation.LayerAugmentation | None = None,
):
    """Holds examples where the backend in use reads them fastest."""
    import keras

    if keras.backend.backend() == "jax":
        from zoo.data.batches_jax import JaxStore

        return JaxStore(split, batch_size, layers=layers)
    from zoo.data.batches_tensorflow import TensorFlowStore

    return TensorFlowStore(split, batch_size, layers)
