"""The test split of a sweep: one look, by all seeds of its winner."""

from __future__ import annotations

import dataclasses
from typing import Any

from zoo.evaluation.statistics import SCORE_LIMITS, seed_stats
from zoo.evaluation.test_log import EvaluationLog, log_dir, recorded_test_result
from zoo.runs import Run, SweepFolder


def runs_here(folder: SweepFolder, row: dict[str, Any]) -> list[Run]:
    """Returns the runs of a recipe whose models are on this machine.

    Args:
        folder: of the sweep.
        row: of a recipe, as `numbers.summarize` returns it.
    """
    found = [Run(folder.run_path(name), name) for name in row["runs"]]
    return [run for run in found if run.has_model]


def open_once(
    folder: SweepFolder, row: dict[str, Any]
) -> dict[str, Any] | None:
    """Scores the winner's seeds on the test split, as one look.

    If the sweep has looked before, that is what it tells again.

    Returns:
        Runs, results and their statistics, for `result.json`; `None` if no
        model is here.
    """
    before = folder.result.get("test")
    if before:
        return before
    runs = runs_here(folder, row)
    if not runs:
        return None
    results = _results(runs, folder.runs_dir)
    score = next(name for name in SCORE_LIMITS if name in results[0])
    values = [result[score] for result in results]
    return {
        "score": score,
        "runs": [run.name for run in runs],
        "values": values,
        "examples": results[0]["examples"],
        "test_evaluations": EvaluationLog(
            log_dir(runs[0], folder.runs_dir)
        ).count(runs[0].config.dataset),
        **dataclasses.asdict(seed_stats(values, *SCORE_LIMITS[score])),
    }


def _results(runs: list[Run], runs_dir: str) -> list[dict[str, Any]]:
    """Returns results on the test split.

    A kill can come after a look was written down: then they are there.
    """
    written = [recorded_test_result(run, runs_dir) for run in runs]
    if all(written):
        return written
    from zoo.evaluation import evaluate

    return evaluate.evaluate_runs(runs, "test", runs_dir)
