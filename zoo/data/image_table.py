"""Image files with their labels in a table: `csv:PATH`, and DataFrames.

A CSV file has a line of column names, among them `path` and `label`; `split`
(train, val or test) and `sample_weight` if there. Relative paths start at the
folder of the file. Labels are text, or whole numbers from 0 or 1.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data import cache
from zoo.data.arrays import LabelEncoding
from zoo.data.dataset import Split
from zoo.data.folder import FileReader
from zoo.data.loading import (
    TEST,
    TRAIN,
    UNUSED_WEIGHTS,
    VAL,
    DatasetReader,
    ReadRequest,
)
from zoo.errors import UserError, join_and
from zoo.io import atomic_write

PATH_COLUMNS = (
    *("path", "file", "filename", "file_name", "filepath", "file_path"),
    *("image", "image_path", "img_path", "img"),
)
LABEL_COLUMNS = ("label", "labels", "class", "class_name", "target", "y")
SPLIT_COLUMNS = ("split", "part", "subset")
WEIGHT_COLUMNS = ("sample_weight",)
SPLIT_OF_WORD = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), VAL),
    **dict.fromkeys(("test", "testing"), TEST),
}
DIGEST_CHARS = 16
MAX_HEADER_BYTES = 10_000


def first_of(columns: Iterable[str], names: Iterable[str]) -> str | None:
    """Returns the first column that has one of some names, in any case."""
    lower = {column.lower().strip(): column for column in columns}
    return next((lower[name] for name in names if name in lower), None)


def find_columns(columns: Iterable[str], what: str) -> dict[str, str]:
    """Finds the columns of a table of images.

    Returns:
        The name of the column of `path` and `label`, and of `split` and
        `sample_weight` if there are such.

    Raises:
        UserError: there is no column of paths or of labels.
    """
    columns = list(columns)
    found = {
        "path": first_of(columns, PATH_COLUMNS),
        "label": first_of(columns, LABEL_COLUMNS),
        "split": first_of(columns, SPLIT_COLUMNS),
        "sample_weight": first_of(columns, WEIGHT_COLUMNS),
    }
    for key in ("path", "label"):
        if found[key] is None:
            raise UserError(
                f"{what} has no column {key}, but {join_and(columns)}; name "
                "the columns path and label."
            )
    return {key: name for key, name in found.items() if name is not None}


def is_table(path: Path) -> bool:
    """Whether a file begins with columns of paths and labels.

    Also with another separator or encoding, which `read` refuses by name.
    """
    try:
        with path.open("rb") as file:
            line = file.readline(MAX_HEADER_BYTES)
    except OSError:
        return False
    line = line.lstrip(b"\xef\xbb\xbf\xff\xfe").replace(b"\0", b"")
    words = re.split(r"\W+", line.decode("latin-1"))
    return all(
        first_of(words, names) for names in (PATH_COLUMNS, LABEL_COLUMNS)
    )


def read(request: ReadRequest) -> DatasetReader:
    """Reads the table; images are decoded split by split."""
    path = Path(request.path).expanduser()
    rows = _read_rows(path)
    by_split: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_split.setdefault(row["split"], []).append(row)
    if TRAIN not in by_split:
        raise UserError(f"csv:{path} has no row of the split train.")
    is_numbers = all(
        row["label"].isascii() and row["label"].isdecimal() for row in rows
    )
    labels = {
        split_name: np.array([row["label"] for row in part])
        for split_name, part in by_split.items()
    }
    if is_numbers:
        labels = {key: part.astype(np.int64) for key, part in labels.items()}
    what = f"the column of labels of {path}"
    encoding = LabelEncoding.of(labels[TRAIN], None, what)
    files, weights = {}, {}
    for split_name, part in by_split.items():
        indices = encoding.encode(labels[split_name], f"csv:{path}")
        paths = [path.parent / row["path"] for row in part]
        files[split_name] = list(zip(paths, indices.tolist(), strict=True))
        weights[split_name] = _weights(part, path)
    reader = FileReader(f"csv:{path}", path.parent.absolute(), request, files)

    def read_split(split_name: str) -> tuple[Split, list[bytes]]:
        split, hashes = reader.read(split_name)
        weight = weights[split_name]
        if weight is not None and len(weight) != len(split):
            raise UserError(
                f"csv:{path} has weights, which --skip_unreadable cannot leave "
                "out; remove the rows of unreadable files."
            )
        return dataclasses.replace(split, sample_weight=weight), hashes

    about_weights = ()
    if weights.get(TEST) is not None:
        about_weights = (UNUSED_WEIGHTS,)
    return DatasetReader(
        encoding.class_names,
        {split_name: len(listed) for split_name, listed in files.items()},
        read_split,
        reader.spec.original_shape,
        labels_are_names=encoding.values.dtype.kind != "U",
        write_cache=reader.write_cache,
        read_thumbnails=reader.read_thumbnails,
        notes=lambda: (*reader.notes(), *about_weights),
    )


def _read_rows(path: Path) -> list[dict[str, str]]:
    """Returns path, label, split and weight of every row."""
    if not path.is_file():
        raise UserError(
            f"csv:{path} is not a file; give the path of a CSV file of image "
            "paths and labels."
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
        table = csv.reader(io.StringIO(text), strict=True)
        lines = [
            (table.line_num, line)
            for line in table
            if any(map(str.strip, line))
        ]
    except UnicodeError as error:
        raise UserError(
            f"csv:{path} is not in UTF-8; save it again in that encoding."
        ) from error
    except (OSError, csv.Error) as error:
        raise UserError(f"csv:{path} cannot be read: {error}.") from error
    if len(lines) < 2:
        raise UserError(
            f"csv:{path} has no rows; give a line of column names, such as "
            "path,label, and a line for each image."
        )
    _, columns = lines[0]
    if len(columns) == 1 and (mark := re.search(r"[;\t|]", columns[0])):
        name = {";": "semicolons", "\t": "tabs", "|": "bars"}[mark[0]]
        raise UserError(
            f"csv:{path} has {name} between its columns; save it again with "
            "commas."
        )
    found = find_columns(columns, f"csv:{path}")
    places = {key: columns.index(name) for key, name in found.items()}
    rows = []
    for number, line in lines[1:]:
        if len(line) != len(columns):
            raise UserError(
                f"line {number} of csv:{path} has {len(line)} cells, and there "
                f"are {len(columns)} columns."
            )
        row = {key: line[place].strip() for key, place in places.items()}
        for key in ("path", "label"):
            if not row[key]:
                raise UserError(f"line {number} of csv:{path} has no {key}.")
        word = row.get("split") or TRAIN
        if word.lower() not in SPLIT_OF_WORD:
            raise UserError(
                f"line {number} of csv:{path} is of the split {word}; write "
                "train, val or test."
            )
        row["split"] = SPLIT_OF_WORD[word.lower()]
        rows.append(row)
    return rows


def _weights(rows: list[dict[str, str]], path: Path) -> np.ndarray | None:
    if "sample_weight" not in rows[0]:
        return None
    try:
        weights = np.array([row["sample_weight"] for row in rows], np.float32)
    except ValueError:
        weights = np.array([np.nan])
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise UserError(
            f"csv:{path} has a sample_weight that is not a number of 0 or "
            "more; give each row one."
        )
    return weights


# DataFrames.


def is_frame(data: Any) -> bool:
    """Whether an object is a DataFrame, of pandas or polars."""
    return hasattr(data, "columns") and (
        hasattr(data, "iloc") or hasattr(data, "iter_rows")
    )


def store_frames(frames: Mapping[str, Any], data_dir: str | None) -> str:
    """Writes DataFrames of paths and labels as a CSV file.

    Args:
        frames: a DataFrame for each split that was given. One alone may have a
            column of splits.
        data_dir: folder of datasets; TFDS_DATA_DIR or its default if `None`.

    Returns:
        The name of the dataset, `csv:PATH`.

    Raises:
        UserError: a column is missing, or the file cannot be written.
    """
    rows = [
        row
        for split_name, frame in frames.items()
        for row in _frame_rows(frame, split_name if len(frames) > 1 else None)
    ]
    if not rows:
        raise UserError("data has no rows; give paths and labels.")
    with_weight = {"sample_weight" in row for row in rows}
    if len(with_weight) > 1:
        raise UserError(
            "one of the DataFrames has a column sample_weight and another has "
            "none; give it to each, or to none."
        )
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), restval="")
    writer.writeheader()
    writer.writerows(rows)
    content = text.getvalue().encode()
    digest = hashlib.sha256(content).hexdigest()[:DIGEST_CHARS]
    folder = cache.resolve_data_dir(data_dir) / "zoo" / "tables"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise UserError(
            f"{folder} cannot be written: {why}; give a folder that can be as "
            "data_dir=FOLDER."
        ) from error
    with atomic_write(folder / f"{digest}.csv") as file:
        file.write(content)
    return f"csv:{folder / f'{digest}.csv'}"


def _frame_rows(frame: Any, split_name: str | None) -> list[dict[str, Any]]:
    """Returns the rows of a DataFrame, with absolute paths."""
    if not is_frame(frame):
        raise UserError(
            f"{type(frame).__name__} is no DataFrame, as data is; give all "
            "parts as the same."
        )
    columns = {str(name): list(frame[name]) for name in frame.columns}
    found = find_columns(columns, "the DataFrame")
    if split_name is not None and "split" in found:
        raise UserError(
            f"the DataFrame of {split_name} has a column {found['split']}, "
            "which is a split of its own; give one DataFrame with that column, "
            "or several without it."
        )
    rows = []
    cells_of = (columns[name] for name in found.values())
    for number, cells in enumerate(zip(*cells_of, strict=True)):
        row = dict(zip(found, cells, strict=True))
        for key in ("path", "label"):
            if _is_missing(row[key]):
                raise UserError(
                    f"row {number} of the DataFrame has no {key}; leave it "
                    "out, as in data.dropna()."
                )
        if not isinstance(row["path"], (str, os.PathLike)):
            raise UserError(
                f"row {number} of the DataFrame has the path {row['path']!r}; "
                "give paths as text."
            )
        path = os.path.expanduser(os.fspath(row["path"]))
        row["path"] = os.path.abspath(path)
        row["label"] = _label(row["label"], number)
        if split_name is not None:
            row["split"] = split_name
        rows.append(row)
    return rows


def _label(label: Any, number: int) -> Any:
    """Returns a label, a whole number where pandas made it a float."""
    if isinstance(label, (float, np.floating)) and np.isfinite(label):
        return int(label) if label == int(label) else label
    if np.ndim(label) or isinstance(label, (float, np.floating)):
        raise UserError(
            f"row {number} of the DataFrame has the label {label!r:.60}; give "
            "text or a whole number."
        )
    return label


def _is_missing(cell: Any) -> bool:
    """Whether a cell is None, NaN or pandas's NA, as missing values are."""
    if np.ndim(cell):
        return False
    try:
        return cell is None or bool(cell != cell)
    except TypeError:  # the truth of NA is not known
        return True
