"""A job: plan, network and schedule, all made before anything is written."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import zoo
from zoo import runs
from zoo.config import TrainConfig
from zoo.data import Dataset, added_inputs, preprocess
from zoo.features.extractor import Extractor
from zoo.models import costs
from zoo.training import (
    by_heart,
    extracting,
    machine,
    network,
    optimizers,
    precision,
)
from zoo.training.plan import Plan, make_plan, steps_per_execution


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
    """

    plan: Plan
    model: keras.Model
    statistics: preprocess.Statistics
    extractor: Extractor | None
    schedule: Callable | None
    multiply_adds: int
    steps_per_execution: int
    precision: str


def prepare(
    config: TrainConfig,
    data: Dataset | None,
    progress: Callable[[int, int], None] | None = None,
) -> Job:
    """Loads the data, measures it, and builds and compiles the network.

    Args:
        config: as asked.
        data: the user's own images, if not what the config names.
        progress: told how many of how many images have their features.

    Raises:
        UserError: something in the config cannot work.
    """
    _fix_randomness(config)
    plan = make_plan(config, data)
    plan, extractor = extracting.extract(plan, progress)
    statistics = preprocess.measure(
        added_inputs.extend(plan.data.train.images, config.add_inputs, np),
        config.mean_subtraction,
        config.scale,
    )
    number_format = precision.resolve(config.precision)
    with precision.policy(number_format):
        model = network.build_network(plan, statistics)
    layers = costs.layer_costs(network.body_of(model))
    multiply_adds = costs.total_costs(layers)["multiply_adds"]
    per_execution = steps_per_execution(plan.config, multiply_adds)
    if plan.entry.memorize:
        schedule = None
        by_heart.compile_network(model, plan)
    else:
        schedule = optimizers.make_schedule(
            plan.config, plan.steps_per_epoch, plan.total_steps
        )
        network.compile_network(model, plan, schedule, per_execution)
    return Job(
        plan,
        model,
        statistics,
        extractor,
        schedule,
        multiply_adds,
        per_execution,
        number_format,
    )


def _fix_randomness(config: TrainConfig) -> None:
    keras.utils.set_random_seed(config.seed)
    if config.deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def describe(job: Job, parent: dict | None) -> dict[str, Any]:
    """Returns what `resolved.json` keeps: what was really used."""
    plan, model = job.plan, job.model
    return {
        "format": runs.FORMAT,
        "zoo": zoo.__version__,
        "started": datetime.datetime.now().isoformat(timespec="seconds"),
        "git_commit": machine.git_commit(),
        "parent": parent,
        "config": plan.config.as_dict(),
        "machine": machine.describe(),
        "precision": job.precision,
        "jit": bool(model.jit_compile),
        "steps_per_execution": job.steps_per_execution,
        "steps_per_epoch": plan.steps_per_epoch,
        "total_steps": plan.total_steps,
        "data": {
            "name": plan.source.name,
            "handed_over": plan.handed_over,
            "fingerprint": plan.source.fingerprint,
            "train": len(plan.source.train),
            "val": len(plan.source.val),
            "test": plan.source.test_examples,
            "input_shape": list(plan.source.input_shape),
            "task": plan.source.task,
            "class_names": list(plan.source.class_names),
            "random_labels": plan.random_labels
            and plan.random_labels.to_json(),
        },
        "features": job.extractor and job.extractor.to_json(),
        "statistics": job.statistics.to_json(),
        "parameters": {
            "trainable": count(model.trainable_weights),
            "total": count(model.weights),
        },
        "multiply_adds": job.multiply_adds,
    }


def count(variables: list) -> int:
    """Returns how many numbers some variables hold."""
    return sum(
        int(keras.ops.size(variable)) if variable.shape else 1
        for variable in variables
    )
