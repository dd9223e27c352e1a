"""Metrics of made-up runs."""

import functools
import json
import operator

from zoo.diagnostics.findings import RunStats

CONFIG = {
    "model": "mlp",
    "dataset": "digits",
    "loss": "cross_entropy",
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "epochs": 4,
    "steps": None,
    "augment": "none",
    "summaries": ["default"],
}
DATA = {
    "train": 1000,
    "val": 100,
    "input_shape": [8, 8, 1],
    "class_names": ["a", "b", "c", "d"],
    "majority": {"train": 0.25, "val": 0.25},
}
LAYER = {"weight_norm": 10.0, "gradient_norm": 1.0, "update_ratio": 1e-3}
UNITS = {"function": "relu", "mean": 0.5, "std": 1.0, "dead": 0, "spread": 0.8}
CLASSES = {
    "loss": 0.2,
    "chance_loss": 1.386,
    "largest_class": 0.25,
    "accuracy": 0.9,
    "predictions": [0.25, 0.25, 0.25, 0.25],
    "confidence": 0.9,
    "calibration_error": 0.03,
}
ROW = {
    "step": 4000,
    "epoch": 4,
    "examples": 100,
    "logits_std": 3.0,
    "layers": {name: LAYER for name in ("hidden1", "hidden2", "logits")},
    "hidden": {"hidden1": UNITS, "features": UNITS},
    "classes": CLASSES,
    "batch_norm": None,
}
INPUTS = {"mean": 0.0, "std": 1.0, "brightness_fraction": 0.1}
START = {**ROW, "step": 0, "epoch": 0, "inputs": INPUTS}
START["classes"] = {**CLASSES, "loss": 1.5, "accuracy": 0.25}


def history(*rows):
    """Rows of (loss, accuracy, val_loss, val_accuracy)."""
    names = ("epoch", "step", "loss", "accuracy", "val_loss", "val_accuracy")
    return [
        dict(zip(names, (float(n), 1000.0 * n, *row), strict=True))
        for n, row in enumerate(rows, start=1)
    ]


def steady(loss, accuracy, val_loss, val_accuracy, epochs=3):
    """A history in which nothing changes."""
    return history(*[(loss, accuracy, val_loss, val_accuracy)] * epochs)


LEARNS = history(
    (0.9, 0.6, 0.8, 0.7),
    (0.42, 0.85, 0.5, 0.86),
    (0.4, 0.88, 0.45, 0.88),
    (0.38, 0.9, 0.44, 0.9),
)
FAILS = steady(1.4, 0.26, 1.4, 0.25, epochs=4)


def stats(rows=LEARNS, end=(), start=(), **changed):
    """Returns the metrics of a healthy run, with some of them changed.

    `end` and `start` change the last and the first row of layer statistics,
    by a path such as `classes.accuracy`.
    """
    layer_stats = json.loads(json.dumps([START, ROW]))
    for row, changes in zip(layer_stats, (start, end), strict=True):
        for path, value in dict(changes).items():
            *keys, last = path.split(".")
            functools.reduce(operator.getitem, keys, row)[last] = value
    given = {
        "run": "mlp-digits",
        "status": "completed",
        "config": CONFIG | changed.pop("config", {}),
        "data": DATA | changed.pop("data", {}),
        "history": rows,
        "layer_stats": layer_stats,
    }
    return RunStats(**{**given, **changed})
