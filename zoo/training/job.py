"""A job: plan, network and schedule, all made before anything is written."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any

import keras

import zoo
from zoo import runs
from zoo.config import TrainConfig
from zoo.data import Dataset, preprocess
from zoo.models import costs
from zoo.training import machine, network, optimizers, precision
from zoo.training.plan import Plan, make_plan, steps_per_execution


@dataclasses.dataclass(frozen=True)
class Job:
    """Everything that a run needs, made ready before it has a folder.

    Attributes:
        model: compiled; float32 `[B, H, W, C]` in 0..255 to logits `[B, K]`.
        statistics: of the training images; they are in the model's first
            layers.
        schedule: learning rate by number of updates made.
        multiply_adds: of the forward pass of one image.
        steps_per_execution: updates between two looks at Python.
        precision: `float32` or `bfloat16`.
    """

    plan: Plan
    model: keras.Model
    statistics: preprocess.Statistics
    schedule: Callable
    multiply_adds: int
    steps_per_execution: int
    precision: str


def prepare(config: TrainConfig, data: Dataset | None) -> Job:
    """Loads the data, measures it, and builds and compiles the network.

    Raises:
        UserError: something in the config cannot work.
    """
    _fix_randomness(config)
    plan = make_plan(config, data)
    statistics = preprocess.measure(
        plan.data.train.images, config.mean_subtraction, config.scale
    )
    number_format = precision.resolve(config.precision)
    with precision.policy(number_format):
        model = network.build_network(plan, statistics)
    layers = costs.layer_costs(network.body_of(model))
    multiply_adds = costs.total_costs(layers)["multiply_adds"]
    per_execution = steps_per_execution(plan.config, multiply_adds)
    schedule = optimizers.make_schedule(
        plan.config, plan.steps_per_epoch, plan.total_steps
    )
    network.compile_network(model, plan, schedule, per_execution)
    return Job(
        plan,
        model,
        statistics,
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
            "name": plan.data.name,
            "handed_over": plan.handed_over,
            "fingerprint": plan.data.fingerprint,
            "train": len(plan.data.train),
            "val": len(plan.data.val),
            "test": plan.data.test_examples,
            "input_shape": list(plan.data.input_shape),
            "class_names": list(plan.data.class_names),
        },
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
