"""One model, layer by layer: what `zoo describe` says."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from zoo import keras_settings
from zoo.errors import UserError
from zoo.models import MODELS, build_model, builder_options
from zoo.models.diagram import check_diagram, draw_diagram
from zoo.tables import (
    format_bytes,
    format_count,
    format_shape,
    format_table,
)

# A model of more layers is shown by parts, which fit a screen.
SCREEN = 40
ROWS = ("layers", "parts")


@keras_settings.fixed()
def describe_model(
    name: str,
    input_shape: tuple[int, ...] | None = None,
    num_classes: int = 10,
    diagram: Path | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Counts what a model is made of, as data fit for JSON.

    Args:
        input_shape: `(H, W, C)`, or `(D,)` for vectors; else the images the
            model is meant for.
        diagram: new .png, .svg or .pdf file for a drawing of the layers.

    Returns:
        `layers`: name, kind, part, output shape of one image, trainable and
        non-trainable parameters, multiply-adds and bytes of output of each;
        `parts`: the same, summed by part; `totals`: over all, with the bytes
        of the weights; and what was described.
    """
    # Only this function needs Keras; reading a shape does without.
    from zoo.models import costs

    if diagram is not None:
        check_diagram(diagram)
    entry = MODELS.find(name)
    shape = entry.home if input_shape is None else input_shape
    model = build_model(entry, num_classes, shape, options=options)
    if diagram is not None:
        draw_diagram(model, diagram)
    rows = costs.layer_costs(model)
    return {
        "name": name,
        "about": entry.about,
        "paper": entry.paper,
        "input": list(shape),
        "classes": num_classes,
        "options": {**builder_options(entry), **options},
        "layers": [dataclasses.asdict(row) for row in rows],
        "parts": costs.part_costs(rows),
        "totals": {**costs.total_costs(rows), **costs.total_memory(rows)},
    }


def format_description(
    described: dict[str, Any], rows: str | None = None
) -> str:
    """Writes what `describe_model` returned for a person to read.

    Args:
        rows: "layers" or "parts"; by default layers where they fit a screen.
    """
    if rows is None:
        rows = "layers" if len(described["layers"]) <= SCREEN else "parts"
    heads = ("layer", "kind") if rows == "layers" else ("part", "layers")
    heads += ("output", "parameters", "multiply-adds", "activations")
    totals = described["totals"]
    second = "" if rows == "layers" else str(len(described["layers"]))
    lines = [
        *(_line(row, str(row[heads[1]])) for row in described[rows]),
        ("total", second, "", *_numbers(totals)),
    ]
    right = (3, 4, 5) if rows == "layers" else (1, 3, 4, 5)
    table = format_table(heads, lines, right)
    return f"{_heading(described)}\n\n{table}\n\n{_footing(described, rows)}"


def _line(row: dict[str, Any], second: str) -> tuple[str, ...]:
    shape = format_shape(row["output"])
    return row["name"], second, shape, *_numbers(row)


def _numbers(row: dict[str, Any]) -> tuple[str, str, str]:
    """Writes parameters, multiply-adds and memory; nothing for none."""
    parameters = row["trainable"] + row["non_trainable"]
    return (
        format_count(parameters) if parameters else "",
        format_count(row["multiply_adds"]) if row["multiply_adds"] else "",
        format_bytes(row["activation_bytes"]),
    )


def _heading(described: dict[str, Any]) -> str:
    paper = f"\n{described['paper']}" if described["paper"] else ""
    return (
        f"{described['name']}: {described['about']}{paper}\n"
        f"input {format_shape(described['input'])}, "
        f"{described['classes']} classes"
    )


def _footing(described: dict[str, Any], rows: str) -> str:
    totals = described["totals"]
    options = " ".join(
        f"{name}={value}" for name, value in described["options"].items()
    )
    more = "\n--rows=layers shows every layer." if rows == "parts" else ""
    return (
        f"{totals['trainable']:,} parameters are trained, "
        f"{totals['non_trainable']:,} are not; in float32 they take "
        f"{format_bytes(totals['weight_bytes'])}.\n"
        "Activations are the outputs for one image, in float32. Training keeps "
        "them for\n"
        "every image of a batch until its gradients are known: about "
        f"{format_bytes(totals['activation_bytes'])} an image.\n"
        f"options: {options}{more}"
    )


def parse_shape(text: str) -> tuple[int, ...]:
    """Reads "28x28x1" as height, width and channels, "2" as a length."""
    if not re.fullmatch(r"[1-9][0-9]*(x[1-9][0-9]*x[1-9][0-9]*)?", text):
        raise UserError(
            f"--input={text} is not height x width x channels; write for "
            "example --input=28x28x1, or --input=2 for vectors of two numbers."
        )
    return tuple(map(int, text.split("x")))
