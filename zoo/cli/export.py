"""`zoo export RUN`: a run as a model for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo import runs
from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.config import DEFAULTS
from zoo.serving.formats import FORMATS, find_format
from zoo.tables import format_bytes, format_shape

if TYPE_CHECKING:
    from zoo.serving.exporting import Exported


def run(argv: list[str]) -> int:
    """Exports one run and prints what came of it; returns the exit code."""
    names = "|".join(FORMATS)
    command = Command(
        f"zoo export RUN [--format={names}] [--out=PATH]",
        "Write a run for programs that do not know the zoo: raw pixels 0..255 "
        "in, logits and probabilities out, preprocessing and class names "
        "inside. What is written is held against the run on its validation "
        "images, and kept only if it answers the same.",
        words=("RUN",),
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
    values = command.values
    format = find_format(values["format"].value).name
    found = runs.find(words[0], values.runs_dir)
    with stderr.hold():
        from zoo.serving import export

        made = export(found, format, values.out, values.overwrite)
    print("\n".join(lines(made)))
    return 0


def lines(made: Exported) -> list[str]:
    """Returns what was written, in words."""
    files = [made.path, *made.path.rglob("*")]
    size = sum(path.stat().st_size for path in files if path.is_file())
    given, outputs = made.about["input"], made.about["outputs"]
    batch = {key: format_shape(["N", *s[1:]]) for key, s in outputs.items()}
    return [
        f"export    {made.path}, {format_bytes(size)}",
        f"input     {format_shape(['N', *given['shape'][1:]])}, "
        f"{given['dtype']}, {given['values']}",
        f"outputs   {', '.join(f'{key} {s}' for key, s in batch.items())}",
        f"parity    {made.parity}",
    ]
