"""A knob: one option with the values that it is turned to, all else equal.

    learning_rate=1e-3,1e-2,1e-1         three values
    model_arg=hidden=64,(64,64)          of an argument of the model
    schedule_epochs=4,8;6,9              of an option that is a list itself

A semicolon divides values wherever there is one, so that a value may hold a
comma: `group_by=a{1,2};` is a single one.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from zoo.config import TrainConfig, format_option, option_named, parse_option
from zoo.errors import UserError
from zoo.options import NAMES, NUMBERS
from zoo.run_store import slug

ARGUMENT = "model_arg"
LONGEST = 60  # characters of a value in the name of a folder
COMMA = re.compile(r",(?![^(]*\))")  # outside of parentheses
# What is the same in all runs of a group, and what to write instead.
FIXED = {
    "seed": "is no knob, since runs differ by it in any case; --seeds=3 makes "
    "three runs of each",
    "devices": "is no knob, since it changes nothing that is learned",
    "run_name": "names all the runs together; give it once",
    "runs_dir": "is where all the runs are; give it once",
}
OTHER = {"epochs": "steps", "steps": "epochs"}


@dataclasses.dataclass(frozen=True)
class Knob:
    """One option of `TrainConfig`, and values for it.

    Attributes:
        option: its name.
        values: at least two, as `TrainConfig` holds them.
        argument: for `model_arg`, the name of the model's own argument, whose
            values these are.
    """

    option: str
    values: tuple[Any, ...]
    argument: str = ""

    @property
    def name(self) -> str:
        """The option or argument that is varied."""
        return self.argument or self.option

    def turn(self, config: TrainConfig, value: Any) -> TrainConfig:
        """Returns a config with this value, checked."""
        if self.argument:
            value = {**config.model_arg, self.argument: value}
        return config.replace(**{self.option: value})

    def value_in(self, config: TrainConfig) -> Any:
        """Returns the value that a config has."""
        value = getattr(config, self.option)
        return value.get(self.argument) if self.argument else value

    def neutral(self, config: TrainConfig) -> TrainConfig:
        """Returns a config that is the same whatever the knob stood at.

        Of `epochs` and `steps` the other one is taken out, as it is where
        one is typed beside a recipe that has the other.
        """
        if self.argument:
            rest = dict(config.model_arg)
            rest.pop(self.argument, None)
            return config.replace(model_arg=rest)
        changes = {self.option: getattr(TrainConfig(), self.option)}
        if self.option in OTHER:
            changes[OTHER[self.option]] = None
        return config.replace(**changes)

    def typed(self, value: Any) -> str:
        """Returns the flag that gives this value: `--dropout=0.5`."""
        if self.argument:
            value = {self.argument: value}
        return format_option(self.option, value)[0]

    def text(self, value: Any) -> str:
        """Returns a value as it is typed: `0.5`."""
        start = f"--{self.option}="
        start += f"{self.argument}=" if self.argument else ""
        text = self.typed(value).removeprefix(start)
        return text.removesuffix(".0") if isinstance(value, float) else text

    def folders(self) -> list[str]:
        """Returns a name for the runs of each value, no two the same."""
        names: list[str] = []
        for value in self.values:
            part = slug(self.text(value))[:LONGEST] or "none"
            name, count = f"{self.name}-{part}", 1
            while name in names:
                count += 1
                name = f"{self.name}-{part}_{count}"
            names.append(name)
        return names


def divide(option: str, text: str) -> list[str]:
    """Returns the text of each value, each as the flag takes it alone.

    Args:
        option: its name; one that does not exist has one value.
        text: what is typed behind `--option=`.
    """
    if option == ARGUMENT:
        name, equals, words = text.partition("=")
        return [f"{name}{equals}{word}" for word in _words(words, False)]
    try:
        kind = option_named(option).type
    except UserError:
        return [text]
    return _words(text, kind in (NUMBERS, NAMES))


def _words(text: str, is_list: bool) -> list[str]:
    """Divides a text at its semicolons, else at commas."""
    if ";" in text:
        words = text.removesuffix(";").split(";")
    elif is_list:
        words = [text]
    else:
        words = COMMA.split(text)
    return [word.strip() for word in words]


def read(option: str, text: str) -> Knob:
    """Reads the values of a knob.

    Raises:
        UserError: an option that cannot be varied, or a value that it cannot
            have, is empty, or stands there twice.
    """
    if option in FIXED:
        raise UserError(f"--{option} {FIXED[option]}.")
    words = divide(option, text)
    argument = text.partition("=")[0] if option == ARGUMENT else ""
    values: list[Any] = []
    for word in words:
        if not word.removeprefix(f"{argument}="):
            raise UserError(
                f"--{option}={text} has an empty value; take the "
                f"{'semicolon' if ';' in text else 'comma'} out."
            )
        value = parse_option(option, word)
        value = value[argument] if argument else value
        if any(
            value == known and type(value) is type(known) for known in values
        ):
            raise UserError(
                f"--{option}={text} has {word} twice; give each value once."
            )
        values.append(value)
    return Knob(option, tuple(values), argument)
