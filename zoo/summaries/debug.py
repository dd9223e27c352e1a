"""The lecture's debugging print: what is predicted, beside what is true.

A network that is stuck on one class shows it here at once.
"""

from __future__ import annotations

from zoo import metrics
from zoo.summaries.snapshot import Snapshot

SAMPLE = 20  # images shown


def text(snapshot: Snapshot, train_accuracy: float | None, split: str) -> str:
    """Returns a few lines on one moment of training.

    Args:
        snapshot: logits and labels of the probe.
        train_accuracy: running mean of the epoch so far; `None` where numbers
            are predicted.
        split: where the probe is from, `val` or `train`.
    """
    if train_accuracy is None:
        return _numbers_text(snapshot)
    logits, labels = snapshot.logits, snapshot.labels
    predictions = logits.argmax(axis=1)
    by_class = metrics.correct_per_class(
        logits, labels, len(snapshot.class_names)
    )
    width = max(len(str(len(snapshot.class_names) - 1)), 1)
    where = {"val": "validation", "train": "training sample"}[split]
    correct = metrics.count_correct(logits, labels)
    return "\n".join(
        [
            f"step {snapshot.step:,}: training accuracy {train_accuracy:.4f}, "
            f"{where} accuracy {correct / len(labels):.4f} "
            f"({correct} of {len(labels)})",
            f"  predicted {_row(predictions[:SAMPLE], width)}",
            f"  truth     {_row(labels[:SAMPLE], width)}",
            "  correct predictions by class: "
            + ", ".join(
                f"{name} {right}/{total}"
                for name, (right, total) in zip(
                    snapshot.class_names, by_class, strict=True
                )
            ),
        ]
    )


def _numbers_text(snapshot: Snapshot) -> str:
    """As `text`, where numbers are predicted."""
    error = metrics.mean_squared_error(snapshot.logits, snapshot.labels)
    predicted, truth = (
        " ".join(f"{number:>6.2f}" for number in numbers[:SAMPLE])
        for numbers in (snapshot.logits[:, 0], snapshot.labels)
    )
    return (
        f"step {snapshot.step:,}: mean squared error {error:.4g}\n"
        f"  predicted {predicted}\n  truth     {truth}"
    )


def _row(numbers, width: int) -> str:
    return " ".join(f"{number:>{width}}" for number in numbers)
