"""Keeps the disk from filling: weights of the best trials alone stay."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Iterable

from zoo.runs import SweepFolder
from zoo.tuning.results import Trial, ranked
from zoo.tuning.settings import KEPT, SweepConfig


def prune(
    trials: Iterable[Trial], settings: SweepConfig, sweep: SweepFolder
) -> None:
    """Removes models and checkpoints of finished trials that are not best.

    Curves, histories and logs stay, and `flags.txt` trains a run anew.

    Args:
        trials: finished; one that is trained later on is not among them.
    """
    if settings.keep == "all":
        return
    trials = list(trials)
    best = {trial.number for trial in ranked(trials, settings)[:KEPT]}
    for trial in trials:
        if trial.number not in best:
            for name in trial.runs:
                drop_weights(sweep.run_path(name))


def drop_weights(folder: pathlib.Path) -> None:
    """Removes the model and the checkpoints of a run."""
    (folder / "model.keras").unlink(missing_ok=True)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
