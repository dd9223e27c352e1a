"""Update rules and the learning rate's way down, from Keras's own parts."""

from __future__ import annotations

import math

import keras
from keras import ops
from keras.optimizers import schedules

from zoo.config import TrainConfig
from zoo.training import one_pass_adam


class Warmup(schedules.LearningRateSchedule):
    """Rises from 0 to another schedule's start in a straight line.

    Update k, counted from 0, has the rate `start * (k + 1) / steps` while
    k < steps; from then on the other schedule counts from its own 0.
    """

    def __init__(self, after, start: float, steps: int):
        self.after = after
        self.start = start
        self.steps = steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rising = self.start * (step + 1.0) / self.steps
        falling = self.after(ops.maximum(step - self.steps, 0.0))
        return ops.where(step < self.steps, rising, falling)

    def get_config(self):
        """Returns the arguments, as Keras wants them."""
        after = keras.saving.serialize_keras_object(self.after)
        return {"after": after, "start": self.start, "steps": self.steps}


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
    rate = config.learning_rate
    warmup = min(
        round((config.warmup_epochs or 0) * steps_per_epoch), total_steps - 1
    )
    falling = max(total_steps - warmup, 1)
    if config.schedule == "cosine":
        schedule = schedules.CosineDecay(rate, falling)
    elif config.schedule == "linear":
        schedule = schedules.PolynomialDecay(rate, falling, 0.0)
    elif config.schedule == "exponential":
        schedule = schedules.ExponentialDecay(
            rate, steps_per_epoch, config.schedule_factor, staircase=True
        )
    elif config.schedule == "step":
        schedule = _steps_down(config, steps_per_epoch, warmup)
    else:
        schedule = Constant(rate)
    return Warmup(schedule, rate, warmup) if warmup else schedule


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


def make_optimizer(config: TrainConfig, schedule) -> keras.Optimizer:
    """Returns the Keras optimizer that a resolved config describes."""
    shared = {"learning_rate": schedule, "global_clipnorm": config.clip_norm}
    momentum = config.momentum or 0.0
    if config.optimizer == "sgd":
        return keras.optimizers.SGD(**shared)
    if config.optimizer in ("momentum", "nesterov"):
        nesterov = config.optimizer == "nesterov"
        return keras.optimizers.SGD(
            momentum=momentum, nesterov=nesterov, **shared
        )
    if config.optimizer == "rmsprop":
        return keras.optimizers.RMSprop(momentum=momentum, **shared)
    if config.optimizer == "adam":
        return one_pass_adam.adam()(**shared)
    return one_pass_adam.adamw()(
        weight_decay=config.weight_decay or 0.0, **shared
    )
