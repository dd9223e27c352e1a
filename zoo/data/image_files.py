"""Image files: where they are, which are images, and how they are decoded.

A file counts by its suffix, as Pillow registers them; one without a suffix by
its first bytes. Documents, drawings, video and containers of measurements that
Pillow lists are not images here. HEIC, which phones write, needs the package
pillow-heif. Images are decoded upright, on a white background, with 8 bits per
channel.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import os
import stat
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.arrays import find_pixel_problem
from zoo.errors import UserError, join_and, join_or

# Formats of Pillow that are not read here.
EXCLUDED_FORMATS = {
    *("EPS", "WMF"),  # documents and drawings
    *("MPEG", "FLI"),  # videos
    *("BUFR", "GRIB", "HDF5", "FITS", "IPTC"),  # measurements and metadata
    *("ICNS", "ICO", "CUR"),  # icons and pointers
    *("FTEX", "BLP", "DDS"),  # textures of games
}
# Formats that can be recognized by their first bytes.
FORMATS_WITH_MAGIC = (
    "AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP",
)  # fmt: skip
HEAD_BYTES = 256  # of a file that are looked at

HEIC_SUFFIXES = {".heic", ".heics", ".heif", ".heifs", ".hif"}
# Suffixes of images, drawings and videos that are not read here; cameras
# write some of them.
UNSUPPORTED_SUFFIXES = {
    ".ai", ".arw", ".avi", ".cr2", ".cr3", ".dng", ".emf", ".eps", ".jxl",
    ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".nef", ".orf", ".pdf", ".ps",
    ".raf", ".raw", ".rw2", ".svg", ".webm", ".wmf", ".xcf",
}  # fmt: skip
# Files of operating systems, beside the names that begin with a dot.
SYSTEM_NAMES = {"__macosx", "@eadir", "thumbs.db", "desktop.ini"}

GRAY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")
MODES_16_BIT = ("I;16", "I;16B", "I;16L")
FORMATS_16_BIT = ("PNG", "PPM")  # whose mode I has 16 bits
MODES_32_BIT = ("I", "F")  # in other formats; they declare no range

# The EXIF tag of how the camera was held; from 5 on it was on its side.
ORIENTATION = 0x0112
WIDTH, HEIGHT = 0x0100, 0x0101  # tags of TIFF
# Pillow's transposition that turns an image upright, by orientation.
TRANSPOSITIONS = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90",
}  # fmt: skip
VISIBLE_DISTORTION = 1.05  # factor between two aspect ratios
# What resizing does with another aspect ratio, as the layer `Resizing` of
# Keras: cut off the edges, add black ones, or change it.
RESIZE_MODES = ("crop", "pad", "squash")


class UnreadableImageError(UserError):
    """A file is not an image, is corrupt, or is too large.

    Attributes:
        reason: The reason alone, such as "the file is empty".
    """

    def __init__(self, sentence: str, reason: str):
        super().__init__(sentence)
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class ImageHeader:
    """What an image file declares.

    Attributes:
        size: Height and width in pixels, upright.
        mode: Pillow's name for the type of pixels, such as `RGB` or `I;16`.
        format: Pillow's name for the format, such as `PNG`.
        num_frames: Number of images in the file; only the first is used.
        is_transparent: Whether there may be transparent pixels.
    """

    size: tuple[int, int]
    mode: str
    format: str
    num_frames: int
    is_transparent: bool


@dataclasses.dataclass(frozen=True)
class ImageSpec:
    """What all images of a dataset have in common.

    Attributes:
        shape: `(H, W, C)`.
        resize: How images of another size are resized, one of `RESIZE_MODES`;
            `None` refuses them.
        original_shape: `(H, W, C)` before resizing; `None` where sizes
            differ.
        num_distorted: Number of training images of another aspect ratio.
    """

    shape: tuple[int, int, int]
    resize: str | None
    original_shape: tuple[int, int, int] | None = None
    num_distorted: int = 0


def height_and_width(size: int | tuple[int, int]) -> tuple[int, int]:
    """Returns height and width; one number stands for both."""
    return (size, size) if isinstance(size, int) else size


def describe_resizing(resize: str) -> str:
    """Returns what becomes of images of another aspect ratio, after "which"."""
    return {
        "crop": "are cropped to it; --resize=pad keeps their edges",
        "pad": "are padded with black to it",
        "squash": "are squashed to it",
    }[resize]


def changes_aspect_ratio(
    size: tuple[int, int], target: tuple[int, int]
) -> bool:
    """Whether an aspect ratio is visibly another one.

    Args:
        size: height and width before resizing.
        target: height and width after it.
    """
    ratio = size[0] * target[1] / (size[1] * target[0])
    return not 1 / VISIBLE_DISTORTION <= ratio <= VISIBLE_DISTORTION


def read_size_and_mode(path: Path) -> tuple[tuple[int, int], str]:
    """Returns size and mode of an image, see `ImageHeader`, and reads no more.

    Raises:
        UnreadableImageError: the file is not an image, or too large.
    """
    with _open(path) as image:
        return _upright_size(image), image.mode


def read_header(path: Path) -> ImageHeader:
    """Reads what an image file declares, and no pixel.

    Raises:
        UnreadableImageError: the file is not an image, or too large.
    """
    with _open(path) as image:
        return ImageHeader(
            _upright_size(image),
            image.mode,
            image.format or "",
            _num_frames(image),
            bool(image.has_transparency_data),
        )


def decode(path: Path, channels: int) -> np.ndarray:
    """Decodes an image, upright, on a white background.

    Args:
        path: path of the file.
        channels: 1 for gray, 3 for red, green and blue.

    Returns:
        Raw pixels, uint8 `[H, W, C]`.

    Raises:
        UserError: the file is not an image, is corrupt, or is too large and
            `refuse_decompression_bombs` is in force.
    """
    with _open(path) as image:
        image.load()
        return to_pixels(image, channels, path)


def to_pixels(image: Any, channels: int, name: Path | str) -> np.ndarray:
    """Returns the pixels of an image of Pillow, as `decode` does of a file.

    Args:
        image: of Pillow.
        channels: 1 for gray, 3 for red, green and blue.
        name: name of the image in error messages.
    """
    transposition = TRANSPOSITIONS.get(_orientation(image))
    return _flatten(_to_8_bits(image, name), transposition, channels, name)


def _flatten(
    image, transposition: str | None, channels: int, path: Path | str
) -> np.ndarray:
    """Returns the pixels, uint8 `[H, W, C]`, of an image with 8 bits."""
    from PIL import Image

    if transposition is not None:
        image = image.transpose(Image.Transpose[transposition])
    if image.has_transparency_data:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, "white")
        composite = Image.alpha_composite(background, image)
        _check_visible(image, composite, path)
        image = composite
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return pixels.reshape(*pixels.shape[:2], channels)


def _check_visible(image, composite, path: Path | str) -> None:
    """Refuses white on transparency, invisible on a white background."""
    low, high = image.getchannel("A").getextrema()
    bands = composite.getextrema()[:3]
    if low < high and all(band[0] == 255 for band in bands):
        reason = "it is white on transparency, and the background is white"
        raise UnreadableImageError(
            f"{path} shows nothing, {reason}; save it on a dark background, "
            "or remove it.",
            reason,
        )


def resize_to_spec(
    pixels: np.ndarray, spec: ImageSpec, path: Path
) -> np.ndarray:
    """Returns the pixels in the shape of the dataset.

    Raises:
        UserError: their size differs, and no size to resize to was given.
    """
    from PIL import Image

    height, width, channels = spec.shape
    if pixels.shape == spec.shape:
        return pixels
    if spec.resize is None:
        raise UserError(
            f"{path} is {pixels.shape[0]}x{pixels.shape[1]} pixels and the "
            f"training images are {height}x{width}; give the side to resize "
            "all to, for example --image_size=32."
        )
    image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
    image = resize_image(image, (height, width), spec.resize)
    return np.asarray(image).reshape(spec.shape)


def resize_image(image: Any, size: tuple[int, int], resize: str) -> Any:
    """Returns an image of Pillow in another size, by linear interpolation.

    Args:
        image: of Pillow.
        size: height and width in pixels.
        resize: `crop` keeps the largest part of the middle that has the new
            aspect ratio, `pad` keeps all and adds black edges, and `squash`
            changes the aspect ratio.
    """
    from PIL import Image, ImageOps

    wanted, method = size[::-1], Image.Resampling.BILINEAR
    if resize == "crop":
        return ImageOps.fit(image, wanted, method)
    if resize == "pad":
        return ImageOps.pad(image, wanted, method)
    return image.resize(wanted, method)


@contextlib.contextmanager
def refuse_decompression_bombs() -> Iterator[None]:
    """Makes Pillow refuse images that are large enough for an attack.

    It only warns of those up to twice its limit. Warning filters belong to
    the process, so this context encloses threads, not the reverse.
    """
    from PIL import Image

    with warnings.catch_warnings():
        # Pillow's warnings of invalid tags do not name the file.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextlib.contextmanager
def _open(path: Path) -> Iterator:
    """Opens an image; turns any error inside into one sentence."""
    from PIL import Image

    if _is_special(path):
        reason = "it is not a regular file"
        raise UnreadableImageError(
            f"{path} cannot be read as an image, {reason}; remove it.", reason
        )
    try:
        with Image.open(path, formats=supported_formats()) as image:
            yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        limit = f"the limit is {Image.MAX_IMAGE_PIXELS:,} pixels"
        raise UnreadableImageError(
            f"{path} is too large: {limit}; make it smaller, or remove it.",
            f"it is too large, {limit}",
        ) from None
    except (UserError, MemoryError):
        raise
    except Exception as error:  # Pillow raises many kinds on corrupt files
        reason = _reason(path, error)
        raise UnreadableImageError(
            f"{path} cannot be read as an image, {reason}; replace or remove "
            "it.",
            reason,
        ) from error


def _is_special(path: Path) -> bool:
    """Whether a path is a folder, or a pipe or device, which may never end."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False  # opening it says why


def _reason(path: Path, error: Exception) -> str:
    """Returns in a few words why a file cannot be read as an image."""
    from PIL import UnidentifiedImageError

    if isinstance(error, OSError) and error.errno:
        return f"the system reports: {os.strerror(error.errno)}"
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        return "the file is empty"
    if not isinstance(error, UnidentifiedImageError):
        truncated = "truncated" in str(error) or isinstance(error, EOFError)
        return "it is truncated" if truncated else "it is corrupt"
    if _is_text(head):
        return "it is text"
    return "it is corrupt, or its format is not supported"


def _orientation(image) -> int:
    """Returns the EXIF orientation, 1..8; 1 where it is invalid."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # an invalid tag; the pixels may be fine
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright_size(image) -> tuple[int, int]:
    """Returns height and width in pixels of the upright image."""
    width, height = image.size
    if image.format == "TIFF":
        # Some versions of Pillow turn the size of these, but not all.
        width, height = image.tag_v2[WIDTH], image.tag_v2[HEIGHT]
    return (width, height) if _orientation(image) >= 5 else (height, width)


def _num_frames(image) -> int:
    """Returns the number of images in a file; 1 where that is invalid."""
    try:
        return getattr(image, "n_frames", 1)
    except Exception:  # the first one may be complete
        return 1


def _to_8_bits(image, path: Path | str):
    """Returns an image with 8 bits per channel.

    16 bits are scaled by the range that they declare, 0..65535. Floats and
    32-bit integers declare none, so that they are used as they are or refused.

    Raises:
        UnreadableImageError: their values are not raw pixels.
    """
    from PIL import Image

    is_16_bit = image.mode in MODES_16_BIT or (
        image.mode == "I" and image.format in FORMATS_16_BIT
    )
    if not is_16_bit and image.mode not in MODES_32_BIT:
        return image
    values, problem = np.asarray(image), None
    if not is_16_bit:
        found = find_pixel_problem(values)
        problem = found and found[0]
    elif 0 < values.max() <= 255:
        problem = f"lies between {values.min()} and {values.max()}, of 65535"
    if problem is not None:
        bits = 16 if is_16_bit else 32
        reason = f"it has {bits} bits per pixel and {problem}"
        raise UnreadableImageError(
            f"{path} has no raw pixels: {reason}; save it with 8 bits, scaled "
            "to 0..255, or remove it.",
            reason,
        )
    if not is_16_bit:
        return Image.fromarray(values.astype(np.uint8))
    values = np.clip(values.astype(np.int64), 0, 65_535)
    return Image.fromarray(np.round(values / 257).astype(np.uint8))


@functools.cache
def supported_formats() -> tuple[str, ...]:
    """Returns Pillow's names of the formats that are read."""
    from PIL import Image

    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    Image.init()
    return tuple(sorted(set(Image.OPEN) - EXCLUDED_FORMATS))


@functools.cache
def supported_suffixes() -> frozenset[str]:
    """Returns the suffixes of these formats, in lower case with their dot."""
    from PIL import Image

    formats = {*supported_formats(), "MPO"}  # which is opened as JPEG
    return frozenset(
        suffix
        for suffix, name in Image.registered_extensions().items()
        if name in formats
    )


def describe_suffixes() -> str:
    """Returns the most common suffixes in words, for an error message."""
    common = (".png", ".jpg", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".avif")
    known = [suffix for suffix in common if suffix in supported_suffixes()]
    return join_or([*known, "another that Pillow reads"])


def is_image(path: Path) -> bool:
    """Whether a file is to be read as an image.

    By its suffix; without one, or with a mere number, by its first bytes.
    """
    suffix = path.suffix.lower()
    if suffix and not suffix[1:].isdecimal():
        return suffix in supported_suffixes()
    return _starts_as_image(path)


def _starts_as_image(path: Path) -> bool:
    from PIL import Image

    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    if _is_text(head):
        return False
    supported_formats()  # registers them
    openers = (
        Image.OPEN[name] for name in FORMATS_WITH_MAGIC if name in Image.OPEN
    )
    return any(accept(head) is True for _, accept in openers if accept)


def _is_text(head: bytes) -> bool:
    """Whether the first `HEAD_BYTES` of a file are text."""
    if b"\0" in head:
        return False
    try:
        head[: HEAD_BYTES - 4].decode()
    except UnicodeDecodeError:
        return False
    return True


def is_hidden(name: str) -> bool:
    """Whether files and folders of this name are ignored."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def list_folders(root: Path) -> list[Path]:
    """Returns the visible sub-folders, also linked ones, sorted by name."""
    return sorted(
        path
        for path in root.iterdir()
        if path.is_dir() and not is_hidden(path.name)
    )


def list_images(root: Path) -> list[Path]:
    """Returns the images directly in a folder, sorted."""
    return sorted(
        path
        for path in root.iterdir()
        if not is_hidden(path.name) and path.is_file() and is_image(path)
    )


def find_images(root: Path) -> tuple[list[Path], list[Path]]:
    """Returns the images at any depth below a folder, and the other files.

    Both are sorted. Linked folders are followed, each real folder once, and
    none that contains `root`.
    """
    images, others = [], []
    real = Path(os.path.realpath(root))
    seen = {str(folder) for folder in real.parents}
    for path in sorted(_walk(root, seen)):
        (images if is_image(path) else others).append(path)
    return images, others


def _walk(folder: Path, seen: set[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    below = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if entry.is_dir():
                below.append((entry.is_symlink(), entry.name))
            else:
                yield folder / entry.name
    # Own folders first: a link to one of them adds nothing.
    for _, name in sorted(below):
        yield from _walk(folder / name, seen)


def count_suffixes(paths: Iterable[Path]) -> dict[str, int]:
    """Counts files by lower-case suffix, or by name, most frequent first."""
    kinds = (path.suffix.lower() or path.name for path in paths)
    return dict(collections.Counter(kinds).most_common())


def describe_skipped(counts: Mapping[str, int]) -> str | None:
    """Describes in one sentence the files that are not images.

    Args:
        counts: number of files by suffix, as `count_suffixes` returns it.

    Returns:
        `None` where there are none.
    """
    if not counts:
        return None
    total = sum(counts.values())
    kinds = [f"{count:,} {suffix}" for suffix, count in counts.items()]
    shown = kinds[:5] + [f"{len(kinds) - 5} other kinds"] * (len(kinds) > 5)
    text = (
        f"{total:,} {'file is' if total == 1 else 'files are'} skipped, not "
        f"in a supported image format: {join_and(shown)}"
    )
    if not HEIC_SUFFIXES.isdisjoint(counts):
        text += "; `pip install pillow-heif` adds HEIC"
    return f"{text}."
