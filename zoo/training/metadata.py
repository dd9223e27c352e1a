"""What a run folder holds before the first training step.

`config.json` (what was requested), `flags.txt` (the same as a flagfile) and
`resolved.json` (what is really used: versions, device, data, options).
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from typing import Any

import keras
import numpy as np

import zoo
from zoo import metrics
from zoo.config import TrainConfig, format_option
from zoo.data import Dataset
from zoo.models import builder_options, plugins
from zoo.resolve import ResolvedConfig
from zoo.run_files import FORMAT, format_checksums, sha256_of_text
from zoo.runs import CHECKSUMS_FILE
from zoo.training.model import frozen_layers
from zoo.training.setup import TrainSetup
from zoo.training.transfer import Transfer


def initial_files(
    config: TrainConfig, setup: TrainSetup, resolved: dict[str, Any]
) -> dict[str, str]:
    """Returns the text of each file that a run folder starts with, by name."""
    files = {
        "config.json": config.to_json(),
        "flags.txt": flagfile(config, setup.transferred),
        "resolved.json": json.dumps(resolved, indent=1) + "\n",
    }
    checksums = {name: sha256_of_text(text) for name, text in files.items()}
    return files | {CHECKSUMS_FILE: format_checksums(checksums)}


def flagfile(config: TrainConfig, transferred: Transfer | None = None) -> str:
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


def describe(setup: TrainSetup, parent: dict | None) -> dict[str, Any]:
    """Returns the content of `resolved.json`.

    Args:
        setup: what is trained.
        parent: the run that this one repeats, and what was changed.
    """
    config, source, model = setup.config, setup.source, setup.model
    return {
        "format": FORMAT,
        "zoo": zoo.__version__,
        "started": datetime.datetime.now().isoformat(timespec="seconds"),
        "git_commit": _git_commit(),
        "parent": parent,
        "config": config.as_dict(),
        "machine": {**describe_machine(), **setup.devices.facts()},
        "precision": setup.precision,
        "jit": bool(model.jit_compile),
        "steps_per_execution": setup.steps_per_execution,
        "steps_per_epoch": config.steps_per_epoch,
        "total_steps": config.total_steps,
        "data": {
            "name": source.name,
            "from_arrays": setup.from_arrays,
            "fingerprint": source.fingerprint,
            "train": len(source.train),
            "val": len(source.val),
            "test": source.num_test_examples,
            "input_shape": list(source.input_shape),
            "task": source.task,
            "class_names": list(source.class_names),
            "majority": _majority(setup.dataset),
            "notes": list(source.notes),
            "pixel_range": source.pixel_range,
            "image_mean_range": source.image_mean_range,
            "random_labels": setup.random_labels
            and setup.random_labels.to_json(),
        },
        "model_options": _model_options(config),
        "features": setup.extractor and setup.extractor.to_json(),
        "weights": setup.transferred and setup.transferred.to_json(),
        "frozen": [layer.name for layer in frozen_layers(model, config)],
        "statistics": setup.statistics.to_json(),
        "own_preprocessing": list(setup.backbone.preprocessing),
        "softmax_removed": setup.backbone.softmax,
        "model_file_sha256": plugins.file_digest(config.model),
        "compiled": dict(setup.backbone.compiled),
        "parameters": {
            "trainable": count_numbers(model.trainable_weights),
            "total": count_numbers(model.weights),
        },
        "multiply_adds": setup.multiply_adds,
    }


def _majority(dataset: Dataset) -> dict[str, float | None]:
    """Returns the accuracy of always predicting the largest class, by split.

    Counted over all labels of each split, as they are trained on; `None` for
    a split without examples, and where numbers are predicted.
    """
    return {
        split: metrics.majority_baseline(part.labels)
        if dataset.task == "classification" and len(part)
        else None
        for split, part in (("train", dataset.train), ("val", dataset.val))
    }


def _model_options(config: ResolvedConfig) -> dict[str, Any]:
    """Returns every option of the model's builder, with the value used."""
    values = builder_options(config.entry) | config.builder_options()
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, str | int | float | bool | None)
    }


def count_numbers(variables: list) -> int:
    """Returns how many numbers some variables hold."""
    return sum(
        int(keras.ops.size(variable)) if variable.shape else 1
        for variable in variables
    )


def describe_machine() -> dict[str, str]:
    """Returns device, cores and the versions that decide the numbers."""
    found = {
        "backend": keras.backend.backend(),
        "device": "cpu",
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "keras": keras.__version__,
        "numpy": np.__version__,
    }
    if found["backend"] == "tensorflow":
        import tensorflow as tf

        found["tensorflow"] = tf.__version__
        if gpus := tf.config.list_physical_devices("GPU"):
            found["device"] = f"{len(gpus)} gpu"
    else:
        import jax

        found["jax"] = jax.__version__
        if jax.default_backend() != "cpu":
            kind = jax.default_backend()
            found["device"] = f"{jax.local_device_count()} {kind}"
    return found


def _git_commit() -> str | None:
    """Returns the commit of the working folder; `None` where there is none."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
