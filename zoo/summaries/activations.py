"""Kind `activations`: outputs of the hidden layers on the probe.

Outputs that pile up at zero, or at the ends of a sigmoid, belong to units
that learn no more.
"""

from __future__ import annotations

from zoo.summaries import units
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes `activations/<layer>` and the share `dead_units/<layer>`."""
    for layer, outputs in snapshot.activations.items():
        log.histogram(f"activations/{layer}", outputs, snapshot.step)
        kind = snapshot.view.functions[layer]
        share = float(units.dead(outputs, kind).mean())
        log.scalar(f"dead_units/{layer}", share, snapshot.step)
