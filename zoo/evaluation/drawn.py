"""Training labels that a run drew: how many of them it has learned by heart.

Runs are scored by the true labels, whatever they were trained with. On the
training examples of a run with --randomize_labels the drawn ones are asked
for as well: that is what its training accuracy is about.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo import metrics
from zoo.data import Split
from zoo.data.random_labels import draw
from zoo.runs import Run


def judge(
    run: Run, split: str, part: Split, logits: np.ndarray
) -> dict[str, Any]:
    """Returns the key `drawn_labels` of a result, where there are such.

    Args:
        run: whose outputs they are.
        split: of which only `train` has drawn labels.
        part: its examples, with their true labels.
        logits: `[N, K]`.

    Returns:
        Nothing, or how many labels were wrong in training, and the share of
        all labels of training that the run answers with, with its interval.
    """
    found = run.resolved["data"].get("random_labels")
    if split != "train" or not found:
        return {}
    seed = run.resolved["config"]["seed"]
    _, labels = draw(part, found["share"], seed, logits.shape[1])
    share = metrics.binomial_ci(
        metrics.count_correct(logits, labels), len(labels)
    )
    return {
        "drawn_labels": {
            "wrong": found["changed"],
            "correct": share.correct,
            "accuracy": share.value,
            "accuracy_low": share.low,
            "accuracy_high": share.high,
        }
    }


def about(result: dict[str, Any]) -> str:
    """Says by which labels a result was scored, where that is a question."""
    found = result.get("drawn_labels")
    if not found:
        return ""
    return (
        f"\nby the true labels; {found['wrong']:,} were others in training, "
        "and were drawn"
    )
