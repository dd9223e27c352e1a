"""The worst mistakes of a run: what to look at to find labels that are wrong.

A label that is wrong makes a large loss where the rest was learned. Such are
looked for among training and validation images only: who mends labels by
looking at test images has chosen what the test will say.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from pathlib import Path

import numpy as np

from zoo import backend, drawing, metrics
from zoo.commands import Target
from zoo.data import Split
from zoo.data_checks.contact_sheet import tile
from zoo.drawing import BAD, GOOD, PALE
from zoo.errors import UserError
from zoo.evaluation import scoring
from zoo.io import atomic_write
from zoo.models.inference import predict_batched
from zoo.runs import Run
from zoo.summaries.mistakes import percent
from zoo.training.losses import make_loss

SPLITS = {"val": "validation", "train": "training"}
SIDE = 128  # pixels of an image on the sheet
COLUMNS = 7


@dataclasses.dataclass(frozen=True)
class Mistake:
    """One wrong answer.

    Attributes:
        index: of the example in its split, from 0.
        image: name of its file; split and index where there is none.
        truth, answer: names of classes.
        probability: of the answer, 0..1.
        probability_of_truth: of the label, 0..1.
        loss: of this example, as the run minimized it, without weights of
            classes and penalties.
    """

    index: int
    image: str
    truth: str
    answer: str
    probability: float
    probability_of_truth: float
    loss: float


@dataclasses.dataclass(frozen=True)
class Mistakes:
    """The wrong answers of a run on one split.

    Attributes:
        total: how many there are.
        worst: those with the largest losses, the largest first.
    """

    run: str
    split: str
    part: Split
    total: int
    worst: tuple[Mistake, ...]


def check_split(split: str) -> None:
    """Raises `UserError` for a split that is not to be looked at so."""
    if split == "test":
        raise UserError(
            "--split=test is refused: labels that are mended by looking at "
            "test images spoil the test; use --split=val or train."
        )
    if split not in SPLITS:
        raise UserError(f"--split={split} is not known; choose val or train.")


@backend.fixed_settings()
def find(run: Run, split: str, count: int) -> Mistakes:
    """Returns the wrong answers with the largest losses.

    Args:
        run: finished, and of a classifier.
        split: `val` or `train`.
        count: how many at most.

    Raises:
        UserError: the run predicts numbers, has no model, or its data are not
            there any more.
    """
    check_split(split)
    if run.resolved["data"].get("task") == "numbers":
        raise UserError(
            f"{run.name} predicts numbers, which are never right or wrong; "
            f"`{Target.of(run).typed('evaluate')}` says how far off they are."
        )
    model = run.load_model()
    part = scoring.images_of(run, split)
    logits = predict_batched(model, part.images)
    wrong = np.flatnonzero(logits.argmax(axis=1) != part.labels)
    losses = _losses(run, part.labels[wrong], logits[wrong])
    order = np.argsort(-losses, kind="stable")[:count]
    names = run.resolved["data"]["class_names"]
    chances = np.exp(metrics.log_softmax(logits[wrong[order]]))
    worst = [
        _mistake(part, split, index, names, chance, loss)
        for index, chance, loss in zip(
            wrong[order], chances, losses[order], strict=True
        )
    ]
    return Mistakes(run.name, split, part, len(wrong), tuple(worst))


def _losses(run: Run, labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Returns the loss of each example, float `[N]`."""
    import keras

    if not len(labels):
        return np.zeros(0)
    config = run.resolved["config"]
    smoothing = config["label_smoothing"] or 0.0
    loss = make_loss(config["loss"] or "cross_entropy", smoothing)
    return keras.ops.convert_to_numpy(loss(labels, logits))


def _mistake(
    part: Split,
    split: str,
    index: int,
    names: list[str],
    chances: np.ndarray,
    loss: float,
) -> Mistake:
    truth, answer = int(part.labels[index]), int(chances.argmax())
    return Mistake(
        int(index),
        part.file_names[index] if part.file_names else f"{split}/{index}",
        names[truth],
        names[answer],
        float(chances[answer]),
        float(chances[truth]),
        float(loss),
    )


def prepare(folder: Path) -> None:
    """Makes the folder that files go to.

    Raises:
        UserError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be made: {os.strerror(error.errno or 0)}; choose "
            "another --out."
        ) from error


def save(found: Mistakes, folder: Path) -> list[Path]:
    """Writes a table and, of images, a sheet; returns what was written."""
    from PIL import Image

    written = [folder / f"mistakes-{found.split}.csv"]
    with atomic_write(written[0]) as file:
        file.write(as_csv(found).encode())
    if found.part.images.ndim == 4:
        written.append(folder / f"mistakes-{found.split}.png")
        with atomic_write(written[1]) as file:
            Image.fromarray(draw(found)).save(file, "PNG")
    return written


def as_csv(found: Mistakes) -> str:
    """Returns the mistakes as a table with a head; losses are in nats."""
    text = io.StringIO()
    columns = [field.name for field in dataclasses.fields(Mistake)]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(mistake) for mistake in found.worst)
    return text.getvalue()


def draw(found: Mistakes) -> np.ndarray:
    """Returns the sheet, uint8 `[H, W, 3]`."""
    images = found.part.images
    tiles = np.stack([tile(images[m.index], SIDE) for m in found.worst])
    captions = [_caption(mistake) for mistake in found.worst]
    return drawing.titled(
        drawing.sheet(tiles, captions, columns=COLUMNS),
        f"{found.run}: {headline(found)}, the largest loss first. Red: what "
        "the network says, and how surely; green: the label, and how much "
        "was left for it.",
    )


def headline(found: Mistakes) -> str:
    """Returns how many of how many are shown."""
    shown = f"{len(found.worst):,} of " * (len(found.worst) < found.total)
    noun = "mistake" if found.total == 1 else "mistakes"
    return (
        f"{shown}{found.total:,} {noun} among {len(found.part):,} "
        f"{SPLITS[found.split]} examples"
    )


def _caption(mistake: Mistake) -> list[drawing.Line]:
    lines = (
        (mistake.answer, mistake.probability, BAD),
        (mistake.truth, mistake.probability_of_truth, GOOD),
    )
    told = []
    for name, chance, colour in lines:
        sure = f", {percent(chance)}"
        width = SIDE - drawing.text_width(sure)
        told.append((drawing.fit(name, width) + sure, colour))
    # The end of a path tells more than its start.
    return [*told, (_end(mistake.image), PALE)]


def _end(name: str) -> str:
    while drawing.text_width(name) > SIDE:
        name = "…" + name.lstrip("…")[1:]
    return name
