"""A job: plan, network and schedule, all made before anything is written."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from zoo import backend
from zoo.config import TrainConfig
from zoo.data import Dataset, added_inputs, preprocess
from zoo.features.extractor import Extractor
from zoo.models import describe
from zoo.models.user_models import StandardizedModel
from zoo.training import (
    batch_norm,
    by_heart,
    extracting,
    inherited,
    network,
    optimizers,
    origins,
    precision,
    transfer,
)
from zoo.training.distributed import devices
from zoo.training.distributed.devices import DeviceSet
from zoo.training.plan import Plan, make_plan, settle, steps_per_execution

DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


@dataclasses.dataclass(frozen=True)
class Job:
    """Everything that a run needs, made ready before it has a folder.

    Attributes:
        model: compiled; float32 `[B, H, W, C]` in 0..255, or vectors
            `[B, D]`, to logits `[B, K]`.
        statistics: of the training images; they are in the model's first
            layers.
        extractor: what made the vectors that are trained on of images, if
            anything did.
        schedule: learning rate by number of updates made.
        multiply_adds: of the forward pass of one image.
        steps_per_execution: updates between two looks at Python.
        precision: `float32` or `bfloat16`.
        body: the zoo's own model, or a user's, inside `model`.
        transferred: what was taken over from another run, if anything was
            and it was now.
        devices: Devices that train it together.
    """

    plan: Plan
    model: keras.Model
    statistics: preprocess.Statistics
    extractor: Extractor | None
    schedule: Callable | None
    multiply_adds: int
    steps_per_execution: int
    precision: str
    body: StandardizedModel
    transferred: transfer.Transfer | None = None
    devices: DeviceSet = DeviceSet()


@backend.fixed_settings()
def prepare(
    config: TrainConfig,
    data: Dataset | None,
    progress: Callable[[int, int], None] | None = None,
    begun: dict[str, Any] | None = None,
) -> Job:
    """Loads the data, measures it, and builds and compiles the network.

    Args:
        config: as asked.
        data: the user's own images, if not what the config names.
        progress: told how many of how many images have their features.
        begun: `resolved.json` of a run that has a checkpoint to go on from.
            Then no weights are copied, and the run that it started from may
            be gone.

    Raises:
        UserError: something in the config cannot work.
    """
    backend.check()
    _fix_randomness(config)
    selected = devices.select_devices(config)
    if begun is None:
        config = settle(config)
    plan = make_plan(config, data)
    devices.check_batch_size(selected, plan.config.batch_size)
    plan, extractor = extracting.extract(plan, progress)
    number_format = _number_format(config, begun)
    with precision.policy(number_format):
        body = network.build_body(plan)
    plan = network.without_preprocessing(plan, body)
    statistics, whose = _statistics(plan, begun)
    with precision.policy(number_format):
        model = network.build_network(plan, statistics, body.model)
    batch_norm.check(model, plan)
    devices.check_model(selected, model)
    transferred = None
    if config.weights is not None and begun is None:
        origin = origins.find(config.weights, config.runs_dir)
        transferred = transfer.start(model, plan, origin, whose)
    elif begun is None:
        network.adapt(model, plan, statistics)
    layers = describe.layer_costs(network.body_of(model))
    multiply_adds = describe.total_costs(layers)["multiply_adds"]
    per_execution = steps_per_execution(plan.config, multiply_adds)
    return Job(
        plan,
        model,
        statistics,
        extractor,
        _compile(model, plan, per_execution),
        multiply_adds,
        per_execution,
        number_format,
        body,
        transferred,
        selected,
    )


def _compile(
    model: keras.Model, plan: Plan, per_execution: int
) -> Callable | None:
    """Makes a network ready to learn, and returns its schedule, if any."""
    if plan.entry.is_nonparametric:
        by_heart.compile_network(model, plan)
        return None
    schedule = optimizers.make_schedule(
        plan.config, plan.steps_per_epoch, plan.total_steps
    )
    network.compile_network(model, plan, schedule, per_execution)
    return schedule


def _number_format(config: TrainConfig, begun: dict[str, Any] | None) -> str:
    """Returns what was computed in before, else what is best here."""
    return begun["precision"] if begun else precision.resolve(config.precision)


def _statistics(
    plan: Plan, begun: dict[str, Any] | None
) -> tuple[preprocess.Statistics, str]:
    """Returns what centres and scales the inputs, and whose training images.

    Those of the run itself, or of the one that it started from, if they fit.
    """
    config, whose = plan.config, "its own training data"
    inputs = added_inputs.extend(
        plan.data.train.images, config.extra_features, np
    )
    if config.weights is not None:
        if begun is not None:
            kept = preprocess.Statistics.from_json(begun["statistics"])
            return kept, begun["weights"]["preprocessing"]
        origin = origins.find(config.weights, config.runs_dir)
        found = inherited.fitted(origin.statistics, inputs.shape[1:])
        if found is not None:
            return found, f"that of {origin.name}"
        whose += f", which that of {origin.name} does not fit"
    measured = preprocess.measure(inputs, config.mean_subtraction, config.scale)
    return measured, whose


def _fix_randomness(config: TrainConfig) -> None:
    if config.deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif config.deterministic:
        # Read when JAX first computes; on a processor it is so anyway.
        flags = os.environ.get("XLA_FLAGS", "")
        if DETERMINISTIC not in flags:
            os.environ["XLA_FLAGS"] = f"{flags} {DETERMINISTIC}".strip()
    keras.utils.set_random_seed(config.seed)
