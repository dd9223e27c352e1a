"""One model, layer by layer: what `zoo describe` prints."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from zoo.errors import UserError
from zoo.models import MODELS, build_model, builder_options
from zoo.tables import format_count, format_shape, format_table


def describe_model(
    name: str,
    input_shape: tuple[int, int, int] | None = None,
    num_classes: int = 10,
    **options: Any,
) -> dict[str, Any]:
    """Counts what a model is made of, as data fit for JSON.

    Args:
        input_shape: `(H, W, C)`; else the images the model is meant for.

    Returns:
        `layers`: name, kind, output shape of one image, trainable and
        non-trainable parameters and multiply-adds of each; `totals`: their
        sums; and what was described.
    """
    # Only this function needs Keras; reading a shape does without.
    from zoo.models.costs import layer_costs, total_costs

    entry = MODELS.find(name)
    shape = entry.home if input_shape is None else input_shape
    model = build_model(entry, num_classes, shape, options=options)
    rows = layer_costs(model)
    return {
        "name": name,
        "about": entry.about,
        "paper": entry.paper,
        "input": list(shape),
        "classes": num_classes,
        "options": {**builder_options(entry), **options},
        "layers": [dataclasses.asdict(row) for row in rows],
        "totals": total_costs(rows),
    }


def format_description(described: dict[str, Any]) -> str:
    """Writes what `describe_model` returned for a person to read."""
    heads = ("layer", "kind", "output", "parameters", "multiply-adds")
    totals = described["totals"]
    rows = [
        (
            layer["name"],
            layer["kind"],
            format_shape(layer["output"]),
            _blank_zero(layer["trainable"] + layer["non_trainable"]),
            _blank_zero(layer["multiply_adds"]),
        )
        for layer in described["layers"]
    ]
    parameters = totals["trainable"] + totals["non_trainable"]
    total = (
        "total",
        "",
        "",
        format_count(parameters),
        format_count(totals["multiply_adds"]),
    )
    table = format_table(heads, [*rows, total], right=(3, 4))
    return f"{_heading(described)}\n\n{table}\n\n{_footing(described)}"


def _heading(described: dict[str, Any]) -> str:
    paper = f" ({described['paper']})" if described["paper"] else ""
    return (
        f"{described['name']}: {described['about']}{paper}\n"
        f"input {format_shape(described['input'])}, "
        f"{described['classes']} classes"
    )


def _footing(described: dict[str, Any]) -> str:
    totals = described["totals"]
    options = " ".join(
        f"{name}={value}" for name, value in described["options"].items()
    )
    return (
        f"{totals['trainable']:,} parameters are trained, "
        f"{totals['non_trainable']:,} are not.\n"
        f"options: {options}"
    )


def _blank_zero(count: int) -> str:
    return format_count(count) if count else ""


def parse_shape(text: str) -> tuple[int, int, int]:
    """Reads "28x28x1" as height, width and channels."""
    if not re.fullmatch(r"[1-9][0-9]*(x[1-9][0-9]*){2}", text):
        raise UserError(
            f"--input={text} is not height x width x channels; write for "
            "example --input=28x28x1."
        )
    height, width, channels = map(int, text.split("x"))
    return height, width, channels
