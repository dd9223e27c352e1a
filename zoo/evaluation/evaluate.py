"""Metrics of saved models on one split of the data they were trained with.

Runs are evaluated by the true labels, whatever they were trained with. On the
training examples of a run with --randomize_labels the accuracy by the random
labels is reported too: that is what its training accuracy is about.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import backend, metrics
from zoo.config import DEFAULTS
from zoo.console import show_activity
from zoo.data import Dataset, Split, load_dataset
from zoo.data.dataset import fingerprint
from zoo.data.datasets import is_hflip_safe
from zoo.data.transforms import draw_labels
from zoo.errors import UserError, join_or
from zoo.evaluation import test_set
from zoo.evaluation.test_set import load_test_split
from zoo.models.inference import ModelLoader, predict_batched
from zoo.options import suggest_choice
from zoo.runs import Run

if TYPE_CHECKING:
    import keras

SPLITS = {"val": "validation", "train": "training", "test": "test"}
MAX_SAMPLE = 12  # training examples that a report shows
TOP_K = 5
MIN_TOP_K_CLASSES = 11  # of fewer, half and more would be in the top 5


@dataclasses.dataclass(frozen=True)
class EvaluatedRun:
    """A run on one split.

    Attributes:
        part: The examples.
        model: Saved model, from raw inputs to logits.
        outputs: Float32 `[N, K]`.
        result: An entry of what `evaluate_runs` returns.
    """

    part: Split
    model: keras.Model
    outputs: np.ndarray
    result: dict[str, Any]


def check_split(split: str, allow_test: bool = True) -> None:
    """Raises `UserError` for an unknown split, or one that is refused.

    Args:
        split: as given.
        allow_test: whether the test split may be read.
    """
    if split == "test" and not allow_test:
        raise UserError(
            "--split=test is refused: correcting labels by looking at test "
            "images biases the test; use --split=val or train."
        )
    known = [name for name in SPLITS if allow_test or name != "test"]
    if split not in known:
        raise UserError(f"unknown --split={split}; choose {join_or(known)}.")


@backend.fixed_settings()
def evaluate_runs(
    runs: Sequence[Run],
    split: str,
    runs_dir: str = DEFAULTS["runs_dir"],
    cache: SplitCache | None = None,
    tta: str | None = None,
) -> list[dict[str, Any]]:
    """Evaluates the saved models of runs, by the true labels.

    Args:
        runs: Finished runs.
        split: `val`, `train`, or `test`, which reads the held-out test set
            and logs that before anything is returned.
        runs_dir: Folder of runs, where the log of test-set evaluations is.
        cache: Splits that are in memory; others are loaded.
        tta: Test-time augmentation, `flip` or `flip_shift`. All other metrics
            remain those of one view per image.

    Returns:
        For each run its name, split, examples, and test_evaluations: how
        often its test set has been evaluated, this time included. Of a
        classifier also what `classification_metrics` returns, and on the test
        split the interval corrected for all evaluations, and with `tta` an
        entry of that name; of a regression mean_squared_error and r2.

    Raises:
        UserError: a run has no model, the split no examples, or the data are
            not those that a run was trained with.
    """
    check_same_task(runs)
    check_tta(tta)
    if split == "test":
        test_set.check_readable(runs, runs_dir)
    cache = cache or SplitCache()
    loader = ModelLoader()
    results = [
        _evaluate(run, split, cache, tta, loader, shows_progress=True).result
        for run in runs
    ]
    if split != "test":
        return test_set.add_counts(runs, results, runs_dir)
    test_sets = [cache.fingerprint(run, split) for run in runs]
    return test_set.log_results(runs, results, test_sets, runs_dir)


@backend.fixed_settings()
def evaluate_validation(
    run: Run,
    cache: SplitCache,
    runs_dir: str = DEFAULTS["runs_dir"],
    loader: ModelLoader | None = None,
) -> EvaluatedRun:
    """Evaluates a run on its validation examples, and keeps the outputs.

    With a loader, the model is that of the run until the next one is loaded.
    """
    evaluated = _evaluate(run, "val", cache, loader=loader)
    (result,) = test_set.add_counts([run], [evaluated.result], runs_dir)
    return dataclasses.replace(evaluated, result=result)


def _evaluate(
    run: Run,
    split: str,
    cache: SplitCache,
    tta: str | None = None,
    loader: ModelLoader | None = None,
    shows_progress: bool = False,
) -> EvaluatedRun:
    show_activity(f"evaluating {run.name}")
    part = cache.load(run, split)
    loader = loader or ModelLoader()
    model = loader.load(run.model_path(), run.load_model)
    augmented: dict[str, Any] = {}
    if tta is None:
        outputs = predict_batched(
            model, part.images, f"evaluating {run.name}" * shows_progress
        )
    else:
        outputs, averaged = predict_views(model, part.images, tta)
        augmented["tta"] = tta_metrics(averaged, part.labels, tta)
        augmented["tta"]["mirror_safe"] = is_hflip_safe(run.config.dataset)
    if part.labels.dtype.kind == "f":
        values = regression_metrics(outputs, part.labels)
    else:
        names = run.resolved["data"]["class_names"]
        loss = mean_loss_fn(run)
        values = classification_metrics(outputs, part.labels, names, loss)
    result = {
        "run": run.name,
        "split": split,
        "examples": len(part),
        "test_evaluations": 0,
        **values,
        **augmented,
    }
    if split == "train" and run.resolved["data"].get("random_labels"):
        result["random_labels"] = _random_label_metrics(run, part, outputs)
    return EvaluatedRun(part, model, outputs, result)


def check_same_task(runs: Sequence[Run]) -> None:
    """Raises `UserError` for classification and regression runs together."""
    by_task = {run.resolved["data"].get("task"): run.name for run in runs}
    if len(by_task) > 1 and "regression" in by_task:
        (other,) = (name for t, name in by_task.items() if t != "regression")
        raise UserError(
            f"{by_task['regression']} is a regression and {other} a "
            "classification, which have no metric in common; evaluate each "
            "alone."
        )


# Metrics.


def regression_metrics(
    outputs: np.ndarray, targets: np.ndarray
) -> dict[str, Any]:
    """Returns the mean squared error, and R2 (`None` for equal targets)."""
    error = metrics.mean_squared_error(outputs, targets)
    return {
        "mean_squared_error": error,
        "r2": _finite_or_none(metrics.r2_score(error, targets)),
    }


def classification_metrics(
    logits: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    loss: Callable[[np.ndarray, np.ndarray], float],
) -> dict[str, Any]:
    """Returns every metric of a classifier.

    Args:
        logits: `[N, K]`.
        labels: Int32 `[N]`.
        class_names: Names of the `K` classes.
        loss: The loss that was minimized, its mean from labels and logits.

    Returns:
        What `zoo evaluate --json` prints but for the run and the split.
        Fractions are 0..1, losses in nats; `None` where a metric is not
        defined, such as the precision of a class that is never predicted.
    """
    matrix = metrics.confusion_matrix(
        labels, logits.argmax(axis=1), len(class_names)
    )
    top_k = {}
    if logits.shape[1] >= MIN_TOP_K_CLASSES:
        correct = metrics.top_k_correct(logits, labels, TOP_K)
        top_k = _accuracy(f"top{TOP_K}_", correct, len(labels))
    return {
        **_accuracy("", metrics.count_correct(logits, labels), len(labels)),
        "balanced_accuracy": metrics.balanced_accuracy(matrix),
        **top_k,
        "loss": loss(labels, logits),
        "negative_log_likelihood": metrics.cross_entropy(logits, labels),
        "expected_calibration_error": metrics.expected_calibration_error(
            logits, labels
        ),
        "brier_score": metrics.brier_score(logits, labels),
        "classes": _class_metrics(matrix, class_names),
        "confusion": matrix.tolist(),
    }


def tta_metrics(
    logits: np.ndarray, labels: np.ndarray, tta: str
) -> dict[str, Any]:
    """Returns the metrics with test-time augmentation.

    Args:
        logits: `[N, K]`, averaged over the views of each image.
        labels: Int32 `[N]`.
        tta: `flip` or `flip_shift`.
    """
    return {
        "kind": tta,
        "views": num_views(tta),
        **_accuracy("", metrics.count_correct(logits, labels), len(labels)),
        "negative_log_likelihood": metrics.cross_entropy(logits, labels),
    }


def _accuracy(prefix: str, correct: int, examples: int) -> dict[str, Any]:
    ci = metrics.binomial_ci(correct, examples)
    return {
        f"{prefix}correct": correct,
        f"{prefix}accuracy": ci.value,
        f"{prefix}accuracy_low": ci.low,
        f"{prefix}accuracy_high": ci.high,
    }


def _class_metrics(
    matrix: np.ndarray, class_names: Sequence[str]
) -> list[dict]:
    rows = []
    precision = metrics.precision_per_class(matrix)
    for index, name in enumerate(class_names):
        correct, examples = matrix[index, index], matrix[index].sum()
        row = {
            "class": name,
            "examples": int(examples),
            "correct": int(correct),
            "predictions": int(matrix[:, index].sum()),
            "precision": _finite_or_none(precision[index]),
            "recall": None,
            "recall_low": None,
            "recall_high": None,
        }
        if examples:
            ci = metrics.binomial_ci(int(correct), int(examples))
            row["recall"] = ci.value
            row["recall_low"], row["recall_high"] = ci.low, ci.high
        rows.append(row)
    return rows


def _random_label_metrics(
    run: Run, part: Split, logits: np.ndarray
) -> dict[str, Any]:
    """Returns the accuracy by the labels that a run was trained with.

    Args:
        run: A run with --randomize_labels.
        part: Its training examples, with their true labels.
        logits: `[N, K]`.

    Returns:
        The number of labels that differ from the true ones, and the accuracy
        by all labels of training, with its interval.
    """
    recorded = run.resolved["data"]["random_labels"]
    seed = run.resolved["config"]["seed"]
    _, labels = draw_labels(part, recorded["fraction"], seed, logits.shape[1])
    correct = metrics.count_correct(logits, labels)
    return {
        "changed": recorded["changed"],
        **_accuracy("", correct, len(labels)),
    }


def _finite_or_none(number: float) -> float | None:
    """Returns a number that JSON has."""
    return float(number) if math.isfinite(number) else None


def mean_loss_fn(run: Run) -> Callable[[np.ndarray, np.ndarray], float]:
    """Returns the loss that a run minimized, without regularization.

    Its mean over examples, from labels `[N]` and outputs `[N, K]`.
    """
    config = run.resolved["config"]
    name, smoothing = config["loss"], config["label_smoothing"]
    if name in (None, "cross_entropy") and not smoothing:
        return lambda labels, outputs: metrics.cross_entropy(outputs, labels)

    def mean(labels: np.ndarray, outputs: np.ndarray) -> float:
        losses = example_losses(run, labels, outputs)
        return float(np.mean(losses, dtype=np.float64))

    return mean


def example_losses(
    run: Run, labels: np.ndarray, outputs: np.ndarray
) -> np.ndarray:
    """Returns the loss of each example as a run minimized it, float `[N]`.

    Without class weights and regularization.
    """
    import keras

    from zoo.training.losses import make_loss

    config = run.resolved["config"]
    name, smoothing = config["loss"], config["label_smoothing"]
    loss = make_loss(name or "cross_entropy", smoothing or 0.0)
    return keras.ops.convert_to_numpy(loss(labels, outputs))


# Data.


class SplitCache:
    """Splits of the data of runs, each loaded once."""

    def __init__(self):
        self._splits: dict[tuple, Split] = {}
        self._samples: dict[tuple, Split] = {}
        self._fingerprints: dict[tuple, str] = {}

    def add(self, run: Run, dataset: Dataset) -> None:
        """Adds a run's validation split from a dataset in memory."""
        check_same_data(run, dataset)
        self._add_sample(run, dataset)
        if len(dataset.val):
            self._splits[self._key(run, "val")] = dataset.val

    def add_split(self, run: Run, split: str, part: Split) -> None:
        """Adds one split, as passed by the user who trained on arrays."""
        self._splits[self._key(run, split)] = part

    def load(self, run: Run, split: str) -> Split:
        """Returns one split of the data that a run was trained with."""
        key = self._key(run, split)
        if key not in self._splits:
            self._splits[key] = load_split(run, split, self._add_sample)
        return self._splits[key]

    def training_sample(self, run: Run) -> Split | None:
        """Returns some training examples, of all classes in turn.

        `None` where no split of the run's data was loaded yet.
        """
        return self._samples.get(self._key(run, "train"))

    def _add_sample(self, run: Run, dataset: Dataset) -> None:
        labels = dataset.train.strata
        order = np.argsort(labels, kind="stable")
        # How many examples of its class come before each.
        places = np.arange(len(labels)) - np.searchsorted(
            labels[order], labels[order]
        )
        first = order[np.argsort(places, kind="stable")][:MAX_SAMPLE]
        self._samples[self._key(run, "train")] = dataset.train.take(first)

    def fingerprint(self, run: Run, split: str) -> str:
        """Returns the SHA-256 of a split's examples and of class names."""
        key = self._key(run, split)
        if key not in self._fingerprints:
            names = run.resolved["data"]["class_names"]
            splits = {split: self.load(run, split)}
            self._fingerprints[key] = fingerprint(splits, names)
        return self._fingerprints[key]

    def _key(self, run: Run, split: str) -> tuple:
        data = run.resolved["data"]
        options = tuple(_test_options(run).items())
        return run.config.dataset, options, data["fingerprint"], split


def _test_options(run: Run) -> dict[str, Any]:
    """Returns the options that determine the images of the test split."""
    config = run.config
    return {
        "data_dir": config.data_dir,
        "image_size": config.image_size,
        "resize": config.resize,
        "group_by": config.group_by,
        "classes": config.classes,
        "skip_unreadable": config.skip_unreadable,
    }


def load_split(
    run: Run,
    split: str,
    on_load: Callable[[Run, Dataset], None] = lambda run, dataset: None,
) -> Split:
    """Returns one split of the data that a run was trained with.

    Args:
        run: The run.
        split: `val`, `train` or `test`.
        on_load: Called with the training and validation examples.

    Raises:
        UserError: the data cannot be loaded again, have changed, or have no
            such split.
    """
    config, options = run.config, _test_options(run)
    check_loadable(run)
    show_activity(f"reading {config.dataset}")
    dataset = load_dataset(
        config.dataset,
        val_fraction=config.val_fraction,
        fold=config.fold,
        train_examples=config.train_examples,
        **options,
    )
    # For the test split too: images added to a folder change the split, and
    # then there would be training images among those of the test.
    check_same_data(run, dataset)
    on_load(run, dataset)
    if split == "test":
        part = load_test_split(config.dataset, **options)
        if not len(part):
            raise UserError(
                f"{config.dataset} is too small to have a held-out test set; "
                "use --split=train."
            )
        return part
    part = getattr(dataset, split)
    if not len(part):
        others = "--split=train or --split=test"
        if not dataset.num_test_examples:
            others = "--split=train"
        raise UserError(
            f"{run.name} held out no validation images; use {others}."
        )
    return part


def check_loadable(run: Run) -> None:
    """Raises `UserError` if the data of a run cannot be loaded again."""
    if run.resolved["data"]["from_arrays"]:
        raise UserError(
            f"{run.name} was trained on arrays, which cannot be loaded again; "
            "evaluate them in Python with run.load_model()."
        )
    run.check_data()


def check_same_data(run: Run, dataset: Dataset) -> None:
    """Raises `UserError` if a run was trained on other data than these."""
    if dataset.fingerprint != run.resolved["data"]["fingerprint"]:
        raise UserError(
            f"the images of {dataset.name} are not those that {run.name} was "
            "trained on, so its metrics would be meaningless."
        )


# Test-time augmentation: logits averaged over views of each image.
#
# `flip` averages an image and its mirror image. `flip_shift` averages six
# views, as Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU",
# arXiv 2404.00498, section 3: the image and its mirror image with one half of
# the weight, and the same two of the image moved by a pixel up and left, and
# by a pixel down and right, with one quarter each. What moves in at the border
# is the image reflected.

# Shifts down and right in pixels, and the weight of both views of each.
SHIFTS: dict[str, tuple[tuple[int, int, float], ...]] = {
    "flip": ((0, 0, 1.0),),
    "flip_shift": ((0, 0, 0.5), (-1, -1, 0.25), (1, 1, 0.25)),
}
NUM_IMAGES = 1024  # whose views are in memory at once


def check_tta(tta: str | None) -> None:
    """Raises `UserError` for an unknown kind of test-time augmentation."""
    if tta is not None and tta not in SHIFTS:
        raise UserError(
            f"--tta={tta} is not known; {suggest_choice(tta, tuple(SHIFTS))}"
        )


def num_views(tta: str) -> int:
    """Returns the number of views of each image."""
    return 2 * len(SHIFTS[tta])


def predict_views(
    model: keras.Model, images: np.ndarray, tta: str
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the logits of images, and those averaged over their views.

    Args:
        model: From raw images to logits.
        images: `[N, H, W, C]` of any numeric dtype, at least 2 pixels a side.
        tta: `flip` or `flip_shift`.

    Returns:
        Two float32 `[N, K]`; the first is of the images as they are.

    Raises:
        UserError: the inputs are not images.
    """
    if len(images.shape) != 4 or min(images.shape[1:3]) < 2:
        raise UserError(
            f"--tta={tta} needs images of 2x2 pixels or more; leave it out."
        )
    one_view, averaged = [], []
    for start in range(0, max(len(images), 1), NUM_IMAGES):
        chunk = np.asarray(images[start : start + NUM_IMAGES])
        logits = [
            (weight, predict_batched(model, view))
            for weight, view in weighted_views(chunk, tta)
        ]
        one_view.append(logits[0][1])
        averaged.append(sum(weight * x for weight, x in logits))
    return np.concatenate(one_view), np.concatenate(averaged)


def weighted_views(
    images: np.ndarray, tta: str
) -> Iterator[tuple[np.float32, np.ndarray]]:
    """Yields the weight of each view, and the view of all images.

    The weights add up to 1; the first view is the images as they are.
    """
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    for down, right, weight in SHIFTS[tta]:
        top, left = 1 - down, 1 - right
        view = padded[:, top : top + height, left : left + width]
        yield np.float32(weight / 2), view
        yield np.float32(weight / 2), view[:, :, ::-1]
