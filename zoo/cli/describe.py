"""`zoo describe MODEL`: one model, layer by layer."""

from __future__ import annotations

import json
from pathlib import Path

from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.config import OPTIONS, parse_option
from zoo.errors import UserError, join_or
from zoo.models import describe

BUILDER_FLAGS = [name for name in OPTIONS if OPTIONS[name].is_model_arg]


def run(argv: list[str]) -> int:
    """Describes one model; returns the exit code."""
    command = _command()
    words = command.parse(argv)
    if words is None:
        return 0
    rows, diagram = _rows(command.values.rows), command.values.diagram
    with stderr.hold():
        described = describe.describe_model(
            words[0],
            _shape(command.values.input),
            _classes(command.values.classes),
            None if diagram is None else Path(diagram),
            **_options(command),
        )
    if command.values.json:
        print(json.dumps(described, indent=1))
    else:
        print(describe.format_description(described, rows))
    return 0


def _command() -> Command:
    command = Command(
        "zoo describe MODEL [--input=HxWxC] [--classes=K]",
        "Show a model layer by layer: output shapes, parameters, cost, memory.",
        words=("MODEL",),
    )
    command.text("input", None, "size of the images, such as 32x32x3")
    command.text("classes", "10", "number of classes")
    command.text(
        "rows", None, "layers | stages (default: layers if they fit a screen)"
    )
    command.text(
        "diagram", None, "draw the layers into a new .png, .svg or .pdf file"
    )
    command.switch("json", "print JSON, with both layers and stages")
    command.options("model_arg", *BUILDER_FLAGS)
    return command


def _rows(text: str | None) -> str | None:
    if text is not None and text not in describe.ROWS:
        raise UserError(
            f"--rows={text} is invalid; give {join_or(describe.ROWS)}."
        )
    return text


def _shape(text: str | None) -> tuple[int, ...] | None:
    return None if text is None else describe.parse_shape(text)


def _classes(text: str) -> int:
    if not text.isdecimal():
        raise UserError(
            f"--classes={text} is not a number of classes; "
            "give a whole number of at least 2."
        )
    return int(text)


def _options(command: Command) -> dict:
    options = {}
    for text in command.values.model_arg or ():
        options |= parse_option("model_arg", text)
    for name in BUILDER_FLAGS:
        text = getattr(command.values, name)
        if text is not None:
            options[name] = parse_option(name, text)
    return options
