"""What a run says of new examples."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from zoo import backend, metrics
from zoo.errors import UserError
from zoo.runs import Run
from zoo.serving import batches, brightness, finding


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The answer on one example.

    Attributes:
        name: where the example is from: a file, or a place in one.
        classes: names, the most probable first.
        probabilities: of these, 0..1, by softmax of the logits.
    """

    name: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Answers:
    """What a run says of files, and what is to be told about them.

    Attributes:
        predictions: in the order of the files.
        unreadable: pictures that cannot be read, and are left out.
        warnings: sentences about files that were left out, and about images
            that are not like the training images.
    """

    predictions: tuple[Prediction, ...]
    unreadable: tuple[batches.Unreadable, ...]
    warnings: tuple[str, ...]


@backend.fixed_settings()
def predict(
    run: Run, examples: Iterable[str] | np.ndarray, top: int = 2
) -> Answers:
    """Lets a run say what it sees.

    Args:
        run: finished, a classifier.
        examples: files, folders and patterns, see `finding.find_files`; or an
            array of them, see `batches.of_array`.
        top: how many classes to name for each, the most probable first.

    Raises:
        UserError: the run is not finished or predicts numbers, there are no
            such files, or all of them or an array among them is unfit.
    """
    resolved = run.resolved
    check_classifies(run)
    names = resolved["data"]["class_names"]
    _check_top(top, names)
    shape = tuple(resolved["data"]["input_shape"])
    known = resolved["data"].get("pixel_range")
    known = known and tuple(known)
    left_out = None
    if isinstance(examples, np.ndarray):
        found = batches.of_array(examples, shape, known)
    else:
        files = finding.find_files(examples)
        left_out = files.left_out
        found = batches.read(files.paths, shape, known)
    model = run.load_model()
    likeness = brightness.Likeness(resolved)
    predictions, unreadable, squeezed = [], [], 0
    for batch in found:
        unreadable += batch.unreadable
        squeezed += batch.squeezed
        if not batch.names:
            continue
        logits = model.predict_on_batch(batch.values.astype(np.float32))
        predictions += _predictions(batch.names, logits, names, top)
        likeness.add(batch.names, batch.values)
    if not predictions:
        raise UserError(_none(unreadable))
    warnings = [left_out, _squeezed(squeezed, shape), *likeness.warnings()]
    return Answers(
        tuple(predictions), tuple(unreadable), tuple(filter(None, warnings))
    )


def _squeezed(count: int, shape: tuple[int, ...]) -> str | None:
    """Says how many pictures had other proportions, if any."""
    if not count:
        return None
    verb = "picture has" if count == 1 else "pictures have"
    return (
        f"{count:,} {verb} other proportions than {shape[0]}x{shape[1]}, and "
        f"{'is' if count == 1 else 'are'} squeezed to it."
    )


def check_classifies(run: Run) -> None:
    """Raises `UserError` if a run predicts numbers instead of classes."""
    if run.resolved["data"].get("task") == "numbers":
        raise UserError(
            f"{run.name} predicts numbers and no classes; ask it in Python "
            "with run.load_model()."
        )


def _check_top(top: int, names: list[str]) -> None:
    if not 1 <= top <= len(names):
        raise UserError(
            f"--top={top} is no number of classes to name; there are "
            f"{len(names)}, so give 1 to {len(names)}."
        )


def _predictions(
    names: tuple[str, ...], logits: np.ndarray, classes: list[str], top: int
) -> list[Prediction]:
    shares = np.exp(metrics.log_softmax(logits))
    best = np.argsort(-shares, axis=1, kind="stable")[:, :top]
    most = np.take_along_axis(shares, best, axis=1)
    named = np.array(classes, object)[best]
    # From arrays to lists at once: one by one takes as long as a network.
    return [
        Prediction(name, tuple(words), tuple(numbers))
        for name, words, numbers in zip(
            names, named.tolist(), most.tolist(), strict=True
        )
    ]


def _none(unreadable: list[batches.Unreadable]) -> str:
    if len(unreadable) == 1:
        return unreadable[0].why
    return (
        f"none of {len(unreadable):,} files, such as {unreadable[0].name}, can "
        "be read as a picture; give some that can."
    )
