"""What a run told TensorBoard, read back."""

from __future__ import annotations

import pathlib

import numpy as np


def tensors(folder: pathlib.Path, tag: str) -> tuple[list[int], list]:
    """Returns all values of a tag, with the updates made at each.

    Args:
        folder: of event files, such as a run's `train/`.
        tag: such as `loss`.

    Returns:
        Steps `[N]`, and as many arrays.
    """
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder), {"tensors": 0}).Reload()
    found = events.Tensors(tag)
    values = [np.asarray(make_ndarray(one.tensor_proto)) for one in found]
    return [one.step for one in found], values
