"""What each choice about the step brings: a step with it and one without.

The zoo's own training step, on batches as training reads them, by turns in
one process; one thing at a time is done as a plain script would do it. The
last choice was decided the other way: what is shown is what it would bring.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest import mock

from benchmarks import images
from benchmarks.asked import Asked, Row
from benchmarks.cases import Case, one_a_model
from benchmarks.columns import columns, span
from benchmarks.stepping import Step
from benchmarks.stopwatch import task

HERE = "benchmarks.choices"
SMALL = ("lr", "mlp", "lenet5", "cnn_cpcpff")
DEEP = ("resnet20", "wrn16_4")
SHUFFLED = 10_000  # examples at hand to choose from, as in tf.data's guide


@dataclasses.dataclass(frozen=True)
class Choice:
    """One thing about the step that can be done in two ways.

    Attributes:
        about: what the zoo does, in words.
        chosen, other: options of a step that differ, by name.
        models: whose steps show it.
        needs_bfloat16: whether processors must be able to multiply in it.
    """

    about: str
    chosen: dict[str, Any] = dataclasses.field(default_factory=dict)
    other: dict[str, Any] = dataclasses.field(default_factory=dict)
    models: tuple[str, ...] = SMALL
    needs_bfloat16: bool = False


CHOICES = {
    "execution": Choice(
        "several updates between two looks at Python",
        other={"steps_per_execution": 1},
    ),
    "gather": Choice(
        "batches gathered by index", other={"batches": "shuffled"}
    ),
    "adam": Choice("Adam in one pass", other={"adam": "keras"}),
    "bfloat16": Choice(
        "arithmetic in bfloat16",
        chosen={"precision": "bfloat16"},
        models=SMALL + DEEP,
        needs_bfloat16=True,
    ),
    "norm": Choice(
        "batch norm in one pass", other={"norm": "keras"}, models=DEEP
    ),
    "xla": Choice("XLA, which is left off", chosen={"jit": "on"}),
}


def measure(asked: Asked) -> list[Row]:
    """Measures every choice, a process a model; a row a choice and model."""
    rows = []
    for case in one_a_model(asked.cases):
        names = [
            name
            for name, choice in CHOICES.items()
            if case.model in choice.models
            and (asked.have_bfloat16 or not choice.needs_bfloat16)
        ]
        if not names:
            continue
        asked.say(f"choices about the step of {case.name}")
        found = asked.run(
            HERE, choices=names, turns=asked.repeats, **asked.about(case)
        )
        rows += [
            {
                "key": f"{case.name} {name}",
                "about": CHOICES[name].about,
                **compare(found["turns"][name]),
            }
            for name in names
        ]
    return rows


def compare(turns: list[dict[str, float]]) -> dict[str, Any]:
    """Returns median images a second both ways, and of the paired ratios."""
    ratios = [turn["chosen"] / turn["other"] for turn in turns]
    return {
        "chosen": statistics.median(turn["chosen"] for turn in turns),
        "other": statistics.median(turn["other"] for turn in turns),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
    }


def main() -> None:
    """Prints images a second of both ways, turn by turn."""
    given = task()
    case = Case(**given["case"])
    data = images.load(given["images"], case)
    usual = step(case, data)
    found = {}
    for name in given["choices"]:
        choice = CHOICES[name]
        chosen, other = (
            step(case, data, **options) if options else usual
            for options in (choice.chosen, choice.other)
        )
        ways = {"chosen": chosen, "other": other}
        found[name] = [
            {way: rate(ways[way]) for way in order}
            for order in orders(ways, given["turns"])
        ]
    print(json.dumps({"turns": found}))


def orders(ways: Iterable[str], turns: int) -> Iterator[list[str]]:
    """Yields A B, B A, A B, ...: who is first in a turn is slower."""
    for turn in range(turns):
        yield list(ways) if turn % 2 == 0 else list(ways)[::-1]


def rate(step: Step) -> float:
    """Returns images a second."""
    return step.batch_size * step.a_second()


def step(
    case: Case,
    data,
    batches: str = "gathered",
    adam: str = "zoo",
    norm: str = "zoo",
    **options,
) -> Step:
    """Builds a step of a case.

    Args:
        case: what is trained.
        data: its images.
        batches: `gathered` as training does, or `shuffled` by tf.data.
        adam: the `zoo`'s, or that of `keras`.
        norm: how batch norm is computed, by the `zoo` or by `keras`.
        **options: of `TrainConfig`.
    """
    from zoo.training import one_pass_adam, one_pass_norm

    with contextlib.ExitStack() as stack:
        undone = mock.patch.object
        if adam == "keras":
            no_kernel = undone(one_pass_adam, "_has_kernel", lambda: False)
            stack.enter_context(no_kernel)
        if norm == "keras":
            no_kernel = undone(one_pass_norm, "use_kernel", lambda model: None)
            stack.enter_context(no_kernel)
        return Step(case, data, batches=BATCHES[batches](case, data), **options)


def _gathered(case: Case, data) -> Iterator:
    from zoo.data.pipeline import Batches

    return iter(Batches(data.train, case.batch_size, seed=0).epoch(0).repeat())


def _shuffled(case: Case, data) -> Iterator:
    """Returns batches as the guide to tf.data makes them of arrays."""
    import tensorflow as tf

    pairs = data.train.images.astype("float32"), data.train.labels
    examples = tf.data.Dataset.from_tensor_slices(pairs).shuffle(SHUFFLED)
    batches = examples.batch(case.batch_size).prefetch(tf.data.AUTOTUNE)
    return iter(batches.repeat())


BATCHES: dict[str, Callable] = {"gathered": _gathered, "shuffled": _shuffled}


def table(rows: list[Row]) -> str:
    """Returns both rates and their ratio, choice by choice."""
    cells = [["choice", "with", "without", "ratio", "range", "of"]]
    for row in rows:
        cells.append(
            [
                row["key"],
                f"{row['chosen']:,.0f}",
                f"{row['other']:,.0f}",
                f"{row['ratio']:.2f}",
                span(row["ratios"]),
                row["about"],
            ]
        )
    title = (
        "images a second of the training step with a choice and without it, "
        "all else the same, by turns\nin one process"
    )
    return f"{title}\n{columns(cells)}"


if __name__ == "__main__":
    sys.exit(main())
