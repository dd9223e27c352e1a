"""TensorBoard event files, written without TensorFlow and resumable.

TensorBoard's own record writer appends to a file whose length is known after
each flush; a resumed run cuts the file back to the length that its checkpoint
noted, so that no step stands twice.
"""

from __future__ import annotations

import os
import pathlib
import time

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.histogram.summary import histogram_pb
from tensorboard.plugins.scalar.summary import scalar_pb
from tensorboard.plugins.text.summary import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from zoo.errors import UserError


class EventLog:
    """One event file that is appended to.

    Args:
        folder: where TensorBoard looks, such as `runs/NAME/train`.
        mark: `[file name, length]` as `flush` returned it; the file is cut
            back to that length and other event files are removed. `None`
            starts anew.
    """

    def __init__(self, folder: pathlib.Path, mark: list | None = None):
        folder.mkdir(parents=True, exist_ok=True)
        name = mark[0] if mark else _new_name()
        for other in folder.glob("events.out.tfevents.*"):
            if not mark or other.name != name:
                other.unlink()
        self._path = folder / name
        if mark:
            _cut_back(self._path, mark[1])
        self._file = open(self._path, "ab")  # noqa: SIM115 (closed by close)
        self._writer = RecordWriter(self._file)
        if not mark:
            self._write(Event(file_version="brain.Event:2"))

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Adds one point to a curve."""
        self._add(scalar_pb(tag, float(value)), step)

    def histogram(self, tag: str, values: np.ndarray, step: int) -> None:
        """Adds the distribution of all numbers in an array."""
        self._add(histogram_pb(tag, np.asarray(values, np.float64)), step)

    def text(self, tag: str, markdown: str, step: int) -> None:
        """Adds a text, shown as Markdown."""
        self._add(text_pb(tag, markdown), step)

    def flush(self) -> list:
        """Puts everything on disk; returns `[file name, length]`."""
        self._writer.flush()
        os.fsync(self._file.fileno())
        return [self._path.name, self._file.tell()]

    def close(self) -> None:
        """Flushes and closes the file."""
        self.flush()
        self._file.close()

    def _add(self, summary: Summary, step: int) -> None:
        self._write(Event(summary=summary, step=step))

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        self._writer.write(event.SerializeToString())


def _cut_back(path: pathlib.Path, length: int) -> None:
    if not path.exists() or path.stat().st_size < length:
        raise UserError(
            f"{path} is damaged: it is shorter than its checkpoint says."
        )
    os.truncate(path, length)


def _new_name() -> str:
    # TensorBoard wants "tfevents" in the name, and sorts files by it.
    return f"events.out.tfevents.{int(time.time()):010d}.{os.getpid()}.v2"
