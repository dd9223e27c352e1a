"""Counts looks at test examples, and tells results what the count means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoo import metrics
from zoo.evaluation import kinship
from zoo.evaluation.ledger import Ledger, home
from zoo.runs import Run

LEVEL = 0.95
# What a line of the ledger keeps of a result.
KEPT = ("examples", "correct", "accuracy", "mean_squared_error", "r2")

Result = dict[str, Any]


def count(
    runs: Sequence[Run],
    results: Sequence[Result],
    runs_dir: str,
    dataset: str | None = None,
) -> list[Result]:
    """Adds how often the test split of each run's data was opened before.

    Args:
        dataset: what was looked at, if not each run's own data.
    """
    return [
        {
            **result,
            "openings": Ledger(home(run, runs_dir)).count(
                dataset or run.config.dataset
            ),
        }
        for run, result in zip(runs, results, strict=True)
    ]


def check(runs: Sequence[Run], runs_dir: str) -> None:
    """Raises `UserError` if a ledger cannot be read that would be written."""
    for folder in {home(run, runs_dir) for run in runs}:
        Ledger(folder).looks()


def record(
    runs: Sequence[Run],
    results: Sequence[Result],
    prints: Sequence[str],
    runs_dir: str,
    dataset: str | None = None,
) -> list[Result]:
    """Writes looks into the ledger; adds their count and what follows of it.

    Args:
        runs: what was scored; seeds of one recipe are one look.
        results: their scores on the test split.
        prints: SHA-256 of the test examples of each.
        runs_dir: where the ledger is, of runs that are in there.
        dataset: what was looked at, if not each run's own data.
    """
    places: dict[tuple, list[int]] = {}
    for index, (run, found) in enumerate(zip(runs, prints, strict=True)):
        place = home(run, runs_dir), dataset or run.config.dataset, found
        places.setdefault(place, []).append(index)
    told = list(results)
    for (folder, name, found), members in places.items():
        looks = _looks([(runs[i], results[i]) for i in members], name, found)
        openings = Ledger(folder).record(looks)
        for i in members:
            told[i] = _told(results[i], openings)
    return told


def _looks(
    scored: Sequence[tuple[Run, Result]], dataset: str, split: str
) -> list[dict]:
    """Returns what is written: one look for each recipe."""
    looks: dict[str, dict] = {}
    for run, result in scored:
        recipe = kinship.recipe_fingerprint(run)
        look = looks.setdefault(
            recipe,
            {"dataset": dataset, "split": split, "recipe": recipe, "runs": []},
        )
        look["runs"].append(
            {
                "run": run.name,
                "config": kinship.config_fingerprint(run),
                "seed": run.resolved["config"]["seed"],
                "result": {k: result[k] for k in KEPT if k in result},
            }
        )
    return list(looks.values())


def _told(result: Result, openings: int) -> Result:
    """Adds the count, and the interval that holds for all looks together."""
    told = {**result, "openings": openings}
    if "correct" in result:
        told["corrected"] = corrected(result, openings)
    return told


def corrected(result: Result, openings: int) -> dict[str, Any]:
    """Returns the interval of a result of classes that holds for all looks.

    Bonferroni's correction: of `m` intervals, each of which misses with a
    chance of at most 5 % / m, the chance that any misses is at most 5 %.
    """
    level = 1 - (1 - LEVEL) / openings
    share = metrics.binomial_ci(result["correct"], result["examples"], level)
    return {
        "openings": openings,
        "level": level,
        "accuracy_low": share.low,
        "accuracy_high": share.high,
    }


def verdict(openings: int) -> str:
    """Says how clean a test set is at the look of this number."""
    if openings == 1:
        return "1st look at this test set"
    return f"{ordinal(openings)} look at this test set; no longer a clean test"


def ordinal(number: int) -> str:
    """Writes 1 as 1st, 2 as 2nd, 11 as 11th."""
    teens = number % 100 in (11, 12, 13)
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if teens else endings.get(number % 10, 'th')}"
