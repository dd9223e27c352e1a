"""`model.fit` for a run: one call an epoch, one training for its callbacks.

Each `fit` is given a finite dataset made for its epoch, so that batches
depend on (seed, epoch, index) alone and epochs end where they should, whatever
number of steps a compiled call makes. Keras's callbacks act as in one `fit`
over all epochs: `on_train_begin` and `on_train_end` are called once a run.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

from zoo.data import Dataset, pipeline
from zoo.errors import UserError, close_matches, join_and
from zoo.models.inference import images_at_once
from zoo.resolve import ResolvedConfig
from zoo.training import data_parallel, fused
from zoo.training.checkpoints import TrainState
from zoo.training.data_parallel import no_distribution
from zoo.training.model import inference_model
from zoo.training.setup import TrainSetup, attach_extractor

Callbacks: TypeAlias = (
    "keras.callbacks.Callback | Iterable[keras.callbacks.Callback] | None"
)
ASSIGNING = (
    keras.callbacks.ReduceLROnPlateau,
    keras.callbacks.LearningRateScheduler,
)
MONITORING = (
    keras.callbacks.EarlyStopping,
    keras.callbacks.ReduceLROnPlateau,
    keras.callbacks.ModelCheckpoint,
)
# Callbacks that do what a run does itself, and why they are refused.
REPLACED = {
    keras.callbacks.BackupAndRestore: (
        "decides where training begins, which the checkpoints of a run do; "
        "leave it out, and continue a run by zoo.resume"
    ),
    keras.callbacks.SwapEMAWeights: (
        "swaps the averages of the weights, which zoo does itself; leave it "
        "out, and give ema_momentum=0.99"
    ),
}
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
            if state.batch:
                training.inside_epoch = user_callbacks.continued
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
            if (state.epoch, state.batch) == (epoch, done):
                raise UserError(
                    f"fit made no step in epoch {epoch + 1}, as a callback "
                    "changes where training begins; leave it out, and continue "
                    "a run by zoo.resume."
                )
        if state.is_done(config):
            training.end()


class RunCallbackList(keras.callbacks.CallbackList):
    """Callbacks whose training is the run, and not one call of `fit`.

    Args:
        setup: what is trained.
        callbacks: in the order in which they are called.
        model: that `fit` is called on.

    Attributes:
        inside_epoch: Callbacks that were told of the beginning of the first
            epoch already, before the run was resumed in its middle.
    """

    def __init__(self, setup: TrainSetup, callbacks, model: keras.Model):
        config = setup.config
        self.inside_epoch: Sequence[keras.callbacks.Callback] = ()
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
        for callback in self.callbacks:
            # A subclass may do more with its model than to save it.
            is_stock = type(callback) is keras.callbacks.ModelCheckpoint
            if is_stock and not self._is_distributed:
                callback.set_model(SavedPlainly(setup, model))

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
        started, self.inside_epoch = self.inside_epoch, ()
        every = self.callbacks
        self.callbacks = [c for c in every if c not in started]
        with self._single_device():
            super().on_epoch_begin(epoch, logs)
        self.callbacks = every

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


class SavedPlainly:
    """A model in training that is saved as the run's own, `model.keras`.

    The model itself has layers and functions of zoo, and would not load where
    zoo is not installed.

    Args:
        setup: what is trained.
        model: that `fit` is called on.
    """

    def __init__(self, setup: TrainSetup, model: keras.Model):
        self._setup, self._model = setup, model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    @functools.cached_property
    def _uncompiled(self) -> keras.Model:
        """From raw pixels to logits, with the layers that are trained."""
        setup = self._setup
        model = inference_model(
            self._model, setup.config, setup.dataset, setup.statistics
        )
        if setup.extractor:
            model = attach_extractor(setup.extractor, model)
        return keras.Model(model.input, model.output, name=model.name)

    def save(self, filepath: str, overwrite: bool = True) -> None:
        """Saves it without loss and optimizer."""
        plain = fused.unfuse(self._uncompiled)
        plain.save(filepath, overwrite=overwrite)


class UserCallbacks:
    """The callbacks that a user passed, and their state in checkpoints.

    A callback is resumed where it stopped if it has `get_state` and
    `set_state`, or is one of Keras's own, whose attributes that changed in
    training are kept. Others start again.

    Attributes:
        callbacks: One after the other.
        continued: Those that are not told again of the beginning of an epoch
            in whose middle they are resumed.

    Args:
        callbacks: as passed, one or several.
        saved: what `arrays` returned for the last checkpoint, if there is one.
        print_fn: prints a line.
    """

    def __init__(
        self,
        callbacks: Callbacks = (),
        saved: dict[str, np.ndarray] | None = None,
        print_fn: Callable[[str], None] = print,
    ):
        if callbacks is None:
            callbacks = []
        is_several = isinstance(callbacks, Iterable)
        self.callbacks = list(callbacks) if is_several else [callbacks]
        self.continued: list[keras.callbacks.Callback] = []
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

    def check(self, setup: TrainSetup) -> None:
        """Raises `UserError` for a callback that cannot work in this run."""
        config = setup.config
        for index, callback in enumerate(self.callbacks):
            name = type(callback).__name__
            if not config.uses_gradients:
                raise UserError(
                    f"{name} has no effect on {config.model}, which is not "
                    "trained step by step; leave it out."
                )
            for kind, reason in REPLACED.items():
                if isinstance(callback, kind):
                    raise UserError(f"{name} {reason}.")
            if isinstance(callback, ASSIGNING) and (
                config.schedule != "constant" or config.warmup_epochs
            ):
                raise UserError(
                    f"{name} assigns the learning rate, which "
                    f"schedule={config.schedule} and warmup_epochs="
                    f"{config.warmup_epochs or 0:g} decide; pass "
                    "schedule='constant' and warmup_epochs=0 with it."
                )
            if isinstance(callback, MONITORING):
                own = any(map(_may_report, self.callbacks[: index + 1]))
                _check_monitor(callback, setup, own)

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
                self.continued.append(callback)
            elif state is not None:
                vars(callback).update(state)
                # Its rate may depend on the last one, which it has set.
                if isinstance(callback, ASSIGNING):
                    self.continued.append(callback)
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


def _check_monitor(
    callback: keras.callbacks.Callback, setup: TrainSetup, has_own: bool
) -> None:
    """Raises `UserError` for a value that training does not report.

    Args:
        callback: has a monitor.
        setup: what is trained.
        has_own: whether a callback of the user's own may add the value.
    """
    kind, monitor = type(callback).__name__, callback.monitor
    names = sorted(setup.model.get_metrics_result())
    has_validation = len(setup.dataset.val) > 0
    reported = [*names, *(f"val_{name}" for name in names if has_validation)]
    is_unused = not getattr(callback, "save_best_only", True)
    if monitor in reported or (
        is_unused and monitor.removeprefix("val_") in names
    ):
        return
    if has_own and callback.mode != "auto":
        return
    hint = f"it reports {join_and(reported)}"
    of_split = [
        name
        for name in reported
        if name.startswith("val_") == monitor.startswith("val_")
    ]
    if has_own:
        hint = "give mode='min' or mode='max' if another callback adds it"
    elif monitor.startswith("val_") and not has_validation:
        hint = "there are no validation examples; give a larger val_fraction"
    elif close := close_matches(monitor, of_split, 1):
        hint = f"did you mean {close[0]}?"
    raise UserError(
        f"{kind} monitors {monitor}, which training does not report; "
        f"{hint}{'' if hint.endswith('?') else '.'}"
    )


def _key(index: int, callback: keras.callbacks.Callback) -> str:
    return f"{index:04d}.{type(callback).__name__}"


def _is_builtin(callback: keras.callbacks.Callback) -> bool:
    return type(callback).__module__.partition(".")[0] == "keras"


def _may_report(callback: keras.callbacks.Callback) -> bool:
    """Whether a callback may add values of the user's own to the logs."""
    is_lambda = isinstance(callback, keras.callbacks.LambdaCallback)
    return is_lambda or not _is_builtin(callback)


def _uses_batches(callback: keras.callbacks.Callback) -> bool:
    if getattr(callback, "save_freq", None) == "epoch":
        return False  # a ModelCheckpoint that waits for the end of epochs
    return any(
        getattr(getattr(callback, hook), "__func__", getattr(callback, hook))
        is not getattr(keras.callbacks.Callback, hook)
        for hook in BATCH_HOOKS
    )


def _attributes(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """Returns the attributes that are plain values or arrays.

    Without `min_delta`: Keras turns its sign once it knows whether more is
    better, and again in a resumed run.
    """
    return {
        name: value
        for name, value in vars(callback).items()
        if name not in ("_model", "params", "min_delta") and _is_plain(value)
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
