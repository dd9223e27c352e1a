"""Logits, weights, gradients and activations, layer by layer.

TensorBoard has their histograms, and the debugging text predictions beside
labels. `zoo diagnose` finds problems by numbers of each layer, which are in a
run's `layer_stats.json`, one row a measurement. A number that is not finite is
`None` there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zoo import metrics
from zoo.models.graph import batch_norms
from zoo.summaries.events import EventWriter
from zoo.summaries.inspector import Snapshot

MIN_EXAMPLES = 32  # from which the statistics of a batch are meaningful

# Limits at which an activation is flat, so that no gradient passes. Zero is
# not listed, since outputs of exactly zero count for every activation.
LIMITS = {
    "sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "elu": (-1.0,),
    "softplus": (0.0,),
}
SATURATION_TOL = 0.01  # distance from a limit within which a unit is saturated


def should_measure(epoch: int, last: bool) -> bool:
    """Whether to measure after an epoch: 0, 1, 2, 4, 8, ..., and the last.

    Training changes fast at first and slowly later, and the cost stays that
    of a few measurements, however long a run is.
    """
    return last or epoch & (epoch - 1) == 0


def measure(snapshot: Snapshot, epoch: int) -> dict[str, Any]:
    """Returns one row of numbers, in types that JSON has."""
    with np.errstate(all="ignore"):  # weights may be NaN or infinite
        return to_json(_row(snapshot, epoch))


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
    if unmeasured := snapshot.inspector.unmeasured:
        row["unmeasured"] = unmeasured
    if snapshot.step == 0:
        row["inputs"] = input_stats(
            snapshot.inputs, snapshot.inspector.normalize(snapshot.inputs)
        )
    return row


def input_stats(raw: np.ndarray, normalized: np.ndarray) -> dict[str, float]:
    """Returns statistics of the inputs, before and after preprocessing.

    Args:
        raw: `[B, H, W, C]` in 0..255, or vectors `[B, D]`.
        normalized: the same after preprocessing.

    Returns:
        `mean` and `std` of the preprocessed inputs; and `brightness_fraction`,
        the fraction of the raw variance, 0..1, that is a difference in
        brightness between whole images.
    """
    flat = raw.reshape(len(raw), -1).astype(np.float64)
    variance = flat.var()
    between = flat.mean(axis=1).var()
    return {
        "mean": float(np.mean(normalized, dtype=np.float64)),
        "std": float(np.std(normalized, dtype=np.float64)),
        "brightness_fraction": float(between / variance) if variance else 0.0,
    }


def _layers(snapshot: Snapshot) -> dict[str, dict]:
    """Returns norms of weights, gradients and updates by layer, in order."""
    ratios = update_ratios(snapshot)
    return {
        layer: {
            "weight_norm": _norm(weights),
            "gradient_norm": _norm(snapshot.gradients[layer]),
            "update_ratio": ratios[layer],
        }
        for layer, weights in snapshot.weights.items()
    }


def _hidden(snapshot: Snapshot) -> dict[str, dict]:
    """Returns statistics of the units of each hidden layer, in order."""
    names = snapshot.inspector.activation_names
    return {
        layer: {
            "function": names[layer],
            "mean": float(np.mean(outputs, dtype=np.float64)),
            "std": float(np.std(outputs, dtype=np.float64)),
            "dead": float(dead_units(outputs, names[layer]).mean()),
            "spread": unit_spread(outputs),
        }
        for layer, outputs in snapshot.activations.items()
    }


def _classes(snapshot: Snapshot) -> dict[str, Any]:
    """Returns metrics of classification on the fixed batch."""
    logits, labels = snapshot.logits, snapshot.labels
    counts = np.bincount(logits.argmax(axis=1), minlength=logits.shape[1])
    confidence = np.exp(metrics.log_softmax(logits).max(axis=1))
    guess, largest = metrics.chance_level(labels, logits.shape[1])
    return {
        "loss": metrics.cross_entropy(logits, labels),
        "chance_loss": guess,
        "largest_class": largest,
        "accuracy": metrics.count_correct(logits, labels) / len(labels),
        "predictions": (counts / len(labels)).round(6).tolist(),
        "confidence": float(confidence.mean()),
        "calibration_error": metrics.expected_calibration_error(logits, labels),
    }


def _batch_norm(snapshot: Snapshot) -> dict[str, Any] | None:
    """Returns metrics with batch statistics in place of moving averages.

    `None` for a model without batch norm that trains, and before training,
    when the moving averages are not meaningful.
    """
    momenta = [
        layer.momentum
        for layer in batch_norms(snapshot.inspector.network)
        if layer.trainable  # a frozen one uses its averages in training too
    ]
    if not momenta or snapshot.step == 0 or not snapshot.class_names:
        return None
    size = max(snapshot.config.get("batch_size") or 0, MIN_EXAMPLES)
    logits = _logits_in_training(snapshot, size)
    labels = snapshot.labels[: len(logits)]
    return {
        "momentum": min(momenta),
        "loss_in_training": metrics.cross_entropy(logits, labels),
        "accuracy_in_training": metrics.count_correct(logits, labels)
        / len(labels),
    }


def _logits_in_training(snapshot: Snapshot, size: int) -> np.ndarray:
    """Returns logits `[B, K]` of the fixed batch, in training batches."""
    inspector, inputs = snapshot.inspector, snapshot.inputs
    return np.concatenate(
        [
            inspector.logits_in_training(inputs[start : start + size])
            for start in range(0, len(inputs), size)
        ]
    )


def update_ratios(snapshot: Snapshot) -> dict[str, float | None]:
    """Returns the norm of the next update over that of the weights, by layer.

    `None` where it is not finite; empty for a model without weights.
    """
    if not snapshot.weights:
        return {}
    return {
        layer: norm_ratio(snapshot.updates[layer], weights)
        for layer, weights in snapshot.weights.items()
    }


def norm_ratio(update: np.ndarray, weights: np.ndarray) -> float | None:
    """Returns the ratio of two Euclidean norms, `None` if not finite."""
    norm = _norm(weights)
    if not norm or not math.isfinite(norm):
        return None
    ratio = _norm(update) / norm
    return ratio if math.isfinite(ratio) else None


def dead_units(outputs: np.ndarray, activation: str) -> np.ndarray:
    """Returns which units pass no gradient for any example at any place.

    A unit is an entry of the last axis: a neuron, or a channel of a
    convolution, which has one output at each place. Dead are those that are
    exactly zero throughout, as of ReLU, and those that stay within a hundredth
    of one limit of sigmoid, tanh, ELU or softplus.

    Args:
        outputs: `[B, ..., U]`, after the activation.
        activation: its name.

    Returns:
        bool `[U]`.
    """
    values = outputs.reshape(-1, outputs.shape[-1])
    dead = (values == 0).all(axis=0)
    for limit in LIMITS.get(activation, ()):
        dead |= (np.abs(values - limit) < SATURATION_TOL).all(axis=0)
    return dead


def unit_spread(outputs: np.ndarray) -> float:
    """Returns the relative difference between units, 0 if all are equal.

    The standard deviation over the units for the same example and place,
    divided by the root mean square of all outputs.
    """
    values = outputs.reshape(-1, outputs.shape[-1]).astype(np.float64)
    size = np.sqrt(np.mean(np.square(values)))
    if not size:
        return 0.0
    between = values - values.mean(axis=1, keepdims=True)
    return float(np.sqrt(np.mean(np.square(between))) / size)


def _norm(values: np.ndarray) -> float:
    return float(np.linalg.norm(values.astype(np.float64)))


def to_json(value: Any) -> Any:
    """Returns a value with `None` for each number that is not finite.

    Numbers keep six significant digits.
    """
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


NUM_DEBUG_EXAMPLES = 20

LOGITS = (
    "Histogram of all logits on a fixed validation batch. Narrow around zero: "
    "the predictions do not depend on the input. Spreading over time: it "
    "learns. Growing without bound: it becomes overconfident."
)
MARGINS = (
    "Histogram of the margins on a fixed validation batch: the logit of the "
    "true class minus the largest other one. Below zero the prediction is "
    "incorrect, above zero correct; the mass should move to the right."
)
WEIGHTS = (
    "Histogram of the weights of this layer. Unchanged from the "
    "initialization: the layer does not learn. Growing without end: the "
    "learning rate is too high, or there is too little regularization."
)
GRADIENTS = (
    "Histogram of the gradients of this layer on a fixed batch. Gradients "
    "that shrink from layer to layer towards the input vanish."
)
UPDATE_RATIO = (
    "Norm of the next update divided by the norm of the weights of this "
    "layer. About 1e-3 is usual; 0.1 is too large a learning rate, 1e-6 too "
    "small a one."
)
ACTIVATIONS = (
    "Histogram of the outputs of this hidden layer on a fixed validation "
    "batch. Outputs that pile up at zero, or at the limits of a sigmoid, "
    "belong to units that no longer learn."
)
DEAD_UNITS = (
    "Fraction of the units of this hidden layer that pass no gradient for any "
    "example of a fixed batch, 0 to 1. Near 1 the layer is dead: lower the "
    "learning rate, or change the initializer."
)


def write_logits(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the histogram `logits` and, for a classifier, `margins`."""
    writer.histogram(
        "logits", snapshot.logits, snapshot.step, snapshot.describe(LOGITS)
    )
    if snapshot.class_names:
        with np.errstate(invalid="ignore"):  # infinity minus infinity
            margins = metrics.margins(snapshot.logits, snapshot.labels)
        writer.histogram(
            "margins", margins, snapshot.step, snapshot.describe(MARGINS)
        )


def write_weights(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes a histogram `weights/<layer>` for each layer."""
    for layer, weights in snapshot.weights.items():
        writer.histogram(f"weights/{layer}", weights, snapshot.step, WEIGHTS)


def write_gradients(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes histograms `gradients/<layer>` and scalars `update_ratio/...`.

    The ratio is left out for a layer whose weights are all zero or not finite.
    """
    for layer in snapshot.weights:
        gradients = snapshot.gradients[layer]
        tag = f"gradients/{layer}"
        writer.histogram(tag, gradients, snapshot.step, GRADIENTS)
    for layer, ratio in update_ratios(snapshot).items():
        if ratio is not None:
            tag = f"update_ratio/{layer}"
            writer.scalar(tag, ratio, snapshot.step, UPDATE_RATIO)


def write_activations(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes `activations/<layer>` and the fraction `dead_units/<layer>`."""
    names = snapshot.inspector.activation_names
    for layer, outputs in snapshot.activations.items():
        tag = f"activations/{layer}"
        writer.histogram(
            tag, outputs, snapshot.step, snapshot.describe(ACTIVATIONS)
        )
        dead = float(dead_units(outputs, names[layer]).mean())
        tag = f"dead_units/{layer}"
        writer.scalar(tag, dead, snapshot.step, DEAD_UNITS)


def debug_text(
    snapshot: Snapshot, train_accuracy: float | None, split: str
) -> str:
    """Returns sample predictions beside their labels, a few lines.

    A model that predicts one class for every input is recognized at once.

    Args:
        snapshot: logits and labels of the fixed batch.
        train_accuracy: running mean of the epoch so far; `None` for a
            regression.
        split: split of the fixed batch, `val` or `train`.
    """
    if train_accuracy is None:
        return _regression_text(snapshot)
    logits, labels = snapshot.logits, snapshot.labels
    predictions = logits.argmax(axis=1)
    by_class = metrics.correct_per_class(
        logits, labels, len(snapshot.class_names)
    )
    width = max(len(str(len(snapshot.class_names) - 1)), 1)
    name = {"val": "validation", "train": "training sample"}[split]
    correct = metrics.count_correct(logits, labels)
    return "\n".join(
        [
            f"step {snapshot.step:,}: training accuracy {train_accuracy:.4f}, "
            f"{name} accuracy {correct / len(labels):.4f} "
            f"({correct} of {len(labels)})",
            f"  predicted {_columns(predictions[:NUM_DEBUG_EXAMPLES], width)}",
            f"  true      {_columns(labels[:NUM_DEBUG_EXAMPLES], width)}",
            "  correct predictions by class: "
            + ", ".join(
                f"{name} {correct}/{total}"
                for name, (correct, total) in zip(
                    snapshot.class_names, by_class, strict=True
                )
            ),
        ]
    )


def _regression_text(snapshot: Snapshot) -> str:
    error = metrics.mean_squared_error(snapshot.logits, snapshot.labels)
    predicted, true = (
        " ".join(f"{number:>6.2f}" for number in numbers[:NUM_DEBUG_EXAMPLES])
        for numbers in (snapshot.logits[:, 0], snapshot.labels)
    )
    return (
        f"step {snapshot.step:,}: mean squared error {error:.4g}\n"
        f"  predicted {predicted}\n  true      {true}"
    )


def _columns(numbers, width: int) -> str:
    return " ".join(f"{number:>{width}}" for number in numbers)
