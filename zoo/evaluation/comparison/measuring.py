"""From runs to the numbers of a comparison."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo import backend, metrics
from zoo.errors import UserError
from zoo.evaluation import scoring
from zoo.evaluation.comparison import paired, seeds, settings
from zoo.evaluation.kinship import by_recipe
from zoo.evaluation.spread import LIMITS, spread
from zoo.models.inference import predict_batched
from zoo.runs import Run

LEVEL = 0.05  # of p, corrected for the number of comparisons
# Options that say which examples are held out.
CUT = (
    "dataset", "val_fraction", "group_by", "image_size", "classes",
    "skip_unreadable",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Judged:
    """A run with what it scores on each validation example.

    Attributes:
        each: float `[N]`: 1 where it is right and 0 where not, or the squared
            error of a number.
        loss: mean over the examples of what the run minimized.
    """

    run: Run
    each: np.ndarray
    loss: float

    @property
    def score(self) -> float:
        """The accuracy, or the mean squared error."""
        return float(self.each.mean())


@backend.fixed_settings()
def measure(runs: Sequence[Run]) -> dict[str, Any]:
    """Scores runs on the same validation examples, and tests differences.

    Args:
        runs: at least two finished runs; those that differ in the seed alone
            are one recipe, named A, B, C in the order given.

    Returns:
        What `zoo compare --json` prints. Shares are 0..1.

    Raises:
        UserError: there is nothing to compare, a run cannot be scored, or
            their validation examples are not the same.
    """
    if len(runs) < 2:
        raise UserError(
            f"{runs[0].name} alone cannot be compared; name two runs or more."
        )
    scoring.check_one_task(runs)
    parts = scoring.Parts()
    for other in runs[1:]:
        _check_same_examples(parts, runs[0], other)
    judged = {run.path: _judge(run, parts) for run in runs}
    groups = [[judged[r.path] for r in group] for group in by_recipe(runs)]
    differ, rest = settings.split([[j.run for j in g] for g in groups])
    numbers = runs[0].resolved["data"].get("task") == "numbers"
    score = "mean_squared_error" if numbers else "accuracy"
    return {
        "dataset": runs[0].config.dataset,
        "split": "val",
        "examples": len(groups[0][0].each),
        "fingerprint": parts.fingerprint(runs[0], "val"),
        "score": score,
        "recipes": [_recipe(letter(i), g, score) for i, g in enumerate(groups)],
        "runs": [
            _run(letter(i), j, score) for i, g in enumerate(groups) for j in g
        ],
        "differ": differ,
        "same": rest,
        "pairs": _pairs(groups, score),
    }


def letter(index: int) -> str:
    """Names groups A to Z, then A1, B1, ..."""
    round, place = divmod(index, 26)
    return f"{chr(ord('A') + place)}{round or ''}"


def _check_same_examples(parts: scoring.Parts, first: Run, other: Run) -> None:
    """Raises `UserError` if two runs were validated on other examples."""
    if parts.fingerprint(first, "val") == parts.fingerprint(other, "val"):
        return
    for name in CUT:
        values = [getattr(run.config, name) for run in (first, other)]
        if values[0] != values[1]:
            given = " and ".join(f"--{name}={v}" for v in values)
            why = f"they were made with {given}"
            break
    else:
        why = "their pixels, labels or class names differ"
    raise UserError(
        f"{first.name} and {other.name} have no validation examples in "
        f"common to be compared on: {why}."
    )


def _judge(run: Run, parts: scoring.Parts) -> Judged:
    part = parts.of(run, "val")
    outputs = predict_batched(run.load_model(), part.images)
    if part.labels.dtype.kind == "f":
        errors = outputs[:, 0].astype(np.float64) - part.labels
        each = np.square(errors)
        return Judged(run, each, float(each.mean()))
    right = outputs.argmax(axis=1) == part.labels
    loss = scoring.loss_of(run)(part.labels, outputs)
    return Judged(run, right.astype(np.float64), loss)


def _run(name: str, judged: Judged, score: str) -> dict[str, Any]:
    run = judged.run
    found = {
        "recipe": name,
        "run": run.name,
        "seed": run.resolved["config"]["seed"],
        score: judged.score,
        "loss": judged.loss,
    }
    if score == "accuracy":
        share = metrics.binomial_ci(int(judged.each.sum()), len(judged.each))
        found["correct"] = share.correct
        found["accuracy_low"] = share.low
        found["accuracy_high"] = share.high
    return found


def _recipe(name: str, group: Sequence[Judged], score: str) -> dict[str, Any]:
    """Returns a recipe's score: over seeds, or the interval of its one run."""
    over = spread([judged.score for judged in group], *LIMITS[score])
    found = {
        "recipe": name,
        "runs": [judged.run.name for judged in group],
        "seeds": [judged.run.resolved["config"]["seed"] for judged in group],
        "parameters": group[0].run.resolved["parameters"]["trainable"],
        "loss": float(np.mean([judged.loss for judged in group])),
        **dataclasses.asdict(over),
        "interval": "Student, over seeds",
    }
    if len(group) > 1:
        return found
    if score != "accuracy":
        return {**found, "interval": None}
    share = metrics.binomial_ci(int(group[0].each.sum()), len(group[0].each))
    exact = {"low": share.low, "high": share.high}
    return {**found, **exact, "interval": "Clopper-Pearson, over examples"}


def _pairs(groups: Sequence[Sequence[Judged]], score: str) -> list[dict]:
    """Returns a test of each pair of recipes; p corrected for all of them."""
    numbered = list(enumerate(groups))
    pairs = [
        _pair(letter(i), first, letter(j), second, score)
        for (i, first), (j, second) in itertools.combinations(numbered, 2)
    ]
    for pair, p in zip(
        pairs, paired.holm([pair["p"] for pair in pairs]), strict=True
    ):
        pair["p_corrected"] = p
        pair["better"] = _better(pair, score) if p < LEVEL else None
    return pairs


def _pair(
    name: str,
    first: Sequence[Judged],
    other: str,
    second: Sequence[Judged],
    score: str,
) -> dict[str, Any]:
    """Compares two recipes; p is the largest of the tests that apply."""
    means = [np.mean([j.each for j in g], axis=0) for g in (first, second)]
    difference = paired.bootstrap(*means)
    over_seeds = seeds.chance(
        [j.score for j in first], [j.score for j in second]
    )
    found = {
        "first": name,
        "second": other,
        "difference": difference.mean,
        "low": difference.low,
        "high": difference.high,
        "p_bootstrap": difference.p,
        "p_seeds": over_seeds,
        "mcnemar": None,
        "p": max(difference.p, over_seeds or 0.0),
    }
    if len(first) == len(second) == 1 and score == "accuracy":
        exact = paired.mcnemar(first[0].each > 0, second[0].each > 0)
        found["mcnemar"] = dataclasses.asdict(exact)
        found["p"] = exact.p
    return found


def _better(pair: dict[str, Any], score: str) -> str:
    """Returns the name of the recipe that is ahead."""
    second = (pair["difference"] > 0) == (score == "accuracy")
    return pair["second"] if second else pair["first"]
