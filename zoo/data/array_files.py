"""Arrays of NumPy's files, `.npz` and `.npy`. Nothing is ever unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from zoo.errors import UserError

SUFFIXES = (".npy", ".npz")


def read_archive(path: Path, name: str) -> dict[str, np.ndarray]:
    """Reads every array of a `.npz` file, by key.

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
            key: _plain(lambda key=key: file[key], f"{key} of {name}")
            for key in file.files
        }


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
