"""Peak resident memory of a whole command, and of what it imports alone."""

from __future__ import annotations

import tempfile
from typing import Any

from benchmarks.children import python

EXPECTED = 2 * 10**9  # bytes


def peaks(dataset: str) -> list[dict[str, Any]]:
    """Measures a run of `lenet5`, reading the data set included.

    Args:
        dataset: `mnist`, or `npz:PATH` of as many images.
    """
    imports = python("-c", "import tensorflow, keras")
    with tempfile.TemporaryDirectory() as runs_dir:
        run = python(
            *("-m", "zoo", "train", "--model=lenet5", f"--dataset={dataset}"),
            *("--epochs=2", f"--runs_dir={runs_dir}"),
        )
    return [
        {
            "command": "import keras, tensorflow",
            "peak_bytes": imports.peak_bytes,
            "expected": None,
        },
        {
            "command": "zoo train --model=lenet5 --dataset=mnist",
            "peak_bytes": run.peak_bytes,
            "expected": EXPECTED,
        },
    ]
