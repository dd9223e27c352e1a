"""Class probabilities of new examples, and warnings about unusual inputs."""

from __future__ import annotations

import csv
import dataclasses
import io
import pathlib
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, overload

import numpy as np

from zoo import backend, metrics, model_metadata, results
from zoo.config import DEFAULTS
from zoo.console import (
    Progress,
    format_table,
    show_activity,
    status_stream,
)
from zoo.data.arrays import scale_mismatch_warning
from zoo.errors import UserError, join_and
from zoo.models.inference import predict_batched
from zoo.run_store import RunStore
from zoo.runs import Run
from zoo.serving import inputs

MODEL_SUFFIX = ".keras"
WHITE = 255
# Gray values between the mean of the training images and that of their
# negatives, from which on the two can be distinguished.
MIN_NEGATIVE_DISTANCE = 64
# Gray values; the means of single photographs are about 40 apart.
MAX_BRIGHTNESS_DISTANCE = 96
MAX_NAMES = 3  # of files in a sentence


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The prediction for one example.

    Attributes:
        name: Origin of the example: a file, or a file and an index.
        classes: Names of the classes, the most probable first.
        probabilities: Their softmax probabilities, 0..1.
    """

    name: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Predictions(Sequence[Prediction]):
    """The predictions of a run for `N` examples, in the order of the inputs.

    They are kept as an array; one of them, `predictions[i]`, names its classes
    when it is asked for. Printed, or shown in a notebook, they are a table.

    Attributes:
        run: Name of the run.
        names: Origin of each example: a file, or a file and an index.
        class_names: Names of all `K` classes.
        probabilities: Softmax probabilities, float64 `[N, K]`, 0..1.
        top: Number of classes that are named for each, 1..K.
        unreadable: Image files that cannot be read.
        warnings: Sentences about files that were skipped, and about images
            that differ from the training images.
    """

    run: str
    names: Sequence[str]
    class_names: Sequence[str]
    probabilities: np.ndarray
    top: int = 2
    unreadable: Sequence[inputs.UnreadableImage] = ()
    warnings: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Prediction]: ...
    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        probabilities = self.probabilities[index]
        order = np.argsort(-probabilities, kind="stable")[: self.top]
        return Prediction(
            self.names[index],
            tuple(self.class_names[i] for i in order),
            tuple(probabilities[order].tolist()),
        )

    @property
    def labels(self) -> np.ndarray:
        """Index of the most probable class of each example, int64 `[N]`."""
        return self.probabilities.argmax(axis=1)

    def __repr__(self) -> str:
        return f"<predictions of {self.run} for {len(self):,} examples>"

    def __str__(self) -> str:
        """A line per example, its file and the most probable classes; notes."""
        notes = [*self.warnings, self.unreadable_text]
        return "\n\n".join([self.table(), *filter(None, notes)])

    def _repr_pretty_(self, printer, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        """Returns the text, for notebooks."""
        return results.text_html(str(self))

    def table(self) -> str:
        """Returns a line per example: its file, and the classes."""
        rows = [
            [name, *chain.from_iterable(zip(classes, values, strict=True))]
            for name, classes, values in (
                (one.name, one.classes, [f"{p:.4f}" for p in one.probabilities])
                for one in self
            )
        ]
        columns = ["file", "class", "probability"]
        for place in range(2, self.top + 1):
            title = "runner-up" if place == 2 else f"no. {place}"
            columns += [title, "probability"]
        return format_table(columns, rows, range(2, len(columns), 2))

    @property
    def unreadable_text(self) -> str:
        """One sentence about the files that cannot be read; else empty."""
        count = len(self.unreadable)
        if count <= 1:
            return self.unreadable[0].reason if count else ""
        names = [image.name for image in self.unreadable[:MAX_NAMES]]
        if count > MAX_NAMES:
            names.append(f"{count - MAX_NAMES:,} more")
        return (
            f"{count:,} of {count + len(self):,} files cannot be "
            f"read as images and are skipped: {join_and(names)}."
        )

    def to_csv(self) -> str:
        """Returns a line of column names, and a row per example."""
        columns = ["file", "class", "probability"]
        for place in range(2, self.top + 1):
            columns += [f"class_{place}", f"probability_{place}"]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for one in self:
            pairs = zip(one.classes, one.probabilities, strict=True)
            writer.writerow([one.name, *chain.from_iterable(pairs)])
        return text.getvalue()

    def to_dict(self) -> dict[str, Any]:
        """Returns the same in types that JSON has."""
        return {
            "run": self.run,
            "predictions": [
                {
                    "file": one.name,
                    "class": one.classes[0],
                    "probability": one.probabilities[0],
                    "top": [
                        {"class": name, "probability": probability}
                        for name, probability in zip(
                            one.classes, one.probabilities, strict=True
                        )
                    ],
                }
                for one in self
            ],
            "unreadable": [
                {"file": image.name, "why": image.reason}
                for image in self.unreadable
            ],
            "warnings": list(self.warnings),
        }


def predict(
    run: Run, examples: Iterable[str] | np.ndarray, top: int = 2
) -> Predictions:
    """Predicts the classes of new examples.

    Args:
        run: A finished run of a classifier.
        examples: Files, folders and patterns, see `inputs.find_files`; or an
            array, see `inputs.array_batches`.
        top: Number of classes to return for each, the most probable first.

    Raises:
        UserError: the run has no model or is a regression, there are no such
            files, none of them can be read, or an array does not fit.
    """
    check_classifier(run)
    _check_top(top, run.resolved["data"]["class_names"])
    if isinstance(examples, np.ndarray):
        return _predict(run, examples, top)
    # Checked before Keras is imported, which takes seconds.
    return _predict(run, inputs.find_files(examples), top)


@backend.fixed_settings()
def _predict(
    run: Run, examples: inputs.InputFiles | np.ndarray, top: int
) -> Predictions:
    resolved = run.resolved
    class_names = resolved["data"]["class_names"]
    shape = tuple(resolved["data"]["input_shape"])
    known = resolved["data"].get("pixel_range")
    known = known and tuple(known)
    skipped, resize = None, resize_mode(resolved)
    if isinstance(examples, np.ndarray):
        batches = inputs.array_batches(examples, shape, known)
    else:
        skipped = examples.skipped
        batches = inputs.read_batches(examples.paths, shape, known, resize)
    model = run.load_model()
    show_activity("predicting")
    brightness = BrightnessCheck(resolved)
    names, logits, unreadable, num_other_ratios = [], [], [], 0
    progress = Progress(status_stream(), plain=False)
    try:
        for batch in batches:
            progress.update("predicting", len(names), None)
            unreadable += batch.unreadable
            num_other_ratios += batch.num_other_ratios
            if not batch.names:
                continue
            logits.append(predict_batched(model, batch.values))
            names += batch.names
            brightness.add(batch.names, batch.values)
    finally:
        progress.clear()
    if not names:
        raise UserError(_none_readable(unreadable))
    warnings = [
        skipped,
        _aspect_ratio_warning(num_other_ratios, shape, resize),
        *brightness.warnings(),
    ]
    return Predictions(
        run.name,
        names,
        class_names,
        np.exp(metrics.log_softmax(np.concatenate(logits))),
        top,
        unreadable,
        tuple(filter(None, warnings)),
    )


def check_classifier(run: Run) -> None:
    """Raises `UserError` if a run predicts numbers instead of classes."""
    if run.resolved["data"].get("task") == "regression":
        raise UserError(
            f"{run.name} predicts numbers, not classes; use run.load_model() "
            "in Python."
        )


def _check_top(top: int, class_names: Sequence[str]) -> None:
    if not 1 <= top <= len(class_names):
        raise UserError(
            f"--top={top} is out of range; there are {len(class_names)} "
            f"classes, so give 1 to {len(class_names)}."
        )


def _none_readable(unreadable: Sequence[inputs.UnreadableImage]) -> str:
    if len(unreadable) == 1:
        return unreadable[0].reason
    return (
        f"none of {len(unreadable):,} files, such as {unreadable[0].name}, can "
        "be read as an image; check their format."
    )


def resize_mode(resolved: dict[str, Any]) -> str:
    """Returns how a run resizes images, one of `image_files.RESIZE_MODES`.

    Args:
        resolved: Contents of the run's `resolved.json`.
    """
    return resolved.get("config", {}).get("resize", DEFAULTS["resize"])


def _aspect_ratio_warning(
    count: int, shape: tuple[int, ...], resize: str
) -> str | None:
    if not count:
        return None
    verb = "image has" if count == 1 else "images have"
    done = {"crop": "cropped", "pad": "padded", "squash": "squashed"}[resize]
    return (
        f"{count:,} {verb} another aspect ratio than {shape[0]}x{shape[1]} "
        f"and {'is' if count == 1 else 'are'} {done} to it."
    )


# Brightness. A photograph of ink on paper is black on white, and MNIST is
# white on black: a model predicts all the same, and is wrong.


class BrightnessCheck:
    """Compares range and brightness of new images with the training images.

    Args:
        resolved: Contents of the run's `resolved.json`.
    """

    def __init__(self, resolved: dict[str, Any]):
        data = resolved["data"]
        self._training_mean = training_mean(resolved)
        self._training_means = data.get("image_mean_range")
        self._training_range = data.get("pixel_range")
        self._means: list[np.ndarray] = []
        self._names: list[str] = []
        self._max = 0

    def add(self, names: Sequence[str], images: np.ndarray) -> None:
        """Adds images, uint8 `[N, H, W, C]`; points are ignored."""
        if images.ndim != 4:
            return
        self._names += names
        self._means.append(images.mean(axis=(1, 2, 3), dtype=np.float64))
        self._max = max(self._max, int(images.max()))

    def warnings(self) -> list[str]:
        """Returns sentences about all images that were added."""
        if not self._names:
            return []
        means = np.concatenate(self._means)
        texts = []
        if self._training_range and self._max:
            texts.append(
                scale_mismatch_warning(self._max, self._training_range)
            )
        if self._training_mean is not None:
            overall = brightness_warning(
                float(means.mean()), self._training_mean
            )
            texts.append(overall or self._single_negatives(means))
        return [text for text in texts if text]

    def _single_negatives(self, means: np.ndarray) -> str | None:
        """Names single images that look like negatives."""
        if not self._training_means:
            return None
        low, high = self._training_means
        mean, negative = self._training_mean, WHITE - self._training_mean
        is_negative = (
            ((means < low) | (means > high))
            & (np.abs(means - negative) < np.abs(means - mean))
            & (abs(negative - mean) > MIN_NEGATIVE_DISTANCE)
        )
        names = [self._names[i] for i in np.flatnonzero(is_negative)]
        if not names:
            return None
        shown = names[:MAX_NAMES]
        if len(names) > MAX_NAMES:
            shown.append(f"{len(names) - MAX_NAMES:,} more")
        look, them = "look like negatives", "them"
        if len(names) == 1:
            look, them = "looks like a negative", "it"
        return (
            f"{join_and(shown)} {look} of the training images (mean "
            f"gray value {means[is_negative].mean():.0f}, training images "
            f"{mean:.0f}); invert {them}."
        )


def training_mean(resolved: dict[str, Any]) -> float | None:
    """Returns the mean gray value, 0..255, of a run's training images.

    Args:
        resolved: Contents of the run's `resolved.json`.

    Returns:
        `None` if it was not measured: no mean is subtracted, or the inputs
        are points or features.
    """
    is_images = len(resolved["data"]["input_shape"]) == 3
    mean = resolved["statistics"]["mean"]
    if mean is None or resolved.get("features") or not is_images:
        return None
    return float(np.mean(mean))


def brightness_warning(given: float, trained: float) -> str | None:
    """Returns a sentence if images are much brighter or darker than trained.

    Args:
        given: Mean gray value, 0..255, of all images together.
        trained: Mean gray value of the training images.
    """
    negative = WHITE - trained
    means = (
        f"the mean gray value of the images is {given:.0f} (0 is black, 255 "
        f"white), that of the training images {trained:.0f}"
    )
    distance = abs(negative - trained)
    if distance > MIN_NEGATIVE_DISTANCE and abs(given - negative) < abs(
        given - trained
    ):
        return f"{means}: they look like negatives, so invert them."
    if abs(given - trained) > MAX_BRIGHTNESS_DISTANCE:
        side = "darker" if given < trained else "brighter"
        return f"{means}: they are far {side} than the training images."
    return None


# A saved model in place of a run.


class SavedModelFile(Run):
    """A `.keras` file that predicts as the run it was saved by."""

    @property
    def resolved(self) -> dict[str, Any]:
        """The part of a run's `resolved.json` that the file holds."""
        metadata = model_metadata.read(self.path)
        classes = metadata["class_names"]
        return {
            "data": {
                "class_names": classes,
                "input_shape": metadata["input"]["shape"][1:],
                "task": "classification" if classes else "regression",
            },
            "statistics": {"mean": None},
            "config": {"resize": metadata["input"].get("resize", "squash")},
        }

    def load_model(self):
        """Returns its Keras model: raw pixels in, logits out."""
        import keras

        model = backend.read_model(self.path)
        if isinstance(model.output, dict):  # of an export
            return keras.Model(model.inputs, model.output["logits"])
        return model


def find_model(name: str, runs_dir: str) -> Run:
    """Finds a run by its name, or a saved model by the path of its file.

    A `model.keras` in a run folder stands for the run, which knows more.

    Raises:
        UserError: there is neither, or the file does not name its classes.
    """
    path = pathlib.Path(name).expanduser()
    if path.suffix != MODEL_SUFFIX or not path.is_file():
        return RunStore(runs_dir).find(name)
    if (path.parent / "config.json").is_file() and path.name == "model.keras":
        return RunStore(runs_dir).find(str(path.parent))
    model_metadata.read(path)  # which refuses a file without metadata
    return SavedModelFile(path, name)
