"""What goes to TensorBoard, one small file a kind.

`zoo/kinds.py` is their table; each has a function `write(log, snapshot)`.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from importlib import import_module

from zoo.kinds import Kind, is_due
from zoo.summaries import scalars
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot

WHOLE = "."  # where a run's folder has what is about no split alone


class Summaries:
    """The event files of one run, and who writes to them.

    One for each split, `train` and `val`, and one in the run's own folder.

    Args:
        folder: the run folder.
        kinds: what is written.
        splits: `("train", "val")`, or `("train",)` without validation.
        marks: `[file name, length]` by split, from a checkpoint.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        kinds: Iterable[Kind],
        splits: tuple[str, ...],
        marks: dict[str, list],
    ):
        places = list(splits)
        if any(kind.whole for kind in kinds):
            places.append(WHOLE)
        self._logs = {
            place: EventLog(folder / place, marks.get(place))
            for place in places
        }
        self._scalars = any(kind.name == "scalars" for kind in kinds)
        self._writers = [
            (kind, import_module(kind.module)) for kind in kinds if kind.module
        ]

    def write_scalars(self, split: str, values: dict, step: int) -> None:
        """Writes one point of each curve of a split."""
        if self._scalars:
            scalars.write(self._logs[split], values, step)

    def write_snapshot(self, split: str, snapshot: Snapshot) -> None:
        """Lets every chosen kind write what it makes of a moment."""
        for kind, module in self._writers:
            if is_due(kind, snapshot.look, snapshot.last):
                place = WHOLE if kind.whole else split
                module.write(self._logs[place], snapshot)

    def write_text(self, tag: str, markdown: str, step: int) -> None:
        """Writes a text of the training itself."""
        self._logs["train"].text(tag, markdown, step)

    def flush(self) -> dict[str, list]:
        """Puts all on disk; returns the marks that a checkpoint notes."""
        return {split: log.flush() for split, log in self._logs.items()}

    def close(self) -> None:
        """Closes the files."""
        for log in self._logs.values():
            log.close()
