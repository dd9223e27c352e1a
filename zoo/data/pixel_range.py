"""Raw pixels are whole numbers 0..255: what is something else, is refused.

One reader for every source: arrays of files and of Python, and image files
that hold floats or 32-bit integers. Nothing is rounded, clipped or scaled
here; the error message says what would be right.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zoo.data.rows import Rows, chunks
from zoo.errors import UserError

WHITE = 255
# Floats whose maximum is below are scaled, or else dark; nobody can know.
LEAST_WHITE = 100
DARK = 32  # a maximum of integers that calls for a word
OVERSHOOT = 64  # how far resizing goes beyond 0..255
APART = 4  # times that one maximum is another, when both are not one scale
BINARY = (
    "lies between 0 and 1, and raw pixels are whole numbers 0..255",
    "multiply by 255",
)
NAMES = {
    "O": "Python objects", "b": "true and false", "c": "complex numbers",
    "M": "dates", "m": "time spans", "V": "records", "S": "bytes", "U": "text",
}  # fmt: skip


def kind_of(values: np.ndarray) -> str:
    """Returns in words what an array holds that is not of numbers."""
    return NAMES.get(values.dtype.kind, str(values.dtype))


def range_of(images: np.ndarray | Rows) -> tuple[int, int]:
    """Returns the smallest and the largest pixel of uint8 `[N, H, W, C]`."""
    low, high = WHITE, 0
    for chunk in chunks(images):
        low, high = min(low, int(chunk.min())), max(high, int(chunk.max()))
        if (low, high) == (0, WHITE):
            break
    return (low, high) if len(images) else (0, 0)


def raw_pixels(
    values: np.ndarray, what: str, known: tuple[int, int] | None = None
) -> np.ndarray:
    """Returns raw pixels as uint8, of the same shape.

    Args:
        values: integers or floats, at least one.
        what: what the error message calls them.
        known: range of the images that a model was trained on. Floats in
            that range are raw pixels, even if all of it is far below 255.

    Raises:
        UserError: they are not whole numbers 0..255, or seem to be scaled.
    """
    if values.dtype.kind not in "uif":
        raise UserError(f"{what} holds {kind_of(values)}; give pixels 0..255.")
    found = fault(values, known)
    if found is not None:
        wrong, remedy = found
        raise UserError(f"{what} {wrong}; {remedy}.")
    return values.astype(np.uint8, copy=False)


def fault(
    values: np.ndarray, known: tuple[int, int] | None = None
) -> tuple[str, str] | None:
    """Says why numbers are no raw pixels, and what would be right.

    Args:
        values: as `raw_pixels` takes them.
        known: as there.

    Returns:
        What they are, to stand behind a name, and what to do; `None` if they
        are raw pixels.
    """
    if values.dtype == np.uint8:
        return BINARY if _is_binary(values) else None
    wrong = int(np.sum(~np.isfinite(values))) if values.dtype.kind == "f" else 0
    if wrong:
        are = (
            "value that is no number"
            if wrong == 1
            else ("values that are not numbers")
        )
        return (
            f"holds {wrong:,} {are} (NaN or infinite)",
            "give pixels 0..255",
        )
    remedy = _remedy(values, known)
    if remedy is None:
        return None
    return (
        f"lies between {float(values.min()):g} and {float(values.max()):g}"
        f"{_fractions(values)}, and raw pixels are whole numbers 0..255",
        remedy,
    )


def _is_binary(values: np.ndarray) -> bool:
    # A memory-mapped array is read no further than to its first pixel above.
    high = 0
    for part in _parts(values):
        high = max(high, int(part.max()))
        if high > 1:
            return False
    return high == 1


def _parts(values: np.ndarray) -> Iterator[np.ndarray]:
    return iter([values]) if values.ndim < 3 else chunks(values)


def _fractions(values: np.ndarray) -> str:
    whole = values.dtype.kind != "f" or np.array_equal(values, np.rint(values))
    return "" if whole else " with fractions"


def _remedy(values: np.ndarray, known: tuple[int, int] | None) -> str | None:
    """Returns what makes raw pixels of the values; `None` if they are."""
    low, high = float(values.min()), float(values.max())
    is_float = values.dtype.kind == "f"
    if low < 0 or high > WHITE:
        return _remedy_outside(low, high)
    if high == 0:
        return None
    if high <= 1:
        return "multiply by 255"
    if _fractions(values) and high > LEAST_WHITE:
        return "round them: numpy.round(x)"
    if _fractions(values) or is_float and high < LEAST_WHITE:
        if known and high <= known[1] < LEAST_WHITE and not _fractions(values):
            return None
        return f"{_scaling(high)}, or give raw pixels as uint8"
    return None


def _remedy_outside(low: float, high: float) -> str:
    if low < 0 and high <= LEAST_WHITE:
        if low >= -0.25 and 1 < high <= 1.25:  # resizing went beyond 0 and 1
            return f"{_scaling(high)}, or give raw pixels as uint8"
        if low >= -1 and high <= 1:
            return "if they were scaled to -1..1, give (x + 1) * 127.5"
        return "give them before any mean is subtracted"
    if -OVERSHOOT <= low and high <= WHITE + OVERSHOOT:
        return (
            "give them before any mean is subtracted, or, if resizing went "
            "beyond 0 and 255, numpy.clip(numpy.round(x), 0, 255)"
        )
    if low < 0:
        return "give them before any mean is subtracted"
    bits = next((b for b in (10, 12, 14, 16) if high < 2**b), None)
    if bits is None:
        return "scale them to 0..255 first"
    return (
        f"if they have {bits} bits, give numpy.round(x * (255 / {2**bits - 1}))"
    )


def _scaling(high: float) -> str:
    """Returns how to scale pixels whose white is near some maximum."""
    if high <= 1.25:
        return "give numpy.round(numpy.clip(x, 0, 1) * 255)"
    white = next(w for w in (2, 4, 8, 16, 32, 64, LEAST_WHITE) if high <= w)
    return (
        f"if they are scaled to 0..{white}, give numpy.round(x * (255 / "
        f"{white}))"
    )


def dark(found: tuple[int, int] | None) -> str | None:
    """Says that the pixels of a data set lie far below 255.

    Args:
        found: the smallest and the largest of its training images.
    """
    if found is None or not 0 < found[1] <= DARK:
        return None
    low, high = found
    return (
        f"all pixels of the training images lie between {low} and {high}, of "
        "0..255: if they are scaled, bring them to 0..255 first."
    )


def are_apart(one: int, other: int) -> bool:
    """Whether two maxima are too different for one scale."""
    small, large = sorted((one, other))
    return 0 < small <= LEAST_WHITE and small * APART <= large


def other_than_trained(given: int, trained: tuple[int, int]) -> str | None:
    """Says that images have another range than the training images.

    Args:
        given: largest pixel of the images.
        trained: range of the training images.
    """
    if not are_apart(given, trained[1]):
        return None
    return (
        f"the largest pixel is {given}, and of the training images it is "
        f"{trained[1]}: if they are scaled differently, predictions are wrong."
    )
