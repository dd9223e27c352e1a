"""Metadata of saved models: run, dataset, class names, inputs and outputs.

A `.keras` file is an archive, of which Keras reads the members that it knows;
`about.json` is stored beside them, and stock Keras ignores it.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import zipfile
from collections.abc import Sequence
from typing import Any

import zoo
from zoo.config import DEFAULTS
from zoo.errors import UserError
from zoo.io import DAMAGE, atomic_path, read_error
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
    """Adds the metadata to a `.keras` file, and makes it reproducible.

    Keras writes the time of saving into it, and addresses of layers in memory;
    without them equal models have equal files.
    """
    added = [(FILE, zipfile.ZIP_STORED, to_text(metadata).encode())]
    with (
        atomic_path(path) as rewritten,
        zipfile.ZipFile(path) as source,
        zipfile.ZipFile(rewritten, "x") as target,
    ):
        for member in source.infolist():
            kind = member.compress_type
            if member.filename in _REPRODUCIBLE:
                make = _REPRODUCIBLE[member.filename]
                text = make(json.loads(source.read(member)))
                added.append((member.filename, kind, text.encode()))
                continue
            entry = _entry(member.filename, kind)
            with (
                source.open(member) as content,
                target.open(entry, "w", force_zip64=True) as copy,
            ):
                shutil.copyfileobj(content, copy, 2**20)
        for name, kind, content in added:
            target.writestr(_entry(name, kind), content)


def _entry(name: str, compress_type: int) -> zipfile.ZipInfo:
    """Returns the header of an archive's member, of no particular time."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = compress_type
    entry.external_attr = 0o644 << 16
    return entry


def _without_addresses(config: Any) -> str:
    """Returns `config.json` with layers numbered in their order."""
    numbers: dict[Any, int] = {}

    def number(value: Any) -> Any:
        if isinstance(value, list):
            return [number(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            key: numbers.setdefault(item, len(numbers))
            if key == "shared_object_id" and item is not None
            else number(item)
            for key, item in value.items()
        }

    return json.dumps(number(config))


def _without_time(metadata: dict[str, Any]) -> str:
    return json.dumps(
        {key: v for key, v in metadata.items() if key != "date_saved"}
    )


_REPRODUCIBLE = {
    "config.json": _without_addresses,
    "metadata.json": _without_time,
}


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
