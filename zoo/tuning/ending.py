"""What a sweep leaves in its folder when it has ended.

trials.csv        a row for each finished training
sweep.png         the score against each hyperparameter, and against time
winner.flags      the best trial as a flagfile
result.json       that it has ended, the best trial, and what new seeds say

A sweep that has lost a training is incomplete: it names the best trial so
far, but has no winner, and the test split is not touched.
"""

from __future__ import annotations

import json
from typing import Any

from zoo.runs import RESULT_FILE, Run, RunWriter, SweepFolder
from zoo.tuning import results, table
from zoo.tuning.confirming import flagfile, numbers, unsealing
from zoo.tuning.confirming.running import Confirming
from zoo.tuning.results import Trial
from zoo.tuning.search import Search
from zoo.tuning.settings import SweepConfig


def conclude(
    folder: SweepFolder,
    settings: SweepConfig,
    search: Search,
    confirming: Confirming,
) -> dict[str, Any]:
    """Writes what came of a sweep; returns what `result.json` holds.

    Args:
        folder: of the sweep.
        settings: of the sweep.
        search: that has ended.
        confirming: what came of the new seeds.
    """
    from zoo.tuning import picture

    trials = search.trials()
    best = results.ranked(trials, settings)[:1]
    lost = [*search.lost, *confirming.lost]
    table.write(folder, search.executions + search.lost, settings)
    result = {
        "status": "incomplete" if lost else "completed",
        "lost": [{"run": one.run, "reason": one.reason} for one in lost],
        "trials": len(trials),
        "failed": sum(trial.score is None for trial in trials),
        "objective": settings.objective,
        "best": [_best(trial) for trial in best],
        "confirmation": None,
        "test": folder.result.get("test"),
    }
    if best and settings.retrain_seeds and not lost:
        result["confirmation"] = numbers.summarize(
            folder, settings, trials, best[0], confirming.done
        )
    _write(folder, result)
    picture.save(folder, search.executions, settings)
    if lost:
        return result
    for trial in best:
        flagfile.write(folder, settings, trial, result["confirmation"])
    if settings.open_test and result["confirmation"]:
        row = result["confirmation"]["winner"]
        result["test"] = unsealing.open_once(folder, row) if row else None
        _write(folder, result)
    return result


def _write(folder: SweepFolder, result: dict[str, Any]) -> None:
    text = json.dumps(result, indent=1) + "\n"
    RunWriter(Run(folder.path, folder.name)).write(RESULT_FILE, text)


def _best(trial: Trial) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "runs": trial.runs,
        "values": trial.values,
        "score": trial.score,
    }
