"""What goes to TensorBoard, one small file a kind.

To add a kind, write a file with `write(log, snapshot)`, name it in `KINDS`
here and in the choices of `--summaries`.
"""

from __future__ import annotations

import pathlib
from importlib import import_module

from zoo.summaries import scalars
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot

KINDS = {
    "logits": "zoo.summaries.logits",
    "config": "zoo.summaries.config",
}  # besides `scalars`, which needs no snapshot


class Summaries:
    """The event files of one run, `train` and `val`, and who writes to them.

    Args:
        folder: the run folder.
        kinds: those of `--summaries`.
        splits: `("train", "val")`, or `("train",)` without validation.
        marks: `[file name, length]` by split, from a checkpoint.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        kinds: tuple[str, ...],
        splits: tuple[str, ...],
        marks: dict[str, list],
    ):
        self._logs = {
            split: EventLog(folder / split, marks.get(split))
            for split in splits
        }
        self._scalars = "scalars" in kinds
        self._writers = [import_module(KINDS[k]) for k in kinds if k in KINDS]

    @property
    def need_snapshots(self) -> bool:
        """Whether any kind wants to see the network on the probe."""
        return bool(self._writers)

    def write_scalars(self, split: str, values: dict, step: int) -> None:
        """Writes one point of each curve of a split."""
        if self._scalars:
            scalars.write(self._logs[split], values, step)

    def write_snapshot(self, split: str, snapshot: Snapshot) -> None:
        """Lets every chosen kind write what it makes of a moment."""
        for writer in self._writers:
            writer.write(self._logs[split], snapshot)

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
