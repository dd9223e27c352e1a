"""Outputs of saved models for many examples, in batches."""

from __future__ import annotations

import json
import math
import pathlib
import zipfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.console import Progress, status_stream
from zoo.io import DAMAGE

if TYPE_CHECKING:
    import keras

BATCH_SIZE = 256  # examples at once; outputs do not depend on it
MIN_BATCH_ELEMENTS = 2**15  # numbers at once, for examples of few numbers
# Of a small network, whose outputs take less time than the call that computes
# them, more examples are computed at once: as many as have so few numbers in
# all layers together that these stay near the processor, 32 MB of float32.
MAX_BATCH_SIZE = 1024
MAX_BATCH_NUMBERS = 2**23
# Pixels at once: at 224 a map of 96 channels, of which a network holds a few,
# takes 5 MB an image.
MAX_BATCH_PIXELS = 2**21


def images_at_once(input_shape: Sequence[int], limit: int = BATCH_SIZE) -> int:
    """Returns how many examples to compute at once, so that memory suffices.

    Args:
        input_shape: `(H, W, C)` of images, or `(D,)` of vectors.
        limit: the most, for small images.
    """
    if len(input_shape) < 3:
        return limit
    height, width = input_shape[:2]
    return max(1, min(limit, MAX_BATCH_PIXELS // (height * width)))


def predict_batched(
    model: keras.Model, inputs: np.ndarray, progress_of: str = ""
) -> np.ndarray:
    """Returns the first output of a model for every example, in order.

    `model.predict` of a model that is being trained would compile one graph
    of as many batches as training has steps an execution, which takes longer
    than the predictions of a small network.

    Args:
        model: From float32 `[B, ...]` to logits `[B, K]`, or to a list of
            outputs of which these are the first.
        inputs: `[N, ...]` of any numeric dtype; slices of it must be arrays.
        progress_of: What a bar on a terminal says; there is none if empty,
            and none if it does not take long.

    Returns:
        Float32 `[N, K]`.
    """
    elements = math.prod(inputs.shape[1:])
    size = images_at_once(inputs.shape[1:])
    if size == BATCH_SIZE:  # which is not limited by the size of the images
        affordable = MAX_BATCH_NUMBERS // max(num_activations(model), 1)
        size = max(size, min(MAX_BATCH_SIZE, affordable))
    size = max(size, MIN_BATCH_ELEMENTS // max(elements, 1))
    outputs = []
    progress = Progress(status_stream(), plain=False)
    try:
        for start in range(0, max(len(inputs), 1), size):
            outputs.append(_predict(model, inputs[start : start + size]))
            if progress_of:
                done = min(start + size, len(inputs))
                progress.update(progress_of, done, len(inputs))
    finally:
        progress.clear()
    return np.concatenate(outputs)


def num_activations(model: keras.Model) -> int:
    """Returns how many numbers all layers compute for one example.

    Args:
        model: Any; of layers whose outputs have no known shape, such as those
            of a subclassed model, there may be more than any limit.
    """
    import keras

    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += num_activations(layer)
            continue
        try:
            outputs = keras.tree.flatten(layer.output)
            total += sum(math.prod(one.shape[1:]) for one in outputs)
        except (AttributeError, ValueError, TypeError):
            return MAX_BATCH_NUMBERS
    return total


def _predict(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    outputs = model.predict_on_batch(np.asarray(inputs, np.float32))
    first = outputs[0] if isinstance(outputs, list) else outputs
    return np.asarray(first, np.float32)


class ModelLoader:
    """Loads saved models, and compiles each architecture once.

    Of runs that differ in the seed alone, one model takes the weights of the
    next; compiling another one would take longer than all predictions.
    """

    def __init__(self):
        self._model: keras.Model | None = None
        self._architecture: Any = None

    def load(
        self, path: pathlib.Path, read: Callable[[], keras.Model]
    ) -> keras.Model:
        """Returns the model in a file, valid until the next call.

        Args:
            path: of a `.keras` file.
            read: returns its model.
        """
        architecture = _architecture(path)
        if architecture is None or architecture != self._architecture:
            self._model = read()
            self._architecture = architecture
        else:
            self._model.load_weights(path)
        return self._model


def _architecture(path: pathlib.Path) -> Any:
    """Returns what a saved model is made of; `None` where it is unreadable."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except (OSError, *DAMAGE):
        return None  # loading it says why
    return _without_seeds(config)


def _without_seeds(value: Any) -> Any:
    """Returns a config without what differs between equal architectures."""
    if isinstance(value, dict):
        return {
            key: _without_seeds(item)
            for key, item in value.items()
            if key not in ("seed", "shared_object_id")
        }
    if isinstance(value, list):
        return [_without_seeds(item) for item in value]
    return value
