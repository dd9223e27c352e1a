"""Arrays of NumPy's files, `.npz` and `.npy`. Nothing is ever unpickled.

Pixels that are too many for memory stay in a `.npz` file that
`numpy.savez` wrote, which does not compress: they are mapped where they lie.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from zoo.data import rows
from zoo.errors import UserError

SUFFIXES = (".npy", ".npz")
READ_HEAD = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

# Before each file of an archive; lengths of its name and extra field at last.
LOCAL_HEADER = "<4s5H3I2H"
LOCAL_SIZE = struct.calcsize(LOCAL_HEADER)


def read_archive(path: Path, name: str) -> dict[str, np.ndarray]:
    """Reads every array of a `.npz` file, by key.

    Uint8 arrays of more than `rows.MOST_IN_MEMORY` bytes are mapped, not read,
    unless they are compressed.

    Args:
        path: of the file.
        name: what the sentence calls it, if one is needed.

    Raises:
        UserError: there is no such file, or it is none, or its arrays are
            damaged or hold Python objects.
    """
    _check_file(path, name, ".npz")
    # Opened here, since NumPy leaves a file open that is no archive.
    with path.open("rb") as content:
        try:
            file = np.load(content, allow_pickle=False)
        except (ValueError, OSError, EOFError, zipfile.BadZipFile):
            file = None
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise UserError(
                f"{name} cannot be read as a NumPy .npz file; write one "
                "with numpy.savez(path, x=images, y=labels)."
            )
        return {
            key: _plain(lambda key=key: _member(file, key), f"{key} of {name}")
            for key in file.files
        }


def _member(file: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    """Returns one array of an archive; one that is large stays in it."""
    entries = {entry.filename: entry for entry in file.zip.infolist()}
    entry = entries.get(f"{key}.npy")
    stored = entry and entry.compress_type == zipfile.ZIP_STORED
    if not stored or entry.file_size <= rows.MOST_IN_MEMORY:
        return file[key]
    with file.zip.open(entry) as content:
        version = np.lib.format.read_magic(content)
        shape, by_columns, dtype = READ_HEAD[version](content)
        head = content.tell()
    if dtype != np.uint8 or by_columns:
        return file[key]
    raw = file.zip.fp
    # The local header, whose fields may be longer than those of the table.
    raw.seek(entry.header_offset)
    fields = struct.unpack(LOCAL_HEADER, raw.read(LOCAL_SIZE))
    start = entry.header_offset + LOCAL_SIZE + fields[-2] + fields[-1]
    return np.memmap(raw, np.uint8, "r", start + head, shape)


def read_array(path: Path, name: str) -> np.ndarray:
    """Reads the one array of a `.npy` file; see `read_archive`."""
    _check_file(path, name, ".npy")
    with path.open("rb") as content:
        return _plain(
            lambda: np.lib.format.read_array(content, allow_pickle=False), name
        )


def _check_file(path: Path, name: str, kind: str) -> None:
    if not path.is_file():
        raise UserError(
            f"{name} is not a file; give the path of a NumPy {kind} file."
        )


def _plain(read: Callable[[], np.ndarray], what: str) -> np.ndarray:
    """Returns what `read` does; what goes wrong becomes one sentence."""
    try:
        return read()
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise UserError(_damaged(what)) from None
        raise UserError(
            f"{what} holds Python objects, which are never loaded, since that "
            "could run foreign code; save a plain array of numbers."
        ) from None
    except (OSError, EOFError, zipfile.BadZipFile, zipfile.zlib.error):
        raise UserError(_damaged(what)) from None


def _damaged(what: str) -> str:
    return f"{what} is damaged; write the file again."
