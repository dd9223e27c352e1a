"""Peak resident memory of a whole command, and of what it imports alone."""

from __future__ import annotations

import tempfile

from benchmarks.asked import Asked, Row
from benchmarks.children import python
from benchmarks.columns import below, columns

EXPECTED = 2 * 10**9  # bytes
GB = 1e9


def measure(asked: Asked) -> list[Row]:
    """Measures a run of `lenet5`, reading the data set included."""
    asked.say("memory")
    dataset = asked.images.for_zoo("mnist")
    imports = python("-c", "import tensorflow, keras")
    with tempfile.TemporaryDirectory() as runs_dir:
        run = python(
            *("-m", "zoo", "train", "--model=lenet5", f"--dataset={dataset}"),
            *("--epochs=2", f"--runs_dir={runs_dir}"),
        )
    return [
        {
            "key": "import keras, tensorflow",
            "peak_bytes": imports.peak_bytes,
            "expected": None,
        },
        {
            "key": "zoo train --model=lenet5 --dataset=mnist",
            "peak_bytes": run.peak_bytes,
            "expected": EXPECTED,
            "stand_in": asked.images.stand_in("mnist"),
        },
    ]


def table(rows: list[Row]) -> str:
    """Returns gigabytes, and what is asked of them."""
    cells = [["peak resident memory", "GB", "expected"]]
    for row in rows:
        limit = below(row["expected"], GB)
        cells.append([row["key"], f"{row['peak_bytes'] / GB:.2f}", limit])
    return columns(cells)
