"""What a summary is made from: one moment of a run, seen on the probe.

What several kinds want to see is computed when the first of them asks, once.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from zoo.summaries.view import View


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A moment of training.

    Attributes:
        step: optimizer updates made.
        look: how many looks of this kind there were before, since the start.
        looks: how many there are to be after the first; fewer if training
            is stopped early.
        last: whether training ends here.
        view: looks into the network.
        inputs: the probe: float32 `[B, H, W, C]` in 0..255, or `[B, D]`.
        labels: int32 `[B]` of the probe, or float32 targets.
        class_names: K names; empty for a regression.
        config: every option, as used.
        folder: of the run.
        validation: gives all inputs and labels that are held out; those of
            the training where none are.
        batch: gives inputs as a training step gets them, augmented.
    """

    step: int
    look: int
    looks: int
    last: bool
    view: View
    inputs: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    config: dict[str, Any]
    folder: pathlib.Path
    validation: Callable[[], tuple[np.ndarray, np.ndarray]]
    batch: Callable[[], np.ndarray]

    @cached_property
    def logits(self) -> np.ndarray:
        """Outputs float32 `[B, K]` on the probe."""
        if self.step == 0:
            return self.view.logits_in_training(self.inputs)
        return self.view.logits(self.inputs)

    @cached_property
    def weights(self) -> dict[str, np.ndarray]:
        """Kernels by layer."""
        return self.view.weights()

    @cached_property
    def activations(self) -> dict[str, np.ndarray]:
        """Outputs of the hidden layers on the probe, by layer."""
        return self.view.activations(self.inputs)

    @cached_property
    def gradients(self) -> dict[str, np.ndarray]:
        """Gradient of loss and penalties on `few` examples, by layer."""
        return self.view.by_layer(self._differentiated)

    @cached_property
    def updates(self) -> dict[str, np.ndarray]:
        """What the optimizer would add to `weights` next, by layer."""
        return self.view.by_layer(self.view.updates(self._differentiated))

    @cached_property
    def _differentiated(self) -> list[np.ndarray]:
        return self.view.gradients(*self.few)

    @property
    def few(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and labels of the probe, no more than an update has.

        What a training step can hold in memory, a look at it can too.
        """
        most = self.config.get("batch_size") or len(self.labels)
        return self.inputs[:most], self.labels[:most]

    @cached_property
    def judged(self) -> Judged:
        """Answers to count and to show.

        On the probe; at the end of training on all that was held out.
        """
        if not self.last:
            return Judged(self.inputs, self.labels, self.logits)
        inputs, labels = self.validation()
        return Judged(inputs, labels, self.view.logits(inputs))


@dataclasses.dataclass(frozen=True)
class Judged:
    """Inputs `[N, ...]`, labels `[N]` and what was said of them `[N, K]`."""

    inputs: np.ndarray
    labels: np.ndarray
    logits: np.ndarray
