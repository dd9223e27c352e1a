"""Arrays of images and labels: in memory or in their file, and validated.

Raw pixels are whole numbers 0..255; anything else is refused with a sentence
that names the remedy. Nothing is rounded, clipped or scaled here.

An array of at most `MAX_IN_MEMORY_BYTES` is read into memory. A larger one is
memory-mapped: the operating system reads what is asked for and drops it when
memory runs short. `Split.images` is then a `MemmapView`, which behaves like an
array as long as it is asked for some rows at a time.
"""

from __future__ import annotations

import dataclasses
import math
import mmap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from zoo.errors import UserError, join_and

MAX_IN_MEMORY_BYTES = 2**30
CHUNK_BYTES = 2**23  # read at a time by loops over all rows


class MemmapView:
    """Some rows of an array, in some order, without copying them.

    Indexing with several rows (`view[3:8]`, `view[[5, 2]]`) returns an array
    in memory, with one row (`view[i]`) a view of the file. Iteration reads a
    chunk at a time. `numpy.asarray(view)` reads all rows.

    Args:
        base: an array `[N, ...]` that need not be in memory.
        indices: selected rows, int64 `[M]`; all rows by default.
    """

    def __init__(self, base: np.ndarray, indices: np.ndarray | None = None):
        # A plain array: indexing a numpy.memmap runs more Python code.
        self._base = base.view(np.ndarray)
        self._indices = np.arange(len(base)) if indices is None else indices
        self.dtype = base.dtype
        self.shape = (len(self._indices), *base.shape[1:])
        self.ndim = base.ndim
        self.size = math.prod(self.shape)
        self.nbytes = self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        for chunk in iter_chunks(self):
            yield from chunk

    def __getitem__(self, key: Any) -> np.ndarray:
        """Returns rows; the rest of a tuple indexes the axes of each row."""
        first, *rest = key if isinstance(key, tuple) else (key,)
        wanted = self._indices[first]
        if rest or np.ndim(wanted) == 0:
            return self._base[(wanted, *rest)]
        order = np.argsort(wanted, kind="stable")
        rows = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        # Sequential reads from the file, whatever order was asked for.
        rows[order] = self._base[wanted[order]]
        return rows

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def take(self, indices: np.ndarray) -> MemmapView:
        """Returns the rows at `indices`, int `[M]`, still in their file."""
        return MemmapView(self._base, self._indices[indices])


def load_or_memmap(array: np.ndarray | MemmapView) -> np.ndarray | MemmapView:
    """Reads a small memory-mapped array; wraps a large one in a view.

    Args:
        array: in memory, where it stays, or memory-mapped from a file.
    """
    if isinstance(array, MemmapView) or not _is_memmapped(array):
        return array
    if array.nbytes > MAX_IN_MEMORY_BYTES:
        return MemmapView(array)
    return np.array(array)


def take(
    array: np.ndarray | MemmapView, indices: np.ndarray
) -> np.ndarray | MemmapView:
    """Returns the rows at `indices`: a copy only of what is in memory."""
    if isinstance(array, MemmapView):
        return array.take(indices)
    return array[indices]


def iter_chunks(array: np.ndarray | MemmapView) -> Iterator[np.ndarray]:
    """Yields all rows in order, about `CHUNK_BYTES` at a time."""
    step = rows_per_chunk(CHUNK_BYTES, array.shape, array.dtype.itemsize)
    for start in range(0, len(array), step):
        yield array[start : start + step]


def rows_per_chunk(
    num_bytes: int, shape: tuple[int, ...], item_bytes: int
) -> int:
    """Returns how many rows of `[N, ...]` fit `num_bytes`, at least 1."""
    return max(1, num_bytes // max(1, math.prod(shape[1:]) * item_bytes))


def _is_memmapped(array: Any) -> bool:
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    return array is not None


# Validation of images and labels that users bring, as arrays or in files.
#
# Raw pixels are whole numbers 0..255; anything else is refused with a sentence
# that names the remedy. Nothing is rounded, clipped or scaled here.


WHITE = 255
# Floats with a smaller maximum are either scaled or dark; which is unknown.
MIN_WHITE = 100
MAX_DARK = 32  # the largest maximum of integers that is warned about
MAX_OVERSHOOT = 64  # how far interpolation goes beyond 0..255
SCALE_FACTOR = 4  # between the maxima of two arrays of different scale
BINARY = (
    "lies between 0 and 1, and raw pixels are whole numbers 0..255",
    "multiply by 255",
)
DTYPE_NAMES = {
    "O": "Python objects", "b": "booleans", "c": "complex numbers",
    "M": "dates", "m": "time spans", "V": "records", "S": "bytes", "U": "text",
}  # fmt: skip


def check_examples(
    x: np.ndarray, y: np.ndarray, name: str, keys: tuple[str, str] = ("x", "y")
) -> tuple[np.ndarray, np.ndarray]:
    """Validates labelled images.

    Args:
        x: raw pixels 0..255, `[N, H, W, C]` or `[N, H, W]`.
        y: class indices from 0, `[N]` or `[N, 1]`.
        name: name of the data in error messages.
        keys: names of the two arrays in error messages.

    Returns:
        Images, uint8 `[N, H, W, C]`, and labels, int32 `[N]`.

    Raises:
        UserError: one of them is invalid, or their lengths differ.
    """
    images = check_pixels(np.asarray(x), f"{keys[0]} of {name}")
    labels = _check_labels(np.asarray(y), f"{keys[1]} of {name}")
    if len(images) != len(labels):
        raise UserError(
            f"{keys[0]} of {name} has {len(images):,} images and {keys[1]} "
            f"{len(labels):,} labels; give one label per image."
        )
    return images, labels


def check_classes(
    labels: np.ndarray, class_names: Sequence[str] | None, name: str
) -> tuple[str, ...]:
    """Returns a name for each class of the training labels.

    Args:
        labels: int32 `[N]`, not negative, at least one.
        class_names: `K` names; the labels themselves by default.
        name: name of the data in error messages.

    Raises:
        UserError: there are fewer than two classes, a class has no images,
            or the number of names differs.
    """
    if labels.max() >= len(labels):
        raise UserError(
            f"{name} has the label {labels.max()}, but only {len(labels):,} "
            "images; number the classes 0 to K-1 without gaps."
        )
    counts = np.bincount(labels)
    if len(counts) < 2:
        raise UserError(
            f"{name} has only one class; give labels of at least two classes."
        )
    if not counts.all():
        raise UserError(
            f"{name} has labels up to {len(counts) - 1}, but none of class "
            f"{counts.argmin()}; number the classes 0 to K-1 without gaps."
        )
    if class_names is None:
        return tuple(str(label) for label in range(len(counts)))
    if len(class_names) != len(counts):
        raise UserError(
            f"{name} has {len(counts)} classes and {len(class_names)} class "
            "names; give one name per class."
        )
    names = tuple(str(class_name) for class_name in class_names)
    for label, class_name in enumerate(names):
        if not class_name.strip():
            raise UserError(
                f"the class name of label {label} of {name} is empty; give "
                "each class a name."
            )
        if class_name in names[:label]:
            raise UserError(
                f"{name} has the class name {class_name} twice; give each "
                "class its own name."
            )
    return names


@dataclasses.dataclass(frozen=True)
class LabelEncoding:
    """How labels of the user's own become class indices.

    Attributes:
        class_names: One name per class.
        values: The label of each class: numbers or text.
        note: Sentence about what was changed; empty if nothing was.
    """

    class_names: tuple[str, ...]
    values: np.ndarray
    note: str = ""

    @classmethod
    def of(
        cls, y: np.ndarray, class_names: Sequence[str] | None, what: str
    ) -> LabelEncoding:
        """Finds the classes of training labels.

        Args:
            y: classes 0..K-1 or 1..K, text, or one-hot rows `[N, K]`.
            class_names: names of the classes 0..K-1, if they are known, or of
                the classes in their order where the labels are text.
            what: name of the labels in error messages.

        Raises:
            UserError: they are not the labels of at least two classes.
        """
        note = ""
        if is_one_hot(y):
            note = f"{what} is one-hot: its columns are the classes."
            values = np.arange(y.shape[1])
            _check_all_present(y.argmax(axis=1), values, what)
        else:
            flat = _flat_labels(y, what)
            values = np.unique(flat)
            if flat.dtype.kind == "U" and class_names is not None:
                values = _named_values(values, class_names, what)
            elif flat.dtype.kind == "U":
                note = f"{what} is text: the classes are sorted by name."
            elif class_names is not None and values[-1] < len(class_names):
                values = np.arange(len(class_names))
                _check_all_present(flat, values, what)
            elif values[0] == 1 and values[-1] == len(values) > 1:
                note = (
                    f"{what} counts the classes from 1: 1 to {values[-1]} "
                    f"became 0 to {values[-1] - 1}, with their names kept."
                )
            else:
                check_classes(flat, None, what)
        if len(values) < 2:
            raise UserError(
                f"{what} has only one class; give labels of at least two "
                "classes."
            )
        if class_names is None:
            class_names = [str(value) for value in values]
        labels = np.arange(len(values))
        return cls(check_classes(labels, class_names, what), values, note)

    def encode(
        self, y: np.ndarray, what: str, names: Sequence[str] | None = None
    ) -> np.ndarray:
        """Returns class indices, int32 `[N]`.

        Args:
            y: labels of the kind that the training labels have.
            what: name of the labels in error messages.
            names: names of the classes 0..K-1 of these labels, if they are
                known: the same class may have another number in training.

        Raises:
            UserError: a label is of no class of the training labels.
        """
        if names is not None:
            y = _as_names(y, [str(name).strip() for name in names], what)
        if is_one_hot(y) and y.shape[1] == len(self.values):
            return y.argmax(axis=1).astype(np.int32)
        flat = _flat_labels(y, what)
        known = self.values
        is_text = flat.dtype.kind == "U"
        if is_text != (known.dtype.kind == "U"):
            class_names = np.char.strip(np.array(self.class_names, str))
            if is_text and np.isin(flat, class_names).any():
                known = class_names
            else:
                kinds = ("numbers", "text")
                raise UserError(
                    f"{what} holds {kinds[is_text]} and the training labels "
                    f"{kinds[not is_text]}; give both as the same."
                )
        unknown = ~np.isin(flat, known)
        if unknown.any():
            some = ", ".join(str(value) for value in known[:5])
            more = ", ..." if len(known) > 5 else ""
            raise UserError(
                f"{what} has the class {flat[unknown][0]}, and the training "
                f"data only {some}{more}."
            )
        order = np.argsort(known)
        places = np.searchsorted(known, flat, sorter=order)
        return order[places].astype(np.int32)


def _named_values(
    values: np.ndarray, class_names: Sequence[str], what: str
) -> np.ndarray:
    """Returns labels that are text in the order of the class names."""
    names = np.char.strip(np.array(class_names, str))
    unknown = ~np.isin(values, names)
    if unknown.any():
        raise UserError(
            f"{what} has the class {values[unknown][0]}, which is no class "
            f"name; the class names are {join_and(names[:5].tolist())}"
            f"{' and more' if len(names) > 5 else ''}."
        )
    _check_all_present(values, names, what)
    return names


def _as_names(y: np.ndarray, names: Sequence[str], what: str) -> np.ndarray:
    """Returns labels as names of classes, those that are text as they are."""
    if is_one_hot(y) and y.shape[1] == len(names):
        numbers = y.argmax(axis=1)
    else:
        numbers = _flat_labels(y, what)
        if numbers.dtype.kind == "U":
            return numbers
    if numbers.size and numbers.max() >= len(names):
        raise UserError(
            f"{what} has the class {numbers.max()}, and there are "
            f"{len(names)} class names; number the classes from 0."
        )
    return np.array(names, str)[numbers]


def is_one_hot(y: np.ndarray) -> bool:
    """Whether labels are rows with a single 1."""
    return (
        y.ndim == 2
        and y.shape[1] > 1
        and y.dtype.kind in "uifb"
        and bool(((y == 0) | (y == 1)).all())
        and bool((y.sum(axis=1) == 1).all())
    )


def _check_all_present(y: np.ndarray, values: np.ndarray, what: str) -> None:
    missing = ~np.isin(values, y)
    if missing.any():
        raise UserError(
            f"{what} has {len(values)} classes, but no example of class "
            f"{values[missing][0]}; give at least one of each."
        )


def _flat_labels(y: np.ndarray, what: str) -> np.ndarray:
    """Returns labels as int64 or text, `[N]`."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.dtype.kind == "O" and y.ndim == 1:
        if all(isinstance(label, str | bytes) for label in y):
            y = np.array([_text(label) for label in y])
    elif y.dtype.kind == "S":
        y = np.array([_text(label) for label in y.flat]).reshape(y.shape)
    if y.dtype.kind == "U" and y.ndim == 1:
        return np.char.strip(y)
    if y.dtype.kind == "b" and y.ndim == 1:
        return y.astype(np.int64)
    return _check_labels(y, what).astype(np.int64)


def _text(label: str | bytes) -> str:
    if isinstance(label, str):
        return label
    try:
        return label.decode()
    except UnicodeDecodeError:
        return label.decode("latin-1")  # which has a character for each byte


def _check_labels(y: np.ndarray, what: str) -> np.ndarray:
    """Returns int32 `[N]`."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise UserError(
            f"{what} has the shape {list(y.shape)}; labels are [N], one whole "
            "number per image."
        )
    if y.dtype.kind not in "uif":
        raise UserError(
            f"{what} holds {_describe_dtype(y)}, not numbers; give the "
            "classes as whole numbers 0 to K-1."
        )
    invalid = ~np.isfinite(y) | (y < 0) | (y != np.floor(y)) | (y >= 2**31)
    if invalid.any():
        raise UserError(
            f"{what} holds the label {y[invalid][0]}; give the classes as "
            "whole numbers 0 to K-1."
        )
    return y.astype(np.int32)


def check_sample_weight(weight: object, count: int, what: str) -> np.ndarray:
    """Returns the weight of each example, float32 `[N]`.

    Raises:
        UserError: they are not N numbers of at least 0.
    """
    try:
        found = np.asarray(weight, np.float32)
    except (TypeError, ValueError):
        raise UserError(
            f"{what} is not numbers; give a number of at least 0 for each "
            "image."
        ) from None
    if found.shape == (count, 1):
        found = found[:, 0]
    if found.shape != (count,):
        raise UserError(
            f"{what} has the shape {list(found.shape)}; give one weight for "
            f"each of the {count:,} images."
        )
    invalid = ~np.isfinite(found) | (found < 0)
    if invalid.any():
        raise UserError(
            f"{what} holds {found[invalid][0]:g}; give numbers of at least 0."
        )
    return found


def check_pixels(
    x: np.ndarray, what: str, trained_range: tuple[int, int] | None = None
) -> np.ndarray:
    """Validates images and returns them as uint8 `[N, H, W, C]`.

    Args:
        x: raw pixels, `[N, H, W, C]` or `[N, H, W]`, integers or floats.
        what: name of the array in error messages.
        trained_range: smallest and largest pixel that a model was trained on.
            Floats in that range are raw pixels, even if it is far below 255.

    Raises:
        UserError: the shape or the values are not those of images.
    """
    if x.dtype.kind not in "uif":
        raise UserError(
            f"{what} holds {_describe_dtype(x)}; give pixels 0..255."
        )
    if x.ndim not in (3, 4) or not x.size or x.ndim == 4 and x.shape[3] > 4:
        raise UserError(
            f"{what} has the shape {list(x.shape)}; images are [N, H, W, C], "
            "or [N, H, W] for gray images, with 1 to 4 channels and at least "
            "one image."
        )
    problem = find_pixel_problem(x, trained_range)
    if problem is not None:
        description, remedy = problem
        raise UserError(f"{what} {description}; {remedy}.")
    x = x.astype(np.uint8, copy=False)
    return x[..., None] if x.ndim == 3 else x


def find_pixel_problem(
    values: np.ndarray, trained_range: tuple[int, int] | None = None
) -> tuple[str, str] | None:
    """Describes why numbers are not raw pixels, and the remedy.

    Args:
        values: integers or floats, at least one.
        trained_range: see `check_pixels`.

    Returns:
        A predicate such as "lies between ...", and what to do; `None` for
        raw pixels.
    """
    if values.dtype == np.uint8:
        return BINARY if _is_binary(values) else None
    count = int(np.sum(~np.isfinite(values))) if values.dtype.kind == "f" else 0
    if count:
        noun = "value that is" if count == 1 else "values that are"
        return f"holds {count:,} {noun} NaN or infinite", "give pixels 0..255"
    remedy = _remedy(values, trained_range)
    if remedy is None:
        return None
    return (
        f"lies between {float(values.min()):g} and {float(values.max()):g}"
        f"{' with fractions' if _has_fractions(values) else ''}, and raw "
        "pixels are whole numbers 0..255",
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
    return iter([values]) if values.ndim < 3 else iter_chunks(values)


def _has_fractions(values: np.ndarray) -> bool:
    is_float = values.dtype.kind == "f"
    return is_float and not np.array_equal(values, np.rint(values))


def _remedy(
    values: np.ndarray, trained_range: tuple[int, int] | None
) -> str | None:
    """Returns how to make raw pixels of values; `None` if they are."""
    low, high = float(values.min()), float(values.max())
    is_float = values.dtype.kind == "f"
    if low < 0 or high > WHITE:
        return _remedy_outside(low, high)
    if high == 0:
        return None
    if high <= 1:
        return "multiply by 255"
    fractions = _has_fractions(values)
    if fractions and high > MIN_WHITE:
        return "round them: numpy.round(x)"
    if fractions or (is_float and high < MIN_WHITE):
        if (
            trained_range
            and high <= trained_range[1] < MIN_WHITE
            and not fractions
        ):
            return None
        return f"{_rescaling(high)}, or give raw pixels as uint8"
    return None


def _remedy_outside(low: float, high: float) -> str:
    """Returns the remedy for values below 0 or above 255."""
    if low < 0 and high <= MIN_WHITE:
        # Interpolation of pixels in 0..1 goes a little beyond.
        if low >= -0.25 and 1 < high <= 1.25:
            return f"{_rescaling(high)}, or give raw pixels as uint8"
        if low >= -1 and high <= 1:
            return "if they were scaled to -1..1, give (x + 1) * 127.5"
        return "give them before any mean is subtracted"
    if -MAX_OVERSHOOT <= low and high <= WHITE + MAX_OVERSHOOT:
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


def _rescaling(high: float) -> str:
    """Returns how to rescale pixels whose white is at some maximum."""
    if high <= 1.25:
        return "give numpy.round(numpy.clip(x, 0, 1) * 255)"
    white = next(w for w in (2, 4, 8, 16, 32, 64, MIN_WHITE) if high <= w)
    return (
        f"if they are scaled to 0..{white}, give numpy.round(x * (255 / "
        f"{white}))"
    )


def _describe_dtype(values: np.ndarray) -> str:
    """Returns in words the type of an array that is not of numbers."""
    return DTYPE_NAMES.get(values.dtype.kind, str(values.dtype))


def pixel_range(images: np.ndarray | MemmapView) -> tuple[int, int]:
    """Returns the smallest and the largest pixel of uint8 `[N, H, W, C]`."""
    low, high = WHITE, 0
    for chunk in iter_chunks(images):
        low, high = min(low, int(chunk.min())), max(high, int(chunk.max()))
        if (low, high) == (0, WHITE):
            break
    return (low, high) if len(images) else (0, 0)


def dark_pixels_warning(found: tuple[int, int] | None) -> str | None:
    """Returns a warning for a dataset whose pixels are far below 255.

    Args:
        found: smallest and largest pixel of the training images.
    """
    if found is None or not 0 < found[1] <= MAX_DARK:
        return None
    low, high = found
    return (
        f"all pixels of the training images lie between {low} and {high}, of "
        "0..255: if they are scaled, rescale them to 0..255 first."
    )


def scales_differ(one: int, other: int) -> bool:
    """Whether two maxima are too different for pixels of one scale."""
    small, large = sorted((one, other))
    return 0 < small <= MIN_WHITE and small * SCALE_FACTOR <= large


def scale_mismatch_warning(
    high: int, trained_range: tuple[int, int]
) -> str | None:
    """Returns a warning for images scaled unlike the training images.

    Args:
        high: largest pixel of the images.
        trained_range: smallest and largest pixel of the training images.
    """
    if not scales_differ(high, trained_range[1]):
        return None
    return (
        f"the largest pixel is {high}, and that of the training images is "
        f"{trained_range[1]}: if they are scaled differently, the predictions "
        "are wrong."
    )
