"""Commands that use trained models: `predict` and `export`."""

from __future__ import annotations

import json
from pathlib import Path

from zoo.cli.flags import DATA_DIR, Command
from zoo.cli.output import print_error, redirect_stderr
from zoo.config import DEFAULTS
from zoo.console import pluralize
from zoo.errors import UserError
from zoo.io import atomic_write
from zoo.run_store import RunStore
from zoo.serving.formats import FORMATS, find_format
from zoo.serving.predict import MODEL_SUFFIX, find_model, predict


def run_predict(argv: list[str]) -> int:
    """Predicts and prints; returns the exit code.

    Images that cannot be read are left out and named on standard error,
    and the exit code is 2; the others are predicted all the same.
    """
    command = Command(
        "zoo predict [RUN] IMAGE... [--top=N] [--out=FILE.csv] [--json]",
        "Classify images with a run, a .keras file of one, or pretrained "
        "weights such as lenet5:mnist. IMAGE is a file, a folder or a quoted "
        "pattern, and is resized to the size of the training images; or a "
        "NumPy file of raw pixels 0..255, [N, H, W, C]; or, for a run on "
        "points, a .csv or .npy file. Unreadable images are named, the others "
        "are classified, and the exit code is 2.",
        words=("IMAGE...",),
    )
    command.text("top", "2", "number of classes to print, most likely first")
    command.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")
    command.switch("json", "print JSON")
    command.text("out", None, "CSV file to write, a row for each image")
    command.switch("overwrite", "replace an existing file")
    words = command.parse(argv)
    if words is None:
        return 0
    out = _check_out(command.values.out, command.values.overwrite)
    top = _parse_top(command.values.top)
    words = _add_last(words, command)
    found = find_model(words[0], command.values.runs_dir)
    with redirect_stderr():
        answers = predict(found, words[1:], top)
    if out is not None:
        with atomic_write(out) as file:
            file.write(answers.to_csv().encode())
    if command.values.json:
        print(json.dumps(answers.to_dict(), indent=1))
    elif out is not None:
        count = pluralize(len(answers.predictions), "prediction")
        print(f"wrote {count} to {out}")
    else:
        print(answers)
    for warning in answers.warnings:
        print_error(f"zoo: {warning}\n")
    if answers.unreadable:
        print_error(f"zoo: {answers.unreadable_text}\n")
    return 2 if answers.unreadable else 0


def _check_out(out: str | None, overwrite: bool) -> Path | None:
    """Returns the path of the CSV file to write, if one is asked for."""
    if out is None:
        return None
    path = Path(out).expanduser()
    if path.suffix.lower() != ".csv":
        raise UserError(
            f"--out={out} is not the name of a CSV file; write for example "
            "--out=predictions.csv."
        )
    if not path.parent.is_dir():
        raise UserError(f"--out={out}: there is no folder {path.parent}.")
    if path.exists() and not overwrite:
        raise UserError(
            f"{path} exists already; give another --out, or --overwrite."
        )
    return path


def _add_last(words: list[str], command: Command) -> list[str]:
    """Returns the words with `last` before them, if they are all images.

    Raises:
        UserError: there is a run and no image.
    """
    path, runs_dir = Path(words[0]), command.values.runs_dir
    known = any(run.name == words[0] for run in RunStore(runs_dir).runs())
    is_model = path.suffix == MODEL_SUFFIX
    is_run = known or is_model or (path / "config.json").is_file()
    if path.exists() and not is_run:
        return ["last", *words]
    if len(words) == 1:
        raise UserError(f"an IMAGE is missing; write `{command.usage}`.")
    return words


def _parse_top(text: str) -> int:
    if not text.isdecimal():
        raise UserError(
            f"--top={text} is not a number of classes; give a whole number of "
            "at least 1, such as --top=3."
        )
    return int(text)


def run_export(argv: list[str]) -> int:
    """Exports one run and prints what came of it; returns the exit code."""
    names = "|".join(FORMATS)
    command = Command(
        f"zoo export [RUN] [--format={names}] [--out=PATH]",
        "Export a run for other programs: raw pixels 0..255 in, logits and "
        "probabilities out, preprocessing and class names inside. The export "
        "is compared with the run on its validation images, and kept only if "
        "the predictions are the same.",
        words=("[RUN]",),
    )
    command.text("format", "keras", f"{names.replace('|', ' | ')}")
    command.text(
        "out", None, "file or folder to write (default: RUN/exports/NAME)"
    )
    command.switch("overwrite", "replace an existing export")
    command.text("data_dir", None, DATA_DIR)
    command.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")
    words = command.parse(argv)
    if words is None:
        return 0
    words = words or ["last"]
    values = command.values
    format = find_format(values["format"].value).name
    found = RunStore(values.runs_dir, values.data_dir).find(words[0])
    with redirect_stderr():
        from zoo.serving.export import export

        made = export(found, format, values.out, values.overwrite)
    print(made)
    return 0
