"""What a model can be told: its builder's keyword arguments, and their checks.

A builder's signature is the one place where its options stand. Names come
from its parameters, defaults from their values, allowed values from their
annotations (`Literal`, `Size`, `int | tuple[int, ...]`, ...).
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import numbers
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from zoo.config import OPTIONS, TrainConfig
from zoo.errors import UserError, join_words, nearest
from zoo.registry import ModelEntry

# Options that have a flag of their own; others are given by --model_arg.
STANDARD = tuple(name for name in OPTIONS if OPTIONS[name].to_builder)

# Parameters of every builder that are no options: the first two places, and
# the seed, which belongs to the run.
FIRST_TWO = 2
SEED = "seed"


@dataclasses.dataclass(frozen=True)
class Range:
    """Bounds of a number, both allowed, for `Annotated`; `None` is none."""

    low: int
    high: int | None = None

    def __contains__(self, number: int) -> bool:
        return self.low <= number and (self.high is None or number <= self.high)

    def __str__(self) -> str:
        if self.high is None:
            return f"of at least {self.low}"
        return f"from {self.low} to {self.high}"


# A number of units, maps or pixels: of none of them, no layer is made.
Size = Annotated[int, Range(1)]


def builder_options(entry: ModelEntry) -> dict[str, Any]:
    """Returns the options of a model with their defaults, in its own order.

    `None` stands for an option without a default.
    What the name fixes, such as the depth of `wrn28_10`, is no option, nor
    is what would have no effect, such as the dropout of `cnn_cf`.
    """
    return {
        name: None if _is_empty(parameter.default) else parameter.default
        for name, parameter in _parameters(entry.load()).items()
        if name != SEED
        and name not in entry.arguments
        and not entry.lacks_option(name)
    }


def takes_seed(entry: ModelEntry) -> bool:
    """Whether the builder can be given a seed for its initial weights."""
    return SEED in _parameters(entry.load())


def check_options(
    entry: ModelEntry, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the options in the types that the builder declares.

    Raises:
        UserError: an option that this model lacks, or a value that it cannot
            have, in the options or in its name.
    """
    builder = entry.load()
    known = builder_options(entry)
    hints = _hints(builder)
    _check_name(entry, hints)
    checked = {}
    for name, value in options.items():
        if name not in known and not _takes_anything(builder):
            raise _no_place(entry, name, value, known)
        if name in STANDARD:
            value = getattr(TrainConfig(**{name: value}), name)
        hint = hints.get(name, _type_of(known.get(name)))
        try:
            checked[name] = fit(value, hint)
        except TypeError:
            raise UserError(
                f"{_flag(name, value)} does not suit {entry.name}; "
                f"give {words(hint)}."
            ) from None
    return checked


def _check_name(entry: ModelEntry, hints: Mapping[str, Any]) -> None:
    """Raises `UserError` for a number in a name that is out of range."""
    for name, value in entry.arguments.items():
        hint = hints.get(name, Any)
        try:
            fit(value, hint)
        except TypeError:
            raise UserError(
                f"{entry.name} names a {name} of {value}; write "
                f"{words(hint)} there."
            ) from None


def fit(value: Any, hint: Any) -> Any:
    """Returns the value in the type of an annotation, lists as tuples.

    Raises:
        TypeError: the value is not of that type, or out of its range.
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin is Annotated:
        return _fit_range(value, *inner)
    if origin in (typing.Union, types.UnionType):
        return _fit_any(value, inner)
    if origin is tuple and isinstance(value, tuple | list):
        return tuple(fit(item, inner[0]) for item in value)
    if origin is Literal and any(
        value == word and type(value) is type(word) for word in inner
    ):
        return value
    if hint is tuple and isinstance(value, tuple | list):
        return tuple(value)
    if isinstance(value, bool):
        number = False
    else:
        number = isinstance(value, numbers.Real) and math.isfinite(value)
    if hint is float and number:
        return float(value)
    if hint is int and number and isinstance(value, numbers.Integral):
        return int(value)
    if origin is None and hint not in (int, float) and isinstance(value, hint):
        return value
    raise TypeError


def _fit_range(value: Any, hint: Any, *bounds: Any) -> Any:
    fitted = fit(value, hint)
    if any(isinstance(b, Range) and fitted not in b for b in bounds):
        raise TypeError
    return fitted


def _fit_any(value: Any, hints: tuple[Any, ...]) -> Any:
    for hint in hints:
        try:
            return fit(value, hint)
        except TypeError:
            continue
    raise TypeError


WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "a word",
    tuple: "values in parentheses",
    types.NoneType: "None",
}


def words(hint: Any) -> str:
    """Says in words what an annotation allows."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return join_words(map(str, inner))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(words(part) for part in inner)
    if origin is Annotated:
        bounds = [str(one) for one in inner[1:] if isinstance(one, Range)]
        return " ".join([words(inner[0]), *bounds])
    if origin is tuple:
        return f"{WORDS[tuple]}, each {words(inner[0])}, such as (256,128)"
    return WORDS.get(origin or hint, f"a {getattr(hint, '__name__', hint)}")


def _parameters(builder: Callable) -> dict[str, inspect.Parameter]:
    parameters = list(inspect.signature(builder).parameters.values())
    return {
        parameter.name: parameter
        for parameter in parameters[FIRST_TWO:]
        if parameter.kind is not parameter.VAR_KEYWORD
    }


def _takes_anything(builder: Callable) -> bool:
    parameters = inspect.signature(builder).parameters.values()
    return any(p.kind is p.VAR_KEYWORD for p in parameters)


def _hints(builder: Callable) -> dict[str, Any]:
    try:
        return typing.get_type_hints(builder, include_extras=True)
    except (NameError, TypeError):
        # A user's builder may name types that exist for type checkers only,
        # or be no plain function; its defaults then say what it takes.
        return {}


def _type_of(default: Any) -> Any:
    return Any if default is None else type(default)


def _is_empty(default: Any) -> bool:
    return default is inspect.Parameter.empty


def _flag(name: str, value: Any) -> str:
    prefix = "" if name in STANDARD else "model_arg="
    return f"--{prefix}{name}={value}"


def _no_place(
    entry: ModelEntry, name: str, value: Any, known: Mapping[str, Any]
) -> UserError:
    """Builds the error for an option that the model does not have."""
    given = f"{_flag(name, value)} has no place in {entry.name}"
    if name in entry.arguments:
        return UserError(
            f"{given}, whose name fixes {name} at {entry.arguments[name]}; "
            "choose another name."
        )
    if name in STANDARD and entry.lacks:
        return UserError(f"{given}, which {entry.lacks}.")
    close = nearest(name, known, 1)
    hint = f"did you mean {close[0]}? It" if close else "it"
    takes = join_words(known, "and") or "no options"
    return UserError(f"{given}; {hint} takes {takes}.")
