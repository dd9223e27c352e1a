"""Kind `weights`: the distribution of each layer's weights.

A layer whose weights stay as they were drawn is not learning; one whose
weights keep growing is driven by too high a rate, or not held back.
"""

from __future__ import annotations

from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes a histogram `weights/<layer>` for each layer."""
    for layer, weights in snapshot.weights.items():
        log.histogram(f"weights/{layer}", weights, snapshot.step)
