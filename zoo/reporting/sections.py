"""The contents of each section of a report, as plain values for the templates.

Functions that return `None` have nothing to show; the section is left out.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import shlex
from collections.abc import Sequence, Sized
from typing import Any

import numpy as np

from zoo import metrics
from zoo.commands import Target
from zoo.config import TrainConfig, format_option
from zoo.console import (
    format_bytes,
    format_count,
    format_duration,
    format_shape,
    pluralize,
)
from zoo.data.datasets import DatasetInfo, find_dataset, is_hflip_safe
from zoo.diagnostics import findings as diagnostics_text
from zoo.diagnostics.findings import ERROR, INFO, WARNING
from zoo.errors import UserError, join_and
from zoo.evaluation import compare
from zoo.evaluation.compare import format_value
from zoo.evaluation.statistics import (
    BOOKKEEPING_OPTIONS,
    all_options,
    describe_callbacks,
)
from zoo.evaluation.test_set import describe_count
from zoo.models import MODELS
from zoo.models.registry import ModelEntry
from zoo.reporting.context import ReportContext, without_paths
from zoo.resolve import resolve
from zoo.runs import Run
from zoo.summaries.images import (
    MAX_CLASSES,
    most_confident_first,
    most_confused,
)
from zoo.training.model import backbone_of
from zoo.training.results import COSMETIC_OPTIONS, verdict

MAX_CLASS_NAMES = 12  # in the list of classes
MAX_CHANNELS = 4  # whose statistics are listed
MAX_WIDE_MATRIX = 12  # classes up to which cells have room to spare
MAX_CONFUSIONS = 5  # pairs of classes below the confusion matrix
MAX_ERRORS = 12
MAX_TEST_EVALUATIONS = 12  # the latest ones are listed

STATUS_TEXT = {
    "running": "This run is still training; its numbers are preliminary.",
    "killed": "The process of this run was killed. Resume it with {resume}.",
    "interrupted": "This run was interrupted after {steps}. Resume it with "
    "{resume}.",
    "diverged": "This run diverged: the loss or a weight was no longer finite "
    "after {steps}. There is no result; the numbers are from before that.",
}
SEVERITY_CLASS = {ERROR: "error", WARNING: "warning", INFO: "info"}
MEAN_SUBTRACTION = {
    "none": "no mean subtraction",
    "channel": "channel means subtracted",
    "pixel": "mean image subtracted",
    "image": "channel means of each image subtracted",
}
SCALE = {
    "none": "not scaled",
    "unit": "divided by 255",
    "std": "divided by the standard deviation of each channel",
}
# Options that say where a run is, not what it is.
LOCATION_OPTIONS = ("run_name", "runs_dir")


# The header.


def notices(run: ReportContext) -> list[str]:
    """Returns what a reader must know before the numbers."""
    texts = []
    if run.status in STATUS_TEXT:
        text = STATUS_TEXT[run.status].format(
            steps=pluralize(run.step, "step"),
            resume=Target.of(run.run).resume(),
        )
        texts.append(text)
    fraction = run.config.get("randomize_labels")
    if fraction:
        texts.append(
            f"{100 * fraction:g}% of the training labels were replaced by "
            "random classes; the validation labels are unchanged."
        )
    if run.missing_reason and run.is_finished:
        texts.append(f"Based on stored metrics only: {run.missing_reason}")
    return texts


def input_text(run: ReportContext) -> str:
    """Returns the shape of an example, such as `28×28×1`."""
    shape = run.data["input_shape"]
    return pluralize(shape[0], "number") if len(shape) == 1 else _shape(shape)


def target_text(run: ReportContext) -> str:
    """Returns what is predicted: `10 classes`, or a number."""
    if run.class_names:
        return pluralize(len(run.class_names), "class", "classes")
    return "a number to predict"


def is_trained_by_steps(run: ReportContext) -> bool:
    """Whether there is an optimizer; kNN has none."""
    return bool(run.config["optimizer"] and run.resolved["total_steps"])


def dates_text(run: ReportContext) -> str:
    """Returns when the run was started, and how it ended."""
    started = datetime.datetime.fromisoformat(run.resolved["started"])
    text = f"Started {started.day} {started:%B %Y}"
    if not run.metrics:
        return f"{text}."
    status = run.status.replace("_", " ")
    return (
        f"{text}; {status} in {format_duration(run.metrics['wall_seconds'])}."
    )


# Results.


def diagnostics(run: ReportContext) -> dict[str, Any]:
    """Returns the findings, and a sentence if there is no problem."""
    has_problem = any(f.severity > INFO for f in run.findings)
    return {
        "healthy": None
        if has_problem
        else diagnostics_text.no_problems(run.stats, run.findings),
        "findings": [
            {
                "class": SEVERITY_CLASS[finding.severity],
                "text": f"{finding.text[:1].upper()}{finding.text[1:]}.",
                "advice": f"{finding.advice}.",
            }
            for finding in run.findings
        ],
    }


def class_metrics(run: ReportContext) -> dict[str, Any] | None:
    """Returns precision and recall by class; of many classes the worst first.

    Returns:
        `shown` and `rest`: rows, each with the index of its class; `low`: the
        recall, 0..1, at which the scale of the drawn intervals starts.
    """
    if not run.scored or run.is_regression:
        return None
    rows = run.scored.result["classes"]
    order = list(range(len(rows)))
    if len(rows) > MAX_CLASSES:
        order.sort(key=lambda k: (rows[k]["recall"] is None, rows[k]["recall"]))
    lows = [row["recall_low"] for row in rows if row["recall_low"] is not None]
    low = math.floor(10 * min(lows)) / 10
    cells = [_class_row(rows[k], k, low) for k in order]
    return {
        "shown": cells[:MAX_CLASSES],
        "rest": sorted(cells[MAX_CLASSES:], key=lambda row: row["index"]),
        "count": len(rows),
        "low": low,
    }


def _class_row(row: dict, index: int, low: float) -> dict[str, Any]:
    places = {"low": "recall_low", "at": "recall", "high": "recall_high"}
    interval = None
    if row["recall"] is not None:
        interval = ";".join(
            f"--{name}:{(row[key] - low) / (1 - low):.4f}"
            for name, key in places.items()
        )
    return {
        "index": index,
        "name": row["class"],
        "has_interval": row["recall_low"] is not None,
        "interval_style": interval,
    }


def confusion_matrix(run: ReportContext) -> dict[str, Any] | None:
    """Returns the cells of the matrix, and the most frequent confusions.

    Returns:
        `labels`: indices of the classes that are shown; `rows`: one list of
        cells for each of them; `confusions`: pairs of true and predicted
        class, the most frequent first.
    """
    if not run.scored or run.is_regression:
        return None
    counts = np.array(run.scored.result["confusion"])
    labels, totals = most_confused(counts).tolist(), counts.sum(axis=1)
    rows = [
        [_matrix_cell(counts, i, j, totals[i]) for j in labels] for i in labels
    ]
    errors = counts - np.diag(np.diag(counts))
    order = np.argsort(-errors, axis=None, kind="stable")[:MAX_CONFUSIONS]
    pairs = zip(*np.unravel_index(order, errors.shape), strict=True)
    return {
        "labels": labels,
        "count": len(counts),
        "rows": rows,
        "has_long_names": any(len(run.class_names[k]) > 2 for k in labels),
        "is_dense": len(labels) > MAX_WIDE_MATRIX,
        "confusions": [(int(i), int(j)) for i, j in pairs if errors[i, j]],
    }


def _matrix_cell(counts: np.ndarray, true: int, predicted: int, total) -> dict:
    count = counts[true, predicted]
    # The root, so that the few errors of a good model are visible at all.
    shade = (count / total) ** 0.5 if count else 0.0
    return {
        "key": f"evaluate.confusion.{true}.{predicted}" if count else None,
        "class": "correct" if true == predicted else "error",
        "style": f"--fraction:{shade:.3f}",
    }


def confident_errors(run: ReportContext) -> dict[str, Any] | None:
    """Returns the errors with the highest predicted probability.

    Returns:
        `shown`: of each error the index of its example, names of the
        predicted and the true class, the probability, 0..1, of the predicted
        one, and the name of the file, if there is one.
    """
    if not has_probabilities(run) or run.unit_name != "images":
        return None
    part = run.scored.part
    probabilities = np.exp(metrics.log_softmax(run.scored.outputs))
    errors = most_confident_first(probabilities, part.labels)
    shown = [
        {
            "index": int(index),
            "predicted": run.class_names[int(probabilities[index].argmax())],
            "label": run.class_names[part.labels[index]],
            "probability": float(probabilities[index].max()),
            "file": part.file_names[index] if part.file_names else None,
        }
        for index in errors[:MAX_ERRORS]
    ]
    return {"shown": shown, "count": len(errors), "examples": len(part)}


def has_probabilities(run: ReportContext) -> bool:
    """Whether there are predicted probabilities, all of them finite.

    The outputs of a network that minimizes another loss than cross-entropy
    are no log-probabilities.
    """
    if run.scored is None or run.is_regression:
        return False
    if run.config["loss"] not in (None, "cross_entropy"):
        return False
    return bool(np.isfinite(run.scored.outputs).all())


# What the run was made of.


def data_rows(run: ReportContext) -> dict[str, Any]:
    """Returns what is known of the dataset besides its sizes."""
    data, config, source = run.data, run.config, _source(run)
    names = data["class_names"]
    more = len(names) - MAX_CLASS_NAMES
    classes = f"{len(names)}: {', '.join(names[:MAX_CLASS_NAMES])}"
    features = run.resolved.get("features")
    return {
        "about": source and source.description,
        "shape": _shape(data["input_shape"]),
        "classes": classes + (f" and {more} more" if more > 0 else "")
        if names
        else None,
        "split": _split_text(config, data),
        "augmentation": config["augment"].replace(",", ", ").replace("_", " "),
        "features": features and f"{features['name']}: {features['about']}",
        "origin": source and source.authors,
        "license": (source and source.license) or "not specified",
    }


def _source(run: ReportContext) -> DatasetInfo | None:
    """Returns the dataset's entry in the table, if it has one."""
    if run.data["from_arrays"]:
        return None
    try:
        return find_dataset(run.data["name"])[0]
    except UserError:
        return None


def _split_text(config: dict, data: dict) -> str:
    if data["from_arrays"]:
        return "passed as arrays"
    if not data["val"]:
        return "none"
    if data.get("has_own_val"):
        return "given with the data"
    group = f", grouped by {config['group_by']}" if config["group_by"] else ""
    part = f"{100 * config['val_fraction']:g}%"
    if config.get("fold"):
        part = f"fold {config['fold']}"
    content = "pixels" if len(data["input_shape"]) == 3 else "values"
    classes = ", stratified by class" if data["class_names"] else ""
    return (
        f"{part} of the training examples, split by a hash of the {content}"
        f"{classes}{group}"
    )


def preprocessing(run: ReportContext) -> dict[str, Any]:
    """Returns the preprocessing in words, and the keys of its statistics."""
    if own := run.resolved.get("own_preprocessing"):
        text = f"layers of the model itself: {join_and(own)}"
        return {"text": text, "statistics": []}
    measured = run.resolved["statistics"]
    text = MEAN_SUBTRACTION[measured["mean_subtraction"]]
    text += f", {SCALE[measured['scale']]}; statistics of the training set"
    statistics = []
    for name in ("mean", "std"):
        values = measured[name]
        if values is None or isinstance(values[0], list):
            continue
        if len(values) <= MAX_CHANNELS:
            keys = [
                f"resolved.statistics.{name}.{k}" for k in range(len(values))
            ]
            statistics.append((name, keys))
    return {"text": text, "statistics": statistics}


def model_rows(run: ReportContext) -> dict[str, Any]:
    """Returns description and paper, memory, and the parts of the model."""
    entry = _entry(run.config["model"])
    rows: dict[str, Any] = {
        "about": entry and entry.description,
        "paper": entry and entry.paper,
        "memory": None,
        "parts": [],
    }
    if not run.scored:
        return rows
    from zoo.models import costs

    layers = costs.layer_costs(backbone_of(run.scored.model))
    memory = costs.total_memory(layers)
    rows["memory"] = (
        f"{format_bytes(memory['weight_bytes'])} of weights, "
        f"{format_bytes(memory['activation_bytes'])} of activations for one "
        "example, in float32"
    )
    rows["parts"] = [
        (
            part["name"],
            str(part["layers"]),
            _shape(part["output"]),
            format_count(part["trainable"] + part["non_trainable"]),
            format_count(part["multiply_adds"]),
        )
        for part in costs.stage_costs(layers)
    ]
    return rows


def _entry(name: str) -> ModelEntry | None:
    try:
        return MODELS.find(name)
    except UserError:
        return None


def environment(run: ReportContext) -> dict[str, Any]:
    """Returns device, versions and how far the run can be reproduced."""
    machine, config = run.resolved["machine"], run.config
    titles = {
        "python": "Python",
        "keras": "Keras",
        "tensorflow": "TensorFlow",
        "jax": "JAX",
        "numpy": "NumPy",
    }
    versions = [
        f"{title} {machine[key]}"
        for key, title in titles.items()
        if key in machine
    ]
    kernels = ", without oneDNN" if machine.get("onednn") == "off" else ""
    jit = ", compiled by XLA" if run.resolved["jit"] else ""
    precision = run.resolved["precision"]
    exactness = "not deterministic: the last digits may differ between runs"
    if config["deterministic"]:
        exactness = "deterministic: bit-identical when repeated"
    return {
        "device": f"{machine['device']}, {machine['cores']} cores, "
        f"{precision}{kernels}{jit}",
        "versions": ", ".join([f"zoo {run.resolved['zoo']}", *versions]),
        "seed": f"{config['seed']}, {exactness}",
    }


def _shape(shape: Sequence[int]) -> str:
    return format_shape(shape).replace("x", "×")


# Settings: the difference to the model's recipe, and how to repeat the run.


class _StoredSplit(Sized):
    """The number of examples of a split, which may have been weighted."""

    sample_weight = None

    def __init__(self, count: int):
        self._count = count

    def __len__(self) -> int:
        return self._count


@dataclasses.dataclass(frozen=True)
class _StoredDataset:
    """What `resolve` asks of a `Dataset`, from a run folder."""

    name: str
    train: _StoredSplit
    task: str
    has_vectors: bool
    hflip_safe: bool
    input_shape: tuple[int, ...]
    val: _StoredSplit

    @classmethod
    def of(cls, run: Run) -> _StoredDataset:
        data = run.resolved["data"]
        return cls(
            data["name"],
            _StoredSplit(data["train"]),
            data["task"],
            len(data["input_shape"]) == 1,
            is_hflip_safe(data["name"]),
            tuple(data["input_shape"]),
            _StoredSplit(data["val"]),
        )


def recipe_diff(run: Run) -> list[tuple[str, Any, Any]] | None:
    """Returns the options of a run that differ from the recipe of its model.

    Returns:
        Name, value of the run and value of the recipe; `None` if the recipe
        is unknown, as for a model that is not registered in this process.
    """
    config, data = run.config, _StoredDataset.of(run)
    try:
        entry = MODELS.find(run.resolved["config"]["model"])
        bare = TrainConfig(model=entry.name, dataset=config.dataset)
        default = resolve(bare, data)
    except UserError:
        return None
    used, default = all_options(run), default.as_dict()
    return [
        (name, used[name], value)
        for name, value in default.items()
        if name not in (*BOOKKEEPING_OPTIONS, "seed")
        and format_value(used[name]) != format_value(value)
    ]


def settings(run: ReportContext) -> dict[str, Any]:
    """Returns the difference to the recipe, the parent, and the commands."""
    diff, asked = recipe_diff(run.run), run.run.config.overrides()
    parent = run.resolved["parent"]
    target = Target.of(run.run)
    rows = diff and [
        (
            name,
            format_value(used),
            format_value(default),
            "" if name in asked else "implied by other options",
        )
        for name, used, default in diff
    ]
    if callbacks := describe_callbacks(run.run):
        rows = [*(rows or []), ("callbacks", callbacks, "none", "from Python")]
    return {
        "diff": rows,
        "is_known": diff is not None,
        "parent": parent and parent["run"],
        "changed": ", ".join(parent["changed"]) if parent else "",
        "command": None
        if target.from_python
        else without_paths(train_command(run.run)),
        "repeat": None if target.from_python else without_paths(target.again()),
        "passed": join_and(target.from_python),
    }


def train_command(run: Run) -> str:
    """Returns the command that repeats a run, one flag per line."""
    flags = [
        shlex.quote(flag)
        for name, value in run.config.overrides().items()
        if name not in LOCATION_OPTIONS
        for flag in format_option(name, value)
    ]
    return " \\\n    ".join(["zoo train", *flags])


# The test set and caveats.


def test_set(run: ReportContext) -> dict[str, Any] | None:
    """Returns the logged evaluations on the run's test set."""
    if not run.data["test"]:
        return None
    command = None
    if run.is_finished and not run.data["from_arrays"]:
        command = without_paths(
            Target.of(run.run).typed("evaluate", split="test")
        )
    rows = [
        (
            str(number),
            _time(evaluation),
            ", ".join(entry["run"] for entry in evaluation["runs"]),
            ", ".join(_score(entry["result"]) for entry in evaluation["runs"]),
        )
        for number, evaluation in enumerate(run.test_evaluations, start=1)
    ]
    return {
        "rows": rows[-MAX_TEST_EVALUATIONS:],
        "count": len(rows),
        "latest": describe_count(len(rows)),
        "command": command,
    }


def _time(evaluation: dict[str, Any]) -> str:
    try:
        when = datetime.datetime.fromisoformat(evaluation["time"])
    except (KeyError, TypeError, ValueError):
        return "–"
    return f"{when:%Y-%m-%d %H:%M}"


def _score(result: dict[str, Any]) -> str:
    if "accuracy" in result:
        return f"{100 * result['accuracy']:.2f}%"
    if "mean_squared_error" in result:
        return f"{result['mean_squared_error']:.4g}"
    return "–"


def caveats(run: ReportContext) -> list[str]:
    """Returns what must not be concluded from the numbers, as sentences."""
    texts = [
        _missing_caveat(run),
        _seed_caveat(run),
        _selection_caveat(run),
        _expected_score(run),
        _random_labels_caveat(run),
        "The confidence interval is for new examples from the same source. It "
        "does not hold for images taken elsewhere, by others or at another "
        "time (distribution shift).",
        *diagnostics_text.notes(run.stats),
    ]
    return [text for text in texts if text]


def _missing_caveat(run: ReportContext) -> str:
    if not run.missing_reason:
        return ""
    return (
        "Predictions on the validation examples are missing, and with them "
        "per-class metrics, confusion matrix, errors and calibration: "
        f"{run.missing_reason}"
    )


def _seed_caveat(run: ReportContext) -> str:
    seed = run.config["seed"]
    text = f"This is a single run with seed {seed}; results vary between seeds"
    target = Target.of(run.run)
    if target.from_python:
        return f"{text}."
    return f"{text}: `{target.again(seed=seed + 1)}`."


def _selection_caveat(run: ReportContext) -> str:
    best, epochs = run.metrics.get("best_epoch"), run.metrics.get("epochs")
    if not best:
        return ""
    return (
        f"The weights are those of the best of {epochs} epochs, selected on "
        "the same validation examples. The validation score is therefore "
        "biased upwards, and more so the more settings were compared on them."
    )


def _expected_score(run: ReportContext) -> str:
    """Compares the score of an unchanged default recipe with its range."""
    accuracy = run.metrics.get("best_val_accuracy")
    changed = set(run.run.config.overrides())
    if accuracy is None or changed - COSMETIC_OPTIONS:
        return ""
    text = verdict(run.config["model"], run.data["name"], accuracy)
    return f"The validation accuracy is {text}." if text else ""


def _random_labels_caveat(run: ReportContext) -> str:
    if not run.config.get("randomize_labels"):
        return ""
    return (
        "Some training labels are random: training accuracy measures how much "
        "the model memorizes, not how well it generalizes."
    )


# Several runs.


def comparison(runs: Sequence[ReportContext]) -> dict[str, Any]:
    """Returns the tables of a comparison, or why there is none.

    Returns:
        With `error` if the runs cannot be compared; then only `stored` and
        `runs` are given. `runs` are those to plot.
    """
    finished = [run for run in runs if run.is_finished]
    others = [run for run in runs if not run.is_finished]
    try:
        if not finished:
            raise UserError("none of these runs is finished.")
        scored = {r.run.path: r.scored for r in finished if r.scored}
        compared = compare.compare_runs([r.run for r in finished], scored)
    except UserError as error:
        return {"error": str(error), "runs": runs}
    names = join_and(f"{run.name} ({run.status})" for run in others)
    return {
        "error": None,
        "head": compare.headline(compared),
        "configs": compare.config_table(compared),
        "excluded": names,
        "differences": compare.difference_table(compared)
        if compared["pairs"]
        else None,
        "notes": compare.notes(compared),
        "settings": compare.option_table(compared, "different_options"),
        "runs": finished,  # a loss that diverged would hide the others
    }
