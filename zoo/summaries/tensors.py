"""Histograms and scalars of tensors: logits, weights, gradients, activations.

Also the debugging text, which shows predictions beside labels.
"""

from __future__ import annotations

import numpy as np

from zoo import metrics
from zoo.summaries.events import EventWriter
from zoo.summaries.inspector import Snapshot
from zoo.summaries.layer_stats import dead_units, update_ratios

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
    writer.histogram("logits", snapshot.logits, snapshot.step, LOGITS)
    if snapshot.class_names:
        with np.errstate(invalid="ignore"):  # infinity minus infinity
            margins = metrics.margins(snapshot.logits, snapshot.labels)
        writer.histogram("margins", margins, snapshot.step, MARGINS)


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
        writer.histogram(tag, outputs, snapshot.step, ACTIVATIONS)
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
            f"  predicted {_row(predictions[:NUM_DEBUG_EXAMPLES], width)}",
            f"  true      {_row(labels[:NUM_DEBUG_EXAMPLES], width)}",
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


def _row(numbers, width: int) -> str:
    return " ".join(f"{number:>{width}}" for number in numbers)
