"""What a run folder says before the first update."""

from __future__ import annotations

import datetime
import json
from typing import Any

import keras

import zoo
from zoo import metrics
from zoo.config import TrainConfig, format_option
from zoo.models import builder_options
from zoo.runs import FORMAT
from zoo.training import machine, network, transfer
from zoo.training.job import Job
from zoo.training.plan import Plan


def files(
    config: TrainConfig, job: Job, resolved: dict[str, Any]
) -> dict[str, str]:
    """Returns the text of each file that a run begins with, by name."""
    return {
        "config.json": config.to_json(),
        "flags.txt": again_flags(config, job.transferred),
        "resolved.json": json.dumps(resolved, indent=1) + "\n",
    }


def again_flags(
    config: TrainConfig, transferred: transfer.Transfer | None = None
) -> str:
    """Returns the flagfile that repeats a run."""
    lines = ["# Repeats this run: zoo train --flagfile=flags.txt"]
    if transferred:
        lines += [
            f"# It started from the weights of {transferred.run}, SHA-256",
            f"# {transferred.weights_sha256}",
        ]
    for name, value in {"model": config.model, **config.overrides()}.items():
        if name not in ("run_name", "runs_dir"):
            lines += format_option(name, value)
    return "\n".join(lines) + "\n"


def describe(job: Job, parent: dict | None) -> dict[str, Any]:
    """Returns what `resolved.json` keeps: what was really used."""
    plan, model = job.plan, job.model
    return {
        "format": FORMAT,
        "zoo": zoo.__version__,
        "started": datetime.datetime.now().isoformat(timespec="seconds"),
        "git_commit": machine.git_commit(),
        "parent": parent,
        "config": plan.config.as_dict(),
        "machine": {**machine.describe(), **job.devices.facts()},
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
            "majority": _majority(plan),
            "notes": list(plan.source.notes),
            "pixel_range": plan.source.pixel_range,
            "image_means": plan.source.image_means,
            "random_labels": plan.random_labels
            and plan.random_labels.to_json(),
        },
        "model_options": _model_options(plan),
        "features": job.extractor and job.extractor.to_json(),
        "weights": job.transferred and job.transferred.to_json(),
        "frozen": [layer.name for layer in network.frozen(model, plan)],
        "statistics": job.statistics.to_json(),
        "own_preprocessing": list(job.body.preprocessing),
        "softmax_removed": job.body.softmax,
        "parameters": {
            "trainable": count(model.trainable_weights),
            "total": count(model.weights),
        },
        "multiply_adds": job.multiply_adds,
    }


def _majority(plan: Plan) -> dict[str, float | None]:
    """Returns the accuracy of always naming the largest class, by split.

    Counted over all labels of each split, as they are trained on; `None` for
    a split without examples, and where numbers are predicted.
    """
    return {
        split: metrics.majority_baseline(part.labels)
        if plan.data.task == "classes" and len(part)
        else None
        for split, part in (("train", plan.data.train), ("val", plan.data.val))
    }


def _model_options(plan: Plan) -> dict[str, Any]:
    """Returns every option of the model's builder, with the value used."""
    values = builder_options(plan.entry) | plan.builder_options()
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, str | int | float | bool | None)
    }


def count(variables: list) -> int:
    """Returns how many numbers some variables hold."""
    return sum(
        int(keras.ops.size(variable)) if variable.shape else 1
        for variable in variables
    )
