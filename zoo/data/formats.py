"""Which files are images: by the formats that Pillow itself registers.

A file counts by its suffix; one without a suffix by how its content begins.
Documents, drawings, video and containers of measurements that Pillow lists
are not images here. HEIC, which phones write, needs the package pillow-heif.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from zoo.errors import join_and, join_or

# Formats that Pillow lists and that are not read here, and what they are.
EXCLUDED = {
    "EPS": "PostScript documents",
    "WMF": "vector drawings",
    "MPEG": "videos",
    "FLI": "videos",
    "BUFR": "weather data",
    "GRIB": "weather data",
    "HDF5": "containers of arrays",
    "FITS": "measurements of telescopes",
    "IPTC": "press metadata",
    "ICNS": "icons of programs",
    "ICO": "icons of programs",
    "CUR": "mouse pointers",
    "FTEX": "textures of games",
    "BLP": "textures of games",
    "DDS": "textures of games",
}
# Formats whose first bytes are certain enough to go by.
BY_CONTENT = (
    "AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP",
)  # fmt: skip
HEAD = 256  # bytes of a file that are looked at

HEIC = {".heic", ".heics", ".heif", ".heifs", ".hif"}
# Suffixes of pictures, drawings and videos that are not read here; cameras
# write some of them.
FOREIGN = {
    ".ai", ".arw", ".avi", ".cr2", ".cr3", ".dng", ".emf", ".eps", ".jxl",
    ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".nef", ".orf", ".pdf", ".ps",
    ".raf", ".raw", ".rw2", ".svg", ".webm", ".wmf", ".xcf",
}  # fmt: skip


@functools.cache
def readable() -> tuple[str, ...]:
    """Returns Pillow's words for the formats that are read."""
    from PIL import Image

    _add_heic()
    Image.init()
    return tuple(sorted(set(Image.OPEN) - set(EXCLUDED)))


@functools.cache
def suffixes() -> frozenset[str]:
    """Returns the suffixes of these formats, in lower case with their dot."""
    from PIL import Image

    formats = {*readable(), "MPO"}  # which is opened as JPEG
    return frozenset(
        suffix
        for suffix, name in Image.registered_extensions().items()
        if name in formats
    )


def _add_heic() -> None:
    try:
        import pillow_heif
    except ImportError:
        return
    pillow_heif.register_heif_opener()


def is_image(path: Path) -> bool:
    """Whether a file is to be read as an image.

    By its suffix; without one, or with a mere number, by its first bytes.
    """
    suffix = path.suffix.lower()
    if suffix and not suffix[1:].isdecimal():
        return suffix in suffixes()
    return _begins_as_image(path)


def _begins_as_image(path: Path) -> bool:
    from PIL import Image

    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return False
    if is_text(head):
        return False
    readable()
    openers = (Image.OPEN[name] for name in BY_CONTENT if name in Image.OPEN)
    return any(accept(head) is True for _, accept in openers if accept)


def is_text(head: bytes) -> bool:
    """Whether the first `HEAD` bytes of a file are text."""
    if b"\0" in head:
        return False
    try:
        head[: HEAD - 4].decode()
    except UnicodeDecodeError:
        return False
    return True


def named() -> str:
    """Returns the most usual suffixes in words, for an error message."""
    usual = (".png", ".jpg", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".avif")
    found = [suffix for suffix in usual if suffix in suffixes()]
    return join_or([*found, "another that Pillow reads"])


def left_out(counts: Mapping[str, int]) -> str | None:
    """Says in one sentence which files are not read.

    Args:
        counts: how many files there are of each suffix, in lower case, or of
            each name where there is no suffix.

    Returns:
        `None` where there are none.
    """
    if not counts:
        return None
    total = sum(counts.values())
    kinds = [f"{count:,} {suffix}" for suffix, count in counts.items()]
    shown = kinds[:5] + [f"{len(kinds) - 5} other kinds"] * (len(kinds) > 5)
    text = (
        f"{total:,} {'file is' if total == 1 else 'files are'} left out, in "
        f"no image format that is read here: {join_and(shown)}"
    )
    if not HEIC.isdisjoint(counts):
        text += "; `pip install pillow-heif` makes HEIC readable"
    return f"{text}."
