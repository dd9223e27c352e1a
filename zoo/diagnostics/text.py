"""Findings as text and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from zoo.console import expand_commands, pluralize
from zoo.diagnostics.findings import INFO, Finding
from zoo.diagnostics.run_stats import RunStats

COLUMNS = 80


def format_findings(stats: RunStats, findings: Sequence[Finding]) -> str:
    """Returns what `zoo diagnose` prints."""
    lines = [f"{stats.run}: {status_line(stats)}", ""]
    if all(f.severity <= INFO for f in findings):
        lines += [*_wrapped(no_problems(stats, findings)), ""]
    for number, finding in enumerate(findings, start=1):
        lines += _entry(number, finding)
    for note in notes(stats):
        lines += _wrapped(note)
    return "\n".join(lines)


def headline(stats: RunStats, findings: Sequence[Finding]) -> str:
    """Returns the most severe finding in a sentence or two."""
    if not findings:
        return no_problems(stats, findings)
    first = findings[0]
    return expand_commands(f"{first.text}; try {first.advice}.")


def no_problems(stats: RunStats, findings: Sequence[Finding]) -> str:
    """Returns the sentence on a run without findings above `INFO`."""
    if stats.is_failing:
        return (
            f"Training accuracy is only {100 * stats.train_accuracy:.1f}%, and "
            "the metrics of this run do not show why."
        )
    if not findings:
        return "No problems found in this run's metrics."
    return "No problems found in this run's metrics; possible improvements:"


def status_line(stats: RunStats) -> str:
    """Returns status, epochs and the last accuracy of a run."""
    parts = [stats.status, pluralize(len(stats.history), "epoch")]
    if stats.val_accuracy is not None:
        parts.append(f"validation accuracy {stats.val_accuracy:.4f} at the end")
    elif stats.train_accuracy is not None:
        parts.append(f"training accuracy {stats.train_accuracy:.4f} at the end")
    return ", ".join(parts)


def notes(stats: RunStats) -> list[str]:
    """Returns the margin of error, and what could not be checked."""
    lines = []
    if stats.margin_of_error is not None:
        lines.append(
            f"With {stats.num_val:,} validation examples the margin of error "
            f"of the accuracy is +/-{100 * stats.margin_of_error:.1f} points "
            "(95% CI)."
        )
    if not stats.layer_stats:
        lines.append(
            "This run has no layer_stats.json, so its inputs, layers, steps "
            "and confidence could not be checked."
        )
    elif not stats.later:
        lines.append(
            "This run was not measured after its first step, so its layers "
            "could hardly be checked."
        )
    if not stats.history:
        lines.append("No epoch was finished, so there are no learning curves.")
    elif not stats.num_val:
        lines.append(
            "No validation examples were held out, so overfitting could not be "
            "checked."
        )
    return lines


def as_json(stats: RunStats, findings: Sequence[Finding]) -> dict[str, Any]:
    """Returns the findings in JSON's types."""
    return {
        "run": stats.run,
        "status": stats.status,
        "findings": [
            {
                "name": f.name,
                "severity": f.severity,
                "text": f.text,
                "tag": f.tag,
                "advice": expand_commands(f.advice),
            }
            for f in findings
        ],
        "margin_of_error": stats.margin_of_error,
        "notes": notes(stats),
    }


def _entry(number: int, finding: Finding) -> list[str]:
    indent = " " * 3
    rows = [
        f"{number}. {finding.text[:1].upper()}{finding.text[1:]}.",
        f"{indent}See {finding.tag} in TensorBoard.",
    ]
    lines = [line for row in rows for line in _wrapped(row, indent)]
    # A command is not wrapped, so that it can be pasted.
    advice, _, command = expand_commands(finding.advice).partition("`")
    lines += _wrapped(
        f"{indent}Try {advice.rstrip(' :')}{':' * bool(command)}", indent
    )
    if command:
        lines.append(f"{indent}  {command.rstrip('`')}")
    return [*lines, ""]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, COLUMNS, subsequent_indent=indent, break_on_hyphens=False
    )
