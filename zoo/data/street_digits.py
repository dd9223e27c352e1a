"""`street_digits`: synthetic house numbers, rendered on first use.

They have the difficulties of SVHN (Netzer et al. 2011) where that cannot be
downloaded: one digit in the middle of the image, cropped from a longer number,
in many fonts, seen at an angle, in any colors, on backgrounds of very
different brightness and with contrast from low to high, light on dark and dark
on light, half in the shade, out of focus and noisy. The images are synthetic;
accuracy on them says nothing about accuracy on SVHN.
"""

from __future__ import annotations

import functools
import os
import pathlib
import zipfile
import zlib

import numpy as np

from zoo.console import print_status
from zoo.data.cache import resolve_data_dir
from zoo.data.dataset import Split
from zoo.data.loading import (
    TEST,
    TRAIN,
    DatasetReader,
    ReadRequest,
    reader_in_memory,
)
from zoo.errors import UserError
from zoo.io import atomic_write

VERSION = 1  # of the rendering: what changes a pixel changes this
NAMES = tuple(str(digit) for digit in range(10))
SEEDS = {TRAIN: 0, TEST: 1}

SIDE = 32  # pixels of the finished image
OVERSAMPLED_SIDE = 2 * SIDE
GLYPH_HEIGHT = 48  # pixels of a digit before the projection
WALL = (2 * GLYPH_HEIGHT, 5 * GLYPH_HEIGHT)  # that a number is written on
NEIGHBOR_PROBABILITY = 0.6  # of another digit on each side
MIN_CONTRAST, MAX_CONTRAST = 20, 150  # difference of ink and wall, of 255
# Of numbers that are lighter than their wall, where they can be.
LIGHT_PROBABILITY = 0.7

# Fonts of matplotlib that have text digits; no other fonts are installed on
# every machine.
FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique"),
    *("DejaVuSans-BoldOblique", "DejaVuSansMono", "DejaVuSansMono-Bold"),
    *("DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique", "DejaVuSerif"),
    *("DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic"),
    *("STIXGeneralBolIta", "cmr10", "cmb10", "cmss10", "cmti10", "cmtt10"),
)


def read(request: ReadRequest) -> DatasetReader:
    """Reads the images from disk, or renders them first."""
    sizes = {TRAIN: request.info.num_train, TEST: request.info.num_test}
    name = request.info.name
    folder = resolve_data_dir(request.data_dir) / name
    path = folder / f"{name}-{VERSION}.npz"
    splits = _load(path, sizes)
    if splits is None:
        count = sum(sizes.values())
        print_status(f"{name}: rendering {count:,} images into {folder}")
        splits = {
            split_name: render(size, seed=SEEDS[split_name])
            for split_name, size in sizes.items()
        }
        _save(path, splits)
    return reader_in_memory(
        splits, NAMES, request.image_size, resize=request.resize
    )


def _load(path: pathlib.Path, sizes: dict[str, int]) -> dict[str, Split] | None:
    """Returns the images on disk, if they are complete."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            splits = {
                name: Split(file[f"{name}_x"], file[f"{name}_y"])
                for name in sizes
            }
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None
    complete = all(len(splits[name]) == size for name, size in sizes.items())
    return splits if complete else None


def _save(path: pathlib.Path, splits: dict[str, Split]) -> None:
    # A name of this process alone: two runs may render at the same time.
    own = path.with_suffix(f".{os.getpid()}.npz")
    arrays = {f"{name}_x": s.images for name, s in splits.items()}
    arrays |= {f"{name}_y": s.labels for name, s in splits.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(own) as file:
            np.savez(file, **arrays)
        os.replace(own, path)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise UserError(
            f"{path.parent} cannot be written: {why}; give another folder "
            "with --data_dir."
        ) from error


def render(count: int, seed: int) -> Split:
    """Renders images, uint8 `[count, 32, 32, 3]`, with their digits.

    Each image has its own stream of NumPy's legacy generator, which never
    changes: the first thousand of many are the same as a thousand.
    """
    images = np.empty((count, SIDE, SIDE, 3), np.uint8)
    labels = np.empty(count, np.int32)
    for index in range(count):
        random = np.random.RandomState([VERSION, seed, index])
        labels[index] = random.randint(10)
        mask = render_mask(random, labels[index])
        images[index] = render_photo(random, mask)
    return Split(images, labels)


def render_mask(random: np.random.RandomState, digit: int) -> np.ndarray:
    """Returns the coverage of each pixel by ink, float32 `[32, 32]`, 0..1."""
    from PIL import Image

    wall = Image.fromarray(draw_number(random, digit))
    projected = wall.transform(
        (OVERSAMPLED_SIDE, OVERSAMPLED_SIDE),
        Image.Transform.PERSPECTIVE,
        draw_projection(random),
        Image.Resampling.BILINEAR,
    )
    pixels = np.asarray(projected, np.float32).reshape(SIDE, 2, SIDE, 2)
    return pixels.mean(axis=(1, 3)) / 255


def draw_number(random: np.random.RandomState, digit: int) -> np.ndarray:
    """Returns a wall, uint8 `WALL`, with a digit and perhaps neighbors."""
    wall = np.zeros(WALL, np.uint8)
    font = FONTS[random.randint(len(FONTS))]
    glyph = render_glyph(font, digit)
    middle = WALL[1] // 2
    _write(wall, glyph, middle)
    for side in (-1, 1):
        neighbor = render_glyph(font, random.randint(10))
        gap = random.randint(2, GLYPH_HEIGHT // 4)
        distance = (glyph.shape[1] + neighbor.shape[1]) // 2 + gap
        if random.uniform() < NEIGHBOR_PROBABILITY:
            _write(wall, neighbor, middle + side * distance)
    return wall


def _write(wall: np.ndarray, glyph: np.ndarray, middle: int) -> None:
    """Writes a digit on a wall, centered at a column."""
    top = (wall.shape[0] - glyph.shape[0]) // 2
    left = middle - glyph.shape[1] // 2
    rows = slice(top, top + glyph.shape[0])
    columns = slice(left, left + glyph.shape[1])
    wall[rows, columns] = np.maximum(wall[rows, columns], glyph)


@functools.cache
def render_glyph(font: str, digit: int) -> np.ndarray:
    """Returns one digit, uint8 `[GLYPH_HEIGHT, width]`: 255 is ink."""
    from PIL import Image, ImageDraw

    typeface = _load_font(font)
    left, top, right, bottom = typeface.getbbox(str(digit))
    image = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(image).text((-left, -top), str(digit), 255, typeface)
    width = max(1, round(image.width * GLYPH_HEIGHT / image.height))
    resized = image.resize((width, GLYPH_HEIGHT), Image.Resampling.BICUBIC)
    return np.asarray(resized)


@functools.cache
def _load_font(font: str):
    import matplotlib
    from PIL import ImageFont

    folder = pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf")
    # Twice as large as needed: all digits are resized to one height.
    return ImageFont.truetype(str(folder / f"{font}.ttf"), 2 * GLYPH_HEIGHT)


def draw_projection(random: np.random.RandomState) -> np.ndarray:
    """Returns the eight numbers of Pillow's projection, image to wall.

    A pixel (x, y) shows (a x + b y + c, d x + e y + f) / (g x + h y + 1).
    """
    angle = random.uniform(-0.25, 0.25)  # radians
    slant = random.uniform(-0.3, 0.3)
    zoom = GLYPH_HEIGHT * random.uniform(1.05, 1.7) / OVERSAMPLED_SIDE
    stretch = random.uniform(0.75, 1.3)
    rotation = np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    turned = rotation @ np.array([[stretch, slant], [0, 1]]) * zoom
    tilt = random.uniform(-0.15, 0.15, 2) / OVERSAMPLED_SIDE
    shift = random.uniform(-0.08, 0.08, 2) * GLYPH_HEIGHT
    # The middle of the image shows the middle of the wall, but for the shift.
    center = np.array([OVERSAMPLED_SIDE, OVERSAMPLED_SIDE]) / 2
    target = np.array([WALL[1], WALL[0]]) / 2 + shift
    linear = turned + np.outer(target, tilt)
    offset = target * (1 + tilt @ center) - linear @ center
    return np.array([*linear[0], offset[0], *linear[1], offset[1], *tilt])


def render_photo(random: np.random.RandomState, mask: np.ndarray) -> np.ndarray:
    """Returns an image, uint8 `[H, W, 3]`, of ink on a wall.

    Args:
        mask: coverage of each pixel by ink, `[H, W]` in 0..1.
    """
    from scipy import ndimage

    wall, ink = draw_colors(random)
    image = wall + mask[..., None] * (ink - wall)
    for draw_shade in (_draw_slope, _draw_shadow, _draw_stains):
        image += draw_shade(random, mask.shape)[..., None]
    blur = random.uniform(0, 1.5)
    image = ndimage.gaussian_filter(image, (blur, blur, 0))
    image += random.normal(0, random.uniform(0, 12), image.shape)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def draw_colors(
    random: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Draws the colors of wall and ink, each `[3]` in 0..255.

    Brightness is spread over the whole range. With as much dark ink as light,
    a linear classifier could do no better than chance.
    """
    # Low contrast as often as high: uniform in the logarithm.
    contrast = np.exp(
        random.uniform(np.log(MIN_CONTRAST), np.log(MAX_CONTRAST))
    )
    contrast *= 1 if random.uniform() < LIGHT_PROBABILITY else -1
    low, high = max(0, -contrast), min(255, 255 - contrast)
    brightness = random.uniform(low, high)
    wall = brightness + random.normal(0, 15, 3)
    ink = wall + contrast + random.normal(0, abs(contrast) / 5, 3)
    return wall, ink


def _draw_slope(random: np.random.RandomState, shape: tuple) -> np.ndarray:
    """Draws light that falls off from one side to the other, `[H, W]`."""
    down, right = random.uniform(-20, 20, 2)
    rows = np.linspace(-1, 1, shape[0])[:, None]
    columns = np.linspace(-1, 1, shape[1])[None]
    return down * rows + right * columns


def _draw_shadow(random: np.random.RandomState, shape: tuple) -> np.ndarray:
    """Draws the edge of a shadow across some images, `[H, W]`."""
    angle = random.uniform(0, 2 * np.pi)
    rows, columns = np.indices(shape) - shape[0] / 2
    across = rows * np.sin(angle) + columns * np.cos(angle)
    depth = random.uniform(-50, 50) * (random.uniform() < 0.5)
    return depth * (across > random.uniform(-0.5, 0.5) * shape[0])


def _draw_stains(random: np.random.RandomState, shape: tuple) -> np.ndarray:
    """Draws a wall of uneven color, `[H, W]`."""
    from scipy import ndimage

    noise = ndimage.gaussian_filter(random.normal(0, 1, shape), 2)
    return random.uniform(0, 15) * noise / noise.std()
