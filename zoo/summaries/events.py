"""TensorBoard event files, written without TensorFlow and resumable.

Records are appended to a file whose length is known after each flush; a
resumed run truncates the file to the length that its checkpoint noted, so that
no step is written twice.
"""

from __future__ import annotations

import io
import os
import pathlib
import re
import secrets
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

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
from zoo.io import atomic_write, open_to_append
from zoo.summaries.registry import SummarySpec, should_write

if TYPE_CHECKING:
    from zoo.summaries.inspector import Snapshot

# The split to which summaries of the run as a whole are written, so that a run
# is two entries in TensorBoard.
RUN_SPLIT = "train"
FILE_NAME = re.compile(r"events\.out\.tfevents\.[A-Za-z0-9_.-]+")

SCALAR_DESCRIPTIONS = {
    "loss": "Mean loss per example, without regularization. In `train` the "
    "mean since the last point, with dropout on; in `val` over the whole "
    "validation set. A rising `val` curve under a falling `train` curve is "
    "overfitting.",
    "accuracy": "Fraction of correct predictions, 0 to 1. The distance between "
    "`train` and `val` is the generalization gap.",
    "regularization_loss": "What is minimized besides the data loss: L1, L2 "
    "and weight decay, auxiliary classifiers. Compare its size with `loss`.",
    "learning_rate": "Learning rate of the last step, after warm-up and "
    "schedule.",
    "examples_per_second": "Training throughput, without validation and "
    "summaries.",
}
BEST_DESCRIPTIONS = {
    "val_accuracy": "Validation accuracy after the best epoch, whose weights "
    "are the result of the run.",
    "val_loss": "Validation loss after the best epoch, whose weights are the "
    "result of the run.",
}
DEBUG_DESCRIPTION = (
    "Predictions and labels of the first validation examples, one above the "
    "other, and correct predictions by class. Only one class predicted: the "
    "model is stuck."
)


class SummaryWriter:
    """Writes the summaries of one run.

    There is an event file for each split, `train` and `val`.

    Args:
        folder: the run folder.
        specs: the kinds to write.
        splits: `("train", "val")`, or `("train",)` without validation.
        resume_offsets: `[file name, length]` by split, from a checkpoint;
            see `check_offset`.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        specs: Iterable[SummarySpec],
        splits: tuple[str, ...],
        resume_offsets: dict[str, list],
    ):
        specs = list(specs)
        self._writers = {
            split: EventWriter(folder / split, resume_offsets.get(split))
            for split in splits
        }
        self._has_scalars = any(spec.name == "scalars" for spec in specs)
        self._functions = [(spec, spec.load()) for spec in specs if spec.writer]

    def write_scalars(
        self, split: str, values: dict[str, float | None], step: int
    ) -> None:
        """Writes one point of each curve that has a value.

        `train` and `val` have the same tags, so that TensorBoard draws them
        into one chart.
        """
        if not self._has_scalars:
            return
        for tag, value in values.items():
            if value is not None:
                description = SCALAR_DESCRIPTIONS[tag]
                self._writers[split].scalar(tag, value, step, description)

    def write_snapshot(self, split: str, snapshot: Snapshot) -> None:
        """Writes every selected kind that is due."""
        for spec, function in self._functions:
            if should_write(spec, snapshot.logging_step, snapshot.last):
                place = RUN_SPLIT if spec.run_level else split
                function(self._writers[place], snapshot)

    def write_best(self, values: dict[str, float | None], step: int) -> None:
        """Writes the scores of the best epoch, for the HParams tab.

        It takes the metrics of a run from where its options are, which is
        `train`. The curves of `val` end with the last epoch besides.
        """
        if not any(spec.run_level for spec, _ in self._functions):
            return
        for name, value in values.items():
            if value is not None:
                description = BEST_DESCRIPTIONS[name]
                self._writers[RUN_SPLIT].scalar(
                    f"best/{name}", value, step, description
                )

    def write_debug(self, markdown: str, step: int) -> None:
        """Writes the debugging text."""
        description = DEBUG_DESCRIPTION
        if "val" not in self._writers:
            description = description.replace("validation", "training")
        self._writers["train"].text("debug", markdown, step, description)

    def flush(self) -> dict[str, list]:
        """Flushes all files; returns the resume offsets for a checkpoint."""
        return {place: w.flush() for place, w in self._writers.items()}

    def close(self) -> None:
        """Closes the files."""
        for writer in self._writers.values():
            writer.close()


def check_offset(folder: pathlib.Path, offset: list) -> bool:
    """Returns whether an event file is as long as its checkpoint says.

    If not, a new file has to begin. Nothing is changed.

    Args:
        folder: where TensorBoard looks, such as `runs/NAME/train`.
        offset: `[file name, length]`.

    Raises:
        UserError: it is not the name of an event file. A checkpoint may be
            corrupt, or somebody else's.
    """
    name, length = offset
    if not FILE_NAME.fullmatch(name) or length < 0:
        raise UserError(
            f"the checkpoint of {folder.parent} is corrupt: {name!r} is not "
            "an event file of this run."
        )
    path = folder / name
    if path.is_symlink() or not path.is_file():
        return False
    return length <= path.stat().st_size


class EventWriter:
    """Appends to one event file.

    The description of a tag, Markdown, is what TensorBoard shows behind its
    (i); it is written with the first point.

    Args:
        folder: where TensorBoard looks, such as `runs/NAME/train`.
        resume_offset: `[file name, length]` as `flush` returned it; the file
            is truncated to that length. `None` starts a new file.

    Other event files are of a session that was killed before its first
    checkpoint, and are removed; but not from a folder that is a symbolic link,
    where they may be of others. What is left of a file that is shorter than
    it should be stays, and a new file begins.
    """

    def __init__(self, folder: pathlib.Path, resume_offset: list | None = None):
        is_whole = bool(resume_offset) and check_offset(folder, resume_offset)
        name = resume_offset[0] if resume_offset else ""
        if is_whole:
            self.path = folder / name
        else:
            self.path = folder / _new_name()
            _set_aside(folder / name)
        folder.mkdir(parents=True, exist_ok=True)
        if not folder.is_symlink():
            for other in folder.glob("events.out.tfevents.*"):
                if other != self.path:
                    other.unlink()
        self._file = open_to_append(self.path)
        if is_whole:
            self._file.truncate(resume_offset[1])
            self._file.seek(0, os.SEEK_END)
        self._described: set[str] = set()
        if not is_whole:
            self._write(Event(file_version="brain.Event:2"))

    def scalar(
        self, tag: str, value: float, step: int, description: str
    ) -> None:
        """Adds one point to a curve."""
        summary = scalar_pb(tag, float(value), self._once(tag, description))
        self.add(summary, step)

    def histogram(
        self, tag: str, values: np.ndarray, step: int, description: str
    ) -> None:
        """Adds the histogram of the finite numbers in an array, if any."""
        values = np.asarray(values, np.float64)
        values = values[np.isfinite(values)]
        if values.size:
            description = self._once(tag, description)
            self.add(histogram_pb(tag, values, description=description), step)

    def image(
        self, tag: str, image: np.ndarray, step: int, description: str
    ) -> None:
        """Adds an image, uint8 `[H, W, 3]`."""
        height, width = image.shape[:2]
        values = [str(width).encode(), str(height).encode(), _png(image)]
        value = Summary.Value(
            tag=tag,
            metadata=create_summary_metadata(
                display_name=None, description=self._once(tag, description)
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

    def text(
        self, tag: str, markdown: str, step: int, description: str
    ) -> None:
        """Adds a text, shown as Markdown."""
        self.add(text_pb(tag, markdown, self._once(tag, description)), step)

    def add(self, summary: Summary, step: int) -> None:
        """Adds a summary of a TensorBoard plugin."""
        self._write(Event(summary=summary, step=step))

    def graph(self, definition: GraphDef) -> None:
        """Sets the graph of the run, of which there is one."""
        self._write(Event(graph_def=definition.SerializeToString()))

    def flush(self) -> list:
        """Flushes to disk; returns `[file name, length]`."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return [self.path.name, self._file.tell()]

    def close(self) -> None:
        """Flushes and closes the file."""
        self.flush()
        self._file.close()

    def _once(self, tag: str, description: str) -> str | None:
        """Returns the description of a tag the first time, then `None`."""
        if tag in self._described:
            return None
        self._described.add(tag)
        return description

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        write_record(self._file, event.SerializeToString())


def _png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    # Little compression: images are small, and training waits for them.
    Image.fromarray(image).save(file, "PNG", compress_level=3)
    return file.getvalue()


def _new_name() -> str:
    # TensorBoard wants "tfevents" in the name, and sorts files by it.
    now, unique = int(time.time()), secrets.token_hex(4)
    return f"events.out.tfevents.{now:010d}.{os.getpid()}.{unique}.v2"


def _set_aside(path: pathlib.Path) -> None:
    """Renames an event file so that it is shown, and never written to."""
    if path.is_symlink():
        path.unlink()
    elif FILE_NAME.fullmatch(path.name) and path.is_file():
        name = path.name.replace("events.out.", "events.cut.", 1)
        path.rename(path.with_name(name))  # sorted before the newer ones


# Records: length, data, and a checksum of each. TensorBoard's own writer
# computes checksums byte by byte in Python, which for an image takes longer
# than drawing it; here many strips of the data are processed in parallel.

# CRC-32C, Castagnoli's polynomial with its bits reversed (RFC 3720).
POLYNOMIAL = 0x82F63B78
STRIP_BYTES = 128  # and as many NumPy operations, whatever the length
HEADER_BYTES = 12  # length, and its checksum
MAX_PLAIN_BYTES = 4096  # up to which plain Python is faster


def write_record(file: BinaryIO, data: bytes) -> None:
    """Appends one record to a file, in TensorFlow's TFRecord format."""
    length = struct.pack("<Q", len(data))
    file.write(length + _masked(length) + data + _masked(data))


def read_records(file: BinaryIO) -> Iterator[bytes]:
    """Yields the data of each record, up to one that was not finished."""
    while len(header := file.read(HEADER_BYTES)) == HEADER_BYTES:
        (length,) = struct.unpack("<Q", header[:8])
        data = file.read(length)
        if len(data) < length or len(file.read(4)) < 4:
            return
        yield data


def rewrite(
    path: pathlib.Path, change: Callable[[Event], Event | None]
) -> None:
    """Changes the events of a file; those that become `None` are left out."""
    with open(path, "rb") as old, atomic_write(path) as new:
        for data in read_records(old):
            event = Event.FromString(data)
            changed = change(event)
            if changed is event:
                write_record(new, data)
            elif changed is not None:
                write_record(new, changed.SerializeToString())


def checksum(data: bytes) -> int:
    """Returns the CRC-32C of some bytes."""
    crc = _crc_in_strips if len(data) > MAX_PLAIN_BYTES else _crc
    return crc(data) ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    crc = checksum(data)
    rotated = crc >> 15 | crc << 17
    return struct.pack("<I", rotated + 0xA282EAD8 & 0xFFFFFFFF)


def _crc(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register = _PLAIN_TABLE[(register ^ byte) & 255] ^ register >> 8
    return register


def _crc_in_strips(data: bytes) -> int:
    # The register is linear in its start and in the data: it can start at
    # zero if the first bits of the data are flipped, and leading zeros change
    # nothing.
    number = -(-len(data) // STRIP_BYTES)
    strips = np.zeros(number * STRIP_BYTES, np.uint8)
    strips[-len(data) :] = np.frombuffer(data, np.uint8)
    strips[-len(data) :][:4] ^= 255
    registers = _advance(
        np.zeros(number, np.uint32), strips.reshape(number, -1)
    )
    total = 0
    for register in registers.tolist():
        a, b, c, d = total.to_bytes(4, "little")
        total = _SHIFT[0][a] ^ _SHIFT[1][b] ^ _SHIFT[2][c] ^ _SHIFT[3][d]
        total ^= register
    return total


def _advance(registers: np.ndarray, strips: np.ndarray) -> np.ndarray:
    """Returns uint32 registers `[N]` after the bytes of strips `[N, L]`."""
    for column in np.ascontiguousarray(strips.T):
        registers = _TABLE[(registers ^ column) & 255] ^ registers >> 8
    return registers


def _make_table() -> np.ndarray:
    """Returns what each value of a byte makes of an empty register."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        odd = (table & 1).astype(bool)
        table = np.where(odd, table >> 1 ^ np.uint32(POLYNOMIAL), table >> 1)
    return table


def _make_shift() -> list[list[int]]:
    """Returns what each byte of a register becomes after a strip of zeros."""
    zeros = np.zeros((256, STRIP_BYTES), np.uint8)
    values = np.arange(256, dtype=np.uint32)
    return [_advance(values << 8 * k, zeros).tolist() for k in range(4)]


_TABLE = _make_table()
_PLAIN_TABLE = _TABLE.tolist()
_SHIFT = _make_shift()
