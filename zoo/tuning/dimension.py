"""One dimension of a search space, in the words of `--space`.

    optimizer=sgd,adam,rmsprop           one of these
    dropout=0:0.6                        any number between, both ends too
    dropout=0:0.6:0.1                    0, 0.1, ... 0.6
    learning_rate=log:1e-4:1e-1          any number, each decade alike
    learning_rate=log:1e-4:1e-1:10       1e-4, 1e-3, 1e-2, 1e-1
    model_arg.hidden=64,(64,64)          an argument of the model alone

An option that takes whole numbers gets whole numbers from its range.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from zoo.config import OPTIONS
from zoo.errors import UserError, close_matches
from zoo.options import (
    ARGUMENTS,
    FLOAT,
    INT,
    INT_OR_AUTO,
    INT_OR_FULL,
    NAMES,
    NUMBERS,
    Option,
    read_option,
)

ARGUMENT = "model_arg."  # before the name of an argument of the model
MOST_VALUES = 1000
DIGITS = 4  # that a number drawn from a range keeps
POINTS = 4  # of a range without steps, where a grid is asked for
NUMERIC = (FLOAT, INT, INT_OR_FULL, INT_OR_AUTO)
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
# What no trial may change, and why.
JUDGES = (
    "decides on which examples trials are judged, so that their scores could "
    "not be compared; give it once, for all trials"
)
NOTHING = "changes nothing that is learned; give it once, for all trials"
FIXED = {
    "seed": "is no hyperparameter; --executions=3 trains each trial with 3 "
    "seeds",
    **dict.fromkeys(
        ("dataset", "val_fraction", "group_by", "classes", "skip_unreadable"),
        JUDGES,
    ),
    "model": "is no hyperparameter; sweep one model, then the other",
}


@dataclasses.dataclass(frozen=True)
class Dimension:
    """What one option or argument may be.

    Attributes:
        name: of the option, or `model_arg.` and that of an argument.
        text: as it was written.
        values: all that there are, in order; none for a range without steps.
        low, high: of such a range; both may be drawn.
        log: whether each factor of such a range is as likely as any other.
        whole: whether such a range gives whole numbers.
    """

    name: str
    text: str
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    def ends(self) -> tuple[Any, ...]:
        """Returns all values, or both ends of a range without steps."""
        return self.values or (self.low, self.high)

    def nearest(self, number: float) -> float | int:
        """Returns a number inside a range, with few digits."""
        if not self.whole:
            number = float(f"{number:.{DIGITS}g}")
        return min(max(number, self.low), self.high)

    def stepped(self) -> Dimension:
        """Returns the same with a few values, as a grid needs them."""
        if self.values:
            return self
        shares = [i / (POINTS - 1) for i in range(POINTS)]
        if self.log:
            ratio = self.high / self.low
            points = [self.low * ratio**share for share in shares]
        else:
            points = [
                self.low + share * (self.high - self.low) for share in shares
            ]
        if self.whole:
            points = [round(point) for point in points]
        values = tuple(dict.fromkeys(map(self.nearest, points)))
        return dataclasses.replace(self, values=values)


def parse(text: str) -> Dimension:
    """Reads one `--space`.

    Raises:
        UserError: it is not of such a form, names no option that a trial can
            change, or has values that the option cannot have.
    """
    name, equals, words = text.partition("=")
    if not (name and equals and words):
        raise UserError(
            f"--space={text} is not of the form NAME=VALUES; write for "
            "example --space=dropout=0:0.6:0.1."
        )
    try:
        read = _reader(name)
        if _is_range(name, words):
            return _range(name, text, words.split(":"), read)
        return _choices(name, text, words, read)
    except UserError as error:
        raise UserError(f"in --space={text}, {error}") from None


def _reader(name: str) -> Callable[[str], Any]:
    """Returns what reads one value of an option or argument."""
    if name.startswith(ARGUMENT):
        if not name.removeprefix(ARGUMENT).isidentifier():
            raise UserError("no argument is named; write model_arg.NAME=...")
        return _literal
    option = OPTIONS.get(name)
    if option is None:
        free = [n for n in OPTIONS if _why_fixed(n, OPTIONS[n]) is None]
        close = close_matches(name, free, 1)
        hint = f"did you mean {close[0]}?" if close else "see train --helpfull."
        raise UserError(f"there is no hyperparameter {name!r}; {hint}")
    why = _why_fixed(name, option)
    if why:
        raise UserError(f"{name} {why}.")
    return lambda word: read_option(name, option, _bare(option, word))


def _why_fixed(name: str, option: Option) -> str | None:
    """Says why an option is the same in all trials, if it must be."""
    if name == "model_arg":
        return "needs the name of an argument; write model_arg.NAME"
    if option.group in ("run", "summaries") or name == "data_dir":
        return FIXED.get(name, NOTHING)
    return FIXED.get(name)


def _bare(option: Option, word: str) -> str:
    """Takes the parentheses off a choice that is a list."""
    is_list = option.type in (NUMBERS, NAMES)
    return word.strip("()").strip(",") if is_list else word


def _literal(word: str) -> Any:
    """Reads the value of a model's argument, as --model_arg does."""
    return ARGUMENTS.parse(f"value={word}")["value"]


def _is_range(name: str, words: str) -> bool:
    if name.startswith(ARGUMENT):
        first, *rest = words.split(":")
        return bool(rest) and (first == "log" or bool(NUMBER.fullmatch(first)))
    return ":" in words and OPTIONS[name].type in NUMERIC


def _range(
    name: str, text: str, words: list[str], read: Callable[[str], Any]
) -> Dimension:
    log = words[0] == "log"
    numbers = [_number(word) for word in words[log:]]
    if len(numbers) not in (2, 3):
        raise UserError(
            "a range is written low:high, low:high:step or log:low:high."
        )
    low, high = (read(word) for word in words[log : log + 2])
    if log and low <= 0:
        raise UserError(
            f"a logarithmic scale cannot begin at {words[1]}; give a low end "
            "above 0."
        )
    if low >= high:
        raise UserError(
            f"the low end {words[log]} is not below the high end "
            f"{words[log + 1]}."
        )
    whole = isinstance(low, int) and isinstance(high, int)
    if len(numbers) == 2:
        return Dimension(name, text, (), low, high, log, whole)
    values = _steps(*numbers, log)
    is_whole = whole and numbers[2] == int(numbers[2])
    kind = int if is_whole else float
    if whole and not is_whole and not name.startswith(ARGUMENT):
        raise UserError(f"{name} takes whole numbers, in whole steps.")
    return Dimension(name, text, tuple(map(kind, values)))


def _number(word: str) -> Decimal:
    try:
        number = Decimal(word)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise UserError(f"{word!r} is not a number.")
    return number


def _steps(low: Decimal, high: Decimal, step: Decimal, log: bool) -> list:
    """Returns the values from one end to the other; decimals stay exact."""
    if step <= (1 if log else 0):
        raise UserError(
            f"a step of {step} leads nowhere; give one above {int(log)}."
        )
    if log:
        count = math.log(high / low) / math.log(step)
    else:
        count = float((high - low) / step)
    if abs(count - round(count)) > 1e-6 or round(count) < 1:
        raise UserError(f"steps of {step} from {low} do not end at {high}.")
    if count >= MOST_VALUES:
        raise UserError(
            f"there are {round(count) + 1:,} values; leave the step out."
        )
    ways = range(round(count) + 1)
    return [low * step**i if log else low + step * i for i in ways]


def _choices(
    name: str, text: str, words: str, read: Callable[[str], Any]
) -> Dimension:
    # Commas inside parentheses belong to a value.
    items = [w.strip() for w in re.split(r",(?![^(]*\))", words)]
    if not all(items):
        raise UserError("a choice is empty; take the comma out.")
    values = [read(item) for item in items]
    for item, value in zip(items, values, strict=True):
        if values.count(value) > 1:
            raise UserError(f"{item} stands there twice.")
    if len(values) == 1:
        flag = name.replace(ARGUMENT, "model_arg=", 1)
        raise UserError(
            f"there is nothing to choose from; write --{flag}={items[0]}."
        )
    return Dimension(name, text, tuple(values))
