"""How long commands take to start, and how much memory a run takes."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.children import python

COMMANDS = {
    "python": ("-c", "pass"),
    "zoo models": ("-m", "zoo", "models"),
    "import keras, tensorflow": ("-c", "import tensorflow, keras"),
}
EXPECTED = {"zoo models": 0.5}  # seconds


def seconds(repeats: int) -> list[dict[str, Any]]:
    """Returns the median wall time of each command."""
    return [
        {
            "command": name,
            "seconds": statistics.median(
                python(*words).seconds for _ in range(repeats)
            ),
            "expected": EXPECTED.get(name),
        }
        for name, words in COMMANDS.items()
    ]
