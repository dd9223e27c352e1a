"""What a summary is made from: one moment of a run, seen on the probe."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A moment of training.

    Attributes:
        step: optimizer updates made.
        logits: float32 `[B, K]` on the probe.
        labels: int32 `[B]` of the probe.
        class_names: K names.
        config: every option, as used.
    """

    step: int
    logits: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    config: dict[str, Any]
