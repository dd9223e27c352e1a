"""Kind `film`: `boundary.gif`, the fit as it moved while it was trained.

The numbers behind its frames are kept in `boundary.npy` as training goes on,
with the update at which each was taken: a resumed run goes on behind
its checkpoint, and comes to the same film.
"""

from __future__ import annotations

import io
import pathlib
from collections.abc import Sequence

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from zoo.drawing import Colour
from zoo.io import atomic_write
from zoo.summaries import scenes
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot

FRAMES = 24
MOST_BYTES = 300_000
SHADES = 80  # of all colours together; fewer where it would be too large
MILLISECONDS = 150  # each frame
LAST = 2_500  # milliseconds, the last frame
UNUSED = -1  # in place of the update, for frames not yet taken
NUMBERS, GIF = "boundary.npy", "boundary.gif"


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Keeps the numbers of a frame, if one is due; at the end draws all."""
    if not is_due(snapshot.look, snapshot.looks, snapshot.last):
        return
    if len(snapshot.class_names) > scenes.MOST_CLASSES:
        return
    path = snapshot.folder / NUMBERS
    steps, values = keep(path, snapshot.step, scenes.numbers(snapshot))
    if snapshot.last:
        pictures = scenes.pictures(snapshot, steps, values)
        with atomic_write(snapshot.folder / GIF) as file:
            file.write(gif(pictures, scenes.colours(snapshot)))


def is_due(look: int, looks: int, last: bool) -> bool:
    """Whether a look is one of those, evenly spread, that make the film."""
    planned = np.linspace(0, looks, FRAMES).round()
    return last or (look < looks and look in planned)


def keep(
    path: pathlib.Path, step: int, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Puts a frame behind those of earlier updates; forgets later ones.

    Args:
        path: a file that is made if it is not there or holds other numbers.
        step: updates made.
        values: float16, of the same shape for each frame.

    Returns:
        Steps `[T]` and values `[T, ...]` of the frames so far.
    """
    kind = np.dtype([("step", np.int64), ("values", np.float16, values.shape)])
    frames = _opened(path, kind)
    steps = frames["step"]
    count = int(np.count_nonzero((steps != UNUSED) & (steps < step)))
    frames[count] = (step, values)
    steps[count + 1 :] = UNUSED
    frames.flush()
    return steps[: count + 1], frames["values"][: count + 1]


def _opened(path: pathlib.Path, kind: np.dtype) -> np.memmap:
    try:
        frames = npy.open_memmap(path, "r+")
        if frames.dtype == kind and len(frames) == FRAMES:
            return frames
    except (FileNotFoundError, ValueError):
        # The run begins, or was killed while this file was being made.
        pass
    frames = npy.open_memmap(path, "w+", kind, (FRAMES,))
    frames["step"] = UNUSED
    return frames


def gif(pictures: list[np.ndarray], colours: Sequence[Colour]) -> bytes:
    """Returns pictures of one size as a film that begins again and again.

    With fewer shades, and then without every second picture, if it would be
    too large.

    Args:
        pictures: the first to the last, at which the film stands a while.
        colours: what they are drawn in; they and their shades are kept.
    """
    for share in (1, 2, 4):
        film = _encoded(pictures, palette(colours, SHADES // share))
        if len(film) < MOST_BYTES or len(pictures) == 1:
            return film
    return gif([*pictures[:-1:2], pictures[-1]], colours)


def palette(colours: Sequence[Colour], shades: int) -> Image.Image:
    """Returns white and colours, each in as many shades, as a palette."""
    each = max(2, shades // len(colours))
    share = np.arange(1, each + 1)[:, None, None] / each
    mixed = 255 + (np.array(colours) - 255) * share
    values = np.concatenate([[[255] * 3], mixed.reshape(-1, 3)])
    image = Image.new("P", (1, 1))
    image.putpalette(values.round().astype(np.uint8).tobytes())
    return image


def _encoded(pictures: list[np.ndarray], shades: Image.Image) -> bytes:
    # One palette for all, or what does not move would flicker.
    first, *others = [
        Image.fromarray(picture).quantize(
            palette=shades, dither=Image.Dither.NONE
        )
        for picture in pictures
    ]
    file = io.BytesIO()
    first.save(
        file,
        "GIF",
        save_all=True,
        append_images=others,
        duration=[MILLISECONDS] * len(others) + [LAST],
        loop=0,
    )
    return file.getvalue()
