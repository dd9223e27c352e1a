"""Kind `logits`: the distribution of all logits on the probe, and margins.

Flat and narrow, the network says the same of every image; spreading over
time, it learns; growing without end, it becomes too sure of itself. A margin
is the true class's logit minus the largest wrong one: below zero the answer
is wrong.
"""

from __future__ import annotations

import numpy as np

from zoo import metrics
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes the histogram `logits` and, of classes, those of `margins`."""
    log.histogram("logits", snapshot.logits, snapshot.step)
    if not snapshot.class_names:
        return
    with np.errstate(invalid="ignore"):  # infinity less infinity
        margins = metrics.margins(snapshot.logits, snapshot.labels)
    # As predictions are counted: of equal logits the first class is taken.
    right = snapshot.logits.argmax(axis=1) == snapshot.labels
    log.histogram("margins", margins, snapshot.step)
    log.histogram("margins/right", margins[right], snapshot.step)
    log.histogram("margins/wrong", margins[~right], snapshot.step)
