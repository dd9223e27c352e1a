"""Which options differ between groups of runs, and which do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoo.evaluation.kinship import BOOKKEEPING, options
from zoo.runs import Run

Table = dict[str, list[list[Any]]]


def split(groups: Sequence[Sequence[Run]]) -> tuple[Table, Table]:
    """Returns the options that differ, and then all others.

    Args:
        groups: runs of one recipe each.

    Returns:
        Two tables from an option to its values in each group: one value
        where its runs agree, as they do on all but the seed and where they
        were written. Where a run was written counts among the others.
    """
    configs = [[options(run) for run in group] for group in groups]
    differ, rest = {}, {}
    for name in configs[0][0]:
        values = [_distinct(c[name] for c in group) for group in configs]
        same = all(v == values[0] and len(v) == 1 for v in values)
        kept = rest if same or name in BOOKKEEPING else differ
        kept[name] = values
    return differ, rest


def _distinct(values) -> list[Any]:
    found = []
    for value in values:
        if value not in found:
            found.append(value)
    return found
