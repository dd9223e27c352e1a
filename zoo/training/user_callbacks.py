"""The Keras callbacks that a user passes to a run.

They are checked against what a run does itself, continued where a resumed run
left them, and recorded with the run: two runs with different callbacks are not
seeds of one config.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

from zoo.errors import UserError, close_matches, join_and
from zoo.training.setup import TrainSetup

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
# Callbacks that leave what is learned as it is.
PASSIVE = (
    keras.callbacks.CSVLogger,
    keras.callbacks.ModelCheckpoint,
    keras.callbacks.RemoteMonitor,
    keras.callbacks.TensorBoard,
    keras.callbacks.TerminateOnNaN,
)
BATCH_HOOKS = (
    "on_batch_begin", "on_batch_end", "on_train_batch_begin",
    "on_train_batch_end",
)  # fmt: skip


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
        recorded: what `describe` returned when the run was started.
    """

    def __init__(
        self,
        callbacks: Callbacks = (),
        saved: dict[str, np.ndarray] | None = None,
        print_fn: Callable[[str], None] = print,
        recorded: Sequence[Mapping[str, Any]] = (),
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
        self._described = [_describe(callback) for callback in self.callbacks]
        self._saved = _decode(saved or {})
        self._is_resumed = saved is not None
        self._print = print_fn
        self._recorded = recorded
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

    def describe(self) -> list[dict[str, Any]]:
        """Returns class and arguments of each, as data fit for JSON.

        Arguments are those of the constructor; functions, and classes of the
        user's own, have a digest of their code. `passive` are those that only
        write or watch.
        """
        return self._described

    def restore(self) -> None:
        """Gives each callback its state; called after `on_train_begin`."""
        self._initial = [_attributes(c) for c in self.callbacks]
        self._print_differences()
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

    def _print_differences(self) -> None:
        """Says which callbacks of the run were not passed again."""
        passed = self.describe()
        missing = [each for each in self._recorded if each not in passed]
        if missing:
            names = [each["class"].rpartition(".")[2] for each in missing]
            self._print(
                "the run had callbacks that were not passed again, or with "
                f"other arguments: {join_and(names)}"
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


def _describe(callback: keras.callbacks.Callback) -> dict[str, Any]:
    kind = type(callback)
    own = None if _is_builtin(callback) else _code_digest(*_methods(kind))
    return {
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "arguments": dict(_arguments(callback)),
        "code": own,
        "passive": isinstance(callback, PASSIVE),
    }


def _arguments(
    callback: keras.callbacks.Callback,
) -> Iterator[tuple[str, Any]]:
    """Yields the constructor's arguments that differ from their defaults.

    They are the attributes of their names; where one of them is none, all
    attributes that are plain values or functions.
    """
    known = vars(callback)
    parameters = inspect.signature(type(callback)).parameters
    defaults = {
        name: parameter.default
        for name, parameter in parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD and name != "verbose"
    }
    if not set(defaults) <= set(known):
        names = sorted(set(known) - {"_model", "params"})
        defaults = dict.fromkeys(names, inspect.Parameter.empty)
    for name, default in defaults.items():
        value = known[name]
        if name == "min_delta":  # its sign turns in training
            value = abs(value)
        if isinstance(value, types.FunctionType):
            yield name, f"{value.__name__} {_code_digest(value)[:16]}"
        elif _is_plain(value) and not _same(value, default):
            yield name, _as_json(value)


def _as_json(value: Any) -> Any:
    """Returns a plain value as JSON has it, arrays as a digest."""
    if isinstance(value, np.ndarray):
        return hashlib.sha256(value.tobytes()).hexdigest()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    return value


def _methods(kind: type) -> Iterator[types.FunctionType]:
    """Yields the functions of a class and its bases, but for Keras's."""
    for base in kind.__mro__:
        if base.__module__.partition(".")[0] not in ("keras", "builtins"):
            functions = vars(base).values()
            yield from (
                x for x in functions if isinstance(x, types.FunctionType)
            )


def _code_digest(*functions: types.FunctionType) -> str:
    """Returns the SHA-256 of what functions do, and of the values they use."""
    digest = hashlib.sha256()
    for function in functions:
        used = inspect.getclosurevars(function)
        defaults = {"": [function.__defaults__, function.__kwdefaults__]}
        held = {**used.globals, **used.nonlocals, **defaults}
        plain = {k: _as_json(v) for k, v in held.items() if _is_plain(v)}
        digest.update(json.dumps(plain, sort_keys=True).encode())
        codes = [function.__code__]
        while codes:
            code = codes.pop()
            inner = [x for x in code.co_consts if isinstance(x, types.CodeType)]
            constants = [
                sorted(map(repr, x)) if isinstance(x, frozenset) else x
                for x in code.co_consts
                if x not in inner
            ]
            text = repr((code.co_names, constants))
            digest.update(code.co_code + text.encode())
            codes += inner
    return digest.hexdigest()


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
