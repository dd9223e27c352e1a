"""Batch norm's averages recomputed before a model is evaluated.

In use, batch norm takes running averages of the means and variances of the
training batches. After few steps they are still near their initial values 0
and 1, and with a large learning rate they lag behind the weights, so that a
network that learns well scores badly. Wu and Johnson 2021 ("Rethinking
'Batch' in BatchNorm", arXiv 2105.07576, section 3, PreciseBN) compute them
with the weights held fixed, as here:

    mean = mean over batches of m_b
    variance = mean over batches of (v_b + m_b^2) - mean^2

with m_b, v_b those of a batch while every batch norm uses its own batch.
Training itself never reads these averages, and is the same with and without.

Images are used as they are in validation: without augmentation and dropout.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import layers

from zoo.data import Dataset
from zoo.errors import UserError
from zoo.models.graph import batch_norms, inner_layers
from zoo.resolve import ResolvedConfig
from zoo.training.model import backbone_of

MAX_EXAMPLES = 10_240  # 10^3 to 10^4 are enough, the paper finds
BATCH = 256  # images; large, and independent of the batch size in training


def check(model: keras.Model, config: ResolvedConfig) -> None:
    """Raises `UserError` where there is nothing to recompute."""
    if not config.recompute_batch_norm:
        return
    if not _norms(backbone_of(model)):
        raise UserError(
            f"--recompute_batch_norm has no effect on {config.model}, "
            "which has no batch norm that is trained; leave it out."
        )
    if config.devices != 1:
        raise UserError(
            f"--recompute_batch_norm works on one device, not with --devices="
            f"{config.devices}; leave one of them out."
        )


def recompute(model: keras.Model, dataset: Dataset, seed: int) -> None:
    """Sets the averages of every trained batch norm to those of the data.

    Args:
        model: of a run; its weights stay as they are.
        dataset: its training images, of which a fixed sample is used.
        seed: of the sample.
    """
    norms = _norms(backbone_of(model))
    sums = [[0.0, 0.0] for _ in norms]
    batches = _batches(dataset, seed)
    with _single_batch(backbone_of(model), norms):
        for chosen in batches:
            images = dataset.train.images[chosen].astype(np.float32)
            model(images, training=True)
            for total, norm in zip(sums, norms, strict=True):
                mean = _numpy(norm.moving_mean)
                total[0] += mean / len(batches)
                square = _numpy(norm.moving_variance) + mean**2
                total[1] += square / len(batches)
    for (mean, square), norm in zip(sums, norms, strict=True):
        norm.moving_mean.assign(mean.astype(np.float32))
        variance = np.maximum(square - mean**2, 0)
        norm.moving_variance.assign(variance.astype(np.float32))


def _batches(dataset: Dataset, seed: int) -> list[np.ndarray]:
    """Returns the indices of each batch, all of nearly the same size."""
    count = len(dataset.train)
    generator = np.random.default_rng([seed, count])
    chosen = generator.permutation(count)[:MAX_EXAMPLES]
    return np.array_split(chosen, -(-len(chosen) // BATCH))


def _norms(body: keras.Model) -> list[layers.BatchNormalization]:
    return [layer for layer in batch_norms(body) if layer.trainable]


@contextlib.contextmanager
def _single_batch(
    body: keras.Model, norms: list[layers.BatchNormalization]
) -> Iterator[None]:
    """Lets the averages be those of the last batch, and all else be in use.

    Dropout, noise and augmentation inside of the model are off.
    """
    momenta = [norm.momentum for norm in norms]
    others = [
        layer
        for layer in inner_layers(body)
        if "training" in inspect.signature(layer.call).parameters
        and not isinstance(layer, layers.BatchNormalization)
        and not any(inner in norms for inner in inner_layers(layer))
    ]
    try:
        for norm in norms:
            norm.momentum = 0.0
        for layer in others:
            vars(layer)["call"] = _in_use(layer.call)
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for layer in others:
            vars(layer).pop("call", None)


def _in_use(call: Callable) -> Callable:
    """Returns the `call` of a layer as it is outside of training."""
    signature = inspect.signature(call)

    @functools.wraps(call)
    def in_use(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        given.arguments["training"] = False
        return call(*given.args, **given.kwargs)

    return in_use


def _numpy(variable: keras.Variable) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable).astype(np.float64)
