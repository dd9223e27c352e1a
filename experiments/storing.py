"""Small files of trained models, which stock Keras loads as any other.

A `.keras` file is a zip with the weights in HDF5 inside. Here HDF5 itself
packs them: bytes of equal significance side by side, then deflate. Weights
that are rounded to half precision first take less than half the room, since
what rounding leaves of them are zeros; they are read as float32 again.

The same model gives the same bytes.
"""

from __future__ import annotations

import io
import pathlib
import zipfile

import h5py
import numpy as np

LARGE = 1_000_000  # bytes of weights in float32 from which they are rounded
WEIGHTS = "model.weights.h5"  # as Keras calls them


def precision_for(parameters: int) -> str:
    """Returns in which precision a model of so many weights is kept."""
    return "float16" if 4 * parameters > LARGE else "float32"


def write(source: pathlib.Path, target: pathlib.Path, precision: str) -> None:
    """Writes a saved model anew, packed.

    Args:
        source: a `.keras` file.
        target: likewise.
        precision: `float32`, which changes no weight, or `float16`, to which
            each is rounded.
    """
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == WEIGHTS:
                content = _packed(content, precision)
            # An entry that is made so has the date 1980-01-01.
            new.writestr(zipfile.ZipInfo(name), content)


def _packed(content: bytes, precision: str) -> bytes:
    packed = io.BytesIO()
    with (
        h5py.File(io.BytesIO(content), "r") as old,
        h5py.File(packed, "w") as new,
    ):

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                _copy_array(new, name, item[()], precision)
            else:
                new.require_group(name)
            new[name].attrs.update(item.attrs)

        new.attrs.update(old.attrs)
        old.visititems(copy)
    return packed.getvalue()


def _copy_array(
    file: h5py.File, name: str, array: np.ndarray, precision: str
) -> None:
    how = {}
    if array.dtype == np.float32:
        with np.errstate(over="raise"):
            array = array.astype(precision).astype(np.float32)
    if array.size > 1:
        how = {"chunks": array.shape, "shuffle": True, "compression": 9}
    file.create_dataset(name, data=array, **how)
