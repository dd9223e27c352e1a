"""Options of a model: its builder's keyword arguments, and their checks.

A builder's signature is the one definition of its options. Names come from
its parameters, defaults from their values, allowed values from their
annotations (`Literal`, `Size`, `int | tuple[int, ...]`, ...).
"""

from __future__ import annotations

import dataclasses
import inspect
import numbers
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from zoo.config import MODEL_ARGUMENTS, TrainConfig
from zoo.errors import UserError, close_matches, join_and, join_or
from zoo.models.plugins import HyperModelBuilder
from zoo.models.registry import ModelEntry
from zoo.options import LARGEST_FLOAT, LARGEST_INT

# Parameters of every builder that are not options: `input_shape` and
# `num_classes`, and the seed, which belongs to the run.
NUM_POSITIONAL = 2
SEED = "seed"


@dataclasses.dataclass(frozen=True)
class Range:
    """Inclusive bounds of a number, for `Annotated`; `None` is unbounded."""

    low: int
    high: int | None = None

    def __contains__(self, number: int) -> bool:
        return self.low <= number and (self.high is None or number <= self.high)

    def __str__(self) -> str:
        if self.high is None:
            return f"of at least {self.low}"
        return f"from {self.low} to {self.high}"


# A number of units, maps or pixels, at least one.
Size = Annotated[int, Range(1)]
# A number of layers; the deepest networks of the papers have 1,202.
Depth = Annotated[int, Range(1, 2_000)]


def builder_options(entry: ModelEntry) -> dict[str, Any]:
    """Returns the options of a model with their defaults, in its own order.

    `None` stands for an option without a default.
    Arguments that the name fixes, such as the depth of `wrn28_10`, are left
    out, and so are those without effect, such as the dropout of `cnn_cf`.
    """
    return {
        name: None if _is_empty(parameter.default) else parameter.default
        for name, parameter in _parameters(entry.load()).items()
        if name != SEED
        and name not in entry.arguments
        and not entry.lacks_option(name)
    }


def takes_seed(entry: ModelEntry) -> bool:
    """Whether the builder takes a seed for its initial weights."""
    return SEED in _parameters(entry.load())


def check_options(
    entry: ModelEntry, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the options in the types that the builder declares.

    Raises:
        UserError: an option that this model does not have, or an invalid
            value, in the options or in its name.
    """
    try:
        return _checked_options(entry, options)
    except OverflowError as error:
        raise UserError(
            f"{entry.name} cannot have a size of {error}; give at most "
            f"{LARGEST_INT}."
        ) from None


def _checked_options(
    entry: ModelEntry, options: Mapping[str, Any]
) -> dict[str, Any]:
    builder = entry.load()
    known = builder_options(entry)
    hints = _hints(builder)
    # Hyperparameters only happen to be called like options.
    has_standard = not isinstance(builder, HyperModelBuilder)
    _check_name(entry, hints)
    checked = {}
    for name, value in options.items():
        if name not in known and not _takes_anything(builder):
            raise _unknown_option(entry, name, value, known)
        if name in MODEL_ARGUMENTS and has_standard:
            value = getattr(TrainConfig(**{name: value}), name)
        hint = hints.get(name, _type_of(known.get(name)))
        try:
            checked[name] = convert(value, hint)
        except TypeError:
            raise UserError(
                f"{_flag(name, value)} is invalid for {entry.name}; "
                f"give {describe_type(hint)}."
            ) from None
    return checked


def _check_name(entry: ModelEntry, hints: Mapping[str, Any]) -> None:
    """Raises `UserError` for a number in a name that is out of range."""
    for name, value in entry.arguments.items():
        hint = hints.get(name, Any)
        try:
            convert(value, hint)
        except TypeError:
            raise UserError(
                f"{entry.name} has a {name} of {value}; it must be "
                f"{describe_type(hint)}."
            ) from None


def convert(value: Any, hint: Any) -> Any:
    """Returns the value in the type of an annotation, lists as tuples.

    Raises:
        TypeError: the value is not of that type, or out of its range.
        OverflowError: backends have no number of that size.
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin is Annotated:
        return _convert_range(value, *inner)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(value, inner)
    if origin is tuple and isinstance(value, tuple | list):
        return tuple(convert(item, inner[0]) for item in value)
    if origin is Literal and any(
        value == word and type(value) is type(word) for word in inner
    ):
        return value
    if hint is tuple and isinstance(value, tuple | list):
        return tuple(value)
    if isinstance(value, bool):
        number = False
    else:
        number = isinstance(value, numbers.Real) and value - value == 0
    largest = LARGEST_FLOAT if hint is float else LARGEST_INT
    if number and abs(value) > largest:
        raise OverflowError(f"{value}")
    if hint is float and number:
        return float(value)
    if hint is int and number and isinstance(value, numbers.Integral):
        return int(value)
    if origin is None and hint not in (int, float) and isinstance(value, hint):
        return value
    raise TypeError


def _convert_range(value: Any, hint: Any, *bounds: Any) -> Any:
    converted = convert(value, hint)
    if any(isinstance(b, Range) and converted not in b for b in bounds):
        raise TypeError
    return converted


def _convert_union(value: Any, hints: tuple[Any, ...]) -> Any:
    for hint in hints:
        try:
            return convert(value, hint)
        except TypeError:
            continue
    raise TypeError


TYPE_NAMES = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "a string",
    tuple: "values in parentheses",
    types.NoneType: "None",
}


def describe_type(hint: Any) -> str:
    """Returns a phrase for the values that an annotation allows."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return join_or(map(str, inner))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(describe_type(part) for part in inner)
    if origin is Annotated:
        bounds = [str(part) for part in inner[1:] if isinstance(part, Range)]
        return " ".join([describe_type(inner[0]), *bounds])
    if origin is tuple:
        item = describe_type(inner[0])
        return f"{TYPE_NAMES[tuple]}, each {item}, such as (256,128)"
    name = f"a {getattr(hint, '__name__', hint)}"
    return TYPE_NAMES.get(origin or hint, name)


def _parameters(builder: Callable) -> dict[str, inspect.Parameter]:
    parameters = list(inspect.signature(builder).parameters.values())
    return {
        parameter.name: parameter
        for parameter in parameters[NUM_POSITIONAL:]
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
        # or not be a plain function; its defaults then give the types.
        return {}


def _type_of(default: Any) -> Any:
    return Any if default is None else type(default)


def _is_empty(default: Any) -> bool:
    return default is inspect.Parameter.empty


def _flag(name: str, value: Any) -> str:
    prefix = "" if name in MODEL_ARGUMENTS else "model_arg="
    return f"--{prefix}{name}={value}"


def _unknown_option(
    entry: ModelEntry, name: str, value: Any, known: Mapping[str, Any]
) -> UserError:
    """Returns the error for an option that the model does not have."""
    given = f"{_flag(name, value)} does not apply to {entry.name}"
    if name in entry.arguments:
        return UserError(
            f"{given}, whose name fixes {name} at {entry.arguments[name]}; "
            "choose another name."
        )
    if name in MODEL_ARGUMENTS and entry.unsupported_reason:
        return UserError(f"{given}, which {entry.unsupported_reason}.")
    close = close_matches(name, known, 1)
    hint = f"did you mean {close[0]}? It" if close else "it"
    takes = join_and(known) or "no options"
    return UserError(f"{given}; {hint} takes {takes}.")
