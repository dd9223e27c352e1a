"""`trials.csv` of a sweep: a row for each finished training, for other tools.

Made anew from the ledger after each, whole or not at all.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from zoo.io import atomic_write
from zoo.runs import SweepFolder
from zoo.tuning.dimension import ARGUMENT
from zoo.tuning.ledger import Execution
from zoo.tuning.settings import SweepConfig

NAME = "trials.csv"
# Columns before the hyperparameters, and behind them.
FIRST = ("trial", "execution", "seed")
LAST = ("epoch", "epochs", "seconds", "status", "run", "reason")


def write(
    folder: SweepFolder, executions: Iterable[Execution], settings: SweepConfig
) -> None:
    """Writes the table of a sweep into its folder."""
    with atomic_write(folder.path / NAME) as file:
        file.write(text(executions, settings).encode())


def text(executions: Iterable[Execution], settings: SweepConfig) -> str:
    """Returns the table: values, score and fate of each training, in order.

    Shares are 0..1, seconds are of training. A cell is empty where there is
    nothing to tell, as the momentum beside an optimizer that has none.
    """
    names = [one.name for one in settings.dimensions.dimensions]
    heads = [name.removeprefix(ARGUMENT) for name in names]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*FIRST, *heads, settings.objective, *LAST])
    for one in executions:
        cells = [getattr(one, name) for name in FIRST]
        cells += [_cell(one.values.get(name)) for name in names]
        cells += [one.score, *(getattr(one, name) for name in LAST)]
        writer.writerow(["" if cell is None else cell for cell in cells])
    return out.getvalue()


def _cell(value: Any) -> Any:
    """Writes a list as it is typed: (128,128)."""
    if isinstance(value, list | tuple):
        return f"({','.join(map(str, value))})"
    return value
