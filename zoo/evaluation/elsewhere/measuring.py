"""From runs and the name of another data set to scores on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo import backend, metrics
from zoo.config import DEFAULTS
from zoo.console import format_shape
from zoo.data.dataset import fingerprint
from zoo.data.elsewhere import ALL, Other, open_elsewhere
from zoo.data.parts import TEST
from zoo.data.splits import digests
from zoo.errors import UserError
from zoo.evaluation import judging, opening, scoring
from zoo.evaluation.elsewhere.classes import map_classes
from zoo.evaluation.elsewhere.original import find_original
from zoo.metrics import difference_ci
from zoo.models.inference import predict_batched
from zoo.runs import Run


@dataclasses.dataclass(frozen=True)
class Shown:
    """What a run is shown of another data set.

    Attributes:
        other: the examples; their labels are the run's own.
        print: SHA-256 of the examples as they were read, for the ledger.
        mapping: name of each class of the set, and the run's name for it.
    """

    other: Other
    print: str
    mapping: dict[str, str]


@backend.fixed_settings()
def score_elsewhere(
    runs: Sequence[Run],
    name: str,
    part: str | None = None,
    *,
    data_dir: str | None = None,
    runs_dir: str = DEFAULTS["runs_dir"],
) -> list[dict[str, Any]]:
    """Scores the saved models of runs on another data set than their own.

    Args:
        runs: finished runs that predict classes.
        name: of the data set, whose classes are found by name.
        part: `test`, `val` or `train`; `None` leaves it to the set, see
            `open_elsewhere`.
        data_dir: folder of tensorflow-datasets; else that of each run.
        runs_dir: where the ledger is, of runs that are in there.

    Returns:
        For each run what `scoring.score_all` says, and dataset, original
        (see `find_original`), drop (of the accuracy, original minus new),
        mapping, seen (how many of the images are among those the run was
        trained on; `None` if its own data cannot be read) and notes. A look
        at test examples is in the ledger before anything is returned.

    Raises:
        UserError: a run has no model or no classes, or the set does not suit.
    """
    for run in runs:
        _check(run, name)
    opening.check(runs, runs_dir)
    shown = [_show(run, name, part, data_dir) for run in runs]
    results = [
        _result(run, found, runs_dir)
        for run, found in zip(runs, shown, strict=True)
    ]
    if shown[0].other.part not in (TEST, ALL):
        return opening.count(runs, results, runs_dir, name)
    prints = [found.print for found in shown]
    return opening.record(runs, results, prints, runs_dir, name)


def _check(run: Run, name: str) -> None:
    if run.resolved["data"].get("task") == "numbers":
        raise UserError(
            f"{run.name} predicts numbers, and right answers are counted of "
            "classes; --dataset is for runs that predict classes."
        )
    if name == run.config.dataset:
        raise UserError(
            f"--dataset={name} is what {run.name} was trained on; leave it "
            "out, and choose the part with --split=val, train or test."
        )


def _show(run: Run, name: str, part: str | None, data_dir: str | None) -> Shown:
    data = run.resolved["data"]
    other = open_elsewhere(
        name,
        part,
        tuple(data["input_shape"]),
        data_dir or run.config.data_dir,
    )
    known = data["class_names"]
    labels = map_classes(other, run.name, known)
    own = np.asarray(labels, np.int32)[other.split.labels]
    return Shown(
        dataclasses.replace(
            other, split=dataclasses.replace(other.split, labels=own)
        ),
        fingerprint({TEST: other.split}, other.class_names),
        {
            theirs: known[label]
            for theirs, label in zip(other.class_names, labels, strict=True)
        },
    )


def _result(run: Run, shown: Shown, runs_dir: str) -> dict[str, Any]:
    split, known = shown.other.split, run.resolved["data"]["class_names"]
    logits = predict_batched(run.load_model(), split.images)
    found = judging.of_classes(
        logits, split.labels, known, scoring.loss_of(run)
    )
    original = find_original(run, runs_dir)
    drop = original and difference_ci(
        metrics.binomial_ci(original["correct"], original["examples"]),
        metrics.binomial_ci(found["correct"], len(split)),
    )
    seen = count_seen(run, shown)
    return {
        "run": run.name,
        "dataset": shown.other.name,
        "split": shown.other.part,
        "examples": len(split),
        "openings": 0,
        **found,
        "original": original,
        "drop": drop and dataclasses.asdict(drop),
        "mapping": shown.mapping,
        "seen": seen,
        "notes": notes(run, shown, seen),
    }


def count_seen(run: Run, shown: Shown) -> int | None:
    """Returns how many of the examples a run was trained on, pixel by pixel.

    `None` where its own data cannot be read again.
    """
    try:
        own = scoring.images_of(run, "train").images
    except UserError:
        return None
    known = set(digests(own))
    return sum(found in known for found in digests(shown.other.split.images))


def notes(run: Run, shown: Shown, seen: int | None) -> list[str]:
    """Says what was done to make the examples fit, and what spoils a score."""
    other, data = shown.other, run.resolved["data"]
    shape, said = tuple(data["input_shape"]), []
    if len(shape) == 3:
        came = other.came
        if came is None or tuple(came[:2]) != shape[:2]:
            sizes = (
                "of several sizes"
                if came is None
                else (f"of {format_shape(came[:2])} pixels")
            )
            said.append(
                f"images {sizes} are resized to {format_shape(shape[:2])}, "
                f"as {run.name} takes them"
            )
        if came is not None and came[2] != shape[2]:
            kind = "colour" if shape[2] > 1 else "grey"
            said.append(f"images are made {kind}, as {run.name} takes them")
    missing = len(data["class_names"]) - len(set(shown.mapping.values()))
    if missing:
        said.append(
            f"{len(shown.mapping)} of the {len(data['class_names'])} classes "
            f"of {run.name} are there; to answer another one counts as wrong"
        )
    if seen is None:
        said.append(
            f"the data of {run.name} cannot be read again, so that nobody "
            "knows whether it was trained on some of these"
        )
    elif seen:
        said.append(
            f"{seen:,} of the {len(other.split):,} are among those that "
            f"{run.name} was trained on, and make its score too good"
        )
    return said
