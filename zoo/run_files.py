"""The files of run folders: what each one holds, and how it is checked.

A parser returns what the text of a file holds. It raises one of `INVALID` for
a text that no version of zoo has written: a file that was cut, in which bits
are flipped, or that belongs to something else.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from zoo import io
from zoo.config import DEFAULTS, OPTIONS, TrainConfig
from zoo.errors import UserError
from zoo.options import check_option

FORMAT = 1  # of a run folder; another one is refused
GROUP_FORMAT = 1  # of group.json; another one is refused
# Statuses of runs with which nothing is left to do.
ENDED = ("completed", "stopped_early", "diverged")
STATUSES = (*ENDED, "interrupted", "paused")
# What parsers raise. RecursionError: JSON that is nested too deep.
INVALID = (ValueError, TypeError, KeyError, RecursionError)

# Keys that JSON files must have, each with the type of its value: see
# `_check_structure`.
_NUMBER = (int, float, type(None))
_GROUP = {
    "kind": str,
    "base": dict,
    "seeds": [int],
    "members": [{"run": str, "seed": int}],
}
_SWEEP_RESULT = {
    "status": str,
    "trials": int,
    "objective": str,
    "best": [{"runs": [str], "score": (int, float)}],
    "lost": [dict],
}
_RESOLVED = {
    "zoo": str,
    "started": str,
    "git_commit": (str, type(None)),
    "parent": (dict, type(None)),
    "config": {"model": str, "dataset": str, "seed": int},
    "machine": {"backend": str},
    "precision": str,
    "jit": bool,
    "steps_per_execution": int,
    "steps_per_epoch": _NUMBER,
    "total_steps": _NUMBER,
    "data": {
        "name": str,
        "from_arrays": bool,
        "fingerprint": str,
        "train": int,
        "val": int,
        "test": (int, type(None)),  # none, of data from Python
        "input_shape": [int],
        "task": str,
        "class_names": [str],
    },
    "features": (dict, type(None)),
    "weights": (dict, type(None)),
    "frozen": [str],
    "statistics": {
        "mean_subtraction": str,
        "scale": str,
        "mean": (*_NUMBER, list),
        "std": (*_NUMBER, list),
    },
    "parameters": {"trainable": int, "total": int},
    "multiply_adds": int,
}
# Entries that older runs lack: the value that they stand for, and its type.
_RESOLVED_DEFAULTS = {
    "model_options": (None, (dict, type(None))),
    "own_preprocessing": ([], [str]),
    "softmax_removed": (False, bool),
    "compiled": ({}, dict),
    "model_file_sha256": (None, (str, type(None))),
    "architecture": (None, (str, type(None))),
    "model_from_python": (False, bool),
    "initial_weights": (None, (dict, type(None))),
    "callbacks": ([], [{"class": str, "arguments": dict, "passive": bool}]),
}
_METRICS = {
    "status": str,
    "epochs": int,
    "steps": int,
    "train_loss": _NUMBER,
    "train_accuracy": _NUMBER,
    "val_loss": _NUMBER,
    "val_accuracy": _NUMBER,
    "best_epoch": _NUMBER,
    "best_val_accuracy": _NUMBER,
    "best_val_loss": _NUMBER,
    "examples_per_second": _NUMBER,
    "wall_seconds": _NUMBER,
    "parameters": int,
}
_LAYER_STATS = [
    {
        "step": int,
        "layers": dict,
        "hidden": dict,
        "examples": int,
        "logits_std": _NUMBER,
        "classes": (dict, type(None)),
        "batch_norm": (dict, type(None)),
    }
]
# Numbers of a measurement, of each layer or of the whole network.
_LAYER_STATS_KEYS = {
    "layers": ("weight_norm", "gradient_norm", "update_ratio"),
    "hidden": ("mean", "std", "dead", "spread"),
    "classes": (
        *("loss", "chance_loss", "largest_class", "accuracy", "confidence"),
        "calibration_error",
    ),
    "inputs": ("mean", "std", "brightness_fraction"),
    "batch_norm": ("momentum", "loss_in_training", "accuracy_in_training"),
}
_HISTORY_COLUMNS = {
    *("epoch", "step", "loss", "accuracy", "val_loss", "val_accuracy"),
}


def _check_structure(value: Any, expected: Any) -> None:
    """Raises `TypeError` or `KeyError` for a value of another structure.

    Args:
        value: of a JSON file.
        expected: a type, or several; a dict of what some keys have; a list of
            what each item is.
    """
    if isinstance(expected, dict):
        _check_structure(value, dict)
        for key, inner in expected.items():
            _check_structure(value[key], inner)
    elif isinstance(expected, list):
        _check_structure(value, list)
        for item in value:
            _check_structure(item, expected[0])
    else:
        is_number = isinstance(value, bool) and expected is not bool
        if is_number or not isinstance(value, expected):
            raise TypeError(f"{value!r} is not {expected}")


def parse_config(text: str) -> TrainConfig:
    """Returns the options that `config.json` holds."""
    _check_structure(json.loads(text), dict)
    return TrainConfig.from_json(text)


def _check_options(options: Mapping[str, Any]) -> None:
    """Raises `ValueError` for an option, or a value of one, that is none."""
    for name, value in options.items():
        if name not in OPTIONS:
            raise ValueError(f"no option {name}")
        try:
            if value is not None:
                check_option(name, OPTIONS[name], value)
        except UserError as error:
            raise ValueError(str(error)) from error


def parse_resolved(text: str) -> dict[str, Any]:
    """Returns `resolved.json`; only `format` is checked of another format.

    An option that did not exist yet when the run was made has its default.
    """
    resolved = json.loads(text)
    _check_structure(resolved, {"format": int})
    if resolved["format"] == FORMAT:
        _check_structure(resolved, _RESOLVED)
        for name, (default, kind) in _RESOLVED_DEFAULTS.items():
            value = resolved.setdefault(name, copy.copy(default))
            _check_structure(value, kind)
        if (weights := resolved["initial_weights"]) is not None:
            _check_structure(weights, {"sha256": str, "fresh": bool})
        data = resolved["data"]
        if data["task"] == "classification" and not data["class_names"]:
            raise ValueError("no names of classes")
        if [] in (
            resolved["statistics"]["mean"],
            resolved["statistics"]["std"],
        ):
            raise ValueError("an empty mean or standard deviation")
        random_labels = data.get("random_labels")
        _check_structure(random_labels, (dict, type(None)))
        majority = data.get("majority", {})
        _check_structure(majority, dict)
        for accuracy in majority.values():
            _check_structure(accuracy, _NUMBER)
        _check_options(resolved["config"])
        chosen = resolved["statistics"]
        _check_options(
            {name: chosen[name] for name in ("mean_subtraction", "scale")}
        )
        # To JSON and back, so that defaults are lists where read values are.
        defaults = json.loads(json.dumps(DEFAULTS))
        resolved["config"] = {**defaults, **resolved["config"]}
    return resolved


def parse_group(text: str) -> dict[str, Any]:
    """Returns `group.json`; only `format` is checked of another format."""
    group = json.loads(text)
    _check_structure(group, {"format": int})
    if group["format"] == GROUP_FORMAT:
        _check_structure(group, _GROUP)
    return group


def parse_sweep_result(text: str) -> dict[str, Any]:
    """Returns `result.json` of a sweep."""
    result = json.loads(text)
    _check_structure(result, _SWEEP_RESULT)
    return result


def parse_metrics(text: str) -> dict[str, Any]:
    """Returns `metrics.json`: a status, and numbers if it was trained here."""
    metrics = json.loads(text)
    _check_structure(metrics, {"status": str})
    if len(metrics) > 1:
        _check_structure(metrics, _METRICS)
    for name, value in metrics.items():
        if name != "status":
            _check_structure(value, _NUMBER)
    if metrics["status"] not in STATUSES:
        raise ValueError("an unknown status")
    return metrics


def parse_layer_stats(text: str) -> list[dict[str, Any]]:
    """Returns `layer_stats.json`: a list of measurements."""
    rows = json.loads(text)
    _check_structure(rows, _LAYER_STATS)
    for row in rows:
        if row["classes"] is not None:
            _check_structure(row["classes"], {"predictions": [_NUMBER]})
        for kind, keys in _LAYER_STATS_KEYS.items():
            groups = row.get(kind)
            if kind in ("classes", "inputs", "batch_norm"):
                groups = {} if groups is None else {kind: groups}
            for numbers in groups.values():
                _check_structure(numbers, {key: _NUMBER for key in keys})
    return rows


def parse_history(text: str) -> list[dict[str, float | None]]:
    """Returns the rows of `history.csv`; `None` for an empty cell."""
    if not text.endswith("\n"):
        raise ValueError("the last row is torn")
    reader = csv.DictReader(text.splitlines(), restval="missing")
    if not _HISTORY_COLUMNS <= {*reader.fieldnames}:
        raise ValueError("a column is missing")
    rows = [
        {key: float(cell) if cell else None for key, cell in row.items()}
        for row in reader
    ]
    if [row["epoch"] for row in rows] == [0]:
        return rows  # of knn, which makes no step and has no training loss
    for number, row in enumerate(rows, 1):
        if row["epoch"] != number or None in (row["step"], row["loss"]):
            raise ValueError("rows are missing")
    return rows


_CHECKSUM = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_.\-]+)")


def parse_checksums(text: str) -> dict[str, str]:
    """Returns the SHA-256 in hex of each file that `SHA256SUMS` names."""
    lines = [_CHECKSUM.fullmatch(line) for line in text.splitlines()]
    if not lines or not all(lines) or not text.endswith("\n"):
        raise ValueError("a line is torn")
    return {line[2]: line[1] for line in lines}


def format_checksums(checksums: Mapping[str, str]) -> str:
    """Returns the content of `SHA256SUMS`, as `sha256sum -c` reads it.

    Args:
        checksums: SHA-256 in hex of each file.
    """
    return "".join(f"{sum_}  {name}\n" for name, sum_ in checksums.items())


def sha256_of_text(text: str) -> str:
    """Returns the SHA-256 in hex of a text, as it is written to a file."""
    return hashlib.sha256(io.encode(text)).hexdigest()


def sha256_of_file(path: pathlib.Path) -> str:
    """Returns the SHA-256 in hex of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
