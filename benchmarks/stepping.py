"""The training step of a case by itself, without batches to wait for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.cases import Case

FLOP_A_MULTIPLY_ADD = 2
# Forward, gradients of activations, gradients of weights: each as many.
PASSES = 3
SECONDS = 0.3  # of a measurement at least


def flop(multiply_adds: int, batch_size: int) -> int:
    """Returns the floating-point operations of one update.

    Convolutions and dense layers alone, as papers count them.

    Args:
        multiply_adds: of the forward pass of one image.
    """
    return PASSES * FLOP_A_MULTIPLY_ADD * multiply_adds * batch_size


def calls_a_second(
    call: Callable[[], Any],
    clock: Callable[[], float] = time.perf_counter,
    seconds: float = SECONDS,
) -> float:
    """Returns how often something runs in a second, by some of it."""
    begun, calls = clock(), 0
    while not calls or clock() - begun < seconds:
        call()
        calls += 1
    return calls / (clock() - begun)


class Step:
    """The compiled training step of a case, on one batch again and again.

    Args:
        case: what is trained.
        data: its images; one batch of them is used.
        precision: number format of the arithmetic.
    """

    def __init__(self, case: Case, data, precision: str = "float32"):
        import tensorflow as tf

        from zoo.training.job import prepare

        self._precision = precision
        job = prepare(case.config("runs", precision), data)
        self.flop = flop(job.multiply_adds, case.batch_size)
        self.batch_size = case.batch_size
        self._steps = job.steps_per_execution
        self._model = job.model
        job.model.make_train_function()
        batch = (
            tf.constant(data.train.images[: case.batch_size], tf.float32),
            tf.constant(data.train.labels[: case.batch_size], tf.int32),
        )
        same = tf.data.Dataset.from_tensors(batch).repeat()
        self._batches = iter(same)
        self.a_second()  # traces, compiles and warms up

    def a_second(self) -> float:
        """Returns updates a second."""
        from zoo.training import precision

        def call():
            self._model.train_function(self._batches)

        # What oneDNN rewrites is settled when a step is called.
        with precision.rewriting(self._precision):
            return self._steps * calls_a_second(call)
