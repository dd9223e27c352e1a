"""Which run another one repeats, and with what changed."""

from __future__ import annotations

from typing import Any

from zoo.config import OPTIONS, TrainConfig
from zoo.runs import Run

OWN = ("run_name", "runs_dir")  # differ between any two runs


def parent_of(config: TrainConfig, run: Run | None) -> dict[str, Any] | None:
    """Returns what a run keeps of the one that it repeats.

    Args:
        config: of the run to come, as asked.
        run: the one that it repeats, if it repeats one.

    Returns:
        The name, and each option that is not the same as [before, now].
    """
    if run is None:
        return None
    before, now = run.config.as_dict(), config.as_dict()
    changed = {
        name: [before[name], now[name]]
        for name in OPTIONS
        if before[name] != now[name] and name not in OWN
    }
    return {"run": run.name, "changed": changed}
