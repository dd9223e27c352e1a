"""Picture files: what they look like, and how they become pixels."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from zoo.data import formats
from zoo.data.pixel_range import fault
from zoo.errors import UserError

GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")
DEEP_MODES = ("I;16", "I;16B", "I;16L")
# Of other modes the range is not declared by their type.
NUMBER_MODES = ("I", "F")
DEEP_FORMATS = ("PNG", "PPM")  # whose mode I is of 16 bits

# The EXIF tag that says how the camera was held; from 5 on it lay on its side.
ORIENTATION = 0x0112
WIDTH, HEIGHT = 0x0100, 0x0101  # tags of TIFF
# What turns a picture upright, by Pillow's words.
TURNS = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90",
}  # fmt: skip
SQUEEZED = 1.05  # factor between two proportions that can be seen


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
        squeezed: how many training images have other proportions.
    """

    shape: tuple[int, int, int]
    resize: bool
    came: tuple[int, int, int] | None = None
    squeezed: int = 0


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
            _frames(picture),
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
    with _opened(path) as picture:
        picture.load()
        turn = TURNS.get(_orientation(picture))
        eight_bits = _eight_bits(picture, path)
        return _flatten(eight_bits, turn, channels, path)


def _flatten(picture, turn: str | None, channels: int, path: Path):
    """Returns uint8 `[H, W, C]` of a picture with 8 bits a channel."""
    from PIL import Image

    if turn is not None:
        picture = picture.transpose(Image.Transpose[turn])
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, "white")
        above = Image.alpha_composite(ground, picture)
        _check_visible(picture, above, path)
        picture = above
    pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    return pixels.reshape(*pixels.shape[:2], channels)


def _check_visible(picture, above, path: Path) -> None:
    """Refuses white on transparency, which is nothing on a white ground."""
    low, high = picture.getchannel("A").getextrema()
    if low < high and all(band[0] == 255 for band in above.getextrema()[:3]):
        why = "it is white on transparency, and the ground is white here"
        raise Unreadable(
            f"{path} shows nothing, {why}; save it on a dark ground, or remove "
            "it.",
            why,
        )


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
        # What Pillow says of broken tags is of no use without the file.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextlib.contextmanager
def _opened(path: Path) -> Iterator:
    """Opens a picture; what goes wrong inside becomes one sentence."""
    from PIL import Image

    try:
        with Image.open(path, formats=formats.readable()) as picture:
            yield picture
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        why = f"a picture may have {Image.MAX_IMAGE_PIXELS:,} pixels at most"
        raise Unreadable(
            f"{path} is too large: {why}; make it smaller, or remove it.",
            f"it is too large, {why}",
        ) from None
    except (UserError, MemoryError):
        raise
    except Exception as error:  # Pillow raises many kinds on damaged files
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
    with path.open("rb") as file:
        head = file.read(formats.HEAD)
    if not head:
        return "the file is empty"
    if not isinstance(error, UnidentifiedImageError):
        cut = "truncated" in str(error) or isinstance(error, EOFError)
        return "it is cut off" if cut else "it is damaged"
    if formats.is_text(head):
        return "it is text"
    return "it is damaged, or in a format that is not read here"


def _orientation(picture) -> int:
    """Returns the EXIF orientation, 1..8; 1 where it is none of these."""
    try:
        found = picture.getexif().get(ORIENTATION, 1)
    except Exception:  # a damaged tag, which says nothing of the pixels
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _upright_size(picture) -> tuple[int, int]:
    """Returns height and width in pixels, as the picture is to be seen."""
    width, height = picture.size
    if picture.format == "TIFF":
        # Some versions of Pillow turn the size of these, but not all.
        width, height = picture.tag_v2[WIDTH], picture.tag_v2[HEIGHT]
    return (width, height) if _orientation(picture) >= 5 else (height, width)


def _frames(picture) -> int:
    """Returns how many pictures a file holds; 1 where that is damaged."""
    try:
        return getattr(picture, "n_frames", 1)
    except Exception:  # the first one may be whole
        return 1


def _eight_bits(picture, path: Path):
    """Returns a picture with 8 bits a channel.

    Sixteen bits are scaled by what they declare, 0..65535. Floats and 32-bit
    integers declare no range, so that they are taken as they are or refused.

    Raises:
        Unreadable: their values are no raw pixels.
    """
    from PIL import Image

    is_deep = picture.mode in DEEP_MODES or (
        picture.mode == "I" and picture.format in DEEP_FORMATS
    )
    if not is_deep and picture.mode not in NUMBER_MODES:
        return picture
    values = np.asarray(picture)
    if not is_deep:
        found = fault(values)
    elif 0 < values.max() <= 255:
        found = f"lies between {values.min()} and {values.max()}, of 65535", ""
    else:
        found = None
    if found is not None:
        why = f"it has {16 if is_deep else 32} bits a pixel and {found[0]}"
        raise Unreadable(
            f"{path} has no raw pixels: {why}; save it with 8 bits, scaled to "
            "0..255, or remove it.",
            why,
        )
    if not is_deep:
        return Image.fromarray(values.astype(np.uint8))
    deep = np.clip(values.astype(np.int64), 0, 65_535)
    return Image.fromarray(np.round(deep / 257).astype(np.uint8))


def is_squeezed(came: tuple[int, int], height: int, width: int) -> bool:
    """Whether resizing changes the proportions of what is seen.

    Args:
        came: height and width before.
    """
    ratio = came[0] * width / (came[1] * height)
    return not 1 / SQUEEZED <= ratio <= SQUEEZED
