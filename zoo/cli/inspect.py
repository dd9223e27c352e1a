"""`zoo inspect PATH`: inspects images before anything is trained on them."""

from __future__ import annotations

import json
from pathlib import Path

from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.console import expand_commands
from zoo.data.sources import SOURCES, find_source
from zoo.errors import UserError, close_matches


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
    dataset = name_of(words[0])
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


def name_of(word: str) -> str:
    """Returns what `--dataset` would be given, from a path or such a name.

    Raises:
        UserError: there is neither a file nor a data set of that name.
    """
    path = Path(word).expanduser()
    names = {source.name for source in SOURCES}
    if word in names or word.partition(":")[0] + ":" in names and ":" in word:
        find_source(word)
        return word
    if path.is_dir():
        return f"folder:{word}"
    if path.suffix == ".npz" and path.is_file():
        return f"npz:{word}"
    if path.exists():
        raise UserError(
            f"{word} is a file; give a folder whose sub-folders are the "
            "classes, or a NumPy .npz file."
        )
    around = path.parent.iterdir() if path.parent.is_dir() else ()
    folders = [str(p.relative_to(path.parent)) for p in around if p.is_dir()]
    close = close_matches(path.name, [*folders, *names], 1)
    hint = (
        f"did you mean {close[0]}?" if close else "give the path of a folder."
    )
    raise UserError(f"there is no folder or data set {word!r}; {hint}")


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
