"""Commands about datasets: `datasets`, `download` and `inspect`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from zoo.api_arguments import dataset_name
from zoo.cli.flags import Command
from zoo.cli.output import redirect_stderr
from zoo.config import OPTIONS
from zoo.console import expand_commands, format_count, format_shape, print_table
from zoo.data.datasets import DatasetInfo, list_datasets

HEADS = ("dataset", "classes", "input", "train", "test", "what it shows")


def run_datasets(argv: list[str]) -> int:
    """Lists datasets; returns the exit code."""
    command = Command("zoo datasets", "List the datasets.")
    command.switch("json", "print JSON")
    if command.parse(argv) is None:
        return 0
    sources = list_datasets()
    if command.values.json:
        print(
            json.dumps(
                [_dataset_record(source) for source in sources], indent=1
            )
        )
    else:
        print_table(HEADS, map(_dataset_row, sources), right=(1, 3, 4))
        print(
            "\nTest sets are held out; only `zoo evaluate RUN --split=test` "
            "reads them."
        )
    return 0


def _dataset_record(source: DatasetInfo) -> dict:
    hidden = ("reader", "builder", "address")
    record = dataclasses.asdict(source)
    return {key: value for key, value in record.items() if key not in hidden}


def _dataset_row(source: DatasetInfo) -> tuple[str, ...]:
    path = "PATH" if source.name.endswith(":") else ""
    return (
        source.name + path,
        format_count(source.num_classes or None),
        _describe_shape(source.input_shape),
        format_count(source.num_train),
        format_count(source.num_test),
        source.description,
    )


def _describe_shape(shape: tuple[int, ...] | None) -> str:
    """Writes `28x28x1` of images, `2 numbers` of points."""
    if shape is None:
        return "-"
    if len(shape) > 1:
        return format_shape(shape)
    return f"{shape[0]} number{'s' * (shape[0] > 1)}"


def run_download(argv: list[str]) -> int:
    """Downloads one dataset; returns the exit code."""
    command = Command(
        "zoo download DATASET",
        "Download a dataset, so that training works offline, and cache its "
        "images as arrays, from which later runs start fast. Arrays that are "
        "cached already are verified.",
        words=("DATASET",),
    )
    command.text("data_dir", None, OPTIONS["data_dir"].help)
    words = command.parse(argv)
    if words is None:
        return 0
    with redirect_stderr():
        from zoo.data.loading import download

        sizes = download(words[0], data_dir=command.values.data_dir)
    counts = ", ".join(f"{size:,} {split}" for split, size in sizes.items())
    print(f"{words[0]} is ready: {counts} images")
    return 0


def run_inspect(argv: list[str]) -> int:
    """Reports on a collection of images; returns the exit code."""
    command = Command(
        "zoo inspect PATH [--out=SHEET.png]",
        "Inspect a folder of images, or any dataset, before training: "
        "unreadable files, duplicates and near-duplicates, the wrong labels "
        "they point to, sizes, class balance and spurious features; the most "
        "harmful first. Draws a contact sheet. The test set that a dataset "
        "brings is not read.",
        words=("PATH",),
    )
    command.text(
        "out", None, "path of the contact sheet (default: the current folder)"
    )
    command.switch("overwrite", "replace an existing contact sheet")
    command.text("data_dir", None, OPTIONS["data_dir"].help)
    command.switch("json", "print JSON")
    words = command.parse(argv)
    if words is None:
        return 0
    dataset = dataset_name(words[0])
    kind, _, place = dataset.partition(":")
    folder = Path(place).expanduser() if kind == "folder" else None
    sheet = _contact_sheet_path(command.values.out, dataset, folder)
    with redirect_stderr():
        output = _inspect(command, dataset, folder, sheet)
    print(output)
    return 0


def _inspect(
    command: Command, dataset: str, folder: Path | None, sheet: Path
) -> str:
    from zoo.data_checks import (
        contact_sheet,
        inspect,
        read_dataset,
        read_folder,
        text,
    )

    contact_sheet.check_path(sheet, folder)
    if folder is not None:
        stats = read_folder(str(folder))
    else:
        stats = read_dataset(dataset, command.values.data_dir)
    findings = inspect(stats)
    kept = sheet.exists() and not command.values.overwrite
    if not kept:
        contact_sheet.write(sheet, stats)
    if command.values.json:
        return json.dumps(text.as_json(stats, findings, str(sheet)), indent=1)
    output = "exists; --overwrite replaces it" if kept else "is written"
    report = expand_commands(text.format_report(stats, findings))
    return f"{report}\n\ncontact sheet {sheet} {output}"


def _contact_sheet_path(
    out: str | None, dataset: str, folder: Path | None
) -> Path:
    """Returns where the contact sheet goes: never among the images."""
    kind, colon, place = dataset.partition(":")
    name = Path(place).expanduser().resolve().stem if colon else kind
    file_name = f"{name or 'data'}-contact-sheet.png"
    if out is not None:
        out_path = Path(out).expanduser()
        return out_path / file_name if out_path.is_dir() else out_path
    here = Path()
    if folder and here.resolve().is_relative_to(folder.resolve()):
        here = folder.resolve().parent
    return here / file_name
