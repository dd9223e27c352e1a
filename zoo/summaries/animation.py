"""`boundary.gif`: decision boundary or fitted function over training.

The numbers behind its frames are kept in `boundary.npy` during training, with
the step of each: a resumed run continues after its checkpoint, and ends with
the same animation. All frames have the same axes.
"""

from __future__ import annotations

import io
import pathlib
from collections.abc import Sequence

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from zoo.io import atomic_write
from zoo.summaries import drawing, toy_plots
from zoo.summaries.drawing import TEXT, Axes, Chart, Color
from zoo.summaries.events import EventWriter
from zoo.summaries.inspector import Snapshot

NUM_FRAMES = 24
MAX_BYTES = 300_000
NUM_SHADES = 80  # of all colors together; fewer if the file is too large
FRAME_MS = 150  # milliseconds of each frame
LAST_FRAME_MS = 2_500
UNUSED = -1  # step of frames that are not yet taken
NUMBERS_FILE, GIF_FILE = "boundary.npy", "boundary.gif"
SIDE = 320  # pixels of a chart
MAX_CLASSES = 10  # the numbers of more would take too much space
MIN_LOGIT = -1_000.0  # relative logits, clipped for float16


def write_animation(writer: EventWriter, snapshot: Snapshot) -> None:
    """Keeps the numbers of a frame, if one is due; at the end draws all."""
    if not is_frame(
        snapshot.logging_step, snapshot.num_logging_steps, snapshot.last
    ):
        return
    if len(snapshot.class_names) > MAX_CLASSES:
        return
    path = snapshot.folder / NUMBERS_FILE
    steps, values = keep_frame(path, snapshot.step, frame_numbers(snapshot))
    if snapshot.last:
        frames = draw_frames(snapshot, steps, values)
        with atomic_write(snapshot.folder / GIF_FILE) as file:
            file.write(encode_gif(frames, frame_colors(snapshot)))


def is_frame(logging_step: int, num_logging_steps: int, last: bool) -> bool:
    """Whether a logging step is one of the evenly spaced frames."""
    planned = np.linspace(0, num_logging_steps, NUM_FRAMES).round()
    is_before_end = logging_step < num_logging_steps
    return last or (is_before_end and logging_step in planned)


def keep_frame(
    path: pathlib.Path, step: int, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Appends a frame to those of earlier steps; drops later ones.

    Args:
        path: a file that is created if it is absent or has another format.
        step: optimizer steps done.
        values: float16, of the same shape for each frame.

    Returns:
        Steps `[T]` and values `[T, ...]` of the frames so far.
    """
    dtype = np.dtype([("step", np.int64), ("values", np.float16, values.shape)])
    frames = _open(path, dtype)
    steps = frames["step"]
    count = int(np.count_nonzero((steps != UNUSED) & (steps < step)))
    frames[count] = (step, values)
    steps[count + 1 :] = UNUSED
    frames.flush()
    return steps[: count + 1], frames["values"][: count + 1]


def _open(path: pathlib.Path, dtype: np.dtype) -> np.memmap:
    try:
        frames = npy.open_memmap(path, "r+")
        if frames.dtype == dtype and len(frames) == NUM_FRAMES:
            return frames
    except (FileNotFoundError, ValueError):
        # A new run, or one that was killed while the file was written.
        pass
    frames = npy.open_memmap(path, "w+", dtype, (NUM_FRAMES,))
    frames["step"] = UNUSED
    return frames


def frame_numbers(snapshot: Snapshot) -> np.ndarray:
    """Returns the numbers of a frame, float16.

    Of 2-D data the logits `[GRID, GRID, K]`; of 1-D data the function and the
    terms of its units, if they are few, `[N, 1 + U]`.
    """
    if snapshot.class_names:
        axes = Axes.around(snapshot.inputs, SIDE, SIDE)
        maps = toy_plots.logits_on_grid(snapshot.inspector, axes)
        return np.maximum(maps, MIN_LOGIT).astype(np.float16)
    function = toy_plots.evaluate_function(snapshot.inspector, snapshot.inputs)
    is_few = function.terms.shape[1] <= toy_plots.MAX_UNITS
    terms = function.terms if is_few else function.terms[:, :0]
    columns = np.concatenate([function.y[:, None], terms], axis=1)
    with np.errstate(over="ignore"):
        return columns.astype(np.float16)


def frame_colors(snapshot: Snapshot) -> list[Color]:
    """Returns the colors of frames, besides white."""
    colors = toy_plots.CLASS_COLORS
    if snapshot.class_names:
        return [TEXT, *colors[: len(snapshot.class_names)]]
    return [TEXT, toy_plots.POINT_COLOR, toy_plots.CURVE_COLOR, *colors]


def draw_frames(
    snapshot: Snapshot, steps: np.ndarray, values: np.ndarray
) -> list[np.ndarray]:
    """Draws frames, all of one size.

    Args:
        snapshot: of the same run; its inputs and labels are drawn.
        steps: int `[T]`, optimizer steps.
        values: `[T, ...]` as `frame_numbers` returns them.
    """
    draw = _draw_planes if snapshot.class_names else _draw_functions
    values = np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0)
    return [
        drawing.with_title(image, f"step {step:,}")
        for step, image in zip(steps, draw(snapshot, values), strict=True)
    ]


def _draw_planes(snapshot: Snapshot, values: np.ndarray) -> list[np.ndarray]:
    axes = Axes.around(snapshot.inputs, SIDE, SIDE)
    points, labels = snapshot.inputs, snapshot.labels
    images = []
    for maps in values:
        chart = Chart(axes, toy_plots.draw_regions(maps, axes))
        all_correct = np.ones(len(labels), bool)
        toy_plots.draw_points(chart, points, labels, all_correct)
        images.append(chart.render())
    return images


def _draw_functions(snapshot: Snapshot, values: np.ndarray) -> list[np.ndarray]:
    inputs, targets = snapshot.inputs, snapshot.labels
    x = toy_plots.input_range(inputs)[:, 0]
    images = []
    for columns in values:
        function = toy_plots.FittedFunction(
            x, columns[:, 0], columns[:, 1:], 0.0, np.zeros(0)
        )
        image = toy_plots.draw_curve(function, inputs, targets, targets)
        if function.terms.shape[1]:
            below = toy_plots.draw_terms(function, values[..., 1:])
            image = np.concatenate(drawing.pad_to_widest([image, below], 1))
        images.append(image)
    return images


def encode_gif(images: list[np.ndarray], colors: Sequence[Color]) -> bytes:
    """Returns images of one size as an animation in an endless loop.

    With fewer shades, and then without every second image, if the file would
    be too large.

    Args:
        images: the frames; the last one is shown longer.
        colors: those of the images; they and their shades are kept.
    """
    for divisor in (1, 2, 4):
        content = _encode(images, make_palette(colors, NUM_SHADES // divisor))
        if len(content) < MAX_BYTES or len(images) == 1:
            return content
    return encode_gif([*images[:-1:2], images[-1]], colors)


def make_palette(colors: Sequence[Color], num_shades: int) -> Image.Image:
    """Returns white and colors, each in as many shades, as a palette."""
    each = max(2, num_shades // len(colors))
    fraction = np.arange(1, each + 1)[:, None, None] / each
    mixed = 255 + (np.array(colors) - 255) * fraction
    values = np.concatenate([[[255] * 3], mixed.reshape(-1, 3)])
    image = Image.new("P", (1, 1))
    image.putpalette(values.round().astype(np.uint8).tobytes())
    return image


def _encode(images: list[np.ndarray], palette: Image.Image) -> bytes:
    # One palette for all, or what does not move would flicker.
    first, *others = [
        Image.fromarray(image).quantize(
            palette=palette, dither=Image.Dither.NONE
        )
        for image in images
    ]
    file = io.BytesIO()
    first.save(
        file,
        "GIF",
        save_all=True,
        append_images=others,
        duration=[FRAME_MS] * len(others) + [LAST_FRAME_MS],
        loop=0,
    )
    return file.getvalue()
