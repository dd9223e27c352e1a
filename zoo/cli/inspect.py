"""`zoo inspect PATH`: inspects images before anything is trained on them."""

from __future__ import annotations

import json
from pathlib import Path

from zoo.api_arguments import dataset_name
from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.console import expand_commands


def run(argv: list[str]) -> int:
    """Reports on a collection of images; returns the exit code."""
    command = Command(
        "zoo inspect PATH [--out=SHEET.png]",
        "Inspect a folder of images, or any data set, before training: "
        "unreadable files, duplicates and near-duplicates, the wrong labels "
        "they point to, sizes, class balance and spurious features; the most "
        "harmful first. Draws a contact sheet. The test set that a data set "
        "brings is not read.",
        words=("PATH",),
    )
    command.text(
        "out", None, "path of the contact sheet (default: the current folder)"
    )
    command.switch("overwrite", "replace an existing contact sheet")
    command.text("data_dir", None, "folder of tensorflow-datasets")
    command.switch("json", "print JSON")
    words = command.parse(argv)
    if words is None:
        return 0
    dataset = dataset_name(words[0])
    kind, _, place = dataset.partition(":")
    folder = Path(place).expanduser() if kind == "folder" else None
    sheet = _sheet(command.values.out, dataset, folder)
    with stderr.hold():
        told = _report(command, dataset, folder, sheet)
    print(told)
    return 0


def _report(
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
    told = (
        "is kept as it was; --overwrite draws it anew" if kept else "is drawn"
    )
    report = expand_commands(text.format_report(stats, findings))
    return f"{report}\n\ncontact sheet {sheet} {told}"


def _sheet(out: str | None, dataset: str, folder: Path | None) -> Path:
    """Returns where the contact sheet goes: never among the pictures."""
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
