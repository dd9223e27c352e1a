"""What a run folder holds before the first training step, and after the last.

Before: `config.json` (what was requested), `flags.txt` (the same as a flagfile)
and `resolved.json` (what is really used: versions, device, data, options).
After: `model.keras` and `metrics.json`.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import pathlib
import platform
import subprocess
from typing import Any

import keras
import numpy as np

import zoo
from zoo import backend, metrics, model_metadata
from zoo.config import TrainConfig, format_option
from zoo.data import Dataset
from zoo.errors import join_and
from zoo.io import atomic_path
from zoo.models import MODELS, builder_options, plugins
from zoo.models.build import architecture_digest
from zoo.models.graph import is_untrained
from zoo.models.inference import predict_batched
from zoo.resolve import ResolvedConfig
from zoo.run_files import FORMAT, format_checksums, sha256_of_text
from zoo.run_store import CONTINUED_AFTER
from zoo.runs import CHECKSUMS_FILE, Run, RunWriter
from zoo.training import fused
from zoo.training.checkpoints import Checkpoints, TrainState
from zoo.training.model import build_model, frozen_layers, inference_model
from zoo.training.setup import TrainSetup, attach_extractor
from zoo.training.transfer import Transfer


def initial_files(
    config: TrainConfig, setup: TrainSetup, resolved: dict[str, Any]
) -> dict[str, str]:
    """Returns the text of each file that a run folder starts with, by name."""
    files = {
        "config.json": config.to_json(),
        "flags.txt": flagfile(config, resolved, setup.transferred),
        "resolved.json": json.dumps(resolved, indent=1) + "\n",
    }
    checksums = {name: sha256_of_text(text) for name, text in files.items()}
    return files | {CHECKSUMS_FILE: format_checksums(checksums)}


def flagfile(
    config: TrainConfig,
    resolved: dict[str, Any],
    transferred: Transfer | None = None,
) -> str:
    """Returns the flagfile that repeats a run, as far as flags can."""
    lines = ["# Repeats this run: zoo train --flagfile=flags.txt"]
    if resolved["model_from_python"]:
        lines.append("# where its model is registered, or a file.py:build")
    kinds = [each["class"] for each in resolved["callbacks"]]
    if names := join_and(kind.rpartition(".")[2] for kind in kinds):
        lines.append(f"# It had callbacks, which are not repeated: {names}")
    if after := (resolved["parent"] or {}).get(CONTINUED_AFTER):
        epochs = join_and(map(str, after))
        lines.append(f"# It was continued after {epochs} epochs, not in one go")
    if transferred:
        lines += [
            f"# It started from the weights of {transferred.run}, SHA-256",
            f"# {transferred.weights_sha256}",
        ]
    for name, value in {"model": config.model, **config.overrides()}.items():
        if name not in ("run_name", "runs_dir"):
            lines += format_option(name, value)
    return "\n".join(lines) + "\n"


def describe_setup(setup: TrainSetup, parent: dict | None) -> dict[str, Any]:
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
            "has_own_val": source.has_own_val,
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
        "architecture": architecture(setup),
        "model_from_python": plugins.is_from_python(config.entry),
        "initial_weights": initial_weights(config),
        "callbacks": [],
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


def architecture(setup: TrainSetup) -> str | None:
    """Returns the digest of a user's model; `None` of one of the table."""
    if not MODELS.find(setup.config.model).registered:
        return None
    return architecture_digest(setup.backbone.model)


def initial_weights(config: ResolvedConfig) -> dict[str, Any] | None:
    """Returns what tells the weights that a `keras.Model` came with.

    Their SHA-256, and whether they are a fresh draw of its initializers. `None`
    of a builder, whose weights are drawn with the seed of the run.
    """
    original = getattr(config.entry.load(), "original", None)
    if original is None or not original.built:
        return None
    digest = hashlib.sha256()
    for weight in original.weights:
        array = keras.ops.convert_to_numpy(weight)
        digest.update(np.ascontiguousarray(array).tobytes())
    return {"sha256": digest.hexdigest(), "fresh": is_untrained(original)}


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
        "cpu": backend.cpu_model(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "keras": keras.__version__,
        "numpy": np.__version__,
    }
    if found["backend"] == "tensorflow":
        import tensorflow as tf

        found["tensorflow"] = tf.__version__
        found["onednn"] = "on" if backend.has_onednn() else "off"
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


UNBALANCED = 2.0  # examples of the largest class beside the smallest
# Options that leave a default recipe what it is.
COSMETIC_OPTIONS = {
    "model", "dataset", "data_dir", "seed", "runs_dir", "run_name",
    "summaries", "summary_every", "debug_every", "checkpoint_every",
    "deterministic", "devices",
}  # fmt: skip
# Best validation accuracy over seeds 0 to 4 on digits and 0 to 2 on MNIST (one
# seed for the wide nets), widened by what chance does to validation sets of 144
# and of 6,000 images.
DIGITS = (0.965, 1.0)
EXPECTED = {
    ("lr", "digits"): (0.93, 0.98),
    ("mlp", "digits"): DIGITS,
    ("lenet5", "digits"): DIGITS,
    ("alexnet_lite", "digits"): DIGITS,
    ("inception", "digits"): DIGITS,
    ("wrn16_4", "digits"): DIGITS,
    ("wrn28_10", "digits"): DIGITS,
    ("lr", "mnist"): (0.922, 0.932),
    ("mlp", "mnist"): (0.980, 0.988),
    ("lenet5", "mnist"): (0.989, 0.995),
}


def save_result(
    setup: TrainSetup, run: Run, state: TrainState
) -> dict[str, float | None]:
    """Writes `model.keras`: the best weights, uncompiled, in float32.

    Without validation images the last weights are the result, or their
    averages with `--ema_momentum`. Auxiliary heads are left out.

    Returns:
        Balanced accuracies for `metrics.json`, of the last weights and of
        the best; `None` where classes have similar sizes.
    """
    model = setup.model
    checkpoints = Checkpoints(run.path / "checkpoints")
    if state.best.epoch and has_unbalanced_classes(setup.dataset):
        # At the end a callback may set others, as Keras's EarlyStopping does.
        checkpoints.restore_last(model)
    if setup.config.ema_momentum is not None:
        model.optimizer.swap_averages()
    last = _balanced_accuracy(setup, model)
    if state.best.epoch:
        checkpoints.restore_best(model, state.best.epoch)
    best = _balanced_accuracy(setup, model)
    if backend.is_mixed_precision(setup.precision):
        weights = model.get_weights()
        model = build_model(setup.config, setup.dataset, setup.statistics)
        model.set_weights(weights)
    metadata = model_metadata.describe(run, outputs=("logits",))
    path = run.path / "model.keras"
    remedy = "the checkpoint is kept: make room, and resume the run"
    save_model(_inference(setup, model), path, metadata, remedy)
    return {"val_balanced_accuracy": last, "best_val_balanced_accuracy": best}


def has_unbalanced_classes(dataset: Dataset) -> bool:
    """Whether a class has over twice the training examples of another."""
    if dataset.task != "classification":
        return False
    counts = dataset.class_counts
    return bool(counts.max() > UNBALANCED * counts.min())


def _balanced_accuracy(setup: TrainSetup, model: keras.Model) -> float | None:
    """Returns the mean recall of the classes in the validation images, 0..1.

    Always predicting the same class has a fine accuracy where that class has
    most of the images; its balanced accuracy is 1/K. `None` where classes
    have similar sizes.
    """
    val = setup.dataset.val
    if not len(val) or not has_unbalanced_classes(setup.dataset):
        return None
    logits = predict_batched(model, val.images)
    matrix = metrics.confusion_matrix(
        val.labels, logits.argmax(axis=1), logits.shape[1]
    )
    return metrics.balanced_accuracy(matrix)


def _inference(setup: TrainSetup, model: keras.Model) -> keras.Model:
    model = inference_model(
        model, setup.config, setup.dataset, setup.statistics
    )
    if setup.extractor:
        return attach_extractor(setup.extractor, model)
    return model


def save_model(
    model: keras.Model,
    path: pathlib.Path,
    metadata: dict[str, Any],
    remedy: str = "",
) -> None:
    """Saves a model whole or not at all, without loss and optimizer.

    Args:
        model: trained.
        path: where to.
        metadata: what the file holds about itself, class names among it.
        remedy: what to do where it cannot be written.
    """
    # Compiled with functions of ours, it would not load where zoo is not.
    plain = keras.Model(model.input, model.output, name=model.name)
    plain = fused.unfuse(plain)
    with atomic_path(path, remedy) as temporary:
        plain.save(temporary)
        model_metadata.put_into(temporary, metadata)


def write_metrics(
    setup: TrainSetup,
    run: Run,
    state: TrainState,
    status: str,
    wall_seconds: float,
    balanced: dict[str, float | None],
) -> dict[str, Any]:
    """Writes `metrics.json` and returns its content.

    Args:
        setup: what was trained.
        run: where.
        state: how far it came.
        status: completed, stopped_early, diverged or interrupted.
        wall_seconds: of all sessions, validation and summaries included.
        balanced: what `save_result` returned; empty if it was not reached.
    """
    config = setup.config
    last = state.rows[-1] if state.rows else {}
    best = state.best if state.best.is_known else None
    num_examples = sum(
        config.examples_after(config.steps_in(epoch))
        for epoch in range(state.epoch)
    )
    record = {
        "status": status,
        "epochs": state.epoch,
        "steps": state.step,
        "train_loss": last.get("loss"),
        "train_accuracy": last.get("accuracy"),
        "val_loss": last.get("val_loss"),
        "val_accuracy": last.get("val_accuracy"),
        "best_epoch": best and best.epoch,
        "best_val_accuracy": best and best.accuracy,
        "best_val_loss": best and best.loss,
        "val_balanced_accuracy": balanced.get("val_balanced_accuracy"),
        "best_val_balanced_accuracy": balanced.get(
            "best_val_balanced_accuracy"
        ),
        "examples_per_second": round(num_examples / state.seconds, 1)
        if num_examples
        else None,
        "wall_seconds": round(wall_seconds, 3),
        "parameters": count_numbers(
            _inference(setup, setup.model).trainable_weights
        ),
    }
    RunWriter(run).write("metrics.json", json.dumps(record, indent=1) + "\n")
    return record


def verdict(model: str, dataset: str, accuracy: float) -> str:
    """Compares a validation accuracy with the known range, if there is one."""
    if (model, dataset) not in EXPECTED:
        return ""
    low, high = EXPECTED[model, dataset]
    where = "within" if accuracy >= low else "below"
    where = "above" if accuracy > high else where
    return (
        f"{where} the {100 * low:.1f}% to {100 * high:.1f}% that this recipe "
        "is known to reach"
    )
