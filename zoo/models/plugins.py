"""Models from a Python file, `PATH.py:build`, and from installed packages.

A file has a function `build(input_shape, num_classes, **options)` that returns
a Keras model, as `zoo.register_model` takes it; or `build(hp)` as keras-tuner
takes it, whose hyperparameters are then arguments of the model. A package
names such functions in its entry points:

    [project.entry-points."zoo.models"]
    my_model = "my_package.my_module:build"
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import inspect
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo.errors import UserError, close_matches, is_out_of_memory
from zoo.models.registry import ModelEntry
from zoo.run_store import RunStore
from zoo.runs import Run

GROUP = "zoo.models"
SUFFIX = ".py:"
MAX_BUILDS = 200  # to find the hyperparameters that depend on others


def is_file_name(name: str) -> bool:
    """Whether the name of a model is a file and a function in it."""
    return SUFFIX in name or name.endswith(".py")


def check_file(name: str) -> None:
    """Raises `UserError` if a name has no function or the file is missing."""
    path, _, function = name.partition(SUFFIX)
    if not function.isidentifier():
        whole = name if name.endswith(".py") else f"{path}.py"
        raise UserError(
            f"--model={name} names no function; write --model={whole}:build."
        )
    file = Path(f"{path}.py").expanduser()
    if not file.is_file():
        near = file.parent.glob("*.py") if file.parent.is_dir() else ()
        close = close_matches(file.name, [other.name for other in near], 1)
        hint = f"did you mean {close[0]}?" if close else "give its path."
        raise UserError(f"there is no file {file} for the model; {hint}")


def load_file(name: str) -> Callable:
    """Returns the builder that `PATH.py:build` names.

    Raises:
        UserError: there is no such file or function, or running the file
            fails.
    """
    check_file(name)
    path, _, function = name.partition(SUFFIX)
    file = Path(f"{path}.py").expanduser().resolve()
    module = _run_file(file, file.stat().st_mtime_ns)
    found = getattr(module, function, None)
    if not callable(found):
        known = [n for n, v in vars(module).items() if inspect.isfunction(v)]
        close = close_matches(function, known, 1)
        hint = f"did you mean {close[0]}?" if close else "define it there."
        raise UserError(f"{file.name} has no function {function}; {hint}")

    @functools.wraps(found)
    def build(*args: Any, **kwargs: Any) -> Any:
        try:
            return found(*args, **kwargs)
        except Exception as error:  # whatever the user's own code raises
            if isinstance(error, UserError) or is_out_of_memory(error):
                raise
            raise _failure(file, error) from error

    return as_builder(build)


@functools.lru_cache
def _run_file(file: Path, mtime_ns: int) -> Any:
    """Runs a file as a module, again only after it was changed."""
    digest = hashlib.sha256(str(file).encode()).hexdigest()[:8]
    name = f"{file.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UserError(f"{file} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(file.parent))  # for what it imports beside it
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's own code raises
        del sys.modules[name]
        raise _failure(file, error) from error
    finally:
        sys.path.remove(str(file.parent))
    return module


def _failure(file: Path, error: Exception) -> UserError:
    """Builds the error for what the code of a file raised."""
    text = str(error).strip().split("\n")[0].rstrip(".")
    line = _line_of(error, file)
    return UserError(f"{file}{line} fails with {type(error).__name__}: {text}.")


def _line_of(error: Exception, file: Path) -> str:
    """Returns the line of the file at which an error occurred."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return f", line {error.lineno},"
    lines, trace = [], error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f", line {lines[-1]}," if lines else ""


def is_unchanged(run: Run) -> bool:
    """Whether the file of a run's model, if it has one, is as it was."""
    return run.resolved.get("model_file_sha256") == file_digest(
        run.config.model
    )


def check_unchanged(folder: Path, name: str) -> None:
    """Raises `UserError` if the model of a group's runs was changed since.

    Args:
        folder: of runs that belong together, such as those of a sweep.
        name: of that folder, for the error.
    """
    for run in RunStore(str(folder)).runs():
        try:
            is_same = is_unchanged(run)
        except (UserError, KeyError, TypeError):
            continue  # corrupt, which other readers report
        if not is_same:
            raise UserError(
                f"{run.config.model} was changed since {name} was started; "
                "choose another name for runs of the new model."
            )


def file_digest(name: str) -> str | None:
    """Returns the SHA-256 of the file of a model; `None` for other models."""
    if SUFFIX not in name:
        return None
    path = Path(f"{name.partition(SUFFIX)[0]}.py").expanduser()
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Installed packages.


@functools.cache
def installed() -> dict[str, str]:
    """Returns the builders of installed packages by the name of the model."""
    found = importlib.metadata.entry_points(group=GROUP)
    return {point.name: point.value for point in found}


# keras-tuner's build(hp).


def is_from_python(entry: ModelEntry) -> bool:
    """Whether a model is known to this process alone."""
    if is_file_name(entry.name) or entry.name in installed():
        return False
    return entry.registered


def as_builder(function: Callable) -> Callable:
    """Returns a builder; of a function `build(hp)`, one with its arguments."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return function
    needed = [p.name for p in parameters if p.default is p.empty]
    return HyperModelBuilder(function) if needed == ["hp"] else function


class HyperModelBuilder:
    """A keras-tuner function `build(hp)` as a builder with arguments.

    Args:
        build: returns a Keras model for the data that it is written for.
    """

    def __init__(self, build: Callable):
        self._build = build
        self.__name__ = build.__name__

    @functools.cached_property
    def hyperparameters(self) -> list[Any]:
        """Hyperparameters of keras-tuner, those that depend on others too."""
        from keras_tuner import HyperParameters

        found: dict[str, Any] = {}
        waiting: list[dict[str, Any]] = [{}]
        for build in itertools.count():
            if not waiting:
                break
            if build == MAX_BUILDS:
                raise UserError(
                    f"{self.__name__}(hp) has more choices than {MAX_BUILDS} "
                    "builds of the model can try; give its hyperparameters "
                    "fewer choices."
                )
            values = waiting.pop(0)
            hp = HyperParameters()
            hp.values = dict(values)
            self._call(hp)
            for one in hp.space:
                if one.name in found:
                    if _range_of(one) != _range_of(found[one.name]):
                        raise UserError(
                            f"{self.__name__}(hp) defines the hyperparameter "
                            f"{one.name!r} twice, with different values; give "
                            "each a name of its own."
                        )
                    continue
                is_fixed = type(one).__name__ == "Fixed"
                if not is_fixed and not one.name.isidentifier():
                    raise UserError(
                        f"{self.__name__} has the hyperparameter {one.name!r}; "
                        "give it a name of letters, digits and underscores."
                    )
                found[one.name] = one
                if is_fixed:
                    continue
                waiting += [
                    {**values, one.name: value} for value in _extremes(one)
                ]
        return [one for one in found.values() if type(one).__name__ != "Fixed"]

    def _call(self, hp: Any) -> Any:
        try:
            return self._build(hp)
        except UserError:
            raise
        except Exception as error:  # whatever the user's own code raises
            text = str(error).strip().split("\n")[0].rstrip(".")
            raise UserError(
                f"{self.__name__}(hp) fails with {type(error).__name__}: "
                f"{text}."
            ) from error

    @property
    def __signature__(self) -> inspect.Signature:
        """Signature with one argument per hyperparameter."""
        kinds = inspect.Parameter
        parameters = [
            kinds(name, kinds.POSITIONAL_OR_KEYWORD)
            for name in ("input_shape", "num_classes")
        ]
        parameters += [
            kinds(one.name, kinds.KEYWORD_ONLY, default=one.default)
            for one in self.hyperparameters
        ]
        return inspect.Signature(parameters)

    def __call__(self, input_shape, num_classes, **values):
        from keras_tuner import HyperParameters

        hp = HyperParameters()
        hp.values = values
        return self._call(hp)


def _extremes(one: Any) -> list[Any]:
    """Returns values that other hyperparameters may depend on."""
    kind = type(one).__name__
    if kind == "Boolean":
        return [not one.default]
    if kind == "Choice":
        return [value for value in one.values if value != one.default]
    return [one.max_value] if one.max_value != one.default else []


def _range_of(one: Any) -> dict[str, Any]:
    """Returns the values that a hyperparameter can have, to be compared."""
    skipped = ("conditions", "default", "ordered")
    config = {k: v for k, v in one.get_config().items() if k not in skipped}
    return {"kind": type(one).__name__, **config}
