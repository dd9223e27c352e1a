"""From outputs and labels to scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo import metrics

TOP = 5
# With so many classes or fewer, half of them and more would be in the top 5.
FEW_CLASSES = 10


def of_numbers(outputs: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
    """Returns the mean squared error, and R2 (`None` for equal targets)."""
    error = metrics.mean_squared_error(outputs, targets)
    return {
        "mean_squared_error": error,
        "r2": _finite(metrics.r2_score(error, targets)),
    }


def of_classes(
    logits: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    loss: Callable[[np.ndarray, np.ndarray], float],
) -> dict[str, Any]:
    """Returns every score of a classifier.

    Args:
        logits: `[N, K]`.
        labels: int32 `[N]`.
        names: of the `K` classes.
        loss: what was minimized, its mean from labels and logits.

    Returns:
        What `zoo evaluate --json` prints but for the run and the split.
        Shares are 0..1, losses in nats; `None` where nothing can be said,
        such as the precision of a class that was never answered.
    """
    matrix = metrics.confusion_matrix(labels, logits.argmax(axis=1), len(names))
    return {
        **_share("", metrics.count_correct(logits, labels), len(labels)),
        "balanced_accuracy": metrics.balanced_accuracy(matrix),
        **_top(logits, labels),
        "loss": loss(labels, logits),
        "negative_log_likelihood": metrics.cross_entropy(logits, labels),
        "expected_calibration_error": metrics.expected_calibration_error(
            logits, labels
        ),
        "brier_score": metrics.brier_score(logits, labels),
        "classes": _by_class(matrix, names),
        "confusion": matrix.tolist(),
    }


def _share(start: str, correct: int, examples: int) -> dict[str, Any]:
    share = metrics.binomial_ci(correct, examples)
    return {
        f"{start}correct": correct,
        f"{start}accuracy": share.value,
        f"{start}accuracy_low": share.low,
        f"{start}accuracy_high": share.high,
    }


def _top(logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    if logits.shape[1] <= FEW_CLASSES:
        return {}
    found = metrics.top_k_correct(logits, labels, TOP)
    return _share(f"top{TOP}_", found, len(labels))


def _by_class(matrix: np.ndarray, names: Sequence[str]) -> list[dict]:
    rows = []
    precision = metrics.precision_per_class(matrix)
    for index, name in enumerate(names):
        correct, examples = matrix[index, index], matrix[index].sum()
        row = {
            "class": name,
            "examples": int(examples),
            "correct": int(correct),
            "answers": int(matrix[:, index].sum()),
            "precision": _finite(precision[index]),
            "recall": None,
            "recall_low": None,
            "recall_high": None,
        }
        if examples:
            share = metrics.binomial_ci(int(correct), int(examples))
            row["recall"] = share.value
            row["recall_low"], row["recall_high"] = share.low, share.high
        rows.append(row)
    return rows


def _finite(number: float) -> float | None:
    """Returns a number that JSON knows."""
    return float(number) if math.isfinite(number) else None
