"""The zoo as a table to read, and as data: what `zoo models` prints."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Mapping
from typing import Any

from zoo.commands import command
from zoo.errors import join_words
from zoo.models import MODELS
from zoo.models.counts import read_counts
from zoo.pretrained import list_weights
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
        "lecture": entry.lecture,
        "weights": list_weights(entry.name),
    }


def format_entries(entries: list[dict[str, Any]], wide: bool = False) -> str:
    """Writes the records of `list_entries` as a table, 80 columns wide.

    Args:
        wide: whether lecture and paper are told too.
    """
    heads = (
        "model",
        "parameters",
        "multiply-adds",
        "at",
        "smallest",
        "year",
    )
    rows = [
        (
            f"  {entry['name']}",
            format_count(entry["parameters"]),
            format_count(entry["multiply_adds"]),
            format_shape(entry["input"]),
            f"{entry['smallest']} px",
            str(entry["year"] or ""),
        )
        for entry in entries
    ]
    head, *lines = format_table(heads, rows, right=(1, 2, 4)).splitlines()
    table = [head]
    # Neighbours of one kind, such as the members of a family, share a title.
    pairs = zip(entries, lines, strict=True)
    for title, group in itertools.groupby(pairs, lambda p: _title(p[0], wide)):
        table += [title, *(line for _, line in group)]
    return "\n".join(table) + _footnote(entries)


def _title(entry: dict[str, Any], wide: bool) -> str:
    """Says what kind of model it is, on one line or on three."""
    title = entry["about"] or "registered by hand"
    if wide and entry["lecture"]:
        title += f"\n  lecture: {entry['lecture']}"
    if wide and entry["paper"]:
        title += f"\n  paper: {entry['paper']}"
    return title


def format_markdown(entries: list[dict[str, Any]]) -> str:
    """Writes the records of `list_entries` as README's table."""
    heads = ("model", "what it is", "paper", "parameters", "multiply-adds")
    heads += ("at", "smallest")
    lines = [
        f"| {' | '.join(heads)} |",
        "| --- | --- | --- | ---: | ---: | --- | ---: |",
    ]
    for entry in entries:
        cells = (
            f"`{entry['name']}`",
            entry["about"],
            _link(entry["paper"]),
            format_count(entry["parameters"]),
            format_count(entry["multiply_adds"]),
            format_shape(entry["input"]),
            f"{entry['smallest']} px",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _link(paper: str) -> str:
    """Turns a paper's number at arXiv, if it has one, into a link to it."""
    authors, _, number = paper.partition(", arXiv ")
    return f"[{authors}](https://arxiv.org/abs/{number})" if number else paper


def _footnote(entries: list[dict[str, Any]]) -> str:
    """Says what else is a model, and which have trained weights."""
    families = [
        entry.name
        for entry in MODELS.families()
        if any(entry.match(shown["name"]) for shown in entries)
    ]
    trained = [name for entry in entries for name in entry["weights"]]
    sentences = []
    if families:
        sentences.append(
            f"Any name of the form {join_words(families)} is a model, "
            "not only those listed."
        )
    if trained:
        sentences.append(
            f"Trained weights come with the zoo: {join_words(trained, 'and')}, "
            f"as in `{command('predict', trained[-1], 'photo.png')}`."
        )
    return "".join(
        "\n\n" + textwrap.fill(sentence, 80, break_on_hyphens=False)
        for sentence in sentences
    )
