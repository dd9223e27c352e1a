"""Models as tables: `zoo models` lists all, `zoo describe` one by its layers.

What a layer costs is counted as `zoo/models/costs.py` says.

`zoo models` answers without importing Keras, from `counts.json` beside this
file. After a change to the table or to a builder, update it by

    python -m zoo.models.describe
"""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import json
import re
import shutil
import tempfile
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import backend
from zoo.commands import command
from zoo.console import (
    format_bytes,
    format_count,
    format_shape,
    format_table,
    show_activity,
)
from zoo.errors import UserError, join_and, join_or
from zoo.io import atomic_write
from zoo.models import MODELS, build_model, builder_options
from zoo.models.costs import (
    layer_costs,
    stage_costs,
    total_costs,
    total_memory,
)
from zoo.models.registry import ModelEntry
from zoo.pretrained import list_weights

if TYPE_CHECKING:
    import keras

COUNTS_FILE = Path(__file__).with_name("counts.json")
NUM_CLASSES = 10  # of the models in counts.json
MAX_ROWS = 40  # layers that fit a screen; larger models are shown by stages
ROWS = ("layers", "stages", "paper")
OUTPUT_FORMULA = "(input - filter + padding)/stride + 1"
DIAGRAM_SUFFIXES = (".png", ".svg", ".pdf")


# The table of all models.


def list_entries(pattern: str = "*") -> list[dict[str, Any]]:
    """Returns one record for each listed model that matches a wildcard.

    Parameters (trainable) and multiply-adds are those at the input given in
    `input`, for 10 classes; they are null for models registered by a user.

    Raises:
        UserError: nothing matches.
    """
    # A valid name of a family need not be among those that are listed.
    names = MODELS.names(pattern) or [MODELS.find(pattern).name]
    counts = read_counts()
    return [_record(MODELS.find(name), counts) for name in names]


def _record(
    entry: ModelEntry, counts: Mapping[str, Mapping[str, int]]
) -> dict[str, Any]:
    counted = counts.get(entry.name, {})
    return {
        "name": entry.name,
        "parameters": counted.get("trainable"),
        "multiply_adds": counted.get("multiply_adds"),
        "input": list(entry.default_input_shape),
        "min_size": entry.min_size,
        "year": entry.year,
        "description": entry.description,
        "paper": entry.paper,
        "lecture": entry.lecture,
        "weights": list_weights(entry.name),
    }


def format_entries(entries: list[dict[str, Any]], wide: bool = False) -> str:
    """Formats the records of `list_entries` as a table, 80 columns wide.

    Args:
        wide: whether to show lecture and paper too.
    """
    heads = ("model", "parameters", "MACs", "input", "min. size", "year")
    rows = [
        (
            f"  {entry['name']}",
            format_count(entry["parameters"]),
            format_count(entry["multiply_adds"]),
            format_shape(entry["input"]),
            f"{entry['min_size']} px",
            str(entry["year"] or ""),
        )
        for entry in entries
    ]
    head, *lines = format_table(heads, rows, right=(1, 2, 4)).splitlines()
    table = [head]
    # Adjacent models with one description, as of a family, share a title.
    pairs = zip(entries, lines, strict=True)
    for title, group in itertools.groupby(pairs, lambda p: _title(p[0], wide)):
        table += [title, *(line for _, line in group)]
    return "\n".join(table) + _footnote(entries)


def _title(entry: dict[str, Any], wide: bool) -> str:
    """Returns the description of a model, on one line or on three."""
    title = entry["description"] or "registered model"
    if wide and entry["lecture"]:
        title += f"\n  lecture: {entry['lecture']}"
    if wide and entry["paper"]:
        title += f"\n  paper: {entry['paper']}"
    return title


def _footnote(entries: list[dict[str, Any]]) -> str:
    """Returns which patterns are names too, and the pretrained weights."""
    families = [
        entry.name
        for entry in MODELS.families()
        if any(entry.match(shown["name"]) for shown in entries)
    ]
    pretrained = [name for entry in entries for name in entry["weights"]]
    sentences = []
    if families:
        sentences.append(
            f"Any name that fits {join_or(families)} works, not only those "
            "listed."
        )
    if pretrained:
        sentences.append(
            f"Pretrained weights: {join_and(pretrained)}, as in "
            f"`{command('predict', pretrained[-1], 'photo.png')}`."
        )
    return "".join(
        "\n\n" + textwrap.fill(sentence, 80, break_on_hyphens=False)
        for sentence in sentences
    )


def format_markdown(entries: list[dict[str, Any]]) -> str:
    """Formats the records of `list_entries` as a Markdown table."""
    heads = ("model", "description", "paper", "parameters", "MACs")
    heads += ("input", "min. size")
    lines = [
        f"| {' | '.join(heads)} |",
        "| --- | --- | --- | ---: | ---: | --- | ---: |",
    ]
    for entry in entries:
        cells = (
            f"`{entry['name']}`",
            entry["description"],
            _link(entry["paper"]),
            format_count(entry["parameters"]),
            format_count(entry["multiply_adds"]),
            format_shape(entry["input"]),
            f"{entry['min_size']} px",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _link(paper: str) -> str:
    """Links a paper to arXiv if it has a number there."""
    authors, _, number = paper.partition(", arXiv ")
    return f"[{authors}](https://arxiv.org/abs/{number})" if number else paper


def read_counts() -> dict[str, dict[str, int]]:
    """Returns the counts of `counts.json`, by model; does not import Keras."""
    return json.loads(COUNTS_FILE.read_text(encoding="utf-8"))


def count_all(entries: Iterable[ModelEntry]) -> dict[str, dict[str, int]]:
    """Counts models, each at its default input shape, for 10 classes."""
    return {
        entry.name: total_costs(
            layer_costs(
                build_model(entry, NUM_CLASSES, entry.default_input_shape)
            )
        )
        for entry in entries
    }


# One model, layer by layer.


@backend.fixed_settings()
def describe_model(
    name: str,
    input_shape: tuple[int, ...] | None = None,
    num_classes: int = 10,
    diagram: Path | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Returns the layers of a model and what they cost, as data fit for JSON.

    Args:
        input_shape: `(H, W, C)`, or `(D,)` for vectors; else the model's
            default.
        diagram: new .png, .svg or .pdf file for a drawing of the layers.

    Returns:
        `layers`: name, kind, stage, filter, stride and padding of a window,
        output shape of one image with the formula of its size, trainable and
        non-trainable parameters, multiply-adds and bytes of output of each;
        `stages`: the same, summed by stage; `totals`: over all, with the
        bytes of the weights; `paper_table`: title, heads and rows of the
        table in the model's paper, where it is known; and name, description,
        paper, input, number of classes and options of the model.
    """
    if diagram is not None:
        check_diagram(diagram)
    entry = MODELS.find(name)
    shape = entry.default_input_shape if input_shape is None else input_shape
    show_activity(f"building {name}")
    model = build_model(entry, num_classes, shape, options=options)
    if diagram is not None:
        draw_diagram(model, diagram)
    rows = layer_costs(model)
    return {
        "name": name,
        "description": entry.description,
        "paper": entry.paper,
        "input": list(shape),
        "classes": num_classes,
        "options": {**builder_options(entry), **options},
        "layers": [dataclasses.asdict(row) for row in rows],
        "stages": stage_costs(rows),
        "totals": {**total_costs(rows), **total_memory(rows)},
        "paper_table": entry.load_paper_table()(model)
        if entry.paper_table and num_classes
        else None,
    }


def format_description(
    described: dict[str, Any], rows: str | None = None
) -> str:
    """Formats what `describe_model` returned as a table.

    Args:
        rows: "layers", "stages", or "paper" for the table that the model's
            paper prints; by default layers if they fit a screen.

    Raises:
        UserError: the table of this paper is not known here.
    """
    if rows is None:
        fits = len(described["layers"]) <= MAX_ROWS
        rows = "layers" if fits else "stages"
    if rows == "paper":
        table = _paper_table(described)
    elif rows == "layers":
        table = _layer_table(described)
    else:
        table = _stage_table(described)
    parts = [_heading(described), table]
    if sizes := _output_sizes(described, rows):
        parts.append(sizes)
    return "\n\n".join([*parts, _footing(described, rows)])


def _layer_table(described: dict[str, Any]) -> str:
    heads = ("layer", "kind", "filter", "stride", "padding")
    heads += ("output", "parameters", "MACs", "activations")
    lines = [
        (row["name"], row["kind"], *_window_cells(row), *_cells(row))
        for row in described["layers"]
    ]
    total = ("total", *[""] * 5, *_numbers(described["totals"]))
    return format_table(heads, [*lines, total], right=(6, 7, 8))


def _stage_table(described: dict[str, Any]) -> str:
    heads = ("stage", "layers", "output", "parameters", "MACs", "activations")
    lines = [
        (row["name"], str(row["layers"]), *_cells(row))
        for row in described["stages"]
    ]
    count = str(len(described["layers"]))
    total = ("total", count, "", *_numbers(described["totals"]))
    return format_table(heads, [*lines, total], right=(1, 3, 4, 5))


def _window_cells(row: dict[str, Any]) -> tuple[str, str, str]:
    """Formats filter, stride and padding; blank for other layers."""
    if row["filter"] is None:
        return "", "", ""
    # One number where height and width agree.
    strides = dict.fromkeys(row["stride"])
    return (
        format_shape(row["filter"]),
        "x".join(map(str, strides)),
        row["padding"],
    )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return format_shape(row["output"]), *_numbers(row)


def _output_sizes(described: dict[str, Any], rows: str) -> str:
    """Formats how sizes of maps follow from their windows.

    Of all convolutions and poolings beside the table of layers, and beside
    that of stages of those whose division is not whole.
    """
    if rows == "paper":
        return ""
    windows = [row for row in described["layers"] if row["formula"]]
    if rows != "layers":
        windows = [row for row in windows if not row["is_whole"]]
    if not windows:
        return ""
    lines = [
        (
            row["name"],
            row["formula"]
            + ("" if row["is_whole"] else f"; {_describe_left_out(row)}"),
        )
        for row in windows
    ]
    return format_table(("output size", OUTPUT_FORMULA), lines)


def _describe_left_out(row: dict[str, Any]) -> str:
    pixels = row["left_out"]
    if not pixels:
        return "not whole"
    last = "pixel" if pixels == 1 else f"{pixels} pixels"
    return f"not whole: no window reaches the last {last}"


def _paper_table(described: dict[str, Any]) -> str:
    table = described["paper_table"]
    if table is None:
        known = [entry.name for entry in MODELS if entry.paper_table]
        raise UserError(
            f"--rows=paper: the paper of {described['name']} prints no table "
            f"that is kept here; choose a model of {join_and(known)}, or "
            "--rows=layers."
        )
    right = range(1, len(table["heads"])) if table["numbers"] else ()
    return f"{table['title']}\n\n" + format_table(
        table["heads"], table["rows"], right
    )


def _numbers(row: dict[str, Any]) -> tuple[str, str, str]:
    """Formats parameters, multiply-adds and memory; a zero is left blank."""
    parameters = row["trainable"] + row["non_trainable"]
    return (
        format_count(parameters) if parameters else "",
        format_count(row["multiply_adds"]) if row["multiply_adds"] else "",
        format_bytes(row["activation_bytes"]),
    )


def _heading(described: dict[str, Any]) -> str:
    paper = f"\n{described['paper']}" if described["paper"] else ""
    return (
        f"{described['name']}: {described['description']}{paper}\n"
        f"input {format_shape(described['input'])}, "
        f"{described['classes']} classes"
    )


def _footing(described: dict[str, Any], rows: str) -> str:
    totals = described["totals"]
    options = " ".join(
        f"{name}={value}" for name, value in described["options"].items()
    )
    more = "\n--rows=layers shows every layer." if rows == "stages" else ""
    missing = [
        row["name"] for row in described["layers"] if not row["is_counted"]
    ]
    if missing:
        more = f"\nMultiply-adds of {join_and(missing)} are not counted.{more}"
    return (
        f"Trainable parameters: {totals['trainable']:,}; non-trainable: "
        f"{totals['non_trainable']:,}; in float32 "
        f"{format_bytes(totals['weight_bytes'])}.\n"
        "Activations are the outputs for one image, in float32. Training keeps "
        "them for\nevery image of a batch: about "
        f"{format_bytes(totals['activation_bytes'])} an image.\n"
        f"options: {options}{more}"
    )


def parse_shape(text: str) -> tuple[int, ...]:
    """Parses "28x28x1" as height, width and channels, "2" as a length."""
    if not re.fullmatch(r"[1-9][0-9]*(x[1-9][0-9]*x[1-9][0-9]*)?", text):
        raise UserError(
            f"--input={text} is not height x width x channels; write for "
            "example --input=28x28x1, or --input=2 for vectors of two numbers."
        )
    return tuple(map(int, text.split("x")))


# A diagram, drawn by Keras through pydot and Graphviz.


def missing_tools() -> list[str]:
    """Returns what must be installed before a diagram can be drawn."""
    missing = []
    if importlib.util.find_spec("pydot") is None:
        missing.append("pydot (`pip install pydot`)")
    if shutil.which("dot") is None:
        missing.append("Graphviz, whose command is `dot`")
    return missing


def check_diagram(
    path: Path, missing: Callable[[], list[str]] = missing_tools
) -> None:
    """Checks that a diagram can be drawn, before a model is built for it.

    Raises:
        UserError: the path is not one of a new image file, or a tool that
            draws it is not installed.
    """
    if path.suffix.lower() not in DIAGRAM_SUFFIXES:
        raise UserError(
            f"--diagram={path} is not an image file; use a name that ends in "
            f"{join_or(DIAGRAM_SUFFIXES)}."
        )
    if path.exists():
        raise UserError(
            f"--diagram={path} already exists and is kept; choose another "
            "name, or remove it first."
        )
    if not path.parent.is_dir():
        raise UserError(
            f"--diagram={path} cannot be written, as there is no folder "
            f"{path.parent}; make it first."
        )
    if tools := missing():
        raise UserError(
            f"--diagram={path} needs {join_and(tools)}, not found "
            "here; without it, `zoo describe` prints the table only."
        )


def draw_diagram(
    model: keras.Model, path: Path, plot: Callable | None = None
) -> None:
    """Draws every layer with its output shape; the file is whole or absent.

    Args:
        plot: draws a model into a file; else Keras's own `plot_model`.
    """
    if plot is None:
        import keras

        plot = keras.utils.plot_model
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder, f"diagram{path.suffix.lower()}")
        plot(model, drawn, show_shapes=True, show_layer_names=True)
        with atomic_write(path) as file:
            file.write(drawn.read_bytes())


def main() -> None:
    """Writes the counts of the whole table."""
    COUNTS_FILE.write_text(
        json.dumps(count_all(MODELS), indent=2) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
