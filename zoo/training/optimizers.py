"""Update rules and the learning rate's way down, from Keras's own parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops
from keras.optimizers import schedules

from zoo.config import TrainConfig
from zoo.training import one_pass_adam
from zoo.training.lookahead import with_lookahead
from zoo.training.norm_biases import with_factor


class Warmup(schedules.LearningRateSchedule):
    """Rises to another schedule's start in a straight line.

    Update k, counted from 0, has the rate `start * (s + (1 - s) * (k + 1) /
    steps)` while k < steps, where s is `share`; from then on the other
    schedule counts from its own 0.
    """

    def __init__(self, after, start: float, steps: int, share: float = 0.0):
        self.after = after
        self.start = start
        self.steps = steps
        self.share = share

    def __call__(self, step):
        step = ops.cast(step, "float32")
        risen = (step + 1.0) / self.steps
        rising = self.start * (self.share + (1.0 - self.share) * risen)
        falling = self.after(ops.maximum(step - self.steps, 0.0))
        return ops.where(step < self.steps, rising, falling)

    def get_config(self):
        """Returns the arguments, as Keras wants them."""
        after = keras.saving.serialize_keras_object(self.after)
        return {
            "after": after,
            "start": self.start,
            "steps": self.steps,
            "share": self.share,
        }


class Constant(schedules.LearningRateSchedule):
    """The same rate at every update."""

    def __init__(self, rate: float):
        self.rate = rate

    def __call__(self, step):
        return ops.convert_to_tensor(self.rate, "float32")

    def get_config(self):
        """Returns the arguments, as Keras wants them."""
        return {"rate": self.rate}


def make_schedule(
    config: TrainConfig, steps_per_epoch: int, total_steps: int
) -> schedules.LearningRateSchedule:
    """Lays the schedule over the whole of training.

    Args:
        config: resolved, so that every option it needs has a value.
        steps_per_epoch: updates in an epoch.
        total_steps: updates in all, warm-up included.

    Returns:
        The rate as a function of the number of updates already made.
    """
    rate, end = config.learning_rate, config.schedule_end or 0.0
    warmup = min(
        round((config.warmup_epochs or 0) * steps_per_epoch), total_steps - 1
    )
    falling = max(total_steps - warmup, 1)
    if config.schedule == "cosine":
        schedule = schedules.CosineDecay(rate, falling, alpha=end)
    elif config.schedule == "linear":
        schedule = schedules.PolynomialDecay(rate, falling, rate * end)
    elif config.schedule == "exponential":
        schedule = schedules.ExponentialDecay(
            rate, steps_per_epoch, config.schedule_factor, staircase=True
        )
    elif config.schedule == "step":
        schedule = _steps_down(config, steps_per_epoch, warmup)
    else:
        schedule = Constant(rate)
    if not warmup:
        return schedule
    return Warmup(schedule, rate, warmup, config.warmup_start or 0.0)


def _steps_down(config: TrainConfig, steps_per_epoch: int, warmup: int):
    # Epochs are counted from the start of training, warm-up included. Keras
    # keeps the old value at the boundary itself, hence the - 1.
    ends = [
        math.ceil(epoch * steps_per_epoch) - 1 - warmup
        for epoch in config.schedule_epochs
    ]
    rates = [
        config.learning_rate * config.schedule_factor**k
        for k in range(len(ends) + 1)
    ]
    return schedules.PiecewiseConstantDecay(ends, rates)


def make_optimizer(
    config: TrainConfig,
    schedule,
    total_steps: int = 0,
    norm_biases: Sequence[keras.Variable] = (),
) -> keras.Optimizer:
    """Returns the Keras optimizer that a resolved config describes.

    Args:
        config: resolved.
        schedule: the learning rate.
        total_steps: updates in all, for `lookahead_every`.
        norm_biases: variables that `norm_bias_factor` is for.
    """
    kind, options = _kind(config)
    if config.norm_bias_factor is not None:
        kind = with_factor(kind, config.norm_bias_factor, norm_biases)
    if config.lookahead_every is not None:
        kind = with_lookahead(kind, config.lookahead_every, total_steps)
    return kind(
        learning_rate=schedule, global_clipnorm=config.clip_norm, **options
    )


def _kind(config: TrainConfig) -> tuple[type[keras.Optimizer], dict[str, Any]]:
    """Returns the class of an update rule, and the arguments of its own."""
    momentum = config.momentum or 0.0
    if config.optimizer == "sgd":
        return keras.optimizers.SGD, {}
    if config.optimizer in ("momentum", "nesterov"):
        nesterov = config.optimizer == "nesterov"
        return keras.optimizers.SGD, {
            "momentum": momentum,
            "nesterov": nesterov,
        }
    if config.optimizer == "rmsprop":
        return keras.optimizers.RMSprop, {"momentum": momentum}
    if config.optimizer == "adam":
        return one_pass_adam.adam(), {}
    return one_pass_adam.adamw(), {"weight_decay": config.weight_decay or 0.0}
