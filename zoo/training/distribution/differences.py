"""What two processes of a run would do otherwise, in a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

# What may differ: where things lie, and what each machine is.
OWN = (
    *("started", "git_commit", "parent", "machine", "statistics", "zoo"),
    *("config.runs_dir", "config.run_name", "config.data_dir"),
)
NAMES = {"data.fingerprint": "the fingerprint of the data"}


def difference(
    theirs: dict[str, Any], ours: dict[str, Any], name: str
) -> str | None:
    """Returns how two `resolved.json` differ; `None` if they do the same.

    Args:
        theirs: of another process.
        ours: of process 0.
        name: of the other process, such as `process 1`.
    """
    left, right = dict(_flat(theirs)), dict(_flat(ours))
    for key in [*right, *left]:
        if left.get(key) != right.get(key):
            shown = NAMES.get(key, key.replace("config.", "--", 1))
            return (
                f"{shown} is {_short(left.get(key))} in {name} and "
                f"{_short(right.get(key))} in process 0; start all with the "
                "same flags on the same data."
            )
    return None


def _flat(facts: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields every value with its path, but for what may differ."""
    if path in OWN:
        return
    if isinstance(facts, dict) and facts:
        for key, value in facts.items():
            yield from _flat(value, f"{path}.{key}" if path else key)
    else:
        yield path, json.loads(json.dumps(facts))


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
