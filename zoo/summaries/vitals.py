"""Vitals: the few numbers of a moment from which findings are made.

They stand in a run's `vitals.json`, one row a measurement. What is not a
finite number is `None` there.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from zoo import metrics
from zoo.summaries import gradients, units
from zoo.summaries.snapshot import Snapshot

FEWEST = 32  # examples from which batch norm's own averages mean something


def is_due(epoch: int, last: bool) -> bool:
    """Whether to measure after an epoch: 0, 1, 2, 4, 8, ..., and the last.

    Early training changes fast and late training slowly; and the cost is
    that of a few measurements, however long a run is.
    """
    return last or epoch & (epoch - 1) == 0


def measure(snapshot: Snapshot, epoch: int) -> dict[str, Any]:
    """Returns one row of numbers, in types that JSON has."""
    with np.errstate(all="ignore"):  # of weights that are no longer numbers
        return finite(_row(snapshot, epoch))


def _row(snapshot: Snapshot, epoch: int) -> dict[str, Any]:
    row = {
        "step": snapshot.step,
        "epoch": epoch,
        "examples": len(snapshot.labels),
        "logits_std": float(np.std(snapshot.logits.astype(np.float64))),
        "layers": _layers(snapshot),
        "hidden": _hidden(snapshot),
        "classes": _classes(snapshot) if snapshot.class_names else None,
        "batch_norm": _batch_norm(snapshot),
    }
    if snapshot.step == 0:
        row["inputs"] = inputs(
            snapshot.inputs, snapshot.view.scaled(snapshot.inputs)
        )
    return row


def inputs(raw: np.ndarray, seen: np.ndarray) -> dict[str, float]:
    """Returns what inputs are like, raw and as the network sees them.

    Args:
        raw: `[B, H, W, C]` in 0..255, or vectors `[B, D]`.
        seen: the same after preprocessing.

    Returns:
        mean and standard deviation of all numbers seen; and the share of the
        raw variance, 0..1, that is a difference in brightness between whole
        images.
    """
    flat = raw.reshape(len(raw), -1).astype(np.float64)
    variance = flat.var()
    between = flat.mean(axis=1).var()
    return {
        "mean": float(np.mean(seen, dtype=np.float64)),
        "std": float(np.std(seen, dtype=np.float64)),
        "brightness_share": float(between / variance) if variance else 0.0,
    }


def _layers(snapshot: Snapshot) -> dict[str, dict]:
    """Returns sizes of weights, gradients and updates by layer, in order."""
    ratios = gradients.update_ratios(snapshot)
    return {
        layer: {
            "weight_norm": _norm(weights),
            "gradient_norm": _norm(snapshot.gradients[layer]),
            "update_ratio": ratios[layer],
        }
        for layer, weights in snapshot.weights.items()
    }


def _hidden(snapshot: Snapshot) -> dict[str, dict]:
    """Returns what the units of each hidden layer do, in order."""
    functions = snapshot.view.functions
    return {
        layer: {
            "function": functions[layer],
            "mean": float(np.mean(outputs, dtype=np.float64)),
            "std": float(np.std(outputs, dtype=np.float64)),
            "dead": float(units.dead(outputs, functions[layer]).mean()),
            "spread": units.spread(outputs),
        }
        for layer, outputs in snapshot.activations.items()
    }


def _classes(snapshot: Snapshot) -> dict[str, Any]:
    """Returns how the probe is classified, in training or before it."""
    logits, labels = snapshot.logits, snapshot.labels
    answers = np.bincount(logits.argmax(axis=1), minlength=logits.shape[1])
    confidence = np.exp(metrics.log_softmax(logits).max(axis=1))
    guess, largest = metrics.chance_level(labels, logits.shape[1])
    return {
        "loss": metrics.cross_entropy(logits, labels),
        "guessing_loss": guess,
        "largest_class": largest,
        "accuracy": metrics.count_correct(logits, labels) / len(labels),
        "answers": (answers / len(labels)).round(6).tolist(),
        "confidence": float(confidence.mean()),
        "calibration_error": metrics.expected_calibration_error(logits, labels),
    }


def _batch_norm(snapshot: Snapshot) -> dict[str, Any] | None:
    """Returns how running averages do beside those of the batch itself.

    `None` for a network without batch norm, and before training, when the
    averages are of nothing.
    """
    momenta = [
        layer.momentum
        for layer in snapshot.view.body.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    if not momenta or snapshot.step == 0 or not snapshot.class_names:
        return None
    size = max(snapshot.config.get("batch_size") or 0, FEWEST)
    logits = _in_training(snapshot, size)
    labels = snapshot.labels[: len(logits)]
    return {
        "momentum": min(momenta),
        "loss_in_training": metrics.cross_entropy(logits, labels),
        "accuracy_in_training": metrics.count_correct(logits, labels)
        / len(labels),
    }


def _in_training(snapshot: Snapshot, size: int) -> np.ndarray:
    """Returns logits `[B, K]` of the probe, in batches as of training."""
    starts = range(0, len(snapshot.labels), size)
    return np.concatenate(
        [
            snapshot.view.logits_in_training(snapshot.inputs[s : s + size])
            for s in starts
        ]
    )


def _norm(values: np.ndarray) -> float:
    return float(np.linalg.norm(values.astype(np.float64)))


def finite(value: Any) -> Any:
    """Returns a value with `None` for each number that is not finite.

    Numbers keep six significant digits.
    """
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
