"""Kind `logits`: the distribution of all logits on the probe.

Flat and narrow, the network says the same of every image; spreading over
time, it learns; growing without end, it becomes too sure of itself.
"""

from __future__ import annotations

from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes the histogram `logits`."""
    log.histogram("logits", snapshot.logits, snapshot.step)
