"""Checkpoints of a run: all that training needs to continue exactly.

A checkpoint is an `.npz` of plain arrays (NumPy alone reads it), written
under another name and renamed, so that it is whole or not there:

    weights/0000...     every weight, batch norm's running averages among them
    seeds/0000...       the state of every random generator
    optimizer/0000...   iterations, momentum, learning rate
    metrics/0000...     running means, for a checkpoint inside an epoch
    callbacks/0000...   state of the user's callbacks
    state               a `TrainState` as JSON, with the id of the run
    run_id, epoch       in `best-0012.npz`: the same id, and the epoch

`last.npz` holds all of it; `best-0012.npz`, named by its epoch, the weights
alone. The best file is written before the `last.npz` that names it, and older
ones are removed after, so that a kill at any moment leaves a pair that fits.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import pathlib
import zipfile
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.commands import command
from zoo.errors import UserError
from zoo.io import DAMAGE, atomic_write, read_error

if TYPE_CHECKING:
    import keras

    from zoo.resolve import ResolvedConfig

LAST = "last.npz"


@dataclasses.dataclass
class BestEpoch:
    """The epoch whose weights are the result so far; higher accuracy first.

    Equal accuracies, common on small validation sets, are decided by the loss,
    without regularization.
    """

    epoch: int = 0
    accuracy: float | None = -math.inf
    loss: float = math.inf

    @property
    def is_known(self) -> bool:
        """Whether any epoch was evaluated yet."""
        return math.isfinite(self.loss)

    def is_improved_by(self, accuracy: float | None, loss: float) -> bool:
        """Whether an epoch with these validation scores is better.

        Where numbers are predicted there is no accuracy: the loss decides.
        """
        if accuracy is None:
            return loss < self.loss
        return (accuracy, -loss) > (self.accuracy, -self.loss)


@dataclasses.dataclass
class TrainState:
    """How far training has come; stored in every checkpoint.

    A resumed run thus has the same best epoch, the same patience left and the
    same curves as one that was never interrupted.

    Attributes:
        epoch: Number of finished epochs.
        batch: Training steps in the epoch after those; 0 at its start.
        step: Training steps in all.
        best: The best epoch so far.
        lowest_val_loss: Lowest validation loss so far, for early stopping.
        epochs_without_improvement: Epochs since `lowest_val_loss`.
        seconds: Seconds of training in the finished epochs, over all sessions.
        epoch_seconds: The same of the epoch after those.
        wall_seconds: Seconds of all sessions, validation and summaries
            included.
        window: Sums since the last point of the training curves: examples,
            and loss and accuracy times examples.
        rows: Rows of `history.csv`.
        layer_stats: Rows of `layer_stats.json`.
        event_files: Name and length in bytes of each event file, by split.
        stop_training: Whether a callback asked to stop, as Keras's
            `EarlyStopping` does.
        run_id: Identifier of the run, see `zoo.run_store.new_id`.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: BestEpoch = dataclasses.field(default_factory=BestEpoch)
    lowest_val_loss: float = math.inf
    epochs_without_improvement: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    wall_seconds: float = 0.0
    window: dict[str, float] = dataclasses.field(default_factory=dict)
    rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    layer_stats: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    event_files: dict[str, list] = dataclasses.field(default_factory=dict)
    stop_training: bool = False
    run_id: str = ""

    def count_epoch(self, val_loss: float) -> None:
        """Counts an epoch, for early stopping, by its validation loss."""
        self.epochs_without_improvement += 1
        if val_loss < self.lowest_val_loss:
            self.lowest_val_loss = val_loss
            self.epochs_without_improvement = 0

    def is_done(self, config: ResolvedConfig) -> bool:
        """Whether no further step is to be made."""
        patience = config.early_stopping_patience
        is_out_of_patience = (
            bool(patience) and self.epochs_without_improvement >= patience
        )
        is_at_the_end = self.step >= config.total_steps
        return is_at_the_end or is_out_of_patience or self.stop_training

    def to_json(self) -> str:
        """Returns the state as JSON; infinities as Python writes them."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> TrainState:
        """Reads back what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        values = json.loads(text)
        state = cls(**{**values, "best": BestEpoch(**values["best"])})
        _check_types(state)
        counts = (state.epoch, state.batch, state.step, state.best.epoch)
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ValueError("a count is not a number from 0 on")
        if not isinstance(state.event_files, dict):
            raise TypeError("event files have no folders")
        for place, (name, length) in state.event_files.items():
            if (type(place), type(name), type(length)) != (str, str, int):
                raise ValueError("an event file has no name or length")
        return state


def _check_types(state: TrainState) -> None:
    """Raises `TypeError` if a value is of another type than its default."""
    blank = TrainState()
    pairs = [
        (getattr(state, f.name), getattr(blank, f.name))
        for f in dataclasses.fields(state)
    ]
    pairs += [(state.best.loss, blank.best.loss)]
    for value, default in pairs:
        kind = (int, float) if isinstance(default, float) else type(default)
        if not isinstance(value, kind):
            raise TypeError(f"{value!r} is not {kind}")
    if not isinstance(state.best.accuracy, int | float | None):
        raise TypeError("the best accuracy is not a number")
    for row in (*state.rows, *state.layer_stats):
        if not isinstance(row, dict):
            raise TypeError("a row is not a dict")


class NonFiniteWeights(ArithmeticError):
    """A weight is infinite or NaN; nothing was written."""


class Checkpoints:
    """The checkpoint files of one run.

    In a folder that is a symbolic link, to another disk for example, there may
    be files of others. There only files are removed that this run has written
    for certain: those of its best epoch so far.

    Args:
        folder: `checkpoints/` of the run.
        best_epoch: of the run so far, as its last checkpoint knows.
    """

    def __init__(self, folder: pathlib.Path, best_epoch: int = 0):
        self.folder = folder
        self._written = {self.best_path(best_epoch)}

    def best_path(self, epoch: int) -> pathlib.Path:
        """Returns the file that holds the weights after an epoch."""
        return self.folder / f"best-{epoch:04d}.npz"

    def has_best(self, state: TrainState) -> bool:
        """Whether the weights of the best epoch so far can be read.

        Raises:
            UserError: they are those of another run or epoch, or the file
                cannot be read now.
        """
        path = self.best_path(state.best.epoch)
        try:
            arrays = _read(path)
        except CorruptCheckpoint:
            return False
        found = str(arrays.get("run_id", "")), int(arrays.get("epoch", -1))
        if found != (state.run_id, state.best.epoch):
            raise _foreign(path)
        return True

    def save_last(
        self,
        model: keras.Model,
        state: TrainState,
        callbacks: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Saves all that training needs, then drops older best files.

        Args:
            model: compiled.
            state: how far training has come.
            callbacks: state of the user's callbacks, arrays by name.

        Raises:
            NonFiniteWeights: a weight is infinite or NaN.
        """
        arrays = _arrays(model, ("weights", "seeds", "optimizer"))
        for array in arrays.values():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise NonFiniteWeights
        if state.batch:
            arrays |= _arrays(model, ("metrics",))
        for name, array in (callbacks or {}).items():
            arrays[f"callbacks/{name}"] = array
        arrays["state"] = np.frombuffer(state.to_json().encode(), np.uint8)
        _write(self.folder / LAST, arrays)
        self._drop_bests_but(state.best.epoch)

    def save_best(self, model: keras.Model, epoch: int, run_id: str) -> None:
        """Saves the weights after an epoch as the best ones of a run."""
        arrays = _arrays(model, ("weights",))
        arrays["run_id"] = np.array(run_id)
        arrays["epoch"] = np.array(epoch)
        _write(self.best_path(epoch), arrays)
        self._written.add(self.best_path(epoch))

    def corrupt_error(self, epoch: int) -> UserError:
        """Builds the error for the weights of an epoch that cannot be read."""
        return _corrupt(self.best_path(epoch))

    def check_same_run(self, state: TrainState, run_id: str) -> None:
        """Raises `UserError` if the last checkpoint is not that of a run.

        Args:
            state: that it holds.
            run_id: of the run in whose folder it lies.
        """
        if state.run_id != run_id:
            raise _foreign(self.folder / LAST)

    def load_state(self) -> TrainState | None:
        """Returns the state of the last checkpoint; `None` if there is none."""
        path = self.folder / LAST
        if not path.exists():
            return None
        try:
            return TrainState.from_json(_read(path)["state"].tobytes().decode())
        except UserError:
            raise
        except (KeyError, ValueError, TypeError, RecursionError):
            raise _corrupt(path) from None

    def restore_last(self, model: keras.Model) -> None:
        """Gives a compiled model the variables of the last checkpoint."""
        path = self.folder / LAST
        kinds = ("weights", "seeds", "optimizer")
        _assign(model, _read(path), kinds, path)

    def load_callbacks(self) -> dict[str, np.ndarray]:
        """Returns the state of the user's callbacks, arrays by name."""
        if not (self.folder / LAST).exists():
            return {}
        prefix = "callbacks/"
        return {
            name.removeprefix(prefix): array
            for name, array in _read(self.folder / LAST).items()
            if name.startswith(prefix)
        }

    def copy_to(self, folder: pathlib.Path, state: TrainState) -> None:
        """Copies the last checkpoint and the best epoch's to another run.

        Args:
            folder: `checkpoints/` of the other run.
            state: of that run, in place of the stored one.
        """
        other = Checkpoints(folder)
        best = self.best_path(state.best.epoch)
        if state.best.epoch:
            arrays = _read(best)
            arrays["run_id"] = np.array(state.run_id)
            _write(other.best_path(state.best.epoch), arrays)
        arrays = _read(self.folder / LAST)
        arrays["state"] = np.frombuffer(state.to_json().encode(), np.uint8)
        _write(folder / LAST, arrays)

    def restore_metrics(self, model: keras.Model) -> None:
        """Gives a model the running means saved inside an epoch."""
        path = self.folder / LAST
        _assign(model, _read(path), ("metrics",), path)

    def restore_best(self, model: keras.Model, epoch: int) -> None:
        """Gives a model the weights after its best epoch."""
        path = self.best_path(epoch)
        _assign(model, _read(path), ("weights",), path)

    def start_over(self) -> None:
        """Removes what a session left before its first checkpoint."""
        self._remove(self.folder.glob("best-*.npz"))

    def _drop_bests_but(self, epoch: int) -> None:
        kept = self.best_path(epoch)
        found = self.folder.glob("best-*.npz")
        self._remove(path for path in found if path != kept)

    def _remove(self, paths: Iterable[pathlib.Path]) -> None:
        for path in paths:
            if path in self._written or not self.folder.is_symlink():
                path.unlink()


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
    import keras

    variables = variables_of(model)
    return {
        f"{kind}/{index:04d}": keras.ops.convert_to_numpy(variable)
        for kind in kinds
        for index, variable in enumerate(variables[kind])
    }


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
    # Others are of no model. V: bfloat16, which NumPy does not know.
    if any(arrays[name].dtype.kind not in "fiubV" for name in variables):
        raise _corrupt(path)
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _write(path: pathlib.Path, arrays: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(exist_ok=True)
    with atomic_write(path) as file:
        np.savez(file, **arrays)


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns the arrays in a checkpoint.

    Raises:
        CorruptCheckpoint: it is missing, or not whole.
        UserError: this machine cannot read it now.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise _corrupt(path) from None
    except OSError as error:
        raise read_error(path, error) from error
    with file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except OSError as error:
            # A corrupt table of contents leads to places before the start.
            if error.errno not in (None, errno.EINVAL):
                raise read_error(path, error) from error
            raise _corrupt(path) from None
        except MemoryError:
            if _is_whole(path):
                raise
            raise _corrupt(path) from None
        except DAMAGE:
            raise _corrupt(path) from None


def _is_whole(path: pathlib.Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, *DAMAGE):
        return False


class CorruptCheckpoint(UserError):
    """A checkpoint is missing, or not whole."""


def _corrupt(path: pathlib.Path) -> CorruptCheckpoint:
    again = command("train", flagfile=str(path.parent.parent / "flags.txt"))
    return CorruptCheckpoint(
        f"{path} is corrupt and cannot be resumed from; `{again}` trains again."
    )


def _foreign(path: pathlib.Path) -> UserError:
    return UserError(
        f"{path} is of another run; put this run's own there. Nothing was "
        "changed."
    )
