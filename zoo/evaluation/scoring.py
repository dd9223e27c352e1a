"""Scores a run from its folder alone: the saved model on one split."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo import scores
from zoo.data import Dataset, Split, load_dataset, pipeline
from zoo.data.seal import open_test
from zoo.errors import UserError
from zoo.runs import Run

BATCH = 256  # images; scores do not depend on it


def score(run: Run, split: str) -> dict[str, Any]:
    """Scores the saved model of a run.

    Args:
        run: a finished run.
        split: `val`, `train`, or `test`, which opens the sealed split.

    Returns:
        split and examples; of a classifier also correct, accuracy with its
        exact 95 % interval, loss (cross-entropy in nats), and (correct,
        examples) by class name; of a regression mean_squared_error and r2.

    Raises:
        UserError: the run has no model, the split no images, or the images
            are not those that the run was trained with.
    """
    model = run.load_model()
    part = images_of(run, split)
    outputs = predict(model, part)
    numbers = run.resolved["data"].get("task") == "numbers"
    judge = _of_numbers if numbers else _of_classes
    return {
        "run": run.name,
        "split": split,
        "examples": len(part),
        **judge(outputs, part, run.resolved["data"]["class_names"]),
    }


def _of_numbers(outputs: np.ndarray, part: Split, _: list[str]) -> dict:
    error = scores.mean_squared_error(outputs, part.labels)
    share = scores.explained(error, part.labels)
    return {"mean_squared_error": error, "r2": share}


def _of_classes(logits: np.ndarray, part: Split, names: list[str]) -> dict:
    share = scores.proportion(
        scores.count_correct(logits, part.labels), len(part)
    )
    by_class = scores.correct_by_class(logits, part.labels, len(names))
    return {
        "correct": share.correct,
        "accuracy": share.value,
        "accuracy_low": share.low,
        "accuracy_high": share.high,
        "loss": scores.cross_entropy(logits, part.labels),
        "by_class": dict(zip(names, by_class, strict=True)),
    }


def predict(model, part: Split) -> np.ndarray:
    """Returns outputs `[N, K]`, every example once and in order."""
    return model.predict(pipeline.eval_batches(part, BATCH), verbose=0)


def images_of(run: Run, split: str) -> Split:
    """Returns one split of the data that a run was made with."""
    config = run.config
    where = {
        "data_dir": config.data_dir,
        "image_size": config.image_size,
        "group_by": config.group_by,
    }
    check_reachable(run)
    if split == "test":
        return open_test(config.dataset, **where)
    dataset = load_dataset(
        config.dataset,
        val_fraction=config.val_fraction,
        train_examples=config.train_examples,
        **where,
    )
    check_same_data(run, dataset)
    part = getattr(dataset, split)
    if not len(part):
        raise UserError(
            f"{run.name} held out no validation images; "
            "--split=train or --split=test has some."
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
