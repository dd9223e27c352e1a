"""What an exported model says of itself, in words that travel with it."""

from __future__ import annotations

import json
from typing import Any

import zoo
from zoo.runs import Run

FILE = "about.json"  # its name, where a format holds files


def describe(run: Run) -> dict[str, Any]:
    """Returns what stands in every export of a run, whatever the format."""
    data = run.resolved["data"]
    shape, classes = data["input_shape"], data["class_names"]
    return {
        "made_by": f"zoo {zoo.__version__}",
        "run": run.name,
        "model": run.resolved["config"]["model"],
        "dataset": data["name"],
        "class_names": classes,
        "input": {
            "dtype": "float32",
            "shape": [None, *shape],
            "values": "raw pixels 0..255"
            if len(shape) == 3
            else "coordinates as in the training data",
        },
        "outputs": {
            "logits": [None, len(classes)],
            "probabilities": [None, len(classes)],
        },
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
