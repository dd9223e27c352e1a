"""Time until a validation accuracy, with zoo, Keras and PyTorch by turns.

All train the same network on the same images with the same augmentation, Adam
and a cosine schedule over the same number of epochs, so that the time to an
accuracy differs by speed and, where initialization and shuffling matter, by
chance.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.config import (
    BenchmarkConfig,
    Case,
    Report,
    Row,
    zoo_implementations,
)
from benchmarks.results import columns, span
from benchmarks.training import Round, run_rounds


@dataclasses.dataclass(frozen=True)
class Goal:
    """A training, and validation accuracies 0..1 that it should reach."""

    case: Case
    accuracies: tuple[float, ...]


GOALS = (
    Goal(Case("lr", 128, epochs=8, rounds=3), (0.92,)),
    Goal(Case("mlp", 128, epochs=4, rounds=3), (0.97,)),
    Goal(Case("lenet5", 128, epochs=20, rounds=2), (0.98, 0.99)),
    Goal(
        Case(
            "airbench94",
            256,
            epochs=20,
            dataset="cifar10",
            bfloat16=False,
            rounds=1,
            model_args={"width": 32},
            augment="crop_flip",
        ),
        (0.60, 0.75, 0.90),
    ),
)


def measure(config: BenchmarkConfig) -> list[Row]:
    """Trains for every goal of the chosen models; a row per accuracy."""
    models = {case.model for case in config.cases}
    rows = []
    for goal in GOALS:
        case = goal.case
        if case.model not in models:
            continue
        sides = [
            *zoo_implementations(case, config.have_bfloat16),
            *config.peers,
        ]
        config.say(f"time to accuracy of {case.model} on {case.dataset}")
        rounds = run_rounds(sides, case.rounds, config, **config.task(case))
        stand_in = config.images.substitute(case.dataset)
        rows += [
            {
                "key": f"{case.model} {accuracy:.0%}",
                "dataset": case.dataset,
                "epochs": case.epochs,
                "stand_in": stand_in,
                "sides": summarize(rounds, accuracy),
            }
            for accuracy in goal.accuracies
        ]
    return rows


def summarize(
    rounds: Sequence[Round], accuracy: float
) -> dict[str, dict[str, Any]]:
    """Returns seconds and images until an accuracy, by implementation."""
    return {
        side: {
            "seconds": [time_to(found[side], accuracy)[0] for found in rounds],
            "images": [time_to(found[side], accuracy)[1] for found in rounds],
        }
        for side in rounds[0]
    }


def time_to(report: Report, accuracy: float) -> tuple[float | None, int | None]:
    """Returns when a training first reached an accuracy.

    Returns:
        Seconds from images in memory to the end of the first epoch with at
        least this validation accuracy, building and compiling included, and
        the number of training images seen; `None` twice if there is none.
    """
    for epoch, found in enumerate(report["val_accuracies"]):
        if found >= accuracy:
            seconds = report["epoch_ends"][epoch] - report["moments"]["loaded"]
            return seconds, (epoch + 1) * report["examples"]
    return None, None


def table(rows: list[Row]) -> str:
    """Returns medians and ranges."""
    cells = [["accuracy", "dataset", "", "time", "range", "images", "reached"]]
    for row in rows:
        for side, found in row["sides"].items():
            seconds = [s for s in found["seconds"] if s is not None]
            images = [n for n in found["images"] if n is not None]
            cells.append(
                [
                    row["key"],
                    row["dataset"],
                    side,
                    f"{statistics.median(seconds):.1f} s" if seconds else "",
                    span(seconds, ".1f") if seconds else "",
                    f"{statistics.median(images):,.0f}" if images else "",
                    f"{len(seconds)} of {len(found['seconds'])}",
                ]
            )
    title = (
        "time and training images until a validation accuracy, from images in "
        "memory to the end of\nthe first epoch that reaches it; medians of the "
        "trainings that do"
    )
    return f"{title}\n{columns(cells)}"
