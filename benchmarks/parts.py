"""What `make bench` measures, part by part: the one table of their names."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from benchmarks import (
    choices,
    growth,
    inference,
    loader,
    looking,
    memory,
    startup,
    steps,
    sweeping,
    training,
)
from benchmarks.asked import Asked, Row
from zoo.errors import unknown_name_error


@dataclasses.dataclass(frozen=True)
class Part:
    """One thing that is measured.

    Attributes:
        about: what it measures, in words.
        minutes: it takes on two quiet cores, at five repeats.
        measure: from what is asked to rows.
        table: from rows to what a person reads.
    """

    name: str
    about: str
    minutes: float
    measure: Callable[[Asked], list[Row]]
    table: Callable[[list[Row]], str]


PARTS = tuple(
    Part(name, about, minutes, module.measure, module.table)
    for name, about, minutes, module in (
        ("startup", "how long commands take to start", 1, startup),
        ("memory", "peak memory of a command", 0.5, memory),
        ("training", "training beside peers", 29, training),
        ("inference", "evaluation and prediction beside peers", 3, inference),
        ("step", "the share of the processors' rate in a step", 2.5, steps),
        ("choices", "what each choice about the step brings", 6, choices),
        ("loader", "batches alone, beside what a step takes", 1.5, loader),
        ("looks", "what summaries cost", 4, looking),
        ("growth", "time and memory by images, width and depth", 2, growth),
        ("sweeps", "what a second worker is worth", 3.5, sweeping),
    )
)
BY_NAME = {part.name: part for part in PARTS}


def choose(names: Sequence[str]) -> list[Part]:
    """Returns the parts of these names, in the order of the table.

    Args:
        names: none of them means all.

    Raises:
        UserError: one of them is not in the table.
    """
    for name in names:
        if name not in BY_NAME:
            raise unknown_name_error("part", name, BY_NAME, "")
    return [part for part in PARTS if not names or part.name in names]
