"""Outputs of a model for many examples, in batches."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from zoo.console import Progress, status_stream

if TYPE_CHECKING:
    import keras

BATCH_SIZE = 256  # examples at once; outputs do not depend on it
MIN_BATCH_ELEMENTS = 2**15  # numbers at once, for examples of few numbers


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
    size = max(BATCH_SIZE, MIN_BATCH_ELEMENTS // max(elements, 1))
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


def _predict(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    outputs = model.predict_on_batch(np.asarray(inputs, np.float32))
    first = outputs[0] if isinstance(outputs, list) else outputs
    return np.asarray(first, np.float32)
