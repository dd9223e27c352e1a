"""The search space of a sweep: hyperparameters, each read from a `--space`.

    optimizer=sgd,adam,rmsprop           one of these
    dropout=0:0.6                        any number between, both ends too
    dropout=0:0.6:0.1                    0, 0.1, ... 0.6
    learning_rate=log:1e-4:1e-1          any number, uniform in its logarithm
    learning_rate=log:1e-4:1e-1:10       1e-4, 1e-3, 1e-2, 1e-1
    model_arg.hidden=64,(64,64)          an argument of the model alone
    augment=crop;crop_flip,mixup         values that contain commas

An option that takes whole numbers gets whole numbers from its range. An option
that has an effect only with some values of another one, as momentum with the
optimizers that have it, is part of a trial only there.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from zoo.config import MODEL_ARGUMENTS, OPTIONS, TrainConfig
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
    argument_text,
    read_option,
)
from zoo.tuning.varied_option import split_words

MAX_LISTED = 10  # whole numbers of a range that a space names one by one
ARGUMENT = "model_arg."  # before the name of an argument of the model
MAX_VALUES = 1000
NUM_DIGITS = 4  # that a number drawn from a range keeps
NUM_GRID_POINTS = 4  # of a range without steps, in a grid search
NUMERIC = (FLOAT, INT, INT_OR_FULL, INT_OR_AUTO)
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
# Options that are the same in all trials, with the reason.
EVALUATION = (
    "decides on which examples trials are evaluated, so that their scores "
    "could not be compared; give it once, for all trials"
)
NO_EFFECT = "changes nothing that is learned; give it once, for all trials"
FIXED = {
    "seed": "is not a hyperparameter; --executions=3 trains each trial with 3 "
    "seeds",
    **dict.fromkeys(
        (
            *("dataset", "val_fraction", "fold", "group_by", "classes"),
            "skip_unreadable",
        ),
        EVALUATION,
    ),
    "model": "is not a hyperparameter; sweep one model, then the other",
}

Values = Mapping[str, Any]  # of one trial, by name of the hyperparameter


@dataclasses.dataclass(frozen=True)
class HyperParameter:
    """Values that one option or argument can have in a sweep.

    Attributes:
        name: Name of the option, or `model_arg.` and that of an argument.
        text: As it was written.
        values: All values in order; empty for a range without steps.
        low, high: Ends of such a range; both may be drawn.
        log: Whether such a range is sampled uniformly in its logarithm.
        is_int: Whether such a range gives whole numbers.
    """

    name: str
    text: str
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    is_int: bool = False

    @classmethod
    def parse(cls, text: str) -> HyperParameter:
        """Reads one `--space`.

        Raises:
            UserError: It is not of such a form, names no option that a trial
                can change, or has values that the option cannot have.
        """
        name, equals, words = text.partition("=")
        if not (name and equals and words):
            raise UserError(
                f"--space={text} is not of the form NAME=VALUES; write for "
                "example --space=dropout=0:0.6:0.1."
            )
        try:
            read = _value_reader(name)
            if _is_range(name, words):
                return _parse_range(name, text, words.split(":"), read)
            return _parse_choices(name, text, words, read)
        except UserError as error:
            raise UserError(f"in --space={text}, {error}") from None

    @property
    def bounds(self) -> tuple[Any, ...]:
        """All values, or both ends of a range without steps."""
        return self.values or (self.low, self.high)

    def nearest(self, number: float) -> float | int:
        """Returns a number inside a range, with few digits."""
        if not self.is_int:
            number = float(f"{number:.{NUM_DIGITS}g}")
        return min(max(number, self.low), self.high)

    def grid(self) -> HyperParameter:
        """Returns the same with a few values, as a grid search needs them."""
        if self.values:
            return self
        fractions = [i / (NUM_GRID_POINTS - 1) for i in range(NUM_GRID_POINTS)]
        if self.log:
            ratio = self.high / self.low
            points = [self.low * ratio**fraction for fraction in fractions]
        else:
            width = self.high - self.low
            points = [self.low + fraction * width for fraction in fractions]
        if self.is_int:
            points = [round(point) for point in points]
        values = tuple(dict.fromkeys(map(self.nearest, points)))
        return dataclasses.replace(self, values=values)


@dataclasses.dataclass(frozen=True)
class SearchSpace:
    """Hyperparameters, each after those that it depends on."""

    hyperparameters: tuple[HyperParameter, ...]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> SearchSpace:
        """Reads every `--space`.

        Raises:
            UserError: One of them is invalid, or two are of one name.
        """
        known: dict[str, HyperParameter] = {}
        for text in texts:
            new = HyperParameter.parse(text)
            name = plain_name(new.name)
            if name in known:
                raise UserError(
                    f"--space={known[name].text} and --space={text} are "
                    f"both about {name}; write all its values in one."
                )
            known[name] = new
        space = cls(tuple(known.values()))
        # Those that others depend on come first.
        return cls(
            tuple(
                sorted(
                    space.hyperparameters,
                    key=lambda hp: space.condition(hp) is not None,
                )
            )
        )

    @property
    def texts(self) -> list[str]:
        """The hyperparameters as they were written."""
        return [hp.text for hp in self.hyperparameters]

    def condition(
        self, hp: HyperParameter
    ) -> tuple[str, tuple[str, ...]] | None:
        """Returns what another depends on, and the values that enable it.

        `None` stands for one that always has an effect.
        """
        option = OPTIONS.get(hp.name)
        if option is None or option.depends_on is None:
            return None
        for other in self.hyperparameters:
            if other.name == option.depends_on[0]:
                enabling = filter(option.has_effect, other.values)
                return other.name, tuple(enabling)
        return None

    def is_active(self, hp: HyperParameter, values: Values) -> bool:
        """Whether a hyperparameter has an effect with these values."""
        needs = self.condition(hp)
        return needs is None or values.get(needs[0]) in needs[1]

    def config(self, fixed: TrainConfig, values: Values) -> TrainConfig:
        """Returns the config of a trial.

        Raises:
            UserError: Its values contradict each other or the fixed options.
        """
        options = {n: v for n, v in values.items() if n in OPTIONS}
        arguments = {
            name.removeprefix(ARGUMENT): value
            for name, value in values.items()
            if name.startswith(ARGUMENT)
        }
        return fixed.replace(
            **options, model_arg={**fixed.model_arg, **arguments}
        )

    def grid(self) -> SearchSpace:
        """Returns the space with a few values in place of each range."""
        return SearchSpace(tuple(hp.grid() for hp in self.hyperparameters))

    def without(self, names: Iterable[str]) -> SearchSpace:
        """Returns the space without some hyperparameters."""
        dropped = set(map(plain_name, names))
        return SearchSpace(
            tuple(
                hp
                for hp in self.hyperparameters
                if plain_name(hp.name) not in dropped
            )
        )

    def count(self) -> int | None:
        """Returns the number of points; `None` if a range has no steps."""
        if not all(hp.values for hp in self.hyperparameters):
            return None
        free = [hp for hp in self.hyperparameters if not self.condition(hp)]
        return math.prod(
            sum(self._count_dependent(hp, value) for value in hp.values)
            for hp in free
        )

    def _count_dependent(self, parent: HyperParameter, value: Any) -> int:
        """Returns how many points of dependent hyperparameters a value has."""
        return math.prod(
            len(hp.values)
            for hp in self.hyperparameters
            if (needs := self.condition(hp))
            and needs[0] == parent.name
            and value in needs[1]
        )

    def corner_points(self) -> list[dict[str, Any]]:
        """Returns points with every bound of each hyperparameter.

        The first has the first value of each.
        """
        first = {hp.name: hp.bounds[0] for hp in self.hyperparameters}
        points = [self._active(first)]
        for hp in self.hyperparameters:
            needs = self.condition(hp)
            for value in hp.bounds:
                point = {**first, hp.name: value}
                if needs:
                    point[needs[0]] = self._enabling_value(hp, *needs)
                point = self._active(point)
                if point not in points:
                    points.append(point)
        return points

    def _enabling_value(
        self, hp: HyperParameter, name: str, enabling: tuple[str, ...]
    ) -> str:
        """Returns a value with which a hyperparameter has an effect."""
        if enabling:
            return enabling[0]
        raise UserError(
            f"--space={hp.text} has no effect with "
            f"--space={self[name].text}; leave one of them out."
        )

    def __getitem__(self, name: str) -> HyperParameter:
        return next(hp for hp in self.hyperparameters if hp.name == name)

    def _active(self, values: Values) -> dict[str, Any]:
        return {
            hp.name: values[hp.name]
            for hp in self.hyperparameters
            if self.is_active(hp, values)
        }


def plain_name(name: str) -> str:
    """Returns the one name of what is both an option and an argument.

    `model_arg.dropout` is `dropout`, and `model_arg.hidden` is itself.
    """
    argument = name.removeprefix(ARGUMENT)
    return argument if argument in MODEL_ARGUMENTS else name


def format_values(values: Values) -> str:
    """Returns values in one line: `learning_rate 0.002, dropout 0.3`."""
    return ", ".join(
        f"{name.removeprefix(ARGUMENT)} {_format_value(value)}"
        for name, value in values.items()
        if not name.startswith("tuner/")
    )


def _format_value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _value_reader(name: str) -> Callable[[str], Any]:
    """Returns what reads one value of an option or argument."""
    if name.startswith(ARGUMENT):
        if not name.removeprefix(ARGUMENT).isidentifier():
            raise UserError("no argument is named; write model_arg.NAME=...")
        return _literal
    option = OPTIONS.get(name)
    if option is None:
        free = [n for n in OPTIONS if _reason_fixed(n, OPTIONS[n]) is None]
        close = close_matches(name, free, 1)
        hint = f"did you mean {close[0]}?" if close else "see train --helpfull."
        raise UserError(f"there is no hyperparameter {name!r}; {hint}")
    reason = _reason_fixed(name, option)
    if reason:
        raise UserError(f"{name} {reason}.")
    return lambda word: read_option(
        name, option, _without_parentheses(option, word)
    )


def _reason_fixed(name: str, option: Option) -> str | None:
    """Returns why an option is the same in all trials, if it must be."""
    if name == "model_arg":
        return "needs the name of an argument; write model_arg.NAME"
    if option.group in ("run", "summaries") or name == "data_dir":
        return FIXED.get(name, NO_EFFECT)
    return FIXED.get(name)


def _without_parentheses(option: Option, word: str) -> str:
    """Removes the parentheses of a choice that is a list."""
    is_list = option.type in (NUMBERS, NAMES)
    return word.strip("()").strip(",") if is_list else word


def _literal(word: str) -> Any:
    """Reads the value of a model's argument, as --model_arg does."""
    return ARGUMENTS.parse(f"value={word}")["value"]


def _is_range(name: str, words: str) -> bool:
    if ";" in words:
        return False
    if name.startswith(ARGUMENT):
        first, *rest = words.split(":")
        return bool(rest) and (first == "log" or bool(NUMBER.fullmatch(first)))
    return ":" in words and OPTIONS[name].type in NUMERIC


def _parse_range(
    name: str, text: str, words: list[str], read: Callable[[str], Any]
) -> HyperParameter:
    log = words[0] == "log"
    numbers = [_parse_number(word) for word in words[log:]]
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
    is_int = isinstance(low, int) and isinstance(high, int)
    if len(numbers) == 2:
        return HyperParameter(name, text, (), low, high, log, is_int)
    values = _step_values(*numbers, log)
    has_int_steps = is_int and numbers[2] == int(numbers[2])
    kind = int if has_int_steps else float
    if is_int and not has_int_steps and not name.startswith(ARGUMENT):
        raise UserError(f"{name} takes whole numbers, in whole steps.")
    return HyperParameter(name, text, tuple(map(kind, values)))


def _parse_number(word: str) -> Decimal:
    try:
        number = Decimal(word)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise UserError(f"{word!r} is not a number.")
    return number


def _step_values(low: Decimal, high: Decimal, step: Decimal, log: bool) -> list:
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
    if count >= MAX_VALUES:
        raise UserError(
            f"there are {round(count) + 1:,} values; leave the step out."
        )
    steps = range(round(count) + 1)
    return [low * step**i if log else low + step * i for i in steps]


def _parse_choices(
    name: str, text: str, words: str, read: Callable[[str], Any]
) -> HyperParameter:
    items = split_words(words, False)
    if not all(items):
        mark = "semicolon" if ";" in words else "comma"
        raise UserError(f"a choice is empty; take the {mark} out.")
    values = [read(item) for item in items]
    for item, value in zip(items, values, strict=True):
        if values.count(value) > 1:
            raise UserError(f"{item} is given twice.")
    if len(values) == 1:
        flag, item = name.replace(ARGUMENT, "model_arg=", 1), items[0]
        if name in OPTIONS:
            item = _without_parentheses(OPTIONS[name], item)
        raise UserError(
            f"there is nothing to choose from; write --{flag}={item}."
        )
    return HyperParameter(name, text, tuple(values))


# Hyperparameters of keras-tuner.


def hyperparameter_text(one: Any) -> str | None:
    """Returns a hyperparameter of keras-tuner as the text of one `--space`.

    Returns:
        `None` if it has one value alone.

    Raises:
        UserError: no such text has the same values.
    """
    kind = type(one).__name__
    if kind in ("Boolean", "Choice"):
        values = [False, True] if kind == "Boolean" else list(one.values)
        texts = _choices(values)
    else:
        values, text = _numbers(one)
        texts = [text]
    if values is not None and len(values) == 1:
        return None
    for text in texts:
        # Never as an option of that name, which may have other values.
        whole = f"model_arg.{one.name}={text}"
        try:
            found = HyperParameter.parse(whole)
        except UserError:
            continue
        if values is None or _are_same(found.values, values):
            return whole
    raise UserError(
        f"the values of the hyperparameter {one.name!r} cannot be written as "
        f"--space=model_arg.{one.name}={texts[0]}; give it other values, or "
        "fewer."
    )


def _are_same(values: Sequence[Any], others: Sequence[Any]) -> bool:
    return list(map(repr, values)) == list(map(repr, others))


def _choices(values: Sequence[Any]) -> list[str]:
    """Returns the ways in which a list of choices may be written."""
    plain = list(map(argument_text, values))
    quoted = list(map(repr, values))
    return [",".join(plain), ",".join(quoted), ";".join(quoted) + ";"]


def _numbers(one: Any) -> tuple[list[Any] | None, str]:
    """Returns the values of an Int or Float, and their text.

    The values are `None` where a range is drawn from without steps, or has
    too many of them to be listed.
    """
    if one.sampling == "reverse_log":
        raise UserError(
            f"the hyperparameter {one.name!r} is sampled by reverse_log, which "
            "a sweep does not have; give it sampling='log' or 'linear'."
        )
    kind = int if type(one).__name__ == "Int" else float
    is_log = one.sampling == "log"
    low, high = kind(one.min_value), kind(one.max_value)
    scale = "log:" * is_log
    if low == high:
        return [low], ""
    if one.step is None:
        return None, f"{scale}{low}:{high}"
    first, step = Decimal(str(low)), Decimal(str(one.step))
    if is_log:
        count = math.floor(math.log(high / low) / math.log(step) + 1e-9)
        last = first * step**count
    else:
        count = math.floor((Decimal(str(high)) - first) / step)
        last = first + step * count
    if count == 0:
        return [low], ""
    if kind is int and count < MAX_LISTED:
        grid = [
            int(first * step**i if is_log else first + step * i)
            for i in range(count + 1)
        ]
        return grid, ",".join(map(str, grid))
    has_steps = is_log or kind is float or step != 1
    return None, f"{scale}{low}:{last}{f':{step}' * has_steps}"
