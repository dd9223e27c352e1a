"""Batches for training and for scoring, the same on every engine.

An epoch's order is a function of (seed, epoch) alone, so a run that was
interrupted goes on with exactly the batches it would have seen. Images stay
as uint8, in memory or in their file, and are gathered by index; the last,
smaller batch is kept. `zoo.data.batches` has the form that each engine reads.
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
    """The training batches of every epoch, as the engine reads them.

    Holds one copy of the images for all epochs.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int,
        augment: str = "none",
        crop_padding: int | None = None,
    ):
        """Keeps the images at hand.

        Args:
            split: what to train on.
            batch_size: images in a batch; the last of an epoch has the rest.
            seed: fixes order and augmentation.
            augment: one of `augment.KINDS`.
            crop_padding: pixels; an eighth of the side if not given.
        """
        self.num_examples = len(split)
        self.batch_size = batch_size
        self.batches_per_epoch = -(-len(split) // batch_size)
        self._seed = seed
        self._augment = augment
        self._crop_padding = crop_padding
        self._shape = split.images.shape[1:]
        self._store = _store(split, batch_size)

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
            What `fit` reads: batches of (float32 `[B, H, W, C]` raw pixels,
            int32 `[B]` labels). A finite `tf.data.Dataset`, with the same
            `element_spec` in every epoch, or `keras.utils.PyDataset`.
        """
        order = epoch_order(self._seed, epoch, self.num_examples)
        draws = None
        if self._augment != "none":
            draws = augmentation.draw(
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
        span = range(skip_batches, max(skip_batches, stop))
        return self._store.batches(order, draws, span)


def eval_batches(split: Split, batch_size: int):
    """Returns every example exactly once, in order, as `Batches.epoch` does."""
    span = range(-(-len(split) // batch_size))
    order = np.arange(len(split))
    return _store(split, batch_size).batches(order, None, span)


def _store(split: Split, batch_size: int):
    """Keeps examples where the engine in use reads them fastest."""
    import keras

    if keras.backend.backend() == "jax":
        from zoo.data.batches.jax_arrays import Store
    else:
        from zoo.data.batches.tf_data import Store
    return Store(split, batch_size)
