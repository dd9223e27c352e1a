"""Checkpoints: everything that decides how training goes on, in one file.

A checkpoint is an `.npz` of plain arrays (NumPy alone reads it), written
under another name and renamed, so that it is whole or not there:

    weights/0000...     every weight, batch norm's running averages among them
    seeds/0000...       the state of every random generator
    optimizer/0000...   iterations, momentum, learning rate
    metrics/0000...     running means, for a checkpoint inside an epoch
    state               a `TrainState` as JSON, with the id of the run
    run_id              in `best-0012.npz`: the same id

`last.npz` holds all of it; `best-0012.npz`, named by its epoch, the weights
alone. The best file is written before the `last.npz` that speaks of it, and
older ones are removed after, so that a kill at any moment leaves a pair that
fits.
"""

from __future__ import annotations

import pathlib
import zipfile
import zlib

import keras
import numpy as np

from zoo.commands import command
from zoo.errors import UserError
from zoo.io import atomic_write
from zoo.training.state import TrainState

LAST = "last.npz"


class NotFinite(ArithmeticError):
    """A weight is no longer a number; nothing was written."""


def variables_of(model: keras.Model) -> dict[str, list]:
    """Returns the variables of a compiled model that training changes."""
    weights = model.weights
    known = {id(v) for v in weights}
    seeds = [v for v in model.non_trainable_variables if id(v) not in known]
    return {
        "weights": weights,
        "seeds": seeds,
        "optimizer": model.optimizer.variables,
        "metrics": model.metrics_variables,
    }


def _arrays(model: keras.Model, kinds: tuple[str, ...]) -> dict:
    variables = variables_of(model)
    return {
        f"{kind}/{index:04d}": keras.ops.convert_to_numpy(variable)
        for kind in kinds
        for index, variable in enumerate(variables[kind])
    }


def _write(path: pathlib.Path, arrays: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(exist_ok=True)
    with atomic_write(path) as file:
        np.savez(file, **arrays)


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        raise _damaged(path) from None


def _damaged(path: pathlib.Path) -> UserError:
    again = command("train", flagfile=str(path.parent.parent / "flags.txt"))
    return UserError(
        f"{path} is damaged and cannot be resumed from; `{again}` trains anew."
    )


def _assign(model: keras.Model, arrays: dict, kinds: tuple, path) -> None:
    variables = {
        f"{kind}/{index:04d}": variable
        for kind in kinds
        for index, variable in enumerate(variables_of(model)[kind])
    }
    shapes = {name: tuple(v.shape) for name, v in variables.items()}
    found = {
        name: array.shape
        for name, array in arrays.items()
        if name.partition("/")[0] in kinds
    }
    if shapes != found:
        raise UserError(
            f"{path} does not fit this model; it is of another run."
        )
    for name, variable in variables.items():
        variable.assign(arrays[name])


class Checkpoints:
    """The checkpoint files of one run."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder

    def best_path(self, epoch: int) -> pathlib.Path:
        """Returns the file that holds the weights after an epoch."""
        return self.folder / f"best-{epoch:04d}.npz"

    def save_last(self, model: keras.Model, state: TrainState) -> None:
        """Saves all that training needs to go on, then drops older bests.

        Raises:
            NotFinite: a weight is infinite or not a number.
        """
        arrays = _arrays(model, ("weights", "seeds", "optimizer"))
        for array in arrays.values():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise NotFinite
        if state.batch:
            arrays |= _arrays(model, ("metrics",))
        arrays["state"] = np.frombuffer(state.to_json().encode(), np.uint8)
        _write(self.folder / LAST, arrays)
        self._drop_bests_but(state.best.epoch)

    def save_best(self, model: keras.Model, epoch: int, run_id: str) -> None:
        """Saves the weights after an epoch as the best ones of a run."""
        arrays = _arrays(model, ("weights",))
        arrays["run_id"] = np.array(run_id)
        _write(self.best_path(epoch), arrays)

    def check_same_run(self, state: TrainState, run_id: str) -> None:
        """Raises `UserError` if checkpoints are not those of a run.

        Args:
            state: that the last one holds.
            run_id: of the run in whose folder they lie.
        """
        found = {self.folder / LAST: state.run_id}
        best = self.best_path(state.best.epoch)
        if state.best.epoch and best.exists():
            found[best] = str(_read(best).get("run_id", ""))
        for path, its in found.items():
            if its != run_id:
                raise UserError(
                    f"{path} is of another run; put this run's own there. "
                    "Nothing was changed."
                )

    def load_state(self) -> TrainState | None:
        """Returns where the last checkpoint stands; `None` if there is none."""
        if not (self.folder / LAST).exists():
            return None
        path = self.folder / LAST
        try:
            return TrainState.from_json(_read(path)["state"].tobytes().decode())
        except (KeyError, ValueError, TypeError):
            raise _damaged(path) from None

    def restore_last(self, model: keras.Model) -> None:
        """Gives a compiled model the variables of the last checkpoint."""
        path = self.folder / LAST
        kinds = ("weights", "seeds", "optimizer")
        _assign(model, _read(path), kinds, path)

    def restore_metrics(self, model: keras.Model) -> None:
        """Gives a model the running means saved inside an epoch."""
        path = self.folder / LAST
        _assign(model, _read(path), ("metrics",), path)

    def restore_best(self, model: keras.Model, epoch: int) -> None:
        """Gives a model the weights after its best epoch."""
        path = self.best_path(epoch)
        _assign(model, _read(path), ("weights",), path)

    def start_over(self) -> None:
        """Removes what an earlier sitting left before its first checkpoint."""
        for path in self.folder.glob("best-*.npz"):
            path.unlink()

    def _drop_bests_but(self, epoch: int) -> None:
        for path in self.folder.glob("best-*.npz"):
            if path != self.best_path(epoch):
                path.unlink()
