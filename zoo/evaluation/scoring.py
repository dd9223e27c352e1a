"""Scores runs from their folders alone: the saved model on one split."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import backend, metrics
from zoo.config import DEFAULTS
from zoo.data import Dataset, Split, load_dataset
from zoo.data.dataset import fingerprint
from zoo.data.seal import open_test
from zoo.errors import UserError
from zoo.evaluation import drawn, judging, opening
from zoo.models.inference import predict_batched
from zoo.runs import Run
from zoo.training.losses import make_loss

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class Scored:
    """A run on one split: what it was shown, what it said, how well it did.

    Attributes:
        part: the examples.
        model: raw inputs to logits.
        outputs: float32 `[N, K]`.
        result: an entry of what `score_all` returns.
    """

    part: Split
    model: keras.Model
    outputs: np.ndarray
    result: dict[str, Any]


def score(
    run: Run, split: str, runs_dir: str = DEFAULTS["runs_dir"]
) -> dict[str, Any]:
    """Scores the saved model of one run; see `score_all`."""
    return score_all([run], split, runs_dir)[0]


@backend.fixed_settings()
def score_all(
    runs: Sequence[Run], split: str, runs_dir: str = DEFAULTS["runs_dir"]
) -> list[dict[str, Any]]:
    """Scores the saved models of runs, by the true labels.

    Args:
        runs: finished runs.
        split: `val`, `train`, or `test`, which opens the sealed split and
            writes that into the ledger before anything is returned.
        runs_dir: where the ledger is, of runs that are in there.

    Returns:
        For each run its name, split, examples, and openings: how often the
        test split of its data has been opened, this time included. Of a
        classifier also what `judging.of_classes` says, and on the test split
        the interval corrected for all openings; of a regression
        mean_squared_error and r2.

    Raises:
        UserError: a run has no model, the split no images, or the images
            are not those that a run was trained with.
    """
    check_one_task(runs)
    if split == "test":
        opening.check(runs, runs_dir)
    parts = Parts()
    results = [_scored(run, split, parts).result for run in runs]
    if split != "test":
        return opening.count(runs, results, runs_dir)
    prints = [parts.fingerprint(run, split) for run in runs]
    return opening.record(runs, results, prints, runs_dir)


@backend.fixed_settings()
def score_val(
    run: Run, parts: Parts, runs_dir: str = DEFAULTS["runs_dir"]
) -> Scored:
    """Scores a run on validation examples, and keeps what it said of each."""
    found = _scored(run, "val", parts)
    (result,) = opening.count([run], [found.result], runs_dir)
    return dataclasses.replace(found, result=result)


def _scored(run: Run, split: str, parts: Parts) -> Scored:
    part = parts.of(run, split)
    model = run.load_model()
    outputs = predict_batched(model, part.images)
    result = {
        "run": run.name,
        "split": split,
        "examples": len(part),
        "openings": 0,
        **_judge(run, outputs, part.labels),
        **drawn.judge(run, split, part, outputs),
    }
    return Scored(part, model, outputs, result)


def check_one_task(runs: Sequence[Run]) -> None:
    """Raises `UserError` if some runs predict classes, and others numbers."""
    by_task = {run.resolved["data"].get("task"): run.name for run in runs}
    if len(by_task) > 1 and "numbers" in by_task:
        (other,) = (name for t, name in by_task.items() if t != "numbers")
        raise UserError(
            f"{by_task['numbers']} predicts numbers and {other} classes; "
            "there is no score for both, so ask for each alone."
        )


def _judge(run: Run, outputs: np.ndarray, labels: np.ndarray) -> dict:
    if labels.dtype.kind == "f":
        return judging.of_numbers(outputs, labels)
    names = run.resolved["data"]["class_names"]
    return judging.of_classes(outputs, labels, names, loss_of(run))


def loss_of(run: Run) -> Callable[[np.ndarray, np.ndarray], float]:
    """Returns what a run minimized, without penalty: mean over examples."""
    config = run.resolved["config"]
    name, smoothing = config["loss"], config["label_smoothing"]
    if name in (None, "cross_entropy") and not smoothing:
        return lambda labels, outputs: metrics.cross_entropy(outputs, labels)
    loss = make_loss(name or "cross_entropy", smoothing or 0.0)

    def mean(labels: np.ndarray, outputs: np.ndarray) -> float:
        import keras

        each = keras.ops.convert_to_numpy(loss(labels, outputs))
        return float(np.mean(each, dtype=np.float64))

    return mean


class Parts:
    """Splits of the data of runs, each read once."""

    def __init__(self):
        self._known: dict[tuple, Split] = {}
        self._prints: dict[tuple, str] = {}

    def keep(self, run: Run, dataset: Dataset) -> None:
        """Takes what a run was validated on from a data set in memory."""
        check_same_data(run, dataset)
        if len(dataset.val):
            self._known[self._key(run, "val")] = dataset.val

    def of(self, run: Run, split: str) -> Split:
        """Returns one split of the data that a run was made with."""
        key = self._key(run, split)
        if key not in self._known:
            self._known[key] = images_of(run, split)
        return self._known[key]

    def fingerprint(self, run: Run, split: str) -> str:
        """Returns the SHA-256 of a split's examples and of class names."""
        key = self._key(run, split)
        if key not in self._prints:
            names = run.resolved["data"]["class_names"]
            self._prints[key] = fingerprint({split: self.of(run, split)}, names)
        return self._prints[key]

    def _key(self, run: Run, split: str) -> tuple:
        data = run.resolved["data"]
        how = tuple(_how_to_load(run).items())
        return run.config.dataset, how, data["fingerprint"], split


def _how_to_load(run: Run) -> dict[str, Any]:
    """Returns the options that say which images are in the test split."""
    config = run.config
    return {
        "data_dir": config.data_dir,
        "image_size": config.image_size,
        "group_by": config.group_by,
        "classes": config.classes,
        "skip_unreadable": config.skip_unreadable,
    }


def images_of(run: Run, split: str) -> Split:
    """Returns one split of the data that a run was made with.

    Raises:
        UserError: the data cannot be loaded again, are not the same any more,
            or have no such split.
    """
    config, where = run.config, _how_to_load(run)
    check_reachable(run)
    dataset = load_dataset(
        config.dataset,
        val_fraction=config.val_fraction,
        train_examples=config.train_examples,
        **where,
    )
    # Of the test split too: what was added to a folder moves the cut, and
    # then there would be images in it that the run has been trained on.
    check_same_data(run, dataset)
    if split == "test":
        part = open_test(config.dataset, **where)
        if not len(part):
            raise UserError(
                f"no test images of {config.dataset} were sealed, since there "
                "are too few; nothing was opened. --split=train has some."
            )
        return part
    part = getattr(dataset, split)
    if not len(part):
        others = "--split=train or --split=test has"
        if not dataset.test_examples:
            others = "--split=train has"
        raise UserError(
            f"{run.name} held out no validation images; {others} some."
        )
    return part


def check_reachable(run: Run) -> None:
    """Raises `UserError` if the data of a run cannot be loaded again."""
    if run.resolved["data"]["handed_over"]:
        raise UserError(
            f"{run.name} was trained on arrays that are no data set on disk; "
            "score them in Python with run.load_model()."
        )


def check_same_data(run: Run, dataset: Dataset) -> None:
    """Raises `UserError` if a run was trained on other data than these."""
    if dataset.fingerprint != run.resolved["data"]["fingerprint"]:
        raise UserError(
            f"the images of {dataset.name} are not those that {run.name} "
            "was trained on; its scores would mean nothing."
        )
