"""Option: the type, range and help of one setting, and errors about values.

Values come as text from flags and flagfiles, or as they are from Python. Both
are checked here, with the same error messages.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from zoo.errors import (
    VALUE_SYNONYMS,
    UserError,
    close_matches,
    join_or,
)
from zoo.io import check_utf8

# What int32 and float32 hold, in which backends count and compute.
LARGEST_INT = 2**31 - 1
LARGEST_FLOAT = 3.4e38
SMALLEST_FLOAT = 2.0**-126  # what is nearer to 0 may become 0


@dataclasses.dataclass(frozen=True)
class ValueType:
    """How to parse and describe a type of value.

    Attributes:
        python: Python types of the value.
        items: Python types of what is in a tuple; empty for no tuple.
        parse: Function that reads a value from text.
        expected: Description of a value, such as "a whole number".
        example: Value as it is typed.
        keyword: Word that is accepted instead of a value; empty for none.
    """

    python: tuple[type, ...]
    parse: Callable[[str], Any]
    expected: str
    example: str
    keyword: str = ""
    items: tuple[type, ...] = ()

    @property
    def description(self) -> str:
        """Description of everything that is accepted."""
        keyword = f" or the word {self.keyword}" if self.keyword else ""
        return self.expected + keyword


def _parse_bool(text: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[text.lower()]


def _parse_numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def _parse_sides(text: str) -> int | tuple[int, ...]:
    sides = tuple(int(part) for part in text.replace("x", ",").split(","))
    return sides[0] if len(sides) == 1 else sides


def _parse_names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _parse_arguments(text: str) -> dict[str, Any]:
    name, equals, value = text.partition("=")
    if not (name.isidentifier() and equals and value):
        raise UserError(
            f"--model_arg={text} is not of the form name=value; "
            "write for example --model_arg=reduced=False."
        )
    return {name: _literal_or_text(value)}


def _literal_or_text(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def argument_text(value: Any) -> str:
    """Writes an argument of a model as `--model_arg` reads it back.

    A text that looks like something else, such as `3` or `None`, is quoted.
    """
    if not isinstance(value, str):
        return str(value)
    is_plain = bool(value) and value == value.strip()
    return (
        value if is_plain and _literal_or_text(value) == value else repr(value)
    )


def _int_or(keyword: str, example: str) -> ValueType:
    def parse(text: str) -> int | str:
        return text if text == keyword else int(text)

    return ValueType((int, str), parse, "a whole number", example, keyword)


INT = ValueType((int,), int, "a whole number", "10")
FLOAT = ValueType((int, float), float, "a number", "0.001")
TEXT = ValueType((str,), str, "a name", "name")
BOOL = ValueType((bool,), _parse_bool, "true or false", "true")
NUMBERS = ValueType(
    (tuple,),
    _parse_numbers,
    "a list of numbers",
    "60,120,160",
    items=(int, float),
)
KINDS = ValueType((str,), str, "a list of names", "crop_flip,mixup")
SIDE_OR_SIDES = ValueType(
    (int, tuple),
    _parse_sides,
    "a whole number, or two",
    "224 or 160,120",
    items=(int,),
)
NAMES = ValueType(
    (tuple,), _parse_names, "a list of names", "scalars,logits", items=(str,)
)
ARGUMENTS = ValueType((dict,), _parse_arguments, "name=value", "depth=28")
INT_OR_FULL = _int_or("full", "64")
INT_OR_AUTO = _int_or("auto", "8")
INT_OR_ALL = _int_or("all", "2")


@dataclasses.dataclass(frozen=True)
class Option:
    """What is known of an option besides its default.

    Attributes:
        type: Type of its value.
        help: Line for `--help`.
        group: Heading in `--help`, a key of `GROUPS`.
        choices: Allowed names; empty for any.
        low: Lower bound; `None` for none.
        high: Upper bound; `None` for that of int32 or float32.
        open_low: Whether the lower bound itself is excluded.
        open_high: Whether the upper bound itself is excluded.
        depends_on: Another option, and the values it must have for this one
            to have an effect.
        common: Whether `--help` shows it; `--helpfull` shows all.
        is_model_arg: Whether it is an argument of the model's builder.
    """

    type: ValueType
    help: str
    group: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False
    depends_on: tuple[str, tuple[str, ...]] | None = None
    common: bool = False
    is_model_arg: bool = False

    def has_effect(self, value: Any) -> bool:
        """Whether it has one with a value of the option it depends on.

        Kinds of augmentation are joined by commas: one of them is enough.
        """
        if self.depends_on is None:
            return True
        return not set(self.depends_on[1]).isdisjoint(str(value).split(","))


def read_option(name: str, option: Option, text: str) -> Any:
    """Parses the value of an option from text.

    Raises:
        UserError: the text is not such a value, or the value is not allowed.
    """
    try:
        return check_option(name, option, option.type.parse(text))
    except UserError:
        raise
    except (ValueError, KeyError):
        raise _type_error(name, option, text) from None


def format_option(name: str, value: Any) -> list[str]:
    """Formats an option as the flags that `read_option` reads back."""
    if isinstance(value, dict):
        return [
            f"--{name}={key}={argument_text(arg)}" for key, arg in value.items()
        ]
    return [f"--{name}={option_text(value)}"]


def option_text(value: Any) -> str:
    """Writes the value of an option that is no `model_arg` as it is typed."""
    if isinstance(value, tuple):
        return ",".join(map(_digits, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_option(name: str, option: Option, value: Any) -> Any:
    """Returns the value in its own type.

    Raises:
        UserError: it is of another type, or is not allowed.
    """
    value = plain_value(value)
    if isinstance(value, str) and option.type in (NAMES, NUMBERS):
        return read_option(name, option, value)
    if option.type is NAMES and isinstance(value, tuple):
        value = tuple(str(v) if type(v) is int else v for v in value)
    is_valid = _is_of(value, option.type.python)
    if isinstance(value, tuple):
        is_valid &= all(_is_of(item, option.type.items) for item in value)
    if option.type is SIDE_OR_SIDES and isinstance(value, tuple):
        is_valid &= len(value) == 2
    if not is_valid:
        raise _type_error(name, option, _format(value))
    items = value if isinstance(value, tuple) else (value,)
    if option.type is KINDS:
        items = value.split(",")
    for item in items:
        if isinstance(item, str) and set(item) & {"\n", "\r", "\0"}:
            raise UserError(
                f"--{name}={item!r} holds the end of a line or a zero byte, "
                "which no flagfile can repeat; leave it out."
            )
        _check_item(name, option, item, value)
    return float(value) if option.type is FLOAT else value


def plain_value(value: Any) -> Any:
    """Returns lists as tuples, and scalars of NumPy as Python's.

    What JSON read back is then equal to what was written, in a dict too.
    """
    if isinstance(value, Mapping):
        return {key: plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(map(plain_value, value))
    if type(value).__module__ == "numpy" and not getattr(value, "ndim", 1):
        return value.item()
    return value


def _is_of(value: Any, types: tuple[type, ...]) -> bool:
    """Whether a value is of one of these types; a bool is no number."""
    if isinstance(value, bool):
        return bool in types
    return isinstance(value, types)


def _check_item(name: str, option: Option, item: Any, value: Any) -> None:
    text = _format(value)
    if isinstance(item, str):
        check_utf8(item, f"--{name},")
    if isinstance(item, int | float) and not isinstance(item, bool):
        if not _is_in_range(option, item):
            if item > 0 and option.high is None:
                low = -_largest(option) if option.low is None else option.low
                option = dataclasses.replace(
                    option, low=low, high=_largest(option)
                )
            raise UserError(
                f"--{name}={text} is out of range; {_allowed(option)}."
            )
    elif option.choices and item not in option.choices:
        raise UserError(
            f"--{name}={text} is not known; "
            f"{suggest_choice(item, option.choices)}"
        )
    elif isinstance(item, str) and option.type.python == (int, str):
        if item != option.type.keyword:
            raise UserError(
                f"--{name}={text} is not {option.type.description}."
            )


def _is_in_range(option: Option, number: float) -> bool:
    low, high = option.low, option.high
    if low is not None:
        if number < low or option.open_low and number - low < SMALLEST_FLOAT:
            return False
    if high is not None:
        return number < high or number == high and not option.open_high
    return abs(number) <= _largest(option)  # false of NaN


def _largest(option: Option) -> float:
    is_int = option.type.python[0] is int and float not in option.type.python
    return LARGEST_INT if is_int else LARGEST_FLOAT


def suggest_choice(name: str, choices: tuple[str, ...]) -> str:
    """Returns the end of the error for a name that is not among some choices.

    Returns:
        Such as "did you mean adam? Choose sgd, adam or rmsprop."
    """
    choose = f"hoose {join_or(choices)}."
    meant = VALUE_SYNONYMS.get(str(name).lower())
    close = [meant] if meant in choices else close_matches(name, choices, 1)
    if close:
        return f"did you mean {close[0]}? C{choose}"
    return f"c{choose}"


def _type_error(name: str, option: Option, text: str) -> UserError:
    remedy = _allowed(option) or f"write for example {option.type.example}"
    if not text:
        return UserError(f"--{name}= needs a value; {remedy}.")
    return UserError(
        f"--{name}={text} is not {option.type.description}; {remedy}."
    )


def _allowed(option: Option) -> str:
    """Describes what an option accepts; empty where anything goes."""
    if option.choices:
        return f"choose {join_or(option.choices)}"
    if option.low is None:
        return ""
    word = option.type.keyword
    keyword = f", or the word {word}" if word else ""
    return f"give {option.type.expected} {_describe_range(option)}{keyword}"


def _describe_range(option: Option) -> str:
    low = _digits(option.low)
    if option.high is None:
        return f"above {low}" if option.open_low else f"of at least {low}"
    high = _digits(option.high)
    if option.open_low:
        return f"above {low} and at most {high}"
    return f"from {low} to {'below ' if option.open_high else ''}{high}"


def _digits(item: Any) -> str:
    """Writes every digit of a number, without an empty fraction."""
    text = str(item)
    return text.removesuffix(".0") if isinstance(item, float) else text


def _format(value: Any) -> str:
    """Formats a value as it would be typed."""
    items = value if isinstance(value, tuple) else (value,)
    return ",".join(map(_digits, items))
