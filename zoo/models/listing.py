"""The zoo as a table to read, and as data: what `zoo models` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.errors import join_words
from zoo.models import MODELS
from zoo.models.counts import read_counts
from zoo.registry import ModelEntry
from zoo.tables import format_count, format_shape, format_table


def list_entries(pattern: str = "*") -> list[dict[str, Any]]:
    """Returns one record for each listed model that matches a wildcard.

    Parameters (trainable) and multiply-adds are those at the input given in
    `input`, for 10 classes; they are null for models registered by a user.

    Raises:
        UserError: nothing matches.
    """
    # A valid name of a family need not be among those that are listed.
    names = MODELS.names(pattern) or [MODELS.find(pattern).name]
    counts = read_counts()
    return [_record(MODELS.find(name), counts) for name in names]


def _record(
    entry: ModelEntry, counts: Mapping[str, Mapping[str, int]]
) -> dict[str, Any]:
    counted = counts.get(entry.name, {})
    return {
        "name": entry.name,
        "parameters": counted.get("trainable"),
        "multiply_adds": counted.get("multiply_adds"),
        "input": list(entry.home),
        "smallest": entry.smallest,
        "year": entry.year,
        "about": entry.about,
        "paper": entry.paper,
    }


def format_entries(entries: list[dict[str, Any]]) -> str:
    """Writes the records of `list_entries` as a table."""
    heads = (
        "model",
        "parameters",
        "multiply-adds",
        "at",
        "smallest",
        "year",
        "what it is",
    )
    rows = [
        (
            entry["name"],
            format_count(entry["parameters"]),
            format_count(entry["multiply_adds"]),
            format_shape(entry["input"]),
            f"{entry['smallest']} px",
            str(entry["year"] or ""),
            entry["about"],
        )
        for entry in entries
    ]
    return format_table(heads, rows, right=(1, 2, 4)) + _footnote(entries)


def format_markdown(entries: list[dict[str, Any]]) -> str:
    """Writes the records of `list_entries` as README's table."""
    lines = [
        "| model | what it is | year | parameters | multiply-adds | at |",
        "| --- | --- | --- | ---: | ---: | --- |",
    ]
    for entry in entries:
        cells = (
            f"`{entry['name']}`",
            entry["about"],
            str(entry["year"] or ""),
            format_count(entry["parameters"]),
            format_count(entry["multiply_adds"]),
            format_shape(entry["input"]),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _footnote(entries: list[dict[str, Any]]) -> str:
    families = [
        entry.name
        for entry in MODELS.families()
        if any(entry.match(shown["name"]) for shown in entries)
    ]
    if not families:
        return ""
    forms = join_words(families)
    return (
        f"\n\nAny name of the form {forms} is a model, not only those listed."
    )
