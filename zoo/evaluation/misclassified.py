"""The misclassified examples of a run with the largest losses.

A wrong label has a large loss where the others were learned. Such are looked
for among training and validation images only: who corrects labels by looking
at test images biases the test.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from zoo import backend, metrics
from zoo.commands import Target
from zoo.console import expand_command, format_table, pluralize
from zoo.data import Split
from zoo.data_checks.report import tile
from zoo.errors import UserError
from zoo.evaluation.evaluate import (
    check_split,
    example_losses,
    load_split,
)
from zoo.io import OTHER_OUT, atomic_write, encode
from zoo.models.inference import predict_batched
from zoo.runs import Run
from zoo.summaries import drawing
from zoo.summaries.drawing import CORRECT, INCORRECT, MUTED
from zoo.summaries.images import format_percent

SPLITS = {"val": "validation", "train": "training"}
TILE_SIDE = 128  # pixels
COLUMNS = 7
MAX_ROWS = 10  # of the printed table
HEADS = ("image", "label", "prediction", "confidence", "of label", "loss")


@dataclasses.dataclass(frozen=True)
class MisclassifiedExample:
    """One misclassified example.

    Attributes:
        index: Index of the example in its split.
        image: Path of its file; split and index where there is none.
        label: Class name of its label.
        prediction: Class name that was predicted.
        confidence: Probability of the prediction, 0..1.
        label_probability: Probability of the label, 0..1.
        loss: Loss of this example as the run minimized it, without class
            weights and regularization.
    """

    index: int
    image: str
    label: str
    prediction: str
    confidence: float
    label_probability: float
    loss: float


@dataclasses.dataclass(frozen=True)
class Misclassified:
    """The misclassified examples of a run on one split.

    Attributes:
        run: Name of the run.
        split: `val` or `train`.
        part: All examples of the split.
        total: Number of misclassified examples.
        worst: Those with the largest losses, the largest first.
    """

    run: str
    split: str
    part: Split
    total: int
    worst: tuple[MisclassifiedExample, ...]


@backend.fixed_settings()
def find_misclassified(run: Run, split: str, count: int) -> Misclassified:
    """Returns the misclassified examples with the largest losses.

    Args:
        run: A finished run of a classifier.
        split: `val` or `train`.
        count: Largest number of examples to return.

    Raises:
        UserError: the run is a regression, has no model, or its data cannot
            be loaded again.
    """
    check_split(split, allow_test=False)
    if run.resolved["data"].get("task") == "regression":
        raise UserError(
            f"{run.name} is a regression, which has no misclassified examples; "
            f"`{Target.of(run).typed('evaluate')}` reports its error."
        )
    model = run.load_model()
    part = load_split(run, split)
    logits = predict_batched(model, part.images, f"evaluating {run.name}")
    wrong = np.flatnonzero(logits.argmax(axis=1) != part.labels)
    losses = np.zeros(0)
    if len(wrong):
        losses = example_losses(run, part.labels[wrong], logits[wrong])
    order = np.argsort(-losses, kind="stable")[:count]
    names = run.resolved["data"]["class_names"]
    probabilities = np.exp(metrics.log_softmax(logits[wrong[order]]))
    worst = [
        _example(part, split, index, names, row, loss)
        for index, row, loss in zip(
            wrong[order], probabilities, losses[order], strict=True
        )
    ]
    return Misclassified(run.name, split, part, len(wrong), tuple(worst))


def _example(
    part: Split,
    split: str,
    index: int,
    names: list[str],
    probabilities: np.ndarray,
    loss: float,
) -> MisclassifiedExample:
    label, prediction = int(part.labels[index]), int(probabilities.argmax())
    return MisclassifiedExample(
        int(index),
        part.file_names[index] if part.file_names else f"{split}/{index}",
        names[label],
        names[prediction],
        float(probabilities[prediction]),
        float(probabilities[label]),
        float(loss),
    )


def make_folder(folder: Path) -> None:
    """Makes the folder to write to.

    Raises:
        UserError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot make the folder {folder}: "
            f"{os.strerror(error.errno or 0)}; choose another --out."
        ) from error


def save(found: Misclassified, folder: Path) -> list[Path]:
    """Writes a table and, of images, a contact sheet; returns their paths."""
    from PIL import Image

    written = [folder / f"misclassified-{found.split}.csv"]
    with atomic_write(written[0], OTHER_OUT) as file:
        file.write(encode(as_csv(found)))
    if found.part.images.ndim == 4:
        written.append(folder / f"misclassified-{found.split}.png")
        with atomic_write(written[1], OTHER_OUT) as file:
            Image.fromarray(draw(found)).save(file, "PNG")
    return written


def as_csv(found: Misclassified) -> str:
    """Returns a table with a header; losses are in nats."""
    text = io.StringIO()
    columns = [f.name for f in dataclasses.fields(MisclassifiedExample)]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(example) for example in found.worst)
    return text.getvalue()


def draw(found: Misclassified) -> np.ndarray:
    """Returns the contact sheet, uint8 `[H, W, 3]`."""
    images = found.part.images
    tiles = np.stack([tile(images[e.index], TILE_SIDE) for e in found.worst])
    captions = [_caption(example) for example in found.worst]
    return drawing.with_title(
        drawing.image_grid(tiles, captions, columns=COLUMNS),
        f"{found.run}: {headline(found)}, the largest loss first. Red: "
        "prediction and its probability; green: label and its probability.",
    )


def _caption(example: MisclassifiedExample) -> list[drawing.CaptionLine]:
    lines = (
        (example.prediction, example.confidence, INCORRECT),
        (example.label, example.label_probability, CORRECT),
    )
    caption = []
    for name, probability, color in lines:
        suffix = f", {format_percent(probability)}"
        width = TILE_SIDE - drawing.text_width(suffix)
        caption.append((drawing.truncate(name, width) + suffix, color))
    return [*caption, (_shorten_start(example.image), MUTED)]


def _shorten_start(name: str) -> str:
    """Returns the end of a path, which differs more than its start."""
    while drawing.text_width(name) > TILE_SIDE:
        name = "…" + name.lstrip("…")[1:]
    return name


def headline(found: Misclassified) -> str:
    """Returns how many of how many examples are shown."""
    part = f"{len(found.worst):,} of " * (len(found.worst) < found.total)
    return (
        f"{part}{found.total:,} misclassified of "
        f"{pluralize(len(found.part), f'{SPLITS[found.split]} example')}"
    )


def format_misclassified(found: Misclassified, target: Target) -> str:
    """Returns how many there are, and a table of the worst.

    Args:
        found: What `find_misclassified` returns.
        target: The run, for a command about it.
    """
    if not found.total:
        return _format_none(found, target)
    rows = [
        (
            example.image,
            example.label,
            example.prediction,
            f"{example.confidence:.3f}",
            f"{example.label_probability:.3f}",
            f"{example.loss:.3f}",
        )
        for example in found.worst[:MAX_ROWS]
    ]
    head = f"{found.run}: {headline(found)}, the largest loss first"
    return f"{head}\n\n{format_table(HEADS, rows, right=(3, 4, 5))}"


def _format_none(found: Misclassified, target: Target) -> str:
    """Says that no example is misclassified, and where else to look."""
    other = ""
    if found.split != "train":
        command = expand_command(target.typed("misclassified", split="train"))
        other = f"; `{command}` shows those of training"
    return (
        f"{found.run} misclassifies none of {len(found.part):,} "
        f"{SPLITS[found.split]} examples{other}."
    )


def as_json(found: Misclassified) -> dict[str, Any]:
    """Returns the misclassified examples in JSON's types."""
    return {
        "run": found.run,
        "split": found.split,
        "examples": len(found.part),
        "misclassified": found.total,
        "worst": [dataclasses.asdict(example) for example in found.worst],
    }
