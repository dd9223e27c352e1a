"""Scores a run from its folder alone: the saved model on one split."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo import scores
from zoo.data import Split, load_dataset, pipeline
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
        split, examples, correct, accuracy with its exact 95 % interval, loss
        (cross-entropy in nats), and (correct, examples) by class name.

    Raises:
        UserError: the run has no model, the split no images, or the images
            are not those that the run was trained with.
    """
    model = run.load_model()
    part = images_of(run, split)
    logits = predict(model, part)
    names = run.resolved["data"]["class_names"]
    share = scores.proportion(
        scores.count_correct(logits, part.labels), len(part)
    )
    by_class = scores.correct_by_class(logits, part.labels, len(names))
    return {
        "run": run.name,
        "split": split,
        "examples": share.examples,
        "correct": share.correct,
        "accuracy": share.value,
        "accuracy_low": share.low,
        "accuracy_high": share.high,
        "loss": scores.cross_entropy(logits, part.labels),
        "by_class": dict(zip(names, by_class, strict=True)),
    }


def predict(model, part: Split) -> np.ndarray:
    """Returns logits `[N, K]`, every example once and in order."""
    return model.predict(pipeline.eval_batches(part, BATCH), verbose=0)


def images_of(run: Run, split: str) -> Split:
    """Returns one split of the data that a run was made with."""
    config, data = run.config, run.resolved["data"]
    where = {
        "data_dir": config.data_dir,
        "image_size": config.image_size,
        "group_by": config.group_by,
    }
    if data["handed_over"]:
        raise UserError(
            f"{run.name} was trained on arrays that are no data set on disk; "
            "score them in Python with run.load_model()."
        )
    if split == "test":
        return open_test(config.dataset, **where)
    dataset = load_dataset(
        config.dataset, val_fraction=config.val_fraction, **where
    )
    if dataset.fingerprint != data["fingerprint"]:
        raise UserError(
            f"the images of {config.dataset} are not those that {run.name} "
            "was trained on; its scores would mean nothing."
        )
    part = getattr(dataset, split)
    if not len(part):
        raise UserError(
            f"{run.name} held out no validation images; "
            "--split=train or --split=test has some."
        )
    return part
