"""The worst mistakes of a run as text and as JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from zoo.commands import Target
from zoo.console import expand_command, format_table
from zoo.evaluation.mistakes import SPLITS, Mistakes, headline

SHOWN = 10
HEADS = ("image", "label", "answer", "sure", "of label", "loss")


def text(wrong: Mistakes, target: Target) -> str:
    """Returns how many there are, and a table of the worst.

    Args:
        target: the run, for a command about it.
    """
    if not wrong.total:
        return _without(wrong, target)
    rows = [
        (
            each.image,
            each.truth,
            each.answer,
            f"{each.probability:.3f}",
            f"{each.probability_of_truth:.3f}",
            f"{each.loss:.3f}",
        )
        for each in wrong.worst[:SHOWN]
    ]
    head = f"{wrong.run}: {headline(wrong)}, the largest loss first"
    return f"{head}\n\n{format_table(HEADS, rows, right=(3, 4, 5))}"


def _without(wrong: Mistakes, target: Target) -> str:
    """Says that there is no mistake, and where else to look."""
    other = ""
    if wrong.split != "train":
        command = expand_command(target.typed("misclassified", split="train"))
        other = f"; `{command}` looks at the others"
    return (
        f"{wrong.run} has no mistake among {len(wrong.part):,} "
        f"{SPLITS[wrong.split]} examples{other}."
    )


def as_json(wrong: Mistakes) -> dict[str, Any]:
    """Returns the same in types that JSON has; losses are in nats."""
    return {
        "run": wrong.run,
        "split": wrong.split,
        "examples": len(wrong.part),
        "mistakes": wrong.total,
        "worst": [dataclasses.asdict(each) for each in wrong.worst],
    }
