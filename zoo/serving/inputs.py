"""New examples from files and arrays, in the form that a run takes.

Image files are decoded and resized by the functions that made the training
data of `folder:PATH --image_size=N`: cropped, padded or squashed as those
were. Arrays are taken as they are, and refused unless they hold raw pixels of
the model's own size.
"""

from __future__ import annotations

import dataclasses
import glob
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from zoo.data import image_files, npz
from zoo.data.arrays import check_pixels
from zoo.errors import UserError, close_matches, join_and, join_or

BATCH_SIZE = 256  # examples; predictions do not depend on it
ARRAY_KEY = "x"  # of the examples, where a .npz file holds several arrays
TEXT_SUFFIXES = (".csv", ".txt")


# Files.


@dataclasses.dataclass(frozen=True)
class InputFiles:
    """The files that paths, folders and patterns stand for.

    Attributes:
        paths: Files, each once, in the order given.
        skipped: A sentence about files in folders that are not images;
            `None` if there are none.
    """

    paths: list[Path]
    skipped: str | None


def find_files(words: Iterable[str]) -> InputFiles:
    """Returns the files that words stand for.

    Args:
        words: Paths of files; folders, which stand for the images at any
            depth inside, as in `folder:PATH`; patterns, such as `x/*.png`.

    Raises:
        UserError: a word matches nothing.
    """
    paths: list[Path] = []
    others: list[Path] = []
    for word in words:
        path = Path(word).expanduser()
        if path.is_dir():
            images, rest = _images_in(path)
            paths += images
            others += rest
        else:
            paths += _matching_files(word, path)
    counts = image_files.count_suffixes(dict.fromkeys(others))
    return InputFiles(
        list(dict.fromkeys(paths)), image_files.describe_skipped(counts)
    )


def _matching_files(word: str, path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not glob.has_magic(word):
        raise _missing_file(path)
    matches = sorted(map(Path, glob.glob(str(path), recursive=True)))
    files = [match for match in matches if match.is_file()]
    if not files:
        raise UserError(
            f"{word} matches no file; give the path of an image, of a folder "
            "of images, or another pattern."
        )
    return files


def _images_in(folder: Path) -> tuple[list[Path], list[Path]]:
    images, others = image_files.find_images(folder)
    if not images:
        skipped = image_files.describe_skipped(
            image_files.count_suffixes(others)
        )
        raise UserError(
            f"{folder} contains no images "
            f"({image_files.describe_suffixes()}); give a folder that "
            f"does.{' ' + skipped if skipped else ''}"
        )
    return images, others


def _missing_file(path: Path) -> UserError:
    folder = path.parent
    if path.exists():
        return UserError(
            f"{path} is not a regular file; give the path of an image."
        )
    if not folder.is_dir():
        return UserError(
            f"there is no file {path}, nor a folder {folder}; give the path "
            "of an image."
        )
    names = [entry.name for entry in folder.iterdir()]
    close = close_matches(path.name, names)
    if close:
        likely = join_or(str(folder / name) for name in close)
        return UserError(f"there is no file {path}; did you mean {likely}?")
    return UserError(
        f"there is no file {path}; give the path of an image, of a folder of "
        "images, or a pattern."
    )


# Batches.


@dataclasses.dataclass(frozen=True)
class UnreadableImage:
    """An image file that cannot be read, and why, as a sentence."""

    name: str
    reason: str


@dataclasses.dataclass(frozen=True)
class InputBatch:
    """Some examples, and the files among them that cannot be read.

    Attributes:
        names: Origin of each of the `N` examples.
        values: Raw pixels 0..255, uint8 `[N, H, W, C]`, or points, float32
            `[N, D]`.
        unreadable: Image files that are not among the examples.
        num_other_ratios: Number of images of another aspect ratio.
    """

    names: tuple[str, ...]
    values: np.ndarray
    unreadable: tuple[UnreadableImage, ...] = ()
    num_other_ratios: int = 0


def read_batches(
    paths: Sequence[Path],
    shape: tuple[int, ...],
    known: tuple[int, int] | None = None,
    resize: str = "crop",
) -> Iterator[InputBatch]:
    """Yields the examples of files, in their order.

    Args:
        paths: Images, `.npy` and `.npz` files; for a run on points, arrays
            and `.csv` files.
        shape: Shape of one example, `(H, W, C)` or `(D,)`.
        known: Smallest and largest pixel of the training images.
        resize: What becomes of another aspect ratio, as in training.

    Raises:
        UserError: a file does not hold what the run takes.
    """
    waiting: list[Path] = []
    for path in paths:
        names, values = _read_in_memory(path, shape, known)
        if values is None:
            waiting.append(path)
        if waiting and (values is not None or len(waiting) == BATCH_SIZE):
            yield _decode(waiting, shape, resize)
            waiting = []
        if values is not None:
            yield from _split(names, values)
    if waiting:
        yield _decode(waiting, shape, resize)


def array_batches(
    values: np.ndarray,
    shape: tuple[int, ...],
    known: tuple[int, int] | None = None,
) -> Iterator[InputBatch]:
    """Yields the examples of an array, as `read_batches` those of files.

    Args:
        values: Raw pixels 0..255, `[N, H, W, C]`, or points, `[N, D]`; or a
            single example.
        shape: Shape of one example, `(H, W, C)` or `(D,)`.
        known: Smallest and largest pixel of the training images.

    Raises:
        UserError: the array is not what the run takes.
    """
    if len(shape) == 1:
        names, values = check_points(values, shape[0], "points")
    else:
        names, values = check_images(values, shape, "images", known)
    yield from _split(names, values)


def _split(names: Sequence[str], values: np.ndarray) -> Iterator[InputBatch]:
    for start in range(0, len(names), BATCH_SIZE):
        part = slice(start, start + BATCH_SIZE)
        yield InputBatch(tuple(names[part]), values[part])


def _read_in_memory(
    path: Path, shape: tuple[int, ...], known: tuple[int, int] | None
) -> tuple[list[str], np.ndarray | None]:
    """Returns names and values of a file; `None` if it is an image file."""
    if len(shape) == 1:
        return read_points(path, shape[0])
    if path.suffix.lower() in npz.SUFFIXES:
        return read_images(path, shape, known)
    if shape[2] not in (1, 3):
        raise UserError(
            f"{path} would be read as an image file, but the model takes "
            f"images of {shape[2]} channels; give them as a NumPy .npy file."
        )
    return [], None


def _decode(
    paths: Sequence[Path], shape: tuple[int, ...], resize: str
) -> InputBatch:
    """Decodes image files in parallel; unreadable ones are listed apart."""
    form = image_files.ImageSpec(tuple(shape), resize)

    def decode(path: Path) -> tuple[np.ndarray, bool] | UnreadableImage:
        try:
            pixels = image_files.decode(path, shape[2])
            has_other_ratio = image_files.changes_aspect_ratio(
                pixels.shape[:2], shape[:2]
            )
            resized = image_files.resize_to_spec(pixels, form, path)
            return resized, has_other_ratio
        except UserError as error:
            return UnreadableImage(str(path), str(error))

    with image_files.refuse_decompression_bombs(), ThreadPoolExecutor() as pool:
        results = list(pool.map(decode, paths))
    good = [i for i, result in enumerate(results) if isinstance(result, tuple)]
    values = np.empty((len(good), *shape), np.uint8)
    for row, i in enumerate(good):
        values[row] = results[i][0]
    return InputBatch(
        tuple(str(paths[i]) for i in good),
        values,
        tuple(r for r in results if isinstance(r, UnreadableImage)),
        sum(results[i][1] for i in good),
    )


# Arrays of images.


def read_images(
    path: Path,
    shape: tuple[int, int, int],
    known: tuple[int, int] | None = None,
) -> tuple[list[str], np.ndarray]:
    """Reads the images of a NumPy file.

    Args:
        path: A `.npy` or `.npz` file.
        shape: `(H, W, C)` of the images that the model takes.
        known: Smallest and largest pixel of the training images.

    Returns:
        A name for each of `N` images, and uint8 `[N, H, W, C]`.

    Raises:
        UserError: these are not raw pixels 0..255 of this shape; the message
            says what they are instead.
    """
    return check_images(_read_array(path), shape, str(path), known)


def check_images(
    values: np.ndarray,
    shape: tuple[int, int, int],
    name: str,
    known: tuple[int, int] | None = None,
) -> tuple[list[str], np.ndarray]:
    """Names and checks the images of an array; see `read_images`.

    Args:
        name: Name of the array in error messages.
    """
    images = _with_shape(values, shape, name)
    pixels = check_pixels(images, f"the array of {name}", known)
    return _names_of(name, len(pixels), values.shape == shape), pixels


def _read_array(path: Path) -> np.ndarray:
    """Reads the array of a file: of several, the one with the key `x`."""
    if path.suffix.lower() == ".npy":
        return npz.read_array(path, str(path))
    arrays = npz.read_archive(path, str(path))
    if ARRAY_KEY in arrays:
        return arrays[ARRAY_KEY]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    raise UserError(
        f"{path} holds {join_and(arrays) or 'no array'}; name the "
        f"array of examples {ARRAY_KEY}."
    )


def _names_of(name: str, count: int, is_single: bool = False) -> list[str]:
    """Names examples by file and index, as Python would get at them."""
    return [name] if is_single else [f"{name}[{i}]" for i in range(count)]


def _with_shape(
    x: np.ndarray, shape: tuple[int, int, int], name: str
) -> np.ndarray:
    """Returns `[N, H, W, C]`; an error says what the axes seem to be."""
    if x.shape == shape:
        return x[None]
    if x.ndim == 4 and x.shape[1:] == shape and len(x):
        return x
    if shape[2] == 1 and x.shape == shape[:2]:
        return x[None, ..., None]
    if shape[2] == 1 and x.ndim == 3 and x.shape[1:] == shape[:2] and len(x):
        return x[..., None]
    taken = f"[N, {', '.join(map(str, shape))}]"
    raise UserError(
        f"the array of {name} has the shape {list(x.shape)}, but the model "
        f"takes {taken}{_shape_hint(x, shape)}."
    )


def _shape_hint(x: np.ndarray, shape: tuple[int, int, int]) -> str:
    height, width, channels = shape
    if x.shape[-3:] == (channels, height, width):
        return (
            "; the channels come first, so move them to the end: "
            f"numpy.moveaxis(x, {x.ndim - 3}, -1)"
        )
    if x.ndim in (3, 4) and x.shape[-3:-1] == (height, width):
        return f"; it has {x.shape[-1]} channels instead of {channels}"
    if channels > 1 and x.ndim in (2, 3) and x.shape[-2:] == shape[:2]:
        return (
            "; it is grayscale, so repeat it: "
            f"numpy.repeat(x[..., None], {channels}, axis=-1)"
        )
    if x.ndim in (3, 4) and x.shape[-1] == channels:
        return "; resize the images, or give image files, which are resized"
    return ""


# Points.


def read_points(path: Path, size: int) -> tuple[list[str], np.ndarray]:
    """Reads points, and names them.

    Args:
        path: A CSV file with one point per line and an optional header line;
            or a `.npy` or `.npz` file with `[N, D]` or `[D]`.
        size: D, the number of coordinates that the model takes.

    Returns:
        `N` names, by line or by index, and float32 `[N, D]`, finite.

    Raises:
        UserError: the file does not hold such points.
    """
    suffix = path.suffix.lower()
    if suffix in npz.SUFFIXES:
        return check_points(_read_array(path), size, str(path))
    if suffix not in TEXT_SUFFIXES:
        raise UserError(
            f"{path} is not a file of points, which the model takes; give a "
            ".csv or .npy file."
        )
    lines, values = _read_csv(path)
    names = [f"{path}:{line}" for line in lines]
    return names, _checked_points(values, names, size, str(path))


def check_points(
    values: np.ndarray, size: int, name: str
) -> tuple[list[str], np.ndarray]:
    """Names and checks the points of an array; see `read_points`.

    Args:
        name: Name of the array in error messages.
    """
    if values.dtype.kind not in "uif":
        raise UserError(f"the array of {name} holds no numbers.")
    values = values[None] if values.shape == (size,) else values
    names = _names_of(name, len(values) if values.ndim else 0)
    return names, _checked_points(values, names, size, name)


def _checked_points(
    values: np.ndarray, names: list[str], size: int, name: str
) -> np.ndarray:
    """Returns points as float32 `[N, D]`."""
    if values.ndim != 2 or values.shape[1] != size or not len(values):
        raise UserError(
            f"{name} has numbers of the shape {list(values.shape)}, but the "
            f"model takes [N, {size}], one point per line."
        )
    if not np.isfinite(values).all():
        wrong = names[int(np.argmin(np.isfinite(values).all(axis=1)))]
        raise UserError(
            f"{wrong} has a value that is not a finite number; fix or remove "
            "it."
        )
    return values.astype(np.float32)


def _read_csv(path: Path) -> tuple[list[int], np.ndarray]:
    """Returns the numbers of the lines, from 1, and their values."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            # NumPy skips blank lines, and what is behind a #.
            numbers = [
                number
                for number, line in enumerate(file, 1)
                if line.partition("#")[0].strip()
            ]
        with warnings.catch_warnings():
            # About an empty file, which is reported by its shape.
            warnings.simplefilter("ignore", UserWarning)
            values = np.genfromtxt(
                path, delimiter=",", ndmin=2, encoding="utf-8-sig"
            )
    except (ValueError, UnicodeDecodeError):
        raise UserError(
            f"{path} cannot be read as a CSV file; write one point per line, "
            "all with the same number of values, such as 0.5,-1.25."
        ) from None
    has_header = len(values) > 1 and np.isnan(values[0]).all()
    first = int(has_header)
    return numbers[first:], values[first:]
