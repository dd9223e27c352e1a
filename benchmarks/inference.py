"""Evaluation and prediction of all sides by turns, on validation images."""

from __future__ import annotations

import dataclasses
import statistics

from benchmarks.asked import Asked, Report, Row
from benchmarks.cases import one_a_model
from benchmarks.columns import columns, span
from benchmarks.sides import ZOO

ANSWERING = "benchmarks.answering"
ROUNDS = 2  # at most
# Images of each model: a pass over them takes about a second.
EXAMPLES = {
    "lr": 6_000,
    "mlp": 6_000,
    "lenet5": 6_000,
    "cnn_cpcpff": 2_048,
    "wrn16_4": 256,
}


def measure(asked: Asked) -> list[Row]:
    """Asks every side for its answers of all models; a row a question."""
    cases = [
        dataclasses.replace(case, val_examples=EXAMPLES[case.model])
        for case in one_a_model(asked.cases)
        if case.model in EXAMPLES
    ]
    if not cases:
        return []
    questions = [asked.about(case) for case in cases]
    sides = [ZOO, *(peer.name for peer in asked.peers)]
    rounds = []
    for number in range(asked.rounds(ROUNDS)):
        asked.say(f"evaluation and prediction, round {number + 1}")
        order = sides if number % 2 == 0 else sides[::-1]
        rounds.append(
            {
                side: asked.run(ANSWERING, side=side, questions=questions)
                for side in order
            }
        )
    return [
        {
            "key": f"{case.model} {what}",
            "images": f"{case.val_examples:,} of {case.dataset}",
            "stand_in": asked.images.stand_in(case.dataset),
            **compare(rounds, case.model, what),
        }
        for case in cases
        for what in ("evaluate", "predict")
    ]


def compare(rounds: list[dict[str, Report]], model: str, what: str) -> Row:
    """Returns median images a second by side, and ratios by peer."""
    rates = {
        side: [found[side]["rates"][model][what] for found in rounds]
        for side in rounds[0]
    }
    ratios = {
        side: [a / b for a, b in zip(rates[ZOO], found, strict=True)]
        for side, found in rates.items()
        if side != ZOO
    }
    return {
        "rates": {s: statistics.median(found) for s, found in rates.items()},
        "ratios": [
            {"peer": s, "ratio": statistics.median(found), "ratios": found}
            for s, found in ratios.items()
        ],
    }


def table(rows: list[Row]) -> str:
    """Returns rates and ratios."""
    cells = [["answers", "images", "zoo", "peer", "", "ratio", "range"]]
    for row in rows:
        for found in row["ratios"]:
            cells.append(
                [
                    row["key"],
                    row["images"],
                    f"{row['rates'][ZOO]:,.0f}",
                    f"{row['rates'][found['peer']]:,.0f}",
                    found["peer"],
                    f"{found['ratio']:.2f}",
                    span(found["ratios"]),
                ]
            )
    title = (
        "images answered a second with the model in memory: `zoo evaluate` "
        "and `zoo predict` beside\n`model.evaluate`, `model.predict` and "
        "loops without gradients, 256 images at a time"
    )
    return f"{title}\n{columns(cells)}"
