"""What an option is: a type of value, its bounds, and sentences about them.

Values come as text from flags and flagfiles, or as they are from Python; both
are checked here, and refused in one voice.
"""

from __future__ import annotations

import ast
import dataclasses
import math
from collections.abc import Callable
from typing import Any

from zoo.errors import UserError, close_matches, join_or


@dataclasses.dataclass(frozen=True)
class Kind:
    """A type of value: how to read it from text, and how to say what it is.

    Attributes:
        python: the types that a value may have.
        parse: reads a value from text.
        noun: what it is, in words.
        example: as it is typed.
        word: the one word that may stand in its place, if any.
    """

    python: tuple[type, ...]
    parse: Callable[[str], Any]
    noun: str
    example: str
    word: str = ""

    @property
    def words(self) -> str:
        """Everything that it may be, in words."""
        return self.noun + (f" or the word {self.word}" if self.word else "")


def _parse_bool(text: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[text.lower()]


def _parse_numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def _parse_names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _parse_arguments(text: str) -> dict[str, Any]:
    name, equals, value = text.partition("=")
    if not (name.isidentifier() and equals and value):
        raise UserError(
            f"--model_arg={text} is not of the form name=value; "
            "write for example --model_arg=reduced=False."
        )
    try:
        return {name: ast.literal_eval(value)}
    except (ValueError, SyntaxError):
        return {name: value}


INT = Kind((int,), int, "a whole number", "10")
FLOAT = Kind((int, float), float, "a number", "0.001")
TEXT = Kind((str,), str, "a name", "name")
BOOL = Kind((bool,), _parse_bool, "true or false", "true")
NUMBERS = Kind((tuple,), _parse_numbers, "a list of numbers", "60,120,160")
NAMES = Kind((tuple,), _parse_names, "a list of names", "scalars,logits")
ARGUMENTS = Kind((dict,), _parse_arguments, "name=value", "depth=28")
INT_OR_FULL = Kind(
    (int, str),
    lambda text: text if text == "full" else int(text),
    "a whole number",
    "64",
    "full",
)
INT_OR_AUTO = Kind(
    (int, str),
    lambda text: text if text == "auto" else int(text),
    "a whole number",
    "8",
    "auto",
)
INT_OR_ALL = Kind(
    (int, str),
    lambda text: text if text == "all" else int(text),
    "a whole number",
    "2",
    "all",
)


@dataclasses.dataclass(frozen=True)
class Option:
    """What is known of an option besides its default.

    Attributes:
        kind: its type of value.
        help: one line for `--help`; names the unit.
        group: the heading it stands under, a key of `GROUPS`.
        choices: the allowed words, where it is a choice.
        low, high: the allowed range; `None` is no bound.
        open_low, open_high: whether that bound itself is refused.
        needs: other options and the values they must have for this one to
            have an effect, as (option, values).
        everyday: whether `--help` shows it, or only `--helpfull`.
        to_builder: whether the model's builder takes it as an argument.
    """

    kind: Kind
    help: str
    group: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False
    needs: tuple[str, tuple[str, ...]] | None = None
    everyday: bool = False
    to_builder: bool = False


def read_option(name: str, option: Option, text: str) -> Any:
    """Reads the value of one option from the text of a flag.

    Raises:
        UserError: the text is no such value, or one that is not allowed.
    """
    try:
        return check_option(name, option, option.kind.parse(text))
    except UserError:
        raise
    except (ValueError, KeyError):
        raise _wrong_kind(name, option, text) from None


def format_option(name: str, value: Any) -> list[str]:
    """Writes one option as the flags that `parse_option` reads back."""
    if isinstance(value, dict):
        return [f"--{name}={key}={arg}" for key, arg in value.items()]
    if isinstance(value, tuple):
        value = ",".join(map(_digits, value))
    elif isinstance(value, bool):
        value = str(value).lower()
    return [f"--{name}={value}"]


def _digits(item: Any) -> str:
    """Writes every digit of a number, without an empty fraction."""
    text = str(item)
    return text.removesuffix(".0") if isinstance(item, float) else text


def _shown(value: Any) -> str:
    """Writes a value as it would be typed."""
    items = value if isinstance(value, tuple) else (value,)
    return ",".join(map(_digits, items))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _allowed(option: Option) -> str:
    """Says in words what an option accepts; empty where anything goes."""
    if option.choices:
        return f"choose {join_or(option.choices)}"
    if option.low is None:
        return ""
    word = f", or the word {option.kind.word}" if option.kind.word else ""
    return f"give {option.kind.noun} {_span(option)}{word}"


def _span(option: Option) -> str:
    """Says in words what lies between the bounds of an option."""
    low = _digits(option.low)
    if option.high is None:
        return f"above {low}" if option.open_low else f"of at least {low}"
    high = _digits(option.high)
    if option.open_low:
        return f"above {low} and at most {high}"
    return f"from {low} to {'below ' if option.open_high else ''}{high}"


def check_option(name: str, option: Option, value: Any) -> Any:
    """Returns the value in its own type.

    Raises:
        UserError: it is of another type, or not allowed.
    """
    if isinstance(value, list):
        value = tuple(value)
    right_type = isinstance(value, option.kind.python)
    if isinstance(value, bool) and bool not in option.kind.python:
        right_type = False
    if not right_type:
        raise _wrong_kind(name, option, _shown(value))
    for item in value if isinstance(value, tuple) else (value,):
        _check_item(name, option, item, value)
    return float(value) if option.kind is FLOAT else value


def _wrong_kind(name: str, option: Option, shown: str) -> UserError:
    right = _allowed(option) or f"write for example {option.kind.example}"
    return UserError(f"--{name}={shown} is not {option.kind.words}; {right}.")


def _check_item(name: str, option: Option, item: Any, value: Any) -> None:
    shown = _shown(value)
    if _is_number(item):
        low, high = option.low, option.high
        if (
            not math.isfinite(item)
            or low is not None
            and (item < low or option.open_low and item == low)
            or high is not None
            and (item > high or option.open_high and item == high)
        ):
            raise UserError(
                f"--{name}={shown} is out of range; {_allowed(option)}."
            )
    elif option.choices and item not in option.choices:
        close = close_matches(item, option.choices, 1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UserError(
            f"--{name}={shown} is not known; {hint}"
            f"{_allowed(option).capitalize() if hint else _allowed(option)}."
        )
    elif isinstance(item, str) and option.kind.python == (int, str):
        if item != option.kind.word:
            raise UserError(f"--{name}={shown} is not {option.kind.words}.")
