"""What a network says of many examples, in use and not in training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

BATCH = 256  # examples that go through together; answers do not depend on it
FEW_NUMBERS = 2**15  # of examples that go together however many they are


def outputs_of(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Returns the first output for every example, in order.

    `model.predict` of a model that is being trained would make one graph of
    as many batches as updates run at once, and that takes longer than the
    answers of a small network.

    Args:
        model: float32 `[B, ...]` to logits `[B, K]`, or a list of outputs.
        inputs: `[N, ...]` of any number type; slices of it must be arrays.

    Returns:
        float32 `[N, K]`.
    """
    each = math.prod(inputs.shape[1:])
    step = max(BATCH, FEW_NUMBERS // max(each, 1))
    starts = range(0, max(len(inputs), 1), step)
    return np.concatenate(
        [_answer(model, inputs[start : start + step]) for start in starts]
    )


def _answer(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    outputs = model.predict_on_batch(np.asarray(inputs, np.float32))
    first = outputs[0] if isinstance(outputs, list) else outputs
    return np.asarray(first, np.float32)
