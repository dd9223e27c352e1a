"""Kind `scalars`: the curves, with one point after many updates each.

`train` and `val` have the same tags, so that TensorBoard draws them into one
chart. A point of `train` is the mean over the updates since the one before.
"""

from __future__ import annotations

from zoo.summaries.events import EventLog


def write(log: EventLog, values: dict[str, float | None], step: int) -> None:
    """Writes one point of each curve that has a value."""
    for tag, value in values.items():
        if value is not None:
            log.scalar(tag, value, step)
