"""`zoo predict RUN IMAGE...`: what a run says of pictures, arrays or points."""

from __future__ import annotations

import json
from pathlib import Path

from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.config import DEFAULTS
from zoo.errors import UserError
from zoo.run_store import RunStore
from zoo.serving.predict import MODEL_SUFFIX, find_model, predict


def run(argv: list[str]) -> int:
    """Predicts and prints; returns the exit code.

    Pictures that cannot be read are left out and named on standard error,
    and the exit code is 2; the others are predicted all the same.
    """
    command = Command(
        "zoo predict [RUN] IMAGE... [--top=N] [--json]",
        "Say what a run, a saved .keras file of one, or lenet5:mnist and the "
        "like, which come with the zoo, sees in pictures: files, folders, or "
        "patterns in quotes. They are stretched to the size of the training "
        "images. Also "
        "NumPy files of raw pixels 0..255, [N, H, W, C]; for a run on points, "
        ".csv or .npy files. Pictures that cannot be read are named, and the "
        "exit code is 2; the others are predicted.",
        words=("IMAGE...",),
    )
    command.text("top", "2", "how many classes to name, the best first")
    command.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")
    command.switch("json", "print JSON")
    words = command.parse(argv)
    if words is None:
        return 0
    top = _top(command.values.top)
    words = _with_run(words, command)
    found = find_model(words[0], command.values.runs_dir)
    with stderr.hold():
        answers = predict(found, words[1:], top)
    if command.values.json:
        print(json.dumps(answers.to_dict(), indent=1))
    else:
        print(answers)
    for warning in answers.warnings:
        stderr.show(f"zoo: {warning}\n")
    if answers.unreadable:
        stderr.show(f"zoo: {answers.unreadable_text}\n")
    return 2 if answers.unreadable else 0


def _with_run(words: list[str], command: Command) -> list[str]:
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


def _top(text: str) -> int:
    if not text.isdecimal():
        raise UserError(
            f"--top={text} is no number of classes; give a whole number from "
            "1 on, such as --top=3."
        )
    return int(text)
