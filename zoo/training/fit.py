"""`model.fit` for a run: one call an epoch, one training for its callbacks.

Each `fit` is given a finite dataset made for its epoch, so that batches
depend on (seed, epoch, index) alone and epochs end where they should, whatever
number of steps a compiled call makes. Keras's callbacks act as in one `fit`
over all epochs: `on_train_begin` and `on_train_end` are called once a run.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np

from zoo.data import Dataset, pipeline
from zoo.errors import UserError, join_and
from zoo.models.inference import images_at_once
from zoo.resolve import ResolvedConfig
from zoo.training import data_parallel
from zoo.training.checkpoints import TrainState
from zoo.training.data_parallel import no_distribution
from zoo.training.setup import TrainSetup

BATCH_HOOKS = (
    "on_batch_begin", "on_batch_end", "on_train_batch_begin",
    "on_train_batch_end",
)  # fmt: skip


def training_batches(
    config: ResolvedConfig, dataset: Dataset
) -> pipeline.TrainingBatches:
    """Returns the training batches of every epoch."""
    return pipeline.TrainingBatches(
        dataset.train,
        batch_size=config.batch_size,
        seed=config.seed,
        augment=config.augment,
        crop_padding=config.crop_padding,
        num_classes=dataset.num_classes,
    )


def fit(
    setup: TrainSetup,
    state: TrainState,
    callbacks: Sequence[keras.callbacks.Callback],
    batches: pipeline.TrainingBatches,
    until_epoch: int | None = None,
    user_callbacks: UserCallbacks | None = None,
) -> None:
    """Fits epoch after epoch, from where a state stands.

    Args:
        setup: what is trained.
        state: how far it has come; the first callback brings it forward.
        callbacks: in the order in which they are called.
        batches: as `training_batches` returns.
        until_epoch: where to pause, if that comes before the end.
        user_callbacks: those of `callbacks` that the user passed.
    """
    config, validation = setup.config, None
    if len(setup.dataset.val):
        size = images_at_once(setup.dataset.input_shape)
        validation = pipeline.eval_batches(setup.dataset.val, size)
    end = math.inf if until_epoch is None else until_epoch
    with data_parallel.distributed_model(setup) as (model, divided):
        if validation is not None:
            validation = divided(validation)
        training = RunCallbackList(setup, callbacks, model)
        training.begin()
        if user_callbacks:
            user_callbacks.restore()
        while not state.is_done(config) and state.epoch < end:
            epoch, done = state.epoch, state.batch
            left = config.steps_in(epoch) - done
            model.fit(
                divided(batches.epoch(epoch, done, left)),
                initial_epoch=epoch,
                epochs=epoch + 1,
                validation_data=validation,
                callbacks=training,
                shuffle=False,
                verbose=0,
            )
        if state.is_done(config):
            training.end()


class RunCallbackList(keras.callbacks.CallbackList):
    """Callbacks whose training is the run, and not one call of `fit`.

    Args:
        setup: what is trained.
        callbacks: in the order in which they are called.
        model: that `fit` is called on.
    """

    def __init__(self, setup: TrainSetup, callbacks, model: keras.Model):
        config = setup.config
        self._is_distributed = setup.devices.is_distributed
        self._logs = None
        super().__init__(
            list(callbacks),
            add_history=True,
            model=model,
            epochs=config.num_epochs,
            steps=config.steps_per_epoch,
            verbose=0,
        )

    def begin(self) -> None:
        """Begins the training of the run."""
        with self._single_device():
            super().on_train_begin()

    def end(self) -> None:
        """Ends the training of the run."""
        with self._single_device():
            super().on_train_end(self._logs)

    def on_train_begin(self, logs=None):
        """Is called by each `fit`, and not passed on."""

    def on_train_end(self, logs=None):
        """Is called by each `fit`, and not passed on."""
        self._logs = logs

    def on_epoch_begin(self, epoch, logs=None):
        """Passes on the beginning of an epoch."""
        with self._single_device():
            super().on_epoch_begin(epoch, logs)

    def on_train_batch_end(self, batch, logs=None):
        """Passes on the end of an execution of steps."""
        with self._single_device():
            super().on_train_batch_end(batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        """Passes on the end of an epoch."""
        with self._single_device():
            super().on_epoch_end(epoch, logs)

    def _single_device(self) -> contextlib.AbstractContextManager:
        """Lets callbacks use ordinary models while several devices train."""
        return (
            no_distribution()
            if self._is_distributed
            else contextlib.nullcontext()
        )


class UserCallbacks:
    """The callbacks that a user passed, and their state in checkpoints.

    A callback is resumed where it stopped if it has `get_state` and
    `set_state`, or is one of Keras's own, whose attributes that changed in
    training are kept. Others start again.

    Args:
        callbacks: as passed.
        saved: what `arrays` returned for the last checkpoint, if there is one.
        print_fn: prints a line.
    """

    def __init__(
        self,
        callbacks: Iterable[keras.callbacks.Callback] = (),
        saved: dict[str, np.ndarray] | None = None,
        print_fn: Callable[[str], None] = print,
    ):
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            if not isinstance(callback, keras.callbacks.Callback):
                raise UserError(
                    f"callbacks={callback!r} is not a keras.callbacks.Callback;"
                    " pass a list of them."
                )
        self._saved = _decode(saved or {})
        self._is_resumed = saved is not None
        self._print = print_fn
        self._initial: list[dict[str, Any]] = []
        if self._is_resumed:
            for callback in self.callbacks:
                if isinstance(callback, keras.callbacks.CSVLogger):
                    callback.append = True  # or it would empty its file

    def check(self, config: ResolvedConfig) -> None:
        """Raises `UserError` for a callback that cannot work in this run."""
        assigning = (
            keras.callbacks.ReduceLROnPlateau,
            keras.callbacks.LearningRateScheduler,
        )
        for callback in self.callbacks:
            name = type(callback).__name__
            if isinstance(callback, assigning) and (
                config.schedule != "constant" or config.warmup_epochs
            ):
                raise UserError(
                    f"{name} assigns the learning rate, which "
                    f"schedule={config.schedule} and warmup_epochs="
                    f"{config.warmup_epochs or 0:g} decide; pass "
                    "schedule='constant' and warmup_epochs=0 with it."
                )
            if not config.uses_gradients:
                raise UserError(
                    f"{name} has no effect on {config.model}, which is not "
                    "trained step by step; leave it out."
                )

    @property
    def use_batches(self) -> bool:
        """Whether one of them is called at each step."""
        return any(map(_uses_batches, self.callbacks))

    def restore(self) -> None:
        """Gives each callback its state; called after `on_train_begin`."""
        self._initial = [_attributes(c) for c in self.callbacks]
        if not self._is_resumed:
            return
        restarted = []
        for index, callback in enumerate(self.callbacks):
            name = _key(index, callback)
            state = self._saved.pop(name, None)
            if hasattr(callback, "set_state") and state is not None:
                callback.set_state(state)
            elif state is not None:
                vars(callback).update(state)
            else:
                restarted.append(type(callback).__name__)
        if restarted:
            self._print(
                f"callbacks without a saved state start again: "
                f"{join_and(restarted)}"
            )
        if self._saved:
            missing = [name.partition(".")[2] for name in self._saved]
            self._print(
                f"the run had callbacks that were not passed again: "
                f"{join_and(missing)}"
            )

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns the state of all callbacks as arrays by name."""
        states = {}
        for index, callback in enumerate(self.callbacks):
            if hasattr(callback, "get_state"):
                states[_key(index, callback)] = callback.get_state()
            elif _is_builtin(callback):
                initial = self._initial[index]
                states[_key(index, callback)] = {
                    name: value
                    for name, value in _attributes(callback).items()
                    if name not in initial or not _same(value, initial[name])
                }
        return _encode(states)


def _key(index: int, callback: keras.callbacks.Callback) -> str:
    return f"{index:04d}.{type(callback).__name__}"


def _is_builtin(callback: keras.callbacks.Callback) -> bool:
    return type(callback).__module__.partition(".")[0] == "keras"


def _uses_batches(callback: keras.callbacks.Callback) -> bool:
    if getattr(callback, "save_freq", None) == "epoch":
        return False  # a ModelCheckpoint that waits for the end of epochs
    return any(
        getattr(getattr(callback, hook), "__func__", getattr(callback, hook))
        is not getattr(keras.callbacks.Callback, hook)
        for hook in BATCH_HOOKS
    )


def _attributes(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """Returns the attributes that are plain values or arrays."""
    return {
        name: value
        for name, value in vars(callback).items()
        if name not in ("_model", "params") and _is_plain(value)
    }


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        keys_are_text = all(isinstance(key, str) for key in value)
        return keys_are_text and all(map(_is_plain, value.values()))
    plain = (bool, int, float, str, type(None), np.generic, np.ndarray)
    return isinstance(value, plain)


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        pairs = zip(first, second, strict=False)
        return len(first) == len(second) and all(_same(*pair) for pair in pairs)
    return type(first) is type(second) and np.array_equal(first, second)


def _encode(states: dict[str, Any]) -> dict[str, np.ndarray]:
    """Returns nested states as arrays: JSON that refers to the others."""
    arrays: dict[str, np.ndarray] = {}

    def replaced(value: Any) -> Any:
        if isinstance(value, np.ndarray | np.generic):
            name = f"array{len(arrays):04d}"
            arrays[name] = np.asarray(value)
            return {"array": name, "scalar": isinstance(value, np.generic)}
        if isinstance(value, list | tuple):
            return {"list": [replaced(item) for item in value]}
        if isinstance(value, dict):
            return {"dict": {k: replaced(v) for k, v in value.items()}}
        return value

    if not states:
        return {}
    text = json.dumps(replaced(states))
    arrays["json"] = np.frombuffer(text.encode(), np.uint8)
    return arrays


def _decode(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Returns the states that `_encode` was given."""

    def restored(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if "array" in value:
            array = arrays[value["array"]]
            return array[()] if value["scalar"] else array
        if "list" in value:
            return [restored(item) for item in value["list"]]
        return {k: restored(v) for k, v in value["dict"].items()}

    if not arrays:
        return {}
    return restored(json.loads(arrays["json"].tobytes().decode()))
