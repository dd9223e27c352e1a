"""`VariedOption`: one option with several values, all else equal.

    learning_rate=1e-3,1e-2,1e-1         three values
    model_arg=hidden=64,(64,64)          of an argument of the model
    schedule_epochs=4,8;6,9              of an option that is a list itself

A semicolon separates values wherever there is one, so that a value may contain
a comma: `group_by=a{1,2};` is a single one.
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
MAX_LENGTH = 60  # characters of a value in the name of a folder
COMMA = re.compile(r",(?![^(]*\))")  # outside of parentheses
# Options that all runs of a group share, and what to write instead.
FIXED = {
    "seed": "cannot be varied; --seeds=3 trains three runs of each value",
    "fold": "cannot be varied; `zoo train --folds=5` trains a run for each",
    "devices": "cannot be varied, since it changes nothing that is learned",
    "run_name": "names all the runs together; give it once",
    "runs_dir": "is where all the runs are; give it once",
}
NO_WEIGHTS = "none"  # as typed; `None` in a config
EXCLUSIVE = {"epochs": "steps", "steps": "epochs"}


@dataclasses.dataclass(frozen=True)
class VariedOption:
    """One option of `TrainConfig`, with several values.

    Attributes:
        option: Name of the option.
        values: At least two values, as `TrainConfig` has them.
        argument: For `model_arg`, the name of the model's own argument that
            has these values.
    """

    option: str
    values: tuple[Any, ...]
    argument: str = ""

    @classmethod
    def parse(cls, option: str, text: str) -> VariedOption:
        """Reads the values of an option.

        Raises:
            UserError: The option cannot be varied, or a value is invalid, empty
                or given twice.
        """
        if option in FIXED:
            raise UserError(f"--{option} {FIXED[option]}.")
        words = split_values(option, text)
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
            if option == "weights" and value == NO_WEIGHTS:
                value = None  # as `TrainConfig` and `group.json` have it
            if any(
                value == known and type(value) is type(known)
                for known in values
            ):
                raise UserError(
                    f"--{option}={text} has {word} twice; give each value once."
                )
            values.append(value)
        return cls(option, tuple(values), argument)

    @property
    def name(self) -> str:
        """The option or argument that is varied."""
        return self.argument or self.option

    def apply(self, config: TrainConfig, value: Any) -> TrainConfig:
        """Returns a config with this value, checked."""
        if self.argument:
            value = {**config.model_arg, self.argument: value}
        return config.replace(**{self.option: value})

    def value_of(self, config: TrainConfig) -> Any:
        """Returns the value that a config has."""
        value = getattr(config, self.option)
        return value.get(self.argument) if self.argument else value

    def without(self, config: TrainConfig) -> TrainConfig:
        """Returns a config without the option, the same for all its values.

        Of `epochs` and `steps` the other one is removed too, as it is where
        one is typed with a recipe that has the other.
        """
        if self.argument:
            rest = dict(config.model_arg)
            rest.pop(self.argument, None)
            return config.replace(model_arg=rest)
        changes = {self.option: getattr(TrainConfig(), self.option)}
        if self.option in EXCLUSIVE:
            changes[EXCLUSIVE[self.option]] = None
        return config.replace(**changes)

    def flag(self, value: Any) -> str:
        """Returns the flag that gives this value: `--dropout=0.5`."""
        if self.argument:
            value = {self.argument: value}
        elif value is None:
            value = NO_WEIGHTS
        return format_option(self.option, value)[0]

    def format(self, value: Any) -> str:
        """Returns a value as it is typed: `0.5`."""
        start = f"--{self.option}="
        start += f"{self.argument}=" if self.argument else ""
        text = self.flag(value).removeprefix(start)
        return text.removesuffix(".0") if isinstance(value, float) else text

    def folder_names(self) -> list[str]:
        """Returns a name for the runs of each value, no two the same."""
        names: list[str] = []
        for value in self.values:
            part = slug(self.format(value))[:MAX_LENGTH] or "none"
            name, count = f"{self.name}-{part}", 1
            while name in names:
                count += 1
                name = f"{self.name}-{part}_{count}"
            names.append(name)
        return names


def split_values(option: str, text: str) -> list[str]:
    """Returns the text of each value, each as the flag takes it alone.

    Args:
        option: Name of the option; an unknown one has one value.
        text: The text after `--option=`.
    """
    if option == ARGUMENT:
        name, equals, words = text.partition("=")
        return [f"{name}{equals}{word}" for word in split_words(words, False)]
    try:
        kind = option_named(option).type
    except UserError:
        return [text]
    return split_words(text, kind in (NUMBERS, NAMES))


def split_words(text: str, is_list: bool) -> list[str]:
    """Splits a text at its semicolons, else at commas outside parentheses.

    Args:
        text: Several values.
        is_list: Whether commas belong to a value.
    """
    if ";" in text:
        words = text.removesuffix(";").split(";")
    elif is_list:
        words = [text]
    else:
        words = COMMA.split(text)
    return [word.strip() for word in words]
