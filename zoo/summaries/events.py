"""TensorBoard event files, written without TensorFlow and resumable.

Records are appended to a file whose length is known after each flush; a
resumed run cuts the file back to the length that its checkpoint noted, so that
no step stands twice.
"""

from __future__ import annotations

import io
import os
import pathlib
import re
import time

import numpy as np
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DataType
from tensorboard.plugins.histogram.summary import histogram_pb
from tensorboard.plugins.image.metadata import create_summary_metadata
from tensorboard.plugins.scalar.summary import scalar_pb
from tensorboard.plugins.text.summary import text_pb

from zoo.errors import UserError
from zoo.summaries import records

NAME = re.compile(r"events\.out\.tfevents\.[A-Za-z0-9_.-]+")


def check_mark(folder: pathlib.Path, mark: list) -> None:
    """Raises `UserError` if a mark is not one of a file in this folder.

    Nothing is changed. A mark comes from a file, which may be damaged or
    somebody else's.

    Args:
        folder: where TensorBoard looks, such as `runs/NAME/train`.
        mark: `[file name, length]`.
    """
    name, length = mark
    path = folder / name
    if not NAME.fullmatch(name) or path.is_symlink():
        raise UserError(
            f"the checkpoint of {folder.parent} is damaged: {name!r} is no "
            "file of events in this run."
        )
    found = path.stat().st_size if path.is_file() else -1
    if not 0 <= length <= found:
        raise UserError(
            f"{path} is damaged: it is shorter than its checkpoint says."
        )


class EventLog:
    """One event file that is appended to.

    Args:
        folder: where TensorBoard looks, such as `runs/NAME/train`.
        mark: `[file name, length]` as `flush` returned it; the file is cut
            back to that length and other event files are removed. `None`
            starts anew.
    """

    def __init__(self, folder: pathlib.Path, mark: list | None = None):
        if mark:
            check_mark(folder, mark)
        folder.mkdir(parents=True, exist_ok=True)
        name = mark[0] if mark else _new_name()
        for other in folder.glob("events.out.tfevents.*"):
            if not mark or other.name != name:
                other.unlink()
        self.path = folder / name
        if mark:
            os.truncate(self.path, mark[1])
        self._file = open(self.path, "ab")  # noqa: SIM115 (closed by close)
        if not mark:
            self._write(Event(file_version="brain.Event:2"))

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Adds one point to a curve."""
        self.add(scalar_pb(tag, float(value)), step)

    def histogram(self, tag: str, values: np.ndarray, step: int) -> None:
        """Adds the distribution of the finite numbers in an array, if any."""
        values = np.asarray(values, np.float64)
        values = values[np.isfinite(values)]
        if values.size:
            self.add(histogram_pb(tag, values), step)

    def image(self, tag: str, picture: np.ndarray, step: int) -> None:
        """Adds a picture, uint8 `[H, W, 3]`."""
        height, width = picture.shape[:2]
        values = [str(width).encode(), str(height).encode(), _png(picture)]
        value = Summary.Value(
            tag=tag,
            metadata=create_summary_metadata(
                display_name=None, description=None
            ),
            tensor=TensorProto(
                dtype=DataType.DT_STRING,
                string_val=values,
                tensor_shape=TensorShapeProto(
                    dim=[TensorShapeProto.Dim(size=len(values))]
                ),
            ),
        )
        self.add(Summary(value=[value]), step)

    def text(self, tag: str, markdown: str, step: int) -> None:
        """Adds a text, shown as Markdown."""
        self.add(text_pb(tag, markdown), step)

    def add(self, summary: Summary, step: int) -> None:
        """Adds what a plugin of TensorBoard reads."""
        self._write(Event(summary=summary, step=step))

    def graph(self, definition: GraphDef) -> None:
        """Sets the graph of the run, of which there is one."""
        self._write(Event(graph_def=definition.SerializeToString()))

    def flush(self) -> list:
        """Puts everything on disk; returns `[file name, length]`."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return [self.path.name, self._file.tell()]

    def close(self) -> None:
        """Flushes and closes the file."""
        self.flush()
        self._file.close()

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        records.write(self._file, event.SerializeToString())


def _png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    # Little compression: pictures are small, and training waits for them.
    Image.fromarray(picture).save(file, "PNG", compress_level=3)
    return file.getvalue()


def _new_name() -> str:
    # TensorBoard wants "tfevents" in the name, and sorts files by it.
    return f"events.out.tfevents.{int(time.time()):010d}.{os.getpid()}.v2"
