"""Picture files: what they look like, and how they become pixels."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from zoo.errors import UserError

SUFFIXES = {
    ".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif",
    ".tiff", ".webp",
}  # fmt: skip

GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")
DEEP_MODES = ("I", "I;16", "I;16B", "I;16L")

PEEP = 256  # bytes of a file in which text shows itself

# The EXIF tag that says how the camera was held; from 5 on it lay on its side.
ORIENTATION = 0x0112


class Unreadable(UserError):
    """A file that is no picture, is damaged, or is too large.

    Attributes:
        why: the reason alone, such as "the file is empty".
    """

    def __init__(self, sentence: str, why: str):
        super().__init__(sentence)
        self.why = why


@dataclasses.dataclass(frozen=True)
class Header:
    """What a picture file says of itself.

    Attributes:
        size: height and width in pixels, as the picture is to be seen.
        mode: Pillow's word for its pixels, such as `RGB` or `I;16`.
        format: Pillow's word for the file, such as `PNG`.
        frames: pictures in the file; only the first is ever used.
        is_transparent: whether some pixels may be.
    """

    size: tuple[int, int]
    mode: str
    format: str
    frames: int
    is_transparent: bool


@dataclasses.dataclass(frozen=True)
class Form:
    """What all images of a data set have in common.

    Attributes:
        shape: `(H, W, C)`.
        resize: whether images of another size are resized or refused.
        came: `(H, W, C)` before any resizing; `None` where sizes differ.
    """

    shape: tuple[int, int, int]
    resize: bool
    came: tuple[int, int, int] | None = None


def sides(size: int | tuple[int, int]) -> tuple[int, int]:
    """Returns height and width; one number stands for both."""
    return (size, size) if isinstance(size, int) else size


def look(path: Path) -> tuple[tuple[int, int], str]:
    """Returns size and mode of a picture, see `Header`, and reads no more.

    Raises:
        Unreadable: the file is no picture, or too large.
    """
    with _opened(path) as picture:
        return _upright_size(picture), picture.mode


def header(path: Path) -> Header:
    """Reads what a picture file says of itself, and no pixel.

    Raises:
        Unreadable: the file is no picture, or too large.
    """
    with _opened(path) as picture:
        return Header(
            _upright_size(picture),
            picture.mode,
            picture.format or "",
            getattr(picture, "n_frames", 1),
            bool(picture.has_transparency_data),
        )


def decode(path: Path, channels: int) -> np.ndarray:
    """Reads a picture as uint8 `[H, W, C]`, upright, on a white ground.

    Args:
        path: of the file.
        channels: 1 for grey, 3 for red, green and blue.

    Raises:
        UserError: the file is no picture, is damaged, or is too large and
            `bombs_refused` is in force.
    """
    from PIL import Image, ImageOps

    with _opened(path) as picture:
        picture.load()
        picture = ImageOps.exif_transpose(picture)
        if picture.mode in DEEP_MODES:
            picture = Image.fromarray(_eight_bits(picture))
        if picture.has_transparency_data:
            picture = picture.convert("RGBA")
            ground = Image.new("RGBA", picture.size, "white")
            picture = Image.alpha_composite(ground, picture)
        pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    return pixels.reshape(*pixels.shape[:2], channels)


def fit(pixels: np.ndarray, form: Form, path: Path) -> np.ndarray:
    """Returns the pixels in the form of the data set.

    Raises:
        UserError: they have another size, and none was asked for.
    """
    from PIL import Image

    height, width, channels = form.shape
    if pixels.shape == form.shape:
        return pixels
    if not form.resize:
        raise UserError(
            f"{path} is {pixels.shape[0]}x{pixels.shape[1]} pixels and the "
            f"training images are {height}x{width}; give the side to resize "
            "all to, for example --image_size=32."
        )
    picture = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture).reshape(form.shape)


@contextlib.contextmanager
def bombs_refused() -> Iterator[None]:
    """Makes Pillow refuse pictures that are large enough for an attack.

    It only warns of those up to twice its limit. Filters of warnings belong
    to the process, so this stands around threads, not inside them.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextlib.contextmanager
def _opened(path: Path) -> Iterator:
    """Opens a picture; what goes wrong inside becomes one sentence."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            yield picture
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        why = f"a picture may have {Image.MAX_IMAGE_PIXELS:,} pixels at most"
        raise Unreadable(
            f"{path} is too large: {why}; make it smaller, or remove it.",
            f"it is too large, {why}",
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        why = _reason(path, error)
        raise Unreadable(
            f"{path} cannot be read as a picture, {why}; replace or remove it.",
            why,
        ) from error


def _reason(path: Path, error: Exception) -> str:
    """Returns why a file is no picture, in a few words."""
    from PIL import UnidentifiedImageError

    if isinstance(error, OSError) and error.errno:
        return f"the system says: {os.strerror(error.errno)}"
    head = path.read_bytes()[:PEEP]
    if not head:
        return "the file is empty"
    if not isinstance(error, UnidentifiedImageError):
        cut = "truncated" in str(error) or isinstance(error, EOFError)
        return "it is cut off" if cut else "it is damaged"
    try:
        head[: PEEP - 4].decode()
    except UnicodeDecodeError:
        return "it is damaged, or in a format that is not known here"
    return "it is text"


def _upright_size(picture) -> tuple[int, int]:
    """Returns height and width in pixels, as the picture is to be seen."""
    turned = picture.getexif().get(ORIENTATION, 1) >= 5
    return picture.size if turned else picture.size[::-1]


def _eight_bits(picture) -> np.ndarray:
    """Returns uint8 `[H, W]` of a grey picture with 16 bits a pixel."""
    deep = np.clip(np.asarray(picture).astype(np.int64), 0, 65_535)
    return np.round(deep / 257).astype(np.uint8)
