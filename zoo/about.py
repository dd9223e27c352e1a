"""What a saved model says of itself: the words that travel with it.

A `.keras` file is an archive, of which Keras reads the members that it knows:
`about.json` lies beside them, and stock Keras passes over it.
"""

from __future__ import annotations

import json
import pathlib
import zipfile
from collections.abc import Sequence
from typing import Any

import zoo
from zoo.errors import UserError
from zoo.runs import Run

FILE = "about.json"  # its name, where a format holds files
OUTPUTS = ("logits", "probabilities")  # of an export


def describe(run: Run, outputs: Sequence[str] = OUTPUTS) -> dict[str, Any]:
    """Returns what stands in every saved model of a run, whatever the format.

    Args:
        run: begun, so that `resolved.json` is there.
        outputs: names of what the model gives.
    """
    resolved = run.resolved
    data = resolved["data"]
    shape, classes = data["input_shape"], data["class_names"]
    width = len(classes) or 1  # one number, where no class is predicted
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
        },
        "outputs": {name: [None, width] for name in outputs},
    }


def to_text(about: dict[str, Any]) -> str:
    """Returns it as JSON."""
    return json.dumps(about, indent=1) + "\n"


def to_properties(about: dict[str, Any]) -> dict[str, str]:
    """Returns it as texts by name: JSON, but for what is text already."""
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in about.items()
    }


def put_into(path: pathlib.Path, about: dict[str, Any]) -> None:
    """Adds it to a `.keras` file."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(FILE, to_text(about))


def read(path: pathlib.Path) -> dict[str, Any]:
    """Returns what a `.keras` file says of itself.

    Raises:
        UserError: the file cannot be read, or says nothing.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read(FILE) if FILE in archive.namelist() else b""
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} cannot be read as a .keras file.") from error
    if not text:
        raise UserError(
            f"{path} holds no {FILE}, which names the classes; name the run "
            "that it is from, or export it again with `zoo export RUN`."
        )
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{path} is damaged: its {FILE}.") from error
