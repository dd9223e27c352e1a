"""Parameters and multiply-adds of every listed model, counted in advance.

`zoo models` answers without importing Keras, from `counts.json` beside this
file. After a change to the table or to a builder, write it anew:

    python -m zoo.models.counts
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from zoo.models import MODELS, build_model
from zoo.registry import ModelEntry

PATH = Path(__file__).with_name("counts.json")
CLASSES = 10


def read_counts() -> dict[str, dict[str, int]]:
    """Returns the counts that were written, by name; imports no Keras."""
    return json.loads(PATH.read_text(encoding="utf-8"))


def count_all(entries: Iterable[ModelEntry]) -> dict[str, dict[str, int]]:
    """Counts models, each on the images it is meant for, for 10 classes."""
    # Keras is imported here so that reading the counts does without.
    from zoo.models.costs import layer_costs, total_costs

    return {
        entry.name: total_costs(
            layer_costs(build_model(entry, CLASSES, entry.home))
        )
        for entry in entries
    }


def main() -> None:
    """Writes the counts of the whole table."""
    PATH.write_text(
        json.dumps(count_all(MODELS), indent=2) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
