"""Commands that list models, datasets, recipes and runs, or describe one.

`models`, `describe`, `datasets`, `download`, `inspect`, `recipes` and `runs`.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path

from zoo import recipes
from zoo.cli.flags import Command
from zoo.cli.output import redirect_stderr
from zoo.config import OPTIONS, parse_option
from zoo.console import (
    expand_commands,
    format_count,
    format_shape,
    pluralize,
    print_table,
)
from zoo.data.datasets import DatasetInfo, list_datasets
from zoo.errors import UserError, join_or
from zoo.models import describe
from zoo.run_store import RunStore, sweep_path_of
from zoo.runs import CORRUPT, Run, SweepFolder


def run_models(argv: list[str]) -> int:
    """Lists models; returns the exit code."""
    command = Command("zoo models", "List the models.")
    command.text("filter", "*", "wildcard for the names, such as 'wrn*'")
    command.switch("wide", "also show lecture and paper")
    command.switch("json", "print JSON, with all columns")
    command.switch("markdown", "print the table of README in Markdown")
    if command.parse(argv) is None:
        return 0
    entries = describe.list_entries(command.values.filter)
    if command.values.json:
        print(json.dumps(entries, indent=1))
    elif command.values.markdown:
        print(describe.format_markdown(entries))
    else:
        print(describe.format_entries(entries, command.values.wide))
    return 0


BUILDER_FLAGS = [name for name in OPTIONS if OPTIONS[name].is_model_arg]


def run_describe(argv: list[str]) -> int:
    """Describes one model; returns the exit code."""
    command = _describe_command()
    words = command.parse(argv)
    if words is None:
        return 0
    rows, diagram = _parse_rows(command.values.rows), command.values.diagram
    with redirect_stderr():
        described = describe.describe_model(
            words[0],
            _parse_input(command.values.input),
            _parse_classes(command.values.classes),
            None if diagram is None else Path(diagram),
            **_builder_options(command),
        )
    if command.values.json:
        print(json.dumps(described, indent=1))
    else:
        print(describe.format_description(described, rows))
    return 0


def _describe_command() -> Command:
    command = Command(
        "zoo describe MODEL [--input=HxWxC] [--classes=K]",
        "Show a model layer by layer: output shapes, parameters, cost, memory.",
        words=("MODEL",),
    )
    command.text("input", None, "size of the images, such as 32x32x3")
    command.text("classes", "10", "number of classes")
    command.text(
        "rows",
        None,
        "layers | stages | paper, the table of the model's paper (default: "
        "layers if they fit a screen)",
    )
    command.text(
        "diagram", None, "draw the layers into a new .png, .svg or .pdf file"
    )
    command.switch("json", "print JSON, with both layers and stages")
    command.options("model_arg", *BUILDER_FLAGS)
    return command


def _parse_rows(text: str | None) -> str | None:
    if text is not None and text not in describe.ROWS:
        raise UserError(
            f"--rows={text} is invalid; give {join_or(describe.ROWS)}."
        )
    return text


def _parse_input(text: str | None) -> tuple[int, ...] | None:
    return None if text is None else describe.parse_shape(text)


def _parse_classes(text: str) -> int:
    if not text.isdecimal():
        raise UserError(
            f"--classes={text} is not a number of classes; "
            "give a whole number of at least 2."
        )
    return int(text)


def _builder_options(command: Command) -> dict:
    options = {}
    for text in command.values.model_arg or ():
        options |= parse_option("model_arg", text)
    for name in BUILDER_FLAGS:
        text = getattr(command.values, name)
        if text is not None:
            options[name] = parse_option(name, text)
    return options


def run_recipes(argv: list[str]) -> int:
    """Lists every recipe with the first line of its header."""
    command = Command(
        "zoo recipes", "List the recipes; --recipe=NAME trains one."
    )
    command.switch("json", "print JSON")
    if command.parse(argv) is None:
        return 0
    found = recipes.list_recipes(sweeps=True)
    if command.values.json:
        print(json.dumps({r.name: r.about for r in found}, indent=1))
        return 0
    rows = [(recipe.name, recipe.about) for recipe in found]
    print_table(("recipe", "what it shows"), rows)
    print("\nzoo train --recipe=NAME trains one; other flags override it.")
    print(f"Recipes in {recipes.SWEEPS} are for zoo sweep.")
    return 0


RUN_HEADS = ("run", "status", "epochs", "best on validation")


def run_runs(argv: list[str]) -> int:
    """Lists the runs, oldest first; returns the exit code."""
    command = Command("zoo runs", "List the runs, oldest first.")
    command.define_runs(data_dir=False)
    command.switch("json", "print JSON")
    command.switch("trials", "also list the trials of sweeps")
    if command.parse(argv) is None:
        return 0
    runs_dir = command.values.runs_dir
    store = RunStore(runs_dir)
    found = store.runs()
    unreadable = [_row(name, "unreadable") for name in store.unreadable()]
    if command.values.json:
        print(json.dumps([*map(_run_row, found), *unreadable], indent=1))
        return 0
    folders = store.sweeps()
    if not command.values.trials:
        found = [run for run in found if sweep_path_of(run.path) is None]
    rows = [_run_cells(row) for row in (*map(_run_row, found), *unreadable)]
    if rows:
        print_table(RUN_HEADS, rows, right=(2,))
    for folder in folders:
        print(_describe_sweep(folder))
    if not rows and not folders:
        print(f"no runs in {runs_dir}; `zoo train` makes one.")
    return 0


def _describe_sweep(folder: SweepFolder) -> str:
    """Returns the line of a sweep: its status and its best trial."""
    result = folder.result
    count = result.get("trials", folder.executions)
    noun = "trial" if result else "training"
    text = f"sweep {folder.name}  {folder.status}  {pluralize(count, noun)}"
    for best in result.get("best", ()):
        score = f"{result['objective']} {best['score']:.4f}"
        text += f", best {best['runs'][0]} with {score}"
    return text


def _run_row(found: Run) -> dict:
    status = found.status
    try:
        _ = found.config, found.resolved
        history = found.history
    except UserError:
        history, status = [], CORRUPT
    return _row(found.name, status, history)


def _row(name: str, status: str, history: Sequence[dict] = ()) -> dict:
    best = max(history, key=_sort_key, default=None)
    if best and best["val_loss"] is None:
        best = None
    return {
        "run": name,
        "status": status,
        "epochs": int(history[-1]["epoch"]) if history else 0,
        "best_epoch": int(best["epoch"]) if best else None,
        "best_val_accuracy": best["val_accuracy"] if best else None,
        "best_val_loss": best["val_loss"] if best else None,
    }


def _sort_key(row: dict) -> tuple[float, float]:
    """Returns a key that is larger for a better epoch."""
    accuracy, loss = row["val_accuracy"], row["val_loss"]
    if loss is None:
        return -math.inf, -math.inf
    return (0.0 if accuracy is None else accuracy), -loss


def _run_cells(row: dict) -> tuple[str, ...]:
    best = _describe_best(row)
    return row["run"], row["status"], str(row["epochs"]), best


def _describe_best(row: dict) -> str:
    if row["best_epoch"] is None:
        return "-"
    if row["best_val_accuracy"] is None:
        score = f"loss {row['best_val_loss']:.4g}"
    else:
        score = f"accuracy {row['best_val_accuracy']:.4f}"
    return f"{score} (epoch {row['best_epoch']})"


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
    record = dataclasses.asdict(source)
    del record["reader"]
    return record


def _dataset_row(source: DatasetInfo) -> tuple[str, ...]:
    return (
        source.title,
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
        "harmful first. Draws a contact sheet. Of the test set that a dataset "
        "brings, only hashes of the pixels are compared, to find copies.",
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
    from zoo.api_arguments import dataset_name

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
    from zoo.data_checks import inspect, read_dataset, read_folder, report

    report.check_sheet_path(sheet, folder)
    if folder is not None:
        stats = read_folder(str(folder))
    else:
        stats = read_dataset(dataset, command.values.data_dir)
    findings = inspect(stats)
    kept = sheet.exists() and not command.values.overwrite
    if not kept:
        report.write_contact_sheet(sheet, stats)
    if command.values.json:
        return json.dumps(report.as_json(stats, findings, str(sheet)), indent=1)
    output = "exists; --overwrite replaces it" if kept else "is written"
    text = expand_commands(report.format_report(stats, findings))
    return f"{text}\n\ncontact sheet {sheet} {output}"


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
