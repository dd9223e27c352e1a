"""Examples from Python, batch by batch: arrays, tf.data, Hugging Face, ...

Nothing here imports datasets or pandas: their objects are known by what they
have. A batch is images, labels and weights or `None`, as they were given;
`PixelConverter` makes raw pixels of the images.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from zoo.data import image_files
from zoo.data.arrays import (
    MIN_WHITE,
    check_pixels,
    find_pixel_problem,
    is_one_hot,
)
from zoo.data.image_table import LABEL_COLUMNS, WEIGHT_COLUMNS, first_of
from zoo.data.loading import TEST, TRAIN, VAL
from zoo.errors import UserError, join_and, join_or

CHUNK_SIZE = 256  # images that are converted at a time
ARGUMENTS = {TRAIN: "data", VAL: "validation_data", TEST: "test_data"}
KINDS = (
    "arrays (x, y), a tf.data.Dataset, a keras.utils.PyDataset, a Hugging Face "
    "Dataset, or a DataFrame of paths and labels"
)
PART_NAMES = {
    "train": TRAIN,
    "validation": VAL,
    "valid": VAL,
    "val": VAL,
    "test": TEST,
}
IMAGE_COLUMNS = ("image", "img", "pixel_values", "x")

# Images, labels and weights of some examples, as they were given.
Batch = tuple[Any, Any, Any]


@dataclasses.dataclass(frozen=True)
class Examples:
    """Examples to be read once, in order.

    Attributes:
        batches: Batches of images, labels, and weights or `None`.
        count: Number of examples; `None` where it is not known.
        class_names: Names of the classes 0..K-1, if they are known.
        in_memory: Whether all of it is in memory already.
        read_again: Starts another reading, as that of the next epoch, which
            may come in another order; `None` where examples have an index.
    """

    batches: Iterable[Batch]
    count: int | None = None
    class_names: tuple[str, ...] | None = None
    in_memory: bool = False
    read_again: Callable[[], Iterator[Batch]] | None = None


def split_parts(
    data: Any, validation_data: Any, test_data: Any
) -> dict[str, Any]:
    """Returns what was given for each split.

    Args:
        data: training data; or a mapping of splits, as a `DatasetDict` is; or
            `(x, y), (x_test, y_test)`, as `keras.datasets` returns.
        validation_data: of the validation split, if given.
        test_data: of the test split, if given.

    Raises:
        UserError: a split is given twice.
    """
    parts = {TRAIN: data}
    if isinstance(data, Mapping):
        known = {k: PART_NAMES.get(str(k).lower()) for k in data}
        unknown = [str(k) for k, split in known.items() if split is None]
        if unknown or TRAIN not in known.values():
            raise UserError(
                f"data has the parts {join_and(map(str, data))}; give train, "
                "and validation and test if there."
            )
        parts = {known[key]: part for key, part in data.items()}
    elif _is_pair(data) and all(map(_has_examples, data)):
        parts = {TRAIN: data[0], TEST: data[1]}
    for split_name, part in ((VAL, validation_data), (TEST, test_data)):
        if part is None:
            continue
        if split_name in parts:
            raise UserError(
                f"data has a {split_name} part already; leave out "
                f"{ARGUMENTS[split_name]}, or that part."
            )
        parts[split_name] = part
    return parts


def _is_pair(data: Any) -> bool:
    return isinstance(data, tuple | list) and len(data) == 2


def _has_examples(part: Any) -> bool:
    """Whether one of two parts is a pair (x, y), and not two labels."""
    return _is_pair(part) and _num_dimensions(part[0]) >= 2


def _num_dimensions(value: Any) -> int:
    if isinstance(value, tuple | list):
        return 1 + (_num_dimensions(value[0]) if value else 0)
    return np.ndim(value)


# What is given, as batches.


def open_examples(
    data: Any,
    name: str,
    image_size: int | tuple[int, int] | None = None,
    resize: str = "crop",
) -> Examples:
    """Returns the examples of one split, without reading them yet.

    Args:
        data: in one of the forms that this module knows.
        name: name of the argument, for errors.
        image_size: side, or height and width, to which images of a Hugging
            Face dataset are resized.
        resize: what becomes of another aspect ratio, see `image_files`.

    Raises:
        UserError: it is something else, or has no end.
    """
    if isinstance(data, tuple | list) and len(data) in (2, 3):
        return _of_arrays(data, name)
    if hasattr(data, "element_spec") and hasattr(data, "cardinality"):
        return _of_tf_data(data, name)
    if hasattr(data, "column_names") and hasattr(data, "features"):
        return _of_hugging_face(
            data, name, _ImageReader(name, image_size, resize)
        )
    if hasattr(type(data), "num_batches") and hasattr(data, "__getitem__"):
        return _of_py_dataset(data, name)
    if isinstance(data, np.ndarray):
        raise UserError(
            f"{name} is a single array, without labels; give the pair (x, y)."
        )
    if hasattr(data, "__next__"):
        raise UserError(
            f"{name} is a generator, whose end is not known; give {KINDS}."
        )
    if isinstance(data, tuple | list):
        raise UserError(
            f"{name} has {len(data)} parts; give (x, y) or "
            "(x, y, sample_weight)."
        )
    raise UserError(
        f"{data!r:.60} is not a dataset; give a name, a path, {KINDS}."
    )


def _of_arrays(data: Any, name: str) -> Examples:
    try:
        x, y, *rest = (np.asarray(part) for part in data)
    except ValueError:  # rows of several lengths
        raise UserError(
            f"the parts of {name} are no arrays: their items have several "
            "shapes; give images of one size, and one label for each."
        ) from None
    weight = rest[0] if rest else None
    if x.ndim < 3 or x.ndim > 4 or x.ndim == 4 and x.shape[3] > 4:
        check_pixels(x, f"x of {name}")
    if not len(x):
        raise UserError(f"x of {name} has no images; give at least one.")
    for what, part in (("y", y), ("sample_weight", weight)):
        if part is not None and part.shape[:1] != x.shape[:1]:
            count = len(part) if part.ndim else 0
            noun = {"y": "labels", "sample_weight": "weights"}[what]
            raise UserError(
                f"x of {name} has {len(x):,} images and {what} {count:,} "
                f"{noun}; give one for each image."
            )

    def batches() -> Iterator[Batch]:
        for start in range(0, len(x), CHUNK_SIZE):
            rows = slice(start, start + CHUNK_SIZE)
            yield x[rows], y[rows], None if weight is None else weight[rows]

    return Examples(batches(), len(x), in_memory=True)


def _of_tf_data(data: Any, name: str) -> Examples:
    if int(data.cardinality()) == -1:
        raise UserError(
            f"{name} is a tf.data.Dataset that repeats without end; leave out "
            "repeat(), or add take(N)."
        )

    def batches() -> Iterator[Batch]:
        singles = []
        for element in data.as_numpy_iterator():
            x, y, weight = _fields(element, name)
            x, y = np.asarray(x), np.asarray(y)
            if _is_batch(x, y):
                yield x, y, weight
                continue
            singles.append((x, y, weight))
            if len(singles) == CHUNK_SIZE:
                yield _stack(singles, name)
                singles = []
        if singles:
            yield _stack(singles, name)

    return Examples(batches(), class_names=_names_of(data), read_again=batches)


def _is_batch(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether an element is a batch, and not a single image and its label."""
    if x.ndim != 3 or y.shape[:1] != x.shape[:1]:
        return x.ndim == 4
    # [B, H, W] and [B], or [H, W, C] and one-hot [K], where K is H.
    return x.shape[2] not in (1, 3, 4) or not is_one_hot(y[None])


def _of_py_dataset(data: Any, name: str) -> Examples:
    try:
        count = data.num_batches
    except NotImplementedError:
        raise UserError(
            f"{name} is a PyDataset without __len__; define it as its number "
            "of batches."
        ) from None
    if count is None:
        raise UserError(
            f"{name} is a PyDataset without end, as its num_batches is None; "
            "give it a number of batches."
        )

    def batches() -> Iterator[Batch]:
        for index in range(count):
            yield _fields(data[index], name)

    def read_again() -> Iterator[Batch]:
        data.on_epoch_end()  # where a PyDataset shuffles
        return batches()

    return Examples(
        batches(), class_names=_names_of(data), read_again=read_again
    )


def _names_of(data: Any) -> tuple[str, ...] | None:
    """Returns the names that Keras attaches to a dataset of a folder."""
    names = getattr(data, "class_names", None)
    return tuple(map(str, names)) if names else None


def _fields(element: Any, name: str) -> Batch:
    """Returns images, labels and weights of one element."""
    if isinstance(element, Mapping):
        found = {str(key): value for key, value in element.items()}
        x, y, weight = (
            first_of(found, names)
            for names in (IMAGE_COLUMNS, LABEL_COLUMNS, WEIGHT_COLUMNS)
        )
        if x is not None and y is not None:
            return found[x], found[y], weight and found[weight]
    elif isinstance(element, tuple | list) and len(element) in (2, 3):
        x, y, weight = (*element, None)[:3]
        if not isinstance(x, Mapping) and not isinstance(y, Mapping):
            return x, y, weight
    raise UserError(
        f"{name} has elements that are not pairs of images and labels; give "
        "(x, y), or (x, y, sample_weight)."
    )


def _stack(singles: list[Batch], name: str) -> Batch:
    shapes = sorted({x.shape for x, _, _ in singles})
    if len(shapes) > 1:
        raise UserError(
            f"{name} has images of several shapes, such as {shapes[0]} and "
            f"{shapes[-1]}; resize all to one."
        )
    images, labels, weights = zip(*singles, strict=True)
    return (
        np.stack(images),
        np.array(labels),
        None if weights[0] is None else np.array(weights),
    )


def _of_hugging_face(data: Any, name: str, images: _ImageReader) -> Examples:
    features = data.features or {}
    kinds = {key: type(kind).__name__ for key, kind in features.items()}
    image = next((key for key, kind in kinds.items() if kind == "Image"), None)
    image = image or first_of(kinds, IMAGE_COLUMNS)
    labels = [key for key, kind in kinds.items() if kind == "ClassLabel"]
    label = first_of(kinds, LABEL_COLUMNS)
    if label is None and len(labels) == 1:
        label = labels[0]
    if image is None or label is None:
        what = "image" if image is None else "label"
        candidates = join_or(labels or kinds) or "a column"
        raise UserError(
            f"{name} has no column {what}; rename one, as in "
            f"data.rename_column({candidates.split()[0].strip(',')!r}, "
            f"{what!r})."
        )
    weight = first_of(kinds, WEIGHT_COLUMNS)
    names = getattr(features[label], "names", None)
    try:
        count = len(data)
    except TypeError:
        count = None  # streamed

    def columns() -> Iterator[Mapping[str, Any]]:
        if count is None:
            yield from data.iter(CHUNK_SIZE)
            return
        for start in range(0, count, CHUNK_SIZE):
            yield data[start : start + CHUNK_SIZE]

    def batches() -> Iterator[Batch]:
        for batch in columns():
            yield (
                images.stack(batch[image]),
                np.asarray(batch[label]),
                weight and batch[weight],
            )

    return Examples(
        batches(),
        count,
        names and tuple(names),
        read_again=batches if count is None else None,
    )


class _ImageReader:
    """Makes arrays of the images of a Hugging Face dataset.

    The first batch decides whether all are gray or in color.

    Args:
        name: name of the argument, for errors.
        image_size: side, or height and width, to resize to, if given.
        resize: what becomes of another aspect ratio.
    """

    def __init__(
        self,
        name: str,
        image_size: int | tuple[int, int] | None,
        resize: str,
    ):
        self._name = name
        self._size = image_size
        self._resize = resize
        self._channels: int | None = None

    def stack(self, images: Iterable[Any]) -> np.ndarray:
        """Returns images or arrays as one array."""
        images = list(images)
        if not hasattr(images[0], "convert"):
            return np.stack([np.asarray(image) for image in images])
        modes = {image.mode for image in images}
        is_gray = modes <= set(image_files.GRAY_MODES)
        if self._channels is None:
            self._channels = 1 if is_gray else 3
        if self._channels == 1 and not is_gray:
            raise UserError(
                f"{self._name} begins with gray images and has others later; "
                'convert all, as in image.convert("RGB").'
            )
        arrays = [self._pixels(image) for image in images]
        shapes = sorted({array.shape[:2] for array in arrays})
        if len(shapes) > 1:
            (h, w), (height, width) = shapes[0], shapes[-1]
            raise UserError(
                f"{self._name} has images of several sizes, such as {h}x{w} "
                f"and {height}x{width}; give image_size=64 or another side to "
                "resize all to."
            )
        return np.stack(arrays)

    def _pixels(self, image: Any) -> np.ndarray:
        name = f"an image of {self._name}"
        pixels = image_files.to_pixels(image, self._channels, name)
        if self._size is None:
            return pixels
        size = image_files.height_and_width(self._size)
        spec = image_files.ImageSpec((*size, self._channels), self._resize)
        return image_files.resize_to_spec(pixels, spec, name)


# Pixels.


class PixelConverter:
    """Converts batches of images to uint8 `[B, H, W, C]`.

    The first batch decides whether floats lie in 0..1, which are multiplied by
    255, or in 0..255; fractions are rounded. What is neither is refused, at
    the latest at the end, where the range of all is known.

    Args:
        name: name of the argument, for errors.
    """

    def __init__(self, name: str):
        self._what = f"x of {name}"
        self._shape: tuple[int, ...] | None = None
        self._low, self._high = np.inf, -np.inf
        self._is_unit = False
        self._fraction: float | None = None  # a value that was rounded
        self._is_float = False

    def convert(self, x: Any) -> np.ndarray:
        """Returns the raw pixels of one batch."""
        x = np.asarray(x)
        if x.dtype.kind not in "uif" or x.ndim not in (3, 4) or not x.size:
            return check_pixels(x, self._what)  # raises why not
        x = x[..., None] if x.ndim == 3 else x
        if x.shape[3] > 4:
            return check_pixels(x, self._what)
        if self._shape is None:
            self._shape = x.shape[1:]
        elif x.shape[1:] != self._shape:
            raise UserError(
                f"{self._what} has images of several shapes, such as "
                f"{self._shape} and {x.shape[1:]}; resize all to one."
            )
        low, high = float(x.min()), float(x.max())
        is_first = self._low == np.inf
        if x.dtype.kind == "f":
            self._is_float = True
            if not np.isfinite(low + high):
                self._refuse(x)
            if is_first:
                self._is_unit = 0 <= low and 0 < high <= 1
            if self._is_unit:
                return self._from_unit(x, low, high)
        self._low, self._high = min(self._low, low), max(self._high, high)
        if low < 0 or high > 255:
            self._refuse(x)
        if x.dtype.kind == "f":
            rounded = np.rint(x)
            different = rounded != x
            if self._fraction is None and different.any():
                self._fraction = float(x[different].flat[0])
            x = rounded
        return x.astype(np.uint8, copy=False)

    def _from_unit(self, x: np.ndarray, low: float, high: float) -> np.ndarray:
        if low < 0 or high > 1:
            raise UserError(
                f"{self._what} begins with pixels of 0..1, and has some "
                f"between {low:g} and {high:g} later; give all as 0..255."
            )
        self._low, self._high = min(self._low, low), max(self._high, high)
        scaled = x.astype(np.float64) * 255
        rounded = np.rint(scaled)
        # A pixel k/255 in half precision is this far from k at most.
        if self._fraction is None and (abs(scaled - rounded) > 0.07).any():
            self._fraction = float(x.flat[0])
        return rounded.astype(np.uint8)

    def _refuse(self, x: np.ndarray) -> None:
        description, remedy = find_pixel_problem(x) or ("is unusable", "")
        raise UserError(f"{self._what} {description}; {remedy}.")

    @property
    def is_unit(self) -> bool:
        """Whether the pixels lay in 0..1 and were multiplied by 255."""
        return self._is_unit

    def finish(self) -> list[str]:
        """Returns sentences about what was changed.

        Raises:
            UserError: the pixels of all are not on the scale 0..255.
        """
        if self._is_unit:
            rounded = " and rounded" if self._fraction is not None else ""
            return [
                f"{self._what} lay between 0 and 1 and was multiplied by 255"
                f"{rounded}: the saved model takes pixels 0..255."
            ]
        kind = np.float64 if self._is_float else np.int64
        ends = [self._low, self._high]
        if self._fraction is not None:
            ends.append(self._fraction)
        if self._fraction is None or self._high < MIN_WHITE:
            if find_pixel_problem(np.array(ends, kind)):
                self._refuse(np.array(ends, kind))
            return []
        return [f"{self._what} had fractions, which were rounded."]
