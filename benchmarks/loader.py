"""Batches by themselves: do they come faster than a step wants them?"""

from __future__ import annotations

import dataclasses
import json
import statistics
import sys
from collections.abc import Iterable
from typing import Any

from benchmarks import images
from benchmarks.asked import Asked, Report, Row
from benchmarks.cases import Case, one_a_model
from benchmarks.columns import columns
from benchmarks.stepping import Step, calls_a_second
from benchmarks.stopwatch import task

HERE = "benchmarks.loader"
SHIFTED = {"cifar10": "crop_flip"}  # what recipes do; digits are not mirrored


def measure(asked: Asked) -> list[Row]:
    """Measures every model in a process of its own; a row a model."""
    rows = []
    for case in one_a_model(asked.cases):
        asked.say(f"the batches of {case.name}")
        found = asked.run(HERE, turns=asked.repeats, **asked.about(case))
        rows.append(
            {
                "key": case.name,
                "images": case.dataset,
                "augment": augmentation(case),
                **compare(found),
            }
        )
    return rows


def compare(found: Report) -> dict[str, Any]:
    """Returns medians of images a second, and how much faster batches come."""
    plain, moved, step = (
        [turn[name] for turn in found["turns"]]
        for name in ("plain", "moved", "step")
    )
    return {
        "plain": statistics.median(plain),
        "moved": statistics.median(moved),
        "step": statistics.median(step),
        "plain_ratio": _median_ratio(plain, step),
        "moved_ratio": _median_ratio(moved, step),
    }


def _median_ratio(first: Iterable[float], second: Iterable[float]) -> float:
    return statistics.median(a / b for a, b in zip(first, second, strict=True))


def augmentation(case: Case) -> str:
    """Returns how recipes move the pixels of a case's images."""
    return SHIFTED.get(case.dataset, "crop")


def main() -> None:
    """Prints images a second of batches and step, turn by turn."""
    given = task()
    from zoo.data.pipeline import Batches

    case = Case(**given["case"])
    # All images, so that what an epoch costs once weighs as it does there.
    case = dataclasses.replace(case, train_examples=None)
    data = images.load(given["images"], case)
    plain, moved = (
        Epochs(Batches(data.train, case.batch_size, seed=0, augment=augment))
        for augment in ("none", augmentation(case))
    )
    step = Step(case, data)
    turns = [
        {
            "plain": len(data.train) * calls_a_second(plain),
            "moved": len(data.train) * calls_a_second(moved),
            "step": step.batch_size * step.a_second(),
        }
        for _ in range(given["turns"])
    ]
    print(json.dumps({"turns": turns}))


class Epochs:
    """Reads all batches of one epoch after another; the first is over."""

    def __init__(self, batches):
        import tensorflow as tf

        self._batches = batches
        self._epoch = 0
        # Read as `fit` reads them, without a look at Python.
        self._read = tf.function(lambda epoch: epoch.reduce(0, _count))
        self()

    def __call__(self) -> None:
        self._read(self._batches.epoch(self._epoch))
        self._epoch += 1


def _count(number, _):
    return number + 1


def table(rows: list[Row]) -> str:
    """Returns rates, and ratios to what the step takes."""
    head = ["batches", "images", "as they are", "moved", ""]
    cells = [[*head, "the step takes", "times", "moved"]]
    for row in rows:
        cells.append(
            [
                row["key"],
                row["images"],
                f"{row['plain']:,.0f}",
                f"{row['moved']:,.0f}",
                row["augment"],
                f"{row['step']:,.0f}",
                f"{row['plain_ratio']:.1f}",
                f"{row['moved_ratio']:.1f}",
            ]
        )
    title = (
        "images a second of batches alone, beside those that the step takes "
        "when it waits for none"
    )
    return f"{title}\n{columns(cells)}"


if __name__ == "__main__":
    sys.exit(main())
