"""Which runs belong together: the same settings, or the same but for the seed.

Settings are what a run really used, defaults of its recipe filled in. Where a
run was written, and how often it wrote, are no settings: they change nothing
that is learned.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from zoo.config import DEFAULTS, TrainConfig
from zoo.run_store import UNNAMED_OPTIONS
from zoo.runs import Run

BOOKKEEPING = UNNAMED_OPTIONS - {"model", "dataset"}


def options(run: Run) -> dict[str, Any]:
    """Returns every option with the value that a run used.

    An option that did not exist yet when the run was made has its default.
    """
    # To JSON and back, so that defaults are lists where read values are.
    return json.loads(json.dumps({**DEFAULTS, **run.resolved["config"]}))


def settings(run: Run) -> dict[str, Any]:
    """Returns every option that has a say in what the run learned."""
    return _without_bookkeeping(options(run))


def settings_to_be(config: TrainConfig) -> dict[str, Any]:
    """Returns the same of a run that is not there yet.

    Args:
        config: resolved, as a plan has it.
    """
    return _without_bookkeeping(json.loads(config.to_json()))


def _without_bookkeeping(options: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in options.items() if k not in BOOKKEEPING}


def config_fingerprint(run: Run) -> str:
    """Returns the SHA-256, in hex, of the settings and the data."""
    return _sha256([settings(run), run.resolved["data"]["fingerprint"]])


def recipe_fingerprint(run: Run) -> str:
    """Returns the same without the seed: equal for seeds of one recipe."""
    seedless = {k: v for k, v in settings(run).items() if k != "seed"}
    return _sha256([seedless, run.resolved["data"]["fingerprint"]])


def by_recipe(runs: Iterable[Run]) -> list[list[Run]]:
    """Groups runs that differ in the seed alone, in the order given."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(recipe_fingerprint(run), []).append(run)
    return list(groups.values())


def _sha256(facts: Any) -> str:
    return hashlib.sha256(
        json.dumps(facts, sort_keys=True).encode()
    ).hexdigest()
