"""Predictions and exports as tables, as JSON and in words."""

from __future__ import annotations

from typing import Any

from zoo.console import format_bytes, format_shape, format_table
from zoo.errors import join_and
from zoo.runs import Run
from zoo.serving.exporting import Exported
from zoo.serving.predicting import Answers

NAMED = 3  # unreadable files that are named, of more


def table(answers: Answers) -> str:
    """Returns a line an example: its file, and the most probable classes."""
    rows = []
    for found in answers.predictions:
        cells = [found.name]
        for name, share in zip(found.classes, found.probabilities, strict=True):
            cells += [name, f"{share:.4f}"]
        rows.append(cells)
    places = (len(rows[0]) - 1) // 2
    heads = ["file", "class", "probability"]
    for place in range(2, places + 1):
        heads += ["runner-up" if place == 2 else f"no. {place}", "probability"]
    right = range(2, len(heads), 2)
    return format_table(heads[: len(rows[0])], rows, right)


def to_json(run: Run, answers: Answers) -> dict[str, Any]:
    """Returns what `--json` prints."""
    return {
        "run": run.name,
        "predictions": [
            {
                "file": found.name,
                "class": found.classes[0],
                "probability": found.probabilities[0],
                "top": [
                    {"class": name, "probability": share}
                    for name, share in zip(
                        found.classes, found.probabilities, strict=True
                    )
                ],
            }
            for found in answers.predictions
        ],
        "unreadable": [
            {"file": one.name, "why": one.why} for one in answers.unreadable
        ],
        "warnings": list(answers.warnings),
    }


def about_unreadable(answers: Answers) -> str:
    """Returns one sentence about pictures that could not be read.

    Args:
        answers: with one such picture at least.
    """
    lost = len(answers.unreadable)
    if lost == 1:
        return answers.unreadable[0].why
    shown = [one.name for one in answers.unreadable[:NAMED]]
    if lost > NAMED:
        shown.append(f"{lost - NAMED:,} more")
    return (
        f"{lost:,} of {lost + len(answers.predictions):,} files cannot be read "
        f"as pictures, and are left out: {join_and(shown)}."
    )


def about_export(made: Exported) -> str:
    """Returns what was written, in words."""
    files = [made.path, *made.path.rglob("*")]
    size = sum(path.stat().st_size for path in files if path.is_file())
    given, outputs = made.about["input"], made.about["outputs"]
    batch = {key: format_shape(["N", *s[1:]]) for key, s in outputs.items()}
    lines = [
        f"export    {made.path}, {format_bytes(size)}",
        f"input     {format_shape(['N', *given['shape'][1:]])}, "
        f"{given['dtype']}, {given['values']}",
        f"outputs   {', '.join(f'{key} {s}' for key, s in batch.items())}",
        f"parity    {made.parity}",
    ]
    return "\n".join(lines)
