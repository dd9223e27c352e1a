"""Findings as a person reads them."""

from __future__ import annotations

import textwrap
from typing import Any

from zoo import program
from zoo.explaining.facts import Facts
from zoo.explaining.finding import HINT, Finding

COLUMNS = 80


def text(facts: Facts, findings: list[Finding]) -> str:
    """Returns what `zoo explain` prints."""
    troubles = [f for f in findings if f.severity > HINT]
    lines = [f"{facts.run}: {standing(facts)}", ""]
    if not troubles:
        lines += [*_wrapped(healthy(facts, findings)), ""]
    for number, finding in enumerate(findings, start=1):
        lines += _entry(number, finding)
    for note in notes(facts):
        lines += _wrapped(note)
    return "\n".join(lines)


def headline(facts: Facts, findings: list[Finding]) -> str:
    """Returns the most useful of it in a sentence or two."""
    if not findings:
        return healthy(facts, findings)
    first = findings[0]
    return program.as_typed(f"{first.text}; try {first.advice}.")


def healthy(facts: Facts, findings: list[Finding]) -> str:
    """Returns the sentence on a run in which no trouble was found."""
    if facts.is_failing:
        return (
            f"Only {100 * facts.train_accuracy:.1f}% of the training examples "
            "are classified correctly, and the metrics of this run do not show "
            "why."
        )
    if not findings:
        return "No problems found in this run's metrics."
    return "No problems found in this run's metrics; it could still gain:"


def standing(facts: Facts) -> str:
    """Returns how far a run came and how well it does."""
    epochs = len(facts.history)
    words = [facts.status, f"{epochs} epoch{'' if epochs == 1 else 's'}"]
    if facts.val_accuracy is not None:
        words.append(f"validation accuracy {facts.val_accuracy:.4f} at the end")
    elif facts.train_accuracy is not None:
        words.append(f"training accuracy {facts.train_accuracy:.4f} at the end")
    return ", ".join(words)


def notes(facts: Facts) -> list[str]:
    """Returns how much noise there is, and what could not be looked at."""
    found = []
    if facts.noise is not None:
        found.append(
            f"With {facts.num_val:,} validation examples the margin of error "
            f"of the accuracy is +/-{100 * facts.noise:.1f} points (95% CI)."
        )
    if not facts.vitals:
        found.append(
            "This run has no vitals.json, so nothing can be said of its "
            "inputs, layers, updates and confidence."
        )
    elif not facts.later:
        found.append(
            "This run was not measured after its first update, so little can "
            "be said of its layers."
        )
    if not facts.history:
        found.append("No epoch was finished, so there are no curves to judge.")
    elif not facts.num_val:
        found.append(
            "No validation examples were held out, so nothing can be said of "
            "overfitting."
        )
    return found


def as_json(facts: Facts, findings: list[Finding]) -> dict[str, Any]:
    """Returns the same in types that JSON has."""
    return {
        "run": facts.run,
        "status": facts.status,
        "findings": [
            {
                "name": f.name,
                "severity": f.severity,
                "text": f.text,
                "tag": f.tag,
                "advice": program.as_typed(f.advice),
            }
            for f in findings
        ],
        "noise": facts.noise,
        "notes": notes(facts),
    }


def _entry(number: int, finding: Finding) -> list[str]:
    margin = " " * 3
    rows = [
        f"{number}. {finding.text[:1].upper()}{finding.text[1:]}.",
        f"{margin}See {finding.tag} in TensorBoard.",
    ]
    lines = [line for row in rows for line in _wrapped(row, margin)]
    # A command is not broken over lines: it is there to be pasted.
    what, _, command = program.as_typed(finding.advice).partition("`")
    lines += _wrapped(
        f"{margin}Try {what.rstrip(' :')}{':' * bool(command)}", margin
    )
    if command:
        lines.append(f"{margin}  {command.rstrip('`')}")
    return [*lines, ""]


def _wrapped(text: str, margin: str = "") -> list[str]:
    return textwrap.wrap(
        text, COLUMNS, subsequent_indent=margin, break_on_hyphens=False
    )
