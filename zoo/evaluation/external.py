"""Evaluation on another dataset than a run's own.

As Recht, Roelofs, Schmidt and Shankar 2019, "Do ImageNet classifiers
generalize to ImageNet?", arXiv:1902.10811, do on new test sets: the original
accuracy and the new one, and the drop between them with its interval.

Nothing here is trained on, so that all images of a folder or file of one's own
may be test images; training never imports this module.
"""

from __future__ import annotations

import collections
import dataclasses
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo import backend, metrics
from zoo.config import DEFAULTS
from zoo.console import (
    format_interval,
    format_percent,
    format_shape,
    format_table,
)
from zoo.data.dataset import Split, fingerprint, hash_images
from zoo.data.datasets import find_dataset
from zoo.data.loading import (
    TEST,
    TRAIN,
    VAL,
    DatasetReader,
    load_dataset,
    open_reader,
)
from zoo.errors import UserError, close_matches, join_and
from zoo.evaluation import evaluate, test_set
from zoo.evaluation.compare import check_plot_path
from zoo.evaluation.new_accuracy import (
    fit_accuracies,
    format_accuracies,
    render_plot,
    save_plot,
)
from zoo.evaluation.test_set import load_test_split
from zoo.evaluation.text import format_classes, format_corrected
from zoo.models.inference import predict_batched
from zoo.runs import Run

ALL = "all"
SPLITS = {**evaluate.SPLITS, ALL: "all examples"}
GRAY, COLOR = 1, 3  # channels
# A folder's name cannot contain /, that of a class of a published set can.
SEPARATORS = re.compile(r"[\s_\-/]+")
COLUMNS = 80
HEADS = ("examples", "correct", "accuracy", "95% CI")


@dataclasses.dataclass(frozen=True)
class ExternalSplit:
    """A split of another dataset, in the form of a run's inputs.

    Attributes:
        name: Name of the dataset.
        split: `test`, `val`, `train`, or `all` of a set without splits.
        examples: The examples, resized and with matching channels.
        class_names: One name a label.
        labels_are_names: Whether class names are only the labels themselves.
        original_shape: Shape of an example before resizing; `None` where
            examples differ in size.
    """

    name: str
    split: str
    examples: Split
    class_names: tuple[str, ...]
    labels_are_names: bool
    original_shape: tuple[int, ...] | None


@dataclasses.dataclass(frozen=True)
class MappedSplit:
    """An external split with the labels of a run.

    Attributes:
        external: The split, with the run's labels.
        fingerprint: SHA-256 of the examples as loaded, for the log.
        class_mapping: The run's class name for each of the dataset's.
    """

    external: ExternalSplit
    fingerprint: str
    class_mapping: dict[str, str]


@backend.fixed_settings()
def evaluate_external(
    runs: Sequence[Run],
    name: str,
    split: str | None = None,
    *,
    data_dir: str | None = None,
    plot: str | None = None,
    runs_dir: str = DEFAULTS["runs_dir"],
) -> list[dict[str, Any]]:
    """Evaluates the saved models of runs on another dataset than their own.

    Args:
        runs: Finished runs of classifiers.
        name: Name of the dataset, whose classes are matched by name.
        split: `test`, `val` or `train`; `None` as in `load_external`.
        data_dir: Folder of tensorflow-datasets; else that of each run.
        plot: A PNG to write, replacing it: new against original accuracy.
        runs_dir: Folder of runs, where the log of test-set evaluations is.

    Returns:
        For each run what `evaluate_runs` returns, and dataset, original (see
        `original_accuracies`), drop (of the accuracy, original minus new),
        class_mapping, seen_in_training (number of images that the run was
        trained on; `None` if its own data cannot be loaded) and notes. An
        evaluation on test examples is logged before anything is returned.

    Raises:
        UserError: a run has no model or no classes, or the dataset does not
            fit.
    """
    # A path that cannot be written is refused before anything is computed.
    target = None if plot is None else check_plot_path(plot)
    for run in runs:
        _check_run(run, name)
    test_set.check_readable(runs, runs_dir)
    mapped = [_load_mapped(run, name, split, data_dir) for run in runs]
    originals = original_accuracies(runs, runs_dir)
    results = [
        _evaluate(run, found, *original)
        for run, found, original in zip(runs, mapped, originals, strict=True)
    ]
    if mapped[0].external.split in (TEST, ALL):
        prints = [found.fingerprint for found in mapped]
        results = test_set.log_results(runs, results, prints, runs_dir, name)
    else:
        results = test_set.add_counts(runs, results, runs_dir, name)
    if target is not None:
        save_plot(results, target)
    return results


def _check_run(run: Run, name: str) -> None:
    if run.resolved["data"].get("task") == "regression":
        raise UserError(
            f"{run.name} is a regression; --dataset evaluates runs of "
            "classifiers."
        )
    if name == run.config.dataset:
        raise UserError(
            f"--dataset={name} is the dataset that {run.name} was trained "
            "on; leave it out, and choose --split=val, train or test."
        )


def _load_mapped(
    run: Run, name: str, split: str | None, data_dir: str | None
) -> MappedSplit:
    data = run.resolved["data"]
    external = load_external(
        name,
        split,
        tuple(data["input_shape"]),
        data_dir or run.config.data_dir,
        run.config.resize,
    )
    class_names = data["class_names"]
    labels = map_classes(external, run.name, class_names)
    examples = external.examples
    own = np.asarray(labels, np.int32)[examples.labels]
    return MappedSplit(
        dataclasses.replace(
            external, examples=dataclasses.replace(examples, labels=own)
        ),
        fingerprint({TEST: examples}, external.class_names),
        {
            theirs: class_names[label]
            for theirs, label in zip(external.class_names, labels, strict=True)
        },
    )


def _evaluate(
    run: Run,
    mapped: MappedSplit,
    original: dict[str, Any] | None,
    original_notes: list[str],
) -> dict[str, Any]:
    examples = mapped.external.examples
    class_names = run.resolved["data"]["class_names"]
    model = run.load_model()
    logits = predict_batched(model, examples.images, f"evaluating {run.name}")
    values = evaluate.classification_metrics(
        logits, examples.labels, class_names, evaluate.mean_loss_fn(run)
    )
    drop = original and metrics.difference_ci(
        metrics.binomial_ci(original["correct"], original["examples"]),
        metrics.binomial_ci(values["correct"], len(examples)),
    )
    seen = count_seen_in_training(run, mapped)
    return {
        "run": run.name,
        "dataset": mapped.external.name,
        "split": mapped.external.split,
        "examples": len(examples),
        "test_evaluations": 0,
        **values,
        "original": original,
        "drop": drop and dataclasses.asdict(drop),
        "class_mapping": mapped.class_mapping,
        "seen_in_training": seen,
        "notes": original_notes + _notes(run, mapped, seen),
    }


def original_accuracies(
    runs: Sequence[Run], runs_dir: str
) -> list[tuple[dict[str, Any] | None, list[str]]]:
    """Returns each run's accuracy on its own data, without evaluating it.

    All are of one split, since a validation accuracy is that of the best epoch
    and of other images: mixed with test accuracies it would change the order
    of runs and the slope of new on original accuracy. The split is the one of
    which most runs have an accuracy, the test set where both have as many. So
    it is the test set where every run was evaluated on it before, and else
    usually the validation examples, whose accuracy training recorded for the
    weights that were kept.

    Args:
        runs: Finished runs of classifiers.
        runs_dir: Folder of runs, where the log of test-set evaluations is.

    Returns:
        For each run dataset, split, examples, correct, and the accuracy with
        its interval, or `None` where it has none of that split; and notes
        about an accuracy that is not there or not used.
    """
    found = [_recorded_accuracies(run, runs_dir) for run in runs]
    # Of equal numbers `max` takes the first.
    chosen = max((TEST, VAL), key=lambda name: sum(name in x for x in found))
    return [
        (known.get(chosen), _original_notes(run.name, known, chosen))
        for run, known in zip(runs, found, strict=True)
    ]


def _recorded_accuracies(run: Run, runs_dir: str) -> dict[str, dict[str, Any]]:
    """Returns a run's accuracies on its own data, as recorded, by split."""
    recorded = {}
    if test := test_set.recorded_test_result(run, runs_dir):
        recorded[TEST] = test["correct"], test["examples"]
    count = run.resolved["data"]["val"]
    accuracy = run.metrics.get("best_val_accuracy")
    if accuracy is not None and count:
        recorded[VAL] = round(accuracy * count), count
    found = {}
    for split, counts in recorded.items():
        ci = metrics.binomial_ci(*counts)
        found[split] = {
            "dataset": run.config.dataset,
            "split": split,
            "examples": ci.examples,
            "correct": ci.correct,
            "accuracy": ci.value,
            "accuracy_low": ci.low,
            "accuracy_high": ci.high,
        }
    return found


def _original_notes(run: str, known: dict[str, dict], chosen: str) -> list[str]:
    """Returns notes about an accuracy of a run that is missing or not used."""
    if not known:
        return [
            f"there is no original accuracy of {run} to compare with: no "
            "validation images were held out, and the test set was never "
            "evaluated"
        ]
    if chosen == VAL and TEST in known:
        return [
            f"the test accuracy of {run} is not used as its original accuracy, "
            "since other runs have none"
        ]
    if chosen not in known:
        return [
            f"the validation accuracy of {run} is not used as its original "
            "accuracy, since that of other runs is of their test set"
        ]
    return []


def count_seen_in_training(run: Run, mapped: MappedSplit) -> int | None:
    """Returns how many examples a run was trained on, by their pixels.

    `None` where its own data cannot be loaded again.
    """
    try:
        own = evaluate.load_split(run, "train").images
    except UserError:
        return None
    known = set(hash_images(own))
    images = mapped.external.examples.images
    return sum(digest in known for digest in hash_images(images))


def _notes(run: Run, mapped: MappedSplit, seen: int | None) -> list[str]:
    """Returns how examples were converted, and what biases the accuracy."""
    external, data = mapped.external, run.resolved["data"]
    notes = []
    if len(data["input_shape"]) == 3:
        notes = _conversion_notes(run, external.original_shape)
    classes = data["class_names"]
    present = len(set(mapped.class_mapping.values()))
    if present < len(classes):
        notes.append(
            f"{present} of the {len(classes)} classes of "
            f"{run.name} are present; predicting another one counts as an "
            "error"
        )
    if seen is None:
        notes.append(
            f"the data of {run.name} cannot be loaded again, so it is unknown "
            "whether it was trained on some of these images"
        )
    elif seen:
        notes.append(
            f"{seen:,} of the {len(external.examples):,} are training images "
            f"of {run.name}, which makes its accuracy too high"
        )
    return notes


def _conversion_notes(
    run: Run, original_shape: tuple[int, ...] | None
) -> list[str]:
    shape = tuple(run.resolved["data"]["input_shape"])
    notes = []
    if original_shape is None or tuple(original_shape[:2]) != shape[:2]:
        sizes = "of several sizes"
        if original_shape is not None:
            sizes = f"of {format_shape(original_shape[:2])} pixels"
        notes.append(
            f"images {sizes} are resized to {format_shape(shape[:2])}, the "
            f"input size of {run.name}"
        )
    if original_shape is not None and original_shape[2] != shape[2]:
        mode = "color" if shape[2] > 1 else "gray"
        notes.append(f"images are converted to {mode}, as {run.name} expects")
    return notes


# Data.


def load_external(
    name: str,
    split: str | None,
    shape: tuple[int, ...],
    data_dir: str | None = None,
    resize: str = "crop",
) -> ExternalSplit:
    """Loads a split of a dataset in the form of other inputs.

    Args:
        name: One of `zoo datasets`, with a path where it ends in a colon.
        split: `test`, `val` or `train`, split as for training; `None` is the
            test set of a dataset that has nothing else, all images of one of
            a user's own without splits, and else the validation split.
        shape: Shape of the inputs: `(H, W, C)` of images, `(D,)` of vectors.
        data_dir: Folder of tensorflow-datasets.
        resize: What becomes of another aspect ratio, as in training.

    Raises:
        UserError: it cannot be loaded, has no such split, or its examples
            cannot be converted.
    """
    _check_kind(name, shape)
    size = shape[:2] if len(shape) == 3 else None
    _, parts = open_reader(name, data_dir, size, resize=resize)
    split = _choose_split(name, split, parts)
    options = {"data_dir": data_dir, "image_size": size, "resize": resize}
    if split == ALL:
        examples = parts.read(TRAIN)[0]
    elif split == TEST:
        examples = load_test_split(name, **options)
    else:
        examples = getattr(load_dataset(name, **options), split)
    if not len(examples):
        raise UserError(
            f"{name} is too small to have images for --split={split}; use "
            "--split=train."
        )
    if len(shape) == 3:
        examples = match_channels(examples, shape[2], name)
    elif examples.images.shape[1:] != shape:
        raise UserError(
            f"points of {name} have {examples.images.shape[1]} coordinates, "
            f"and those of training {shape[0]}; the numbers must be equal."
        )
    return ExternalSplit(
        name,
        split,
        examples,
        parts.class_names,
        parts.labels_are_names,
        parts.original_shape,
    )


def _check_kind(name: str, shape: tuple[int, ...]) -> None:
    """Raises `UserError` for vectors in the place of images, or for images."""
    source, _ = find_dataset(name)
    if source.num_classes == 0:
        raise UserError(
            f"{name} is a regression dataset; give one with classes."
        )
    is_vectors = len(shape) == 1
    if source.has_vectors == is_vectors:
        return
    kinds = {True: "points", False: "images"}
    raise UserError(
        f"{name} has {kinds[source.has_vectors]}, and the model was trained "
        f"on {kinds[is_vectors]}; give a dataset of {kinds[is_vectors]}."
    )


def _choose_split(name: str, split: str | None, parts: DatasetReader) -> str:
    if TRAIN not in parts.split_sizes:
        if split not in (None, TEST):
            raise UserError(
                f"--split={split} is not available: {name} is a test set only; "
                "leave it out."
            )
        return TEST
    if split is not None:
        return split
    return ALL if set(parts.split_sizes) == {TRAIN} else VAL


def match_channels(examples: Split, channels: int, name: str) -> Split:
    """Returns images with a number of channels, uint8 `[N, H, W, channels]`.

    Gray is repeated for color; color becomes gray as image files are read, by
    the luma of ITU-R 601, which Pillow calls `L`.

    Raises:
        UserError: they are neither gray nor of three colors.
    """
    original = examples.images.shape[3]
    if original == channels:
        return examples
    if (original, channels) == (GRAY, COLOR):
        images = np.repeat(examples.images, COLOR, axis=3)
    elif (original, channels) == (COLOR, GRAY):
        from PIL import Image

        images = np.stack(
            [
                np.asarray(Image.fromarray(image).convert("L"))
                for image in examples.images
            ]
        )[..., None]
    else:
        raise UserError(
            f"images of {name} have {original} channels, and those of training "
            f"{channels}; only gray (1) and color (3) can be converted."
        )
    return dataclasses.replace(examples, images=images)


def map_classes(
    external: ExternalSplit, run: str, class_names: Sequence[str]
) -> list[int]:
    """Returns the run's label of each class of another dataset.

    Names are equal if they differ in case and separators only.

    Args:
        external: Its classes may be some of the run's.
        run: Name of the run, for error messages.
        class_names: The run's class names.

    Raises:
        UserError: a class is unknown to the run, or has no name.
    """
    if external.labels_are_names:
        _check_numbered(external, run, class_names)
    return [
        _find_class(name, external.name, run, class_names)
        for name in external.class_names
    ]


def _check_numbered(
    external: ExternalSplit, run: str, class_names: Sequence[str]
) -> None:
    """Raises `UserError` where numbers do not identify classes."""
    remedy = "save its names as class_names."
    if list(class_names) != [str(label) for label in range(len(class_names))]:
        names = join_and(class_names[:3])
        raise UserError(
            f"{external.name} has numbers for class names, and {run} has "
            f"{len(class_names)} named classes, such as {names}; {remedy}"
        )
    if len(class_names) != len(external.class_names):
        raise UserError(
            f"{external.name} has {len(external.class_names)} classes without "
            f"names, and {run} has {len(class_names)}, so that a number need "
            f"not be the same class; {remedy}"
        )


def _find_class(
    name: str, dataset: str, run: str, class_names: Sequence[str]
) -> int:
    if name in class_names:
        return class_names.index(name)
    folded = _folded(name)
    matches = [k for k, own in enumerate(class_names) if _folded(own) == folded]
    if len(matches) == 1:
        return matches[0]
    if matches:
        both = join_and(class_names[k] for k in matches)
        raise UserError(
            f"{dataset} has the class {name!r}, which matches {both} of {run}; "
            "rename it to one of them."
        )
    close = close_matches(name, class_names, 1)
    if close:
        hint = f"did you mean {close[0]}?"
    else:
        end = ", ..." if len(class_names) > 6 else "."
        hint = f"its classes are {', '.join(class_names[:6])}{end}"
    raise UserError(
        f"{dataset} has the class {name!r}, which {run} does not have; {hint}"
    )


def _folded(name: str) -> str:
    return SEPARATORS.sub("", name).casefold()


def as_json(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns the result of one run, or those of several with their fits."""
    if len(results) == 1:
        return results[0]
    fits = fit_accuracies(results)
    return {
        "runs": list(results),
        "fits": fits and {name: fit.to_dict() for name, fit in fits.items()},
    }


def plotter(
    results: Sequence[dict[str, Any]],
) -> Callable[[], np.ndarray] | None:
    """Returns a function that plots several runs; `None` for one."""
    return (lambda: render_plot(results)) if len(results) > 1 else None


# Text.


def format_results(results: Sequence[dict[str, Any]]) -> str:
    """Returns results on one dataset as text.

    Of one run class by class; of several as a table, with what the accuracies
    of all say together.
    """
    blocks = [_format_head(results)]
    if len(results) == 1:
        blocks.append(_format_accuracy(results[0]))
        rows = [row for row in results[0]["classes"] if row["examples"]]
        blocks.append(format_classes(rows))
    else:
        blocks.append(format_accuracies(results))
        blocks.append("\n".join(_common_notes(results)))
    return "\n\n".join(blocks)


def _common_notes(results: Sequence[dict]) -> list[str]:
    """Returns the lines of all notes: what holds for every run once."""
    notes = [
        (note, _about_each_run(note, result["run"]))
        for result in results
        for note in _all_notes(result)
    ]
    counts = collections.Counter(shared for _, shared in notes)
    common = [note for note, n in counts.items() if n == len(results)]
    rest = [note for note, shared in notes if shared not in common]
    if any(format_corrected(result) for result in results):
        common.append(
            "the intervals are those of one evaluation; --json has those "
            "corrected for all evaluations on this test set"
        )
    return [
        line
        for note in dict.fromkeys([*common, *rest])
        for line in _wrapped(note)
    ]


def _about_each_run(note: str, run: str) -> str:
    """Returns a note about a run, which follows `of` or `as`, about each."""
    name = rf"\b(of|as) {re.escape(run)}(?![\w/\-])"
    return re.sub(name, r"\1 each run", note)


def _format_head(results: Sequence[dict]) -> str:
    first = results[0]
    runs = first["run"] if len(results) == 1 else f"{len(results)} runs"
    lines = [
        f"{runs} on {first['dataset']}, {SPLITS[first['split']]}: "
        f"{first['examples']:,} examples"
    ]
    if first["split"] in (TEST, ALL):
        count = max(result["test_evaluations"] for result in results)
        lines.append(test_set.describe_count(count))
    return "\n".join(lines)


def _format_accuracy(result: dict) -> str:
    """Returns original accuracy, new accuracy and drop, and notes."""
    original, drop = result["original"], result["drop"]
    rows = [_accuracy_row("new", result)]
    if original:
        rows.insert(
            0, _accuracy_row(f"original ({original['split']})", original)
        )
        ends = format_interval(drop["low"], drop["high"])
        value = format_percent(drop["value"])
        rows.append(("drop in points", "", "", value, ends))
    lines = [format_table(("", *HEADS), rows, right=(1, 2, 3))]
    if text := format_corrected(result):
        lines.append(f"new: {text}")
    for note in _all_notes(result):
        lines += _wrapped(note)
    return "\n".join(lines)


def _accuracy_row(name: str, result: dict) -> tuple[str, ...]:
    return (
        name,
        f"{result['examples']:,}",
        f"{result['correct']:,}",
        format_percent(result["accuracy"]),
        format_interval(result["accuracy_low"], result["accuracy_high"]),
    )


def _all_notes(result: dict) -> list[str]:
    """Returns what the original accuracy of a run is, and its other notes."""
    original = result["original"]
    if original is None:
        return result["notes"]
    if original["split"] == TEST:
        source = "held-out test set, as evaluated before"
    else:
        source = (
            "validation examples at the best epoch, slightly too high; its "
            "held-out test set is not read"
        )
    first = f"original accuracy of {result['run']}: {original['dataset']}"
    return [f"{first}, {source}", *result["notes"]]


def _wrapped(note: str) -> list[str]:
    return textwrap.wrap(
        f"- {note}", COLUMNS, subsequent_indent="  ", break_on_hyphens=False
    )
