"""The training step of a case by itself, without batches to wait for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
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
    """The compiled training step of a case.

    Args:
        case: what is trained.
        data: its images.
        precision: number format of the arithmetic.
        batches: what it learns from, without end; else one batch again and
            again.
        **options: of `TrainConfig`, beside those of the case.
    """

    def __init__(
        self,
        case: Case,
        data,
        precision: str = "float32",
        batches: Iterator | None = None,
        **options: Any,
    ):
        from zoo.training.setup import prepare

        self._precision = precision
        config = case.config("runs", precision).replace(**options)
        job = prepare(config, data)
        self.flop = flop(job.multiply_adds, case.batch_size)
        self.batch_size = case.batch_size
        self._steps = job.steps_per_execution
        self._model = job.model
        job.model.make_train_function()
        self._batches = batches or _same_batch(data, case.batch_size)
        self.a_second()  # traces, compiles and warms up

    def a_second(self) -> float:
        """Returns updates a second."""
        from zoo.training import precision

        def call():
            self._model.train_function(self._batches)

        # What oneDNN rewrites is settled when a step is called.
        with precision.rewriting(self._precision):
            return self._steps * calls_a_second(call)


def _same_batch(data, batch_size: int) -> Iterator:
    """Returns the first training examples again and again."""
    import tensorflow as tf

    batch = (
        tf.constant(data.train.images[:batch_size], tf.float32),
        tf.constant(data.train.labels[:batch_size], tf.int32),
    )
    return iter(tf.data.Dataset.from_tensors(batch).repeat())
