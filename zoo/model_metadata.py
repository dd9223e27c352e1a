"""Metadata of saved models: run, dataset, class names, inputs and outputs.

A `.keras` file is an archive, of which Keras reads the members that it knows;
`about.json` is stored beside them, and stock Keras ignores it.
"""

from __future__ import annotations

import json
import pathlib
import zipfile
from collections.abc import Sequence
from typing import Any

import zoo
from zoo.config import DEFAULTS
from zoo.errors import UserError
from zoo.io import DAMAGE, read_error
from zoo.runs import Run

FILE = "about.json"  # in formats that hold files
OUTPUTS = ("logits", "probabilities")  # of an export


def describe(run: Run, outputs: Sequence[str] = OUTPUTS) -> dict[str, Any]:
    """Returns the metadata of a run, which every saved format holds.

    Args:
        run: that has started, so that it has a `resolved.json`.
        outputs: names of the model's outputs.
    """
    resolved = run.resolved
    data = resolved["data"]
    shape, classes = data["input_shape"], data["class_names"]
    width = len(classes) or 1  # one number in regression
    return {
        "made_by": f"zoo {zoo.__version__}",
        "run": run.name,
        "model": resolved["config"]["model"],
        "dataset": data["name"],
        "class_names": classes,
        "input": {
            "dtype": "float32",
            "shape": [None, *shape],
            "values": "raw pixels 0..255"
            if len(shape) == 3
            else "coordinates as in the training data",
            **_resize_entry(resolved),
        },
        "outputs": {name: [None, width] for name in outputs},
    }


def _resize_entry(resolved: dict[str, Any]) -> dict[str, str]:
    """Returns how image files become inputs; nothing for points."""
    if len(resolved["data"]["input_shape"]) != 3:
        return {}
    resize = resolved["config"].get("resize", DEFAULTS["resize"])
    return {"resize": resize}


def to_text(metadata: dict[str, Any]) -> str:
    """Returns the metadata as JSON."""
    return json.dumps(metadata, indent=1) + "\n"


def to_properties(metadata: dict[str, Any]) -> dict[str, str]:
    """Returns the metadata as text by name: JSON, except for strings."""
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in metadata.items()
    }


def put_into(path: pathlib.Path, metadata: dict[str, Any]) -> None:
    """Adds the metadata to a `.keras` file."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(FILE, to_text(metadata))


def read(path: pathlib.Path) -> dict[str, Any]:
    """Returns the metadata in a `.keras` file.

    Raises:
        UserError: the file cannot be read, or has no metadata.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read(FILE) if FILE in archive.namelist() else b""
    except OSError as error:
        raise read_error(path, error) from error
    except DAMAGE as error:
        raise UserError(f"{path} cannot be read as a .keras file.") from error
    if not text:
        raise UserError(
            f"{path} holds no {FILE}, which names the classes; name the run "
            "that it is from, or export it again with `zoo export RUN`."
        )
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{path} is corrupt: its {FILE}.") from error
