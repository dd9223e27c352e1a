"""`winner.flags` of a sweep: the recipe that was found, for anyone to run."""

from __future__ import annotations

import datetime
from typing import Any

import zoo
from zoo.config import format_option
from zoo.runs import Run, RunWriter, SweepFolder
from zoo.tuning.confirming.words import (
    has_interval,
    interval_in_words,
    seeds_in_words,
)
from zoo.tuning.results import Trial, trial_config, trial_name
from zoo.tuning.settings import PLACES, SweepConfig
from zoo.tuning.space import in_words

NAME = "winner.flags"


def write(
    folder: SweepFolder,
    settings: SweepConfig,
    best: Trial,
    found: dict[str, Any] | None,
) -> None:
    """Writes the flagfile of the winner, if there is none yet.

    Args:
        folder: of the sweep.
        settings: of the sweep.
        best: the winner.
        found: as `numbers.summarize` returns it; `None` without new seeds.
    """
    if (folder.path / NAME).exists():
        return
    today = datetime.datetime.now(datetime.UTC).date()
    RunWriter(Run(folder.path, folder.name)).write(
        NAME, text(folder, settings, best, found, today)
    )


def text(
    folder: SweepFolder,
    settings: SweepConfig,
    best: Trial,
    found: dict[str, Any] | None,
    today: datetime.date,
) -> str:
    """Returns the flagfile: what it is, in its header, and every option.

    Its seed is the first of the fresh ones, not the luckiest.
    """
    row = found["winner"] if found else None
    config = trial_config(settings, best)
    if row and row["scores"]:
        config = config.replace(seed=row["seeds"][0])
    lines = [*_header(folder, settings, best, row), f"# {today}, zoo "]
    lines[-1] += f"{zoo.__version__}; `zoo train --flagfile={NAME}` repeats it"
    # Both are said even where they are what nothing said would mean.
    said = {"model": config.model, "dataset": config.dataset}
    for name, value in (said | config.overrides()).items():
        if name not in PLACES:
            lines += format_option(name, value)
    return "\n".join(lines) + "\n"


def _header(
    folder: SweepFolder,
    settings: SweepConfig,
    best: Trial,
    row: dict[str, Any] | None,
) -> list[str]:
    config, score = settings.config, settings.objective
    lines = [
        f"# {config.model} on {config.dataset}: winner of the sweep "
        f"{folder.name}",
        f"# {trial_name(best.number)}: {in_words(best.values)}",
        f"# {score} {best.score:.4f} in the search, by which it was chosen",
    ]
    if not row or not row["scores"]:
        return lines
    line = f"# {score} {row['mean']:.4f} with {seeds_in_words(row)}"
    if has_interval(row):
        line += f", 95% CI {interval_in_words(row)}"
    seed, first, epoch = (row[n][0] for n in ("seeds", "scores", "epochs"))
    here = f"# {score} {first:.4f} with seed {seed} alone, in epoch {epoch}"
    if config.deterministic:
        here += "; exactly so again on the same machine"
    return [*lines, line, here]
