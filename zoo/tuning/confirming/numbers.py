"""From the runs with new seeds to what `result.json` tells of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from zoo.errors import UserError
from zoo.evaluation import statistics
from zoo.evaluation.statistics import seed_stats
from zoo.runs import Run, SweepFolder
from zoo.tuning.confirming.ledger import Confirmation
from zoo.tuning.confirming.recipes import DEFAULT, WINNER
from zoo.tuning.results import Trial
from zoo.tuning.settings import SweepConfig

LEVEL = 0.05  # of p, below which a difference is called one
LIMITS = {"val_accuracy": (0.0, 1.0), "val_loss": (0.0, math.inf)}


def summarize(
    folder: SweepFolder,
    settings: SweepConfig,
    trials: Sequence[Trial],
    best: Trial,
    done: Sequence[Confirmation],
) -> dict[str, Any]:
    """Returns the scores of winner and default over new seeds.

    Args:
        folder: of the sweep.
        settings: of the sweep.
        trials: all of them.
        best: the winner.
        done: what came of the new seeds.

    Returns:
        `search`: the winner's score in the search, and how many scores it is
        the best of; `winner` and `default`: runs, seeds, scores, mean,
        deviation and interval, or `None`; `difference`: the winner's mean
        less the default's, or `None`; `examples`: of the validation, if a
        run is here.
    """
    rows = {name: _recipe(name, settings, done) for name in (WINNER, DEFAULT)}
    return {
        "objective": settings.objective,
        "trial": best.number,
        "values": best.values,
        "search": {
            "score": best.score,
            "of": sum(trial.score is not None for trial in trials),
            "seeds": [one.seed for one in best.executions],
        },
        **rows,
        "difference": _difference(rows, settings),
        "examples": _examples(folder, done),
    }


def _recipe(
    name: str, settings: SweepConfig, done: Sequence[Confirmation]
) -> dict[str, Any] | None:
    mine = [one for one in done if one.recipe == name]
    if not mine:
        return None
    mine.sort(key=lambda one: one.seed)
    scored = [one for one in mine if one.score is not None]
    values = [one.score for one in scored]
    over = seed_stats(values, *LIMITS[settings.objective]) if values else None
    facts = dataclasses.asdict(over) if over else {"mean": None}
    return {
        "runs": [one.run for one in scored],
        "seeds": [one.seed for one in scored],
        "scores": values,
        "epochs": [one.epoch for one in scored],
        **facts,
        "failed": [
            {"run": one.run, "status": one.status, "reason": one.reason}
            for one in mine
            if one.score is None
        ],
    }


def _difference(
    rows: dict[str, dict | None], settings: SweepConfig
) -> dict[str, Any] | None:
    """Returns how far apart the means are, and how likely that is by luck."""
    if any(row is None or not row["scores"] for row in rows.values()):
        return None
    first, second = (rows[name]["scores"] for name in (WINNER, DEFAULT))
    value = rows[WINNER]["mean"] - rows[DEFAULT]["mean"]
    low, high = statistics.welch_ci(first, second)
    p = statistics.welch_p_value(first, second)
    better = None
    if p is not None and p < LEVEL:
        better = WINNER if settings.is_better(value, 0.0) else DEFAULT
    return {"value": value, "low": low, "high": high, "p": p, "better": better}


def _examples(folder: SweepFolder, done: Sequence[Confirmation]) -> int | None:
    """Returns how many validation examples there are, if a run is here."""
    for one in done:
        path = folder.run_path(one.run)
        try:
            return Run(path, one.run).resolved["data"]["val"]
        except UserError:
            continue
    return None
