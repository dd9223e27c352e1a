"""What can be known before training: five looks at data and model.

Nothing is written. The network that is looked at is trained on sixteen
examples, as they are and without augmentation, and thrown away.
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from zoo import backend, metrics
from zoo.config import TrainConfig
from zoo.diagnostics.optimization_rules import (
    MAX_INIT_LOSS_RATIO,
    input_problem,
)
from zoo.errors import UserError
from zoo.summaries import backprop, vitals
from zoo.summaries.view import View
from zoo.training import network, probe
from zoo.training.job import Job, prepare
from zoo.training.optimizers import Constant

FEW = 16  # examples that any network should be able to learn by heart
MOST_UPDATES = 300
MOST_SECONDS = 10.0
LOOK_EVERY = 10  # updates
CLOSE = 0.01  # squared error that counts as learned, beside the variance


@dataclasses.dataclass(frozen=True)
class Answer:
    """The outcome of one check."""

    name: str
    ok: bool
    text: str


class Trial:
    """A network before its training, with the examples to try it on."""

    def __init__(self, job: Job):
        data = job.plan.data
        loss = network.minimized_loss(job.plan)
        self.job = job
        self.view = View(
            job.model,
            network.body_of(job.model),
            loss,
            network.scaled_inputs(job.body),
        )
        # Penalties would give a gradient to weights that get none of the data.
        self.gradients = backprop.make_gradients(
            job.model, loss, penalized=False
        )
        self.probe = probe.choose(data, job.plan.seed)
        order = np.random.default_rng(job.plan.seed).permutation(
            len(data.train)
        )
        few = data.train.take(order[:FEW])
        self.images = few.images.astype(np.float32)
        self.labels = few.labels
        self.has_classes = data.task == "classes"


@backend.fixed_settings()
def check(config: TrainConfig) -> list[Answer]:
    """Looks at data and model as a training with this config would begin.

    Raises:
        UserError: something in the config cannot work.
    """
    job = prepare(config, None)
    if job.plan.entry.is_nonparametric:
        raise UserError(
            f"{config.model} remembers the training images and learns no "
            "weight; there is nothing to check before it is trained."
        )
    trial = Trial(job)
    answers = [check_inputs(trial)]
    if trial.has_classes and job.plan.config.loss == "cross_entropy":
        answers.append(check_loss(trial))
    answers += [check_gradients(trial), check_fit(trial)]
    if trial.has_classes:
        answers.append(check_blanks(trial))
    return answers


def check_inputs(trial: Trial) -> Answer:
    """Whether inputs, as the network sees them, have mean 0 and std 1."""
    raw = trial.probe.images
    found = vitals.inputs(raw, trial.view.scaled(raw))
    trouble = input_problem(found)
    return Answer(
        "inputs",
        not trouble,
        trouble
        or f"mean {found['mean']:.3g}, standard deviation {found['std']:.3g}",
    )


def check_loss(trial: Trial) -> Answer:
    """Whether the untrained network guesses, instead of being sure."""
    logits = trial.view.logits_in_training(trial.probe.images)
    loss = metrics.cross_entropy(logits, trial.probe.labels)
    guess, _ = metrics.chance_level(trial.probe.labels, logits.shape[1])
    return Answer(
        "start",
        bool(loss < MAX_INIT_LOSS_RATIO * guess),
        f"loss {loss:.3g} before training, guessing has ln "
        f"{logits.shape[1]} = {guess:.3g}",
    )


def check_gradients(trial: Trial) -> Answer:
    """Whether every weight gets a gradient that is a number and not zero."""
    most = trial.job.plan.config.batch_size
    found = trial.gradients(
        trial.probe.images[:most], trial.probe.labels[:most]
    )
    variables = trial.job.model.trainable_variables
    still = [
        variable.path
        for variable, gradient in zip(variables, found, strict=True)
        if not np.isfinite(gradient).all() or not gradient.any()
    ]
    if not still:
        return Answer("gradients", True, f"all {len(found)} weights get one")
    return Answer(
        "gradients",
        False,
        f"{len(still)} of {len(found)} weights get none or no number, the "
        f"first of them {still[0]}",
    )


def check_fit(trial: Trial) -> Answer:
    """Whether a few examples can be learned by heart."""
    model = trial.job.model
    rate = trial.job.plan.config.learning_rate
    model.optimizer.learning_rate = Constant(rate)
    began = time.perf_counter()
    updates = 0
    while updates < MOST_UPDATES:
        model.train_on_batch(trial.images, trial.labels)
        updates += 1
        if updates % LOOK_EVERY == 0:
            if _is_learned(trial):
                text = f"all right after {updates} updates"
                return Answer(_fit_name(trial), True, text)
            if time.perf_counter() - began > MOST_SECONDS:
                break
    return Answer(
        _fit_name(trial),
        False,
        f"{_how_well(trial)} after {updates} updates with the rate {rate:g}",
    )


def check_blanks(trial: Trial) -> Answer:
    """Whether black images get answers that know nothing of their labels."""
    logits = trial.view.logits(np.zeros_like(trial.images))
    right = metrics.count_correct(logits, trial.labels)
    largest = int(np.bincount(trial.labels).max())
    return Answer(
        "blanks",
        right <= largest,
        f"{right} of {len(trial.labels)} right when all are blank; one answer "
        f"for all has {largest} at most",
    )


def _fit_name(trial: Trial) -> str:
    return f"fits {len(trial.labels)}"


def _is_learned(trial: Trial) -> bool:
    """Whether the few are learned, as seen in use or in training.

    Early on, batch norm's running averages lag behind; in training, dropout
    drops units. Either may spoil answers that the weights know.
    """
    views = (trial.view.logits, trial.view.logits_in_training)
    return any(_has(trial, look(trial.images)) for look in views)


def _has(trial: Trial, outputs: np.ndarray) -> bool:
    if trial.has_classes:
        right = metrics.count_correct(outputs, trial.labels)
        return right == len(trial.labels)
    error = metrics.mean_squared_error(outputs, trial.labels)
    return error < CLOSE * float(trial.labels.var())


def _how_well(trial: Trial) -> str:
    outputs = trial.view.logits(trial.images)
    if trial.has_classes:
        right = metrics.count_correct(outputs, trial.labels)
        return f"{right} of {len(trial.labels)} right"
    error = metrics.mean_squared_error(outputs, trial.labels)
    return f"squared error {error:.3g} (variance {trial.labels.var():.3g})"
