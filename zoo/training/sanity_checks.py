"""Checks of data and model before training, as `zoo check` prints them.

After Karpathy 2019, "A Recipe for Training Neural Networks": inputs, initial
loss, gradients, overfitting one batch, an input-independent baseline. Nothing
is written. The model that is checked is trained on sixteen examples, without
augmentation, and dropped.
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
from zoo.summaries import layer_stats
from zoo.summaries.inspector import ModelInspector, make_gradient_fn
from zoo.training.callbacks import SummaryBatch
from zoo.training.model import backbone_of, minimized_loss, scaled_inputs
from zoo.training.optimizers import Constant
from zoo.training.setup import TrainSetup, prepare

NUM_EXAMPLES = 16  # that any network should be able to memorize
MAX_STEPS = 300
MAX_SECONDS = 10.0
CHECK_EVERY = 10  # steps
SQUARED_ERROR_TOLERANCE = 0.01  # of the variance, that counts as memorized


@dataclasses.dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Attributes:
        name: Name of the check.
        ok: Whether it passed.
        text: What was found.
    """

    name: str
    ok: bool
    text: str


class UntrainedModel:
    """A model before its training, with examples to check it on."""

    def __init__(self, setup: TrainSetup):
        dataset = setup.dataset
        loss = minimized_loss(setup.config, dataset)
        self.setup = setup
        self.inspector = ModelInspector(
            setup.model,
            backbone_of(setup.model),
            loss,
            scaled_inputs(setup.backbone),
        )
        # Penalties would give a gradient to weights that get none of the data.
        self.gradients = make_gradient_fn(
            setup.model, loss, regularization=False
        )
        self.batch = SummaryBatch.draw(dataset, setup.config.seed)
        order = np.random.default_rng(setup.config.seed).permutation(
            len(dataset.train)
        )
        few = dataset.train.take(order[:NUM_EXAMPLES])
        self.images = few.images.astype(np.float32)
        self.labels = few.labels
        self.has_classes = dataset.task == "classification"


@backend.fixed_settings()
def check(config: TrainConfig) -> list[CheckResult]:
    """Checks data and model as training with this config would start.

    Raises:
        UserError: something in the config cannot work.
    """
    setup = prepare(config)
    if not setup.config.uses_gradients:
        raise UserError(
            f"{config.model} stores the training images and learns no "
            "weight; there is nothing to check before it is trained."
        )
    model = UntrainedModel(setup)
    results = [check_inputs(model)]
    if model.has_classes and setup.config.loss == "cross_entropy":
        results.append(check_initial_loss(model))
    results += [check_gradients(model), check_overfitting(model)]
    if model.has_classes:
        results.append(check_blank_images(model))
    return results


def check_inputs(model: UntrainedModel) -> CheckResult:
    """Whether inputs, after preprocessing, have mean 0 and std 1."""
    raw = model.batch.images
    stats = layer_stats.input_stats(raw, model.inspector.normalize(raw))
    problem = input_problem(stats)
    return CheckResult(
        "inputs",
        not problem,
        problem or f"mean {stats['mean']:.3g}, std {stats['std']:.3g}",
    )


def check_initial_loss(model: UntrainedModel) -> CheckResult:
    """Whether the untrained model guesses, instead of being confident."""
    logits = model.inspector.logits_in_training(model.batch.images)
    loss = metrics.cross_entropy(logits, model.batch.labels)
    chance, _ = metrics.chance_level(model.batch.labels, logits.shape[1])
    return CheckResult(
        "initial loss",
        bool(loss < MAX_INIT_LOSS_RATIO * chance),
        f"{loss:.3g} before training; chance is ln {logits.shape[1]} = "
        f"{chance:.3g}",
    )


def check_gradients(model: UntrainedModel) -> CheckResult:
    """Whether every weight gets a gradient that is finite and not zero."""
    size = model.setup.config.batch_size
    gradients = model.gradients(
        model.batch.images[:size], model.batch.labels[:size]
    )
    variables = model.setup.model.trainable_variables
    without = [
        variable.path
        for variable, gradient in zip(variables, gradients, strict=True)
        if not np.isfinite(gradient).all() or not gradient.any()
    ]
    if not without:
        text = f"all {len(gradients)} weights get one"
        return CheckResult("gradients", True, text)
    return CheckResult(
        "gradients",
        False,
        f"{len(without)} of {len(gradients)} weights get none or one that is "
        f"not finite, the first of them {without[0]}",
    )


def check_overfitting(model: UntrainedModel) -> CheckResult:
    """Whether a few examples can be memorized."""
    trained = model.setup.model
    rate = model.setup.config.learning_rate
    name = f"overfits {len(model.labels)} examples"
    trained.optimizer.learning_rate = Constant(rate)
    if model.setup.config.lookahead_every:
        # Lookahead's fraction rises to the end of training, which is not here.
        trained.optimizer.total_steps = 10 * MAX_STEPS
    started = time.perf_counter()
    steps = 0
    while steps < MAX_STEPS:
        trained.train_on_batch(model.images, model.labels)
        steps += 1
        if steps % CHECK_EVERY == 0:
            if _is_memorized(model):
                return CheckResult(name, True, f"all after {steps} steps")
            if time.perf_counter() - started > MAX_SECONDS:
                break
    return CheckResult(
        name,
        False,
        f"{_describe_fit(model)} after {steps} steps with the learning rate "
        f"{rate:g}",
    )


def check_blank_images(model: UntrainedModel) -> CheckResult:
    """Whether predictions for black images are independent of the labels."""
    logits = model.inspector.logits(np.zeros_like(model.images))
    correct = metrics.count_correct(logits, model.labels)
    largest = int(np.bincount(model.labels).max())
    return CheckResult(
        "blank images",
        correct <= largest,
        f"{correct} of {len(model.labels)} correct when all are blank; one "
        f"class for all has at most {largest}",
    )


def _is_memorized(model: UntrainedModel) -> bool:
    """Whether the few examples are predicted, in inference or in training.

    Early on, batch norm's running averages lag behind; in training, dropout
    drops units. Either may change predictions that the weights can make.
    """
    modes = (model.inspector.logits, model.inspector.logits_in_training)
    return any(_are_predicted(model, mode(model.images)) for mode in modes)


def _are_predicted(model: UntrainedModel, outputs: np.ndarray) -> bool:
    if model.has_classes:
        correct = metrics.count_correct(outputs, model.labels)
        return correct == len(model.labels)
    error = metrics.mean_squared_error(outputs, model.labels)
    return error < SQUARED_ERROR_TOLERANCE * float(model.labels.var())


def _describe_fit(model: UntrainedModel) -> str:
    outputs = model.inspector.logits(model.images)
    if model.has_classes:
        correct = metrics.count_correct(outputs, model.labels)
        return f"{correct} of {len(model.labels)} correct"
    error = metrics.mean_squared_error(outputs, model.labels)
    return f"squared error {error:.3g} (variance {model.labels.var():.3g})"
