"""The score that a new one is held beside, without opening anything.

It is the one on validation examples, as training recorded it, of the weights
that were kept. Where a person has opened the run's own test split before, the
ledger has a better one.
"""

from __future__ import annotations

import pathlib
from typing import Any

from zoo import metrics
from zoo.evaluation import kinship
from zoo.evaluation.ledger import Ledger, home
from zoo.runs import Run


def find_original(run: Run, runs_dir: str) -> dict[str, Any] | None:
    """Returns a run's score on its own data.

    Args:
        run: a finished one that predicts classes.
        runs_dir: where the ledger is, of runs that are in there.

    Returns:
        Data set, split (`test` if its result is in the ledger, else `val`),
        examples, right answers, and the accuracy with its interval; `None` if
        no validation examples were held out and no test split was opened.
    """
    found = recorded_test(run, runs_dir)
    split = "test"
    if found is None:
        split, count = "val", run.resolved["data"]["val"]
        share = run.metrics.get("best_val_accuracy")
        if share is None or not count:
            return None
        found = {"examples": count, "correct": round(share * count)}
    share = metrics.binomial_ci(found["correct"], found["examples"])
    return {
        "dataset": run.config.dataset,
        "split": split,
        "examples": share.examples,
        "correct": share.correct,
        "accuracy": share.value,
        "accuracy_low": share.low,
        "accuracy_high": share.high,
    }


def recorded_test(run: Run, runs_dir: str) -> dict[str, Any] | None:
    """Returns what the ledger tells of a run on its own test split, if it does.

    A run of the same name and of other settings is another one.
    """
    dataset, found = run.config.dataset, None
    settings = kinship.config_fingerprint(run)
    for look in Ledger(home(run, runs_dir)).looks():
        for entry in look["runs"]:
            same = (
                look["dataset"] == dataset
                and entry.get("config") == settings
                and pathlib.PurePath(entry["run"]).name == run.path.name
            )
            if same and "correct" in entry.get("result", {}):
                found = entry["result"]
    return found
