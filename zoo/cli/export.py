"""`zoo export [RUN]`: a run as a model for other programs."""

from __future__ import annotations

from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.config import DEFAULTS
from zoo.run_store import RunStore
from zoo.serving.formats import FORMATS, find_format


def run(argv: list[str]) -> int:
    """Exports one run and prints what came of it; returns the exit code."""
    names = "|".join(FORMATS)
    command = Command(
        f"zoo export [RUN] [--format={names}] [--out=PATH]",
        "Write a run for programs that do not know the zoo: raw pixels 0..255 "
        "in, logits and probabilities out, preprocessing and class names "
        "inside. What is written is held against the run on its validation "
        "images, and kept only if it answers the same.",
        words=("[RUN]",),
    )
    command.text("format", "keras", f"{names.replace('|', ' | ')}")
    command.text(
        "out", None, "file or folder to write (default: RUN/exports/NAME)"
    )
    command.switch("overwrite", "replace an export that is there")
    command.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")
    words = command.parse(argv)
    if words is None:
        return 0
    words = words or ["last"]
    values = command.values
    format = find_format(values["format"].value).name
    found = RunStore(values.runs_dir).find(words[0])
    with stderr.hold():
        from zoo.serving.export import export

        made = export(found, format, values.out, values.overwrite)
    print(made)
    return 0
