"""`zoo datasets`: the data sets in a table."""

from __future__ import annotations

import dataclasses
import json

from zoo.cli.flags import Command
from zoo.console import format_count, format_shape, format_table
from zoo.data.sources import Source, list_datasets

HEADS = ("data set", "classes", "input", "train", "test", "what it shows")


def run(argv: list[str]) -> int:
    """Lists data sets; returns the exit code."""
    command = Command("zoo datasets", "List the data sets.")
    command.switch("json", "print JSON")
    if command.parse(argv) is None:
        return 0
    sources = list_datasets()
    if command.values.json:
        print(json.dumps([_record(source) for source in sources], indent=1))
    else:
        print(format_table(HEADS, map(_row, sources), right=(1, 3, 4)))
        print(
            "\nThe test part of each is sealed; `zoo evaluate RUN "
            "--split=test` opens it."
        )
    return 0


def _record(source: Source) -> dict:
    hidden = ("reader", "builder", "address")
    record = dataclasses.asdict(source)
    return {key: value for key, value in record.items() if key not in hidden}


def _row(source: Source) -> tuple[str, ...]:
    path = "PATH" if source.name.endswith(":") else ""
    return (
        source.name + path,
        format_count(source.classes or None),
        _shape(source.shape),
        format_count(source.train),
        format_count(source.test),
        source.about,
    )


def _shape(shape: tuple[int, ...] | None) -> str:
    """Writes `28x28x1` of images, `2 numbers` of points."""
    if shape is None:
        return "-"
    if len(shape) > 1:
        return format_shape(shape)
    return f"{shape[0]} number{'s' * (shape[0] > 1)}"
