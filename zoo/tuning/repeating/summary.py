"""From the runs of a group to numbers: what `vary.json` and `seeds.json` hold.

Scores are those that the runs themselves noted, of the weights that they
kept. Differences are tested on the same validation examples, as `zoo compare`
does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoo import metrics
from zoo.errors import UserError
from zoo.evaluation import compare
from zoo.evaluation.statistics import SCORE_LIMITS, seed_stats
from zoo.runs import Run
from zoo.tuning.pool import Outcome
from zoo.tuning.repeating.folder import Repeats
from zoo.tuning.repeating.request import Member


def summarize(
    repeats: Repeats, ended: Mapping[str, Outcome] | None = None
) -> dict[str, Any]:
    """Returns the scores of all runs, and which differences are real.

    Args:
        repeats: a group whose runs have ended, or some of them.
        ended: what came of the runs that were trained just now, by place.
    """
    knob = repeats.request.knob
    rows = [
        _row(repeats, member, (ended or {}).get(member.place))
        for member in repeats.members
    ]
    score = next((row["score"] for row in rows if row["score"]), None)
    found = {
        "group": repeats.group.name,
        "kind": repeats.request.kind,
        "option": knob and knob.name,
        "split": "val",
        "score": score,
        "runs": rows,
        "values": _values(rows, score),
        "pairs": [],
        "untested": None,
    }
    if knob:
        found |= _tested(repeats, rows)
    return found


def _row(repeats: Repeats, member: Member, outcome: Outcome | None) -> dict:
    run, knob = repeats.run(member), repeats.request.knob
    # A run whose worker was lost does not know that.
    is_lost = outcome is not None and outcome.status == "lost"
    how = "lost" if is_lost else run.status
    recorded = run.metrics if run.has_model else {}
    row = {
        "run": run.name,
        "value": knob and knob.text(member.value),
        "seed": member.config.seed,
        "reused": member.reused,
        "status": how,
        "reason": (outcome.reason or None) if outcome else None,
        "score": None,
        "mean": None,
        "low": None,
        "high": None,
        "loss": recorded.get("best_val_loss"),
        "best_epoch": recorded.get("best_epoch"),
        "wall_seconds": recorded.get("wall_seconds"),
    }
    if recorded.get("best_val_accuracy") is not None:
        row |= _accuracy(run, recorded["best_val_accuracy"])
    elif row["loss"] is not None and _predicts_numbers(run):
        row |= {"score": "mean_squared_error", "mean": row["loss"]}
    return row


def _predicts_numbers(run: Run) -> bool:
    return run.resolved["data"].get("task") == "regression"


def _accuracy(run: Run, accuracy: float) -> dict[str, Any]:
    """Returns an accuracy with its exact interval over the examples."""
    examples = run.resolved["data"]["val"]
    share = metrics.binomial_ci(round(accuracy * examples), examples)
    return {
        "score": "accuracy",
        "mean": share.value,
        "correct": share.correct,
        "examples": examples,
        "low": share.low,
        "high": share.high,
    }


def _values(rows: Sequence[dict], score: str | None) -> list[dict[str, Any]]:
    """Returns a row for each value: how its seeds vary."""
    found = []
    for value in dict.fromkeys(row["value"] for row in rows):
        mine = [row for row in rows if row["value"] == value]
        scored = [row for row in mine if row["mean"] is not None]
        means = [row["mean"] for row in scored]
        over = (
            seed_stats(means, *SCORE_LIMITS[score]) if means and score else None
        )
        found.append(
            {
                "value": value,
                "runs": [row["run"] for row in mine],
                "seeds": [row["seed"] for row in mine],
                "scored": len(scored),
                **_spread_of(over),
                "median": float(np.median(means)) if means else None,
                "loss": _mean(row["loss"] for row in scored),
                "wall_seconds": sum(r["wall_seconds"] or 0 for r in mine),
            }
        )
    return found


def _spread_of(over: Any) -> dict[str, float | None]:
    names = ("mean", "std", "low", "high")
    if over is None:
        return dict.fromkeys(names)
    return {name: dataclasses.asdict(over)[name] for name in names}


def _mean(values) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _tested(repeats: Repeats, rows: Sequence[dict]) -> dict[str, Any]:
    """Returns a test of each pair of values, or why there is none."""
    by_name = {row["run"]: row["value"] for row in rows}
    ready = [run for run in map(repeats.run, repeats.members) if run.has_model]
    if len({by_name[run.name] for run in ready}) < 2:
        return {"untested": "fewer than two values have a result."}
    try:
        measured = compare.compare_runs(ready)
    except UserError as error:
        return {"untested": str(error)}
    if len(measured["configs"]) < 2:
        return {"untested": "the values change nothing that is learned."}
    names = {
        config["config"]: " = ".join(
            dict.fromkeys(by_name[run] for run in config["runs"])
        )
        for config in measured["configs"]
    }
    return {
        "pairs": [
            {
                **pair,
                "first": names[pair["first"]],
                "second": names[pair["second"]],
                "better": pair["better"] and names[pair["better"]],
            }
            for pair in measured["pairs"]
        ]
    }
