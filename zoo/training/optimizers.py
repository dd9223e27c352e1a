"""Optimizers and learning-rate schedules, made of Keras's own parts.

What Keras lacks is added by subclassing: a warm-up before any schedule,
Lookahead, a learning rate of their own for the biases of batch norm, and
averages of the weights that outlast a call of `fit`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.optimizers import schedules

from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.models.graph import batch_norms
from zoo.training import fused

HEAD = "logits"  # name of the classification layer
DECOUPLED = ("adamw", "muon")  # whose weight decay is not a part of the loss


class Warmup(schedules.LearningRateSchedule):
    """Rises to another schedule's start in a straight line.

    Step k, counted from 0, has the learning rate `peak * (s + (1 - s) *
    (k + 1) / steps)` while k < steps, where s is `start`; from then on the
    other schedule counts from its own 0.

    Args:
        after: schedule that follows.
        peak: learning rate at the end of the warm-up.
        steps: training steps of the warm-up.
        start: fraction of the peak at which it starts, 0 to 1.
    """

    def __init__(self, after, peak: float, steps: int, start: float = 0.0):
        self.after = after
        self.peak = peak
        self.steps = steps
        self.start = start

    def __call__(self, step):
        step = ops.cast(step, "float32")
        risen = (step + 1.0) / self.steps
        rising = self.peak * (self.start + (1.0 - self.start) * risen)
        falling = self.after(ops.maximum(step - self.steps, 0.0))
        return ops.where(step < self.steps, rising, falling)

    def get_config(self):
        """Returns the arguments, as Keras wants them."""
        after = keras.saving.serialize_keras_object(self.after)
        return {
            "after": after,
            "peak": self.peak,
            "steps": self.steps,
            "start": self.start,
        }


class Constant(schedules.LearningRateSchedule):
    """The same learning rate at every step."""

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
        steps_per_epoch: training steps of an epoch.
        total_steps: training steps in all, warm-up included.

    Returns:
        The learning rate as a function of the steps already made.
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
    biases: Sequence[keras.Variable] = (),
) -> keras.Optimizer:
    """Returns the Keras optimizer that a resolved config describes.

    Args:
        config: resolved.
        schedule: the learning rate.
        total_steps: training steps in all, for `lookahead_every`.
        biases: variables that `norm_bias_factor` is for.
    """
    kind, options = _kind(config)
    if config.norm_bias_factor is not None:
        kind = with_factor(kind, config.norm_bias_factor, biases)
    if config.lookahead_every is not None:
        kind = with_lookahead(kind, config.lookahead_every, total_steps)
    if config.ema_momentum is not None:
        kind = type(f"Averaged{kind.__name__}", (_Averaged, kind), {})
        options |= {"use_ema": True, "ema_momentum": config.ema_momentum}
    if isinstance(schedule, Constant):
        # As a variable, which ReduceLROnPlateau and LearningRateScheduler set.
        schedule = schedule.rate
    return kind(
        learning_rate=schedule,
        global_clipnorm=config.clip_norm,
        gradient_accumulation_steps=config.gradient_accumulation_steps,
        **options,
    )


def _kind(config: TrainConfig) -> tuple[type[keras.Optimizer], dict[str, Any]]:
    """Returns the class of an optimizer, and the arguments of its own."""
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
        return fused.adam(), {}
    decay = config.weight_decay or 0.0
    if config.optimizer == "muon":
        return keras.optimizers.Muon, {
            "momentum": momentum,
            "weight_decay": decay,
            "adam_weight_decay": decay,
            "exclude_layers": [f"{HEAD}/"],
        }
    return fused.adamw(), {"weight_decay": decay}


class _Averaged:
    """Keeps `fit` from ending with the averages of the weights.

    A run calls `fit` once an epoch. Keras would assign the averages each
    time, and train on from there; a run swaps them in for its evaluations.
    """

    def finalize_variable_values(self, var_list):
        """Leaves the weights as the last step made them."""

    def swap_averages(self) -> None:
        """Swaps the weights and their averages, to the bit."""
        # Keras's `SwapEMAWeights` adds and subtracts them, which rounds.
        for variable, average in zip(
            self._trainable_variables,
            self._model_variables_moving_average,
            strict=True,
        ):
            before = np.array(ops.convert_to_numpy(variable))
            variable.assign(average)
            average.assign(before)


# Lookahead: weights that return to a slow average of themselves.
#
# Zhang, Lucas, Hinton and Ba 2019, arXiv 1907.08610, in the form of Page 2018
# and Jordan 2024, arXiv 2404.00498, section 3.4. After every `every` steps
#
#     slow <- d * slow + (1 - d) * weights,   weights <- slow
#
# where the slow copy's fraction d grows during training, after step k of N:
#
#     d = 0.95^every * (k / N)^3
#
# At first the weights are left as they are; towards the end steps are averaged
# over many. The last step ends at the slow copy too, if it has moved by then.
# The copies are variables of the optimizer, so that checkpoints have them.
# With `--ema_momentum` the averages over the steps are updated first, from the
# weights that a step made, before these return to the slow copy. The
# running averages of batch norm are not averaged: they follow the weights
# within a few steps.

SLOW_DECAY = 0.95  # of the slow copy, at the end of training, a step


class _Lookahead:
    """Adds to what `keras.optimizers.Optimizer` does; nothing is replaced."""

    every: int
    total_steps: int

    def build(self, variables):
        """Copies the weights as they are now."""
        super().build(variables)
        self._slow = [
            self.add_variable_from_reference(v, name="slow") for v in variables
        ]
        for slow, variable in zip(self._slow, variables, strict=True):
            # A copy in memory of its own, which JAX may give away apart.
            slow.assign(np.array(ops.convert_to_numpy(variable)))

    def apply(self, grads, trainable_variables=None):
        """Makes a step, and averages the weights if it is time."""
        super().apply(grads, trainable_variables)
        done = ops.cast(self.iterations, "int32")
        is_time = (done % self.every == 0) | (done >= self.total_steps)
        fraction = slow_fraction(done, self.every, self.total_steps)
        # A place between two multiples, at the end, has the copy alone, unless
        # training was so short that this is still what it started with.
        last = float(self.total_steps >= self.every)
        fraction = ops.where(done % self.every == 0, fraction, last)
        for slow, variable in zip(
            self._slow, self._trainable_variables, strict=True
        ):
            old, new = map(ops.convert_to_tensor, (slow, variable))
            average = fraction * old + (1.0 - fraction) * new
            slow.assign(ops.where(is_time, average, old))
            variable.assign(ops.where(is_time, average, new))


def slow_fraction(done, every: int, total_steps: int):
    """Returns the slow copy's fraction after `done` steps, a scalar."""
    progress = ops.cast(done, "float32") / total_steps
    return SLOW_DECAY**every * progress**3


def with_lookahead(
    kind: type[keras.Optimizer], every: int, total_steps: int
) -> type[keras.Optimizer]:
    """Returns an optimizer class with Lookahead.

    Args:
        kind: any optimizer of Keras.
        every: training steps between two averages.
        total_steps: training steps in all.
    """
    facts = {"every": every, "total_steps": total_steps}
    return type(f"Lookahead{kind.__name__}", (_Lookahead, kind), facts)


# A learning rate of their own for the biases of batch norm.
#
# Where batch norm has no scale, its biases decide what an activation cuts off.
# Page 2018 and Jordan 2024, arXiv 2404.00498, section 3.4, let them learn 64
# times as fast as the weights. Their weight decay stays what it is: the penalty
# whose gradient is multiplied here is divided by the same factor.


class _FasterNormBiases:
    """Changes the rate that `keras.optimizers.Optimizer` hands on."""

    factor: float
    biases: Sequence[keras.Variable]

    def build(self, variables):
        """Looks up which places the biases have among the variables."""
        super().build(variables)
        self._fast = {self._get_variable_index(b) for b in self.biases}

    def update_step(self, gradient, variable, learning_rate):
        """Moves one variable, a bias of batch norm faster."""
        # Keras hands over its own variable or, from TensorFlow, what that is
        # made of; both have the same place.
        if self._get_variable_index(variable) in self._fast:
            learning_rate = learning_rate * self.factor
        super().update_step(gradient, variable, learning_rate)


def with_factor(
    kind: type[keras.Optimizer],
    factor: float,
    biases: Sequence[keras.Variable],
) -> type[keras.Optimizer]:
    """Returns an optimizer's class with another rate for some variables.

    Args:
        kind: any optimizer of Keras.
        factor: on the learning rate of the biases.
        biases: as `norm_biases` gives them.
    """
    facts = {"factor": factor, "biases": tuple(biases)}
    return type(
        f"FasterBiases{kind.__name__}", (_FasterNormBiases, kind), facts
    )


def norm_biases(body: keras.Model) -> list[keras.Variable]:
    """Returns the biases of batch norm in a model that learn."""
    return [
        layer.beta
        for layer in batch_norms(body)
        if layer.trainable and layer.center
    ]


def check_norm_biases(
    body: keras.Model, factor: float | None, name: str
) -> None:
    """Raises `UserError` for a factor on biases that are not there."""
    if factor is not None and not norm_biases(body):
        raise UserError(
            f"--norm_bias_factor={factor:g} has no effect on this {name}, "
            "which has no batch normalization that learns; leave it out."
        )
