"""`zoo vary RUN --OPTION=VALUE,VALUE,...`: turns one knob, all else equal."""

from __future__ import annotations

import dataclasses

from zoo import commands
from zoo.cli import cluster, repeating, train
from zoo.cli.flags import Command
from zoo.config import BOOL, OPTIONS
from zoo.errors import UserError, join_and
from zoo.tuning.repeating.knob import FIXED, OTHER, Knob, divide, read

EXAMPLE = "--learning_rate=1e-4,1e-3,1e-2"


def run(argv: list[str]) -> int:
    """Trains a run for each value; returns the exit code.

    Returns:
        0 if every run came to its end; 4 if one lost its worker in every try,
        3 if one diverged, and 2 if one could not be trained, after the others
        were.
    """
    command = Command(
        f"zoo vary [RUN] {EXAMPLE} [--flags]",
        "Repeat a run, or what `zoo train` would do with these flags, with "
        "several values of one option, and say which differences are real. "
        "Values that are lists themselves are divided by semicolons, in "
        "quotes: --schedule_epochs='4,8;6,9'. The same command again goes on "
        "where it stopped, and repeats nothing. Exit code 3 if a run diverged, "
        "2 if one failed and 4 if one lost its process; the others go on.",
    )
    flags = list(_flags(argv))
    words = [flag for flag in flags if not flag.name]
    knobs = [flag for flag in flags if flag.is_knob]
    rest = [w for f in flags if f not in (*knobs, *words[:1]) for w in f.words]
    like = [f"--like={word.words[0]}" for word in words[:1]]
    asked = train.read([*like, *rest], command, repeating.define)
    if asked is None:
        return 0
    knob = _one(knobs, flags, words)
    config, parent = asked
    count, placement = repeating.seeds(command), cluster.read(command)
    typed = {flag.name for flag in flags}
    if knob.option in OTHER and OTHER[knob.option] not in typed:
        config = config.replace(**{OTHER[knob.option]: None})
    if count is not None and "seed" not in typed:
        config = config.replace(seed=repeating.first_seed(parent, config.seed))
    return repeating.train(config, knob, parent, count, placement)


@dataclasses.dataclass(frozen=True)
class Flag:
    """A flag as it was typed.

    Attributes:
        name: without dashes; empty of a word that is no flag.
        value: as text; `None` if it has none.
        words: of the command line.
    """

    name: str
    value: str | None
    words: tuple[str, ...]

    @property
    def is_knob(self) -> bool:
        """Whether it has several values."""
        return (
            self.name in OPTIONS
            and self.value is not None
            and len(divide(self.name, self.value)) > 1
        )


def _flags(argv: list[str]):
    """Yields each flag with its value, and each word that is no flag."""
    words = iter(argv)
    for word in words:
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-"):
            yield Flag("", None, (word,))
        elif equals:
            yield Flag(name, value, (word,))
        elif _stands_alone(name):
            yield Flag(name, None, (word,))
        else:
            after = next(words, None)
            both = (word,) if after is None else (word, after)
            yield Flag(name, after, both)


def _stands_alone(name: str) -> bool:
    """Whether a flag needs no value behind it."""
    option = OPTIONS.get(name) or OPTIONS.get(name.removeprefix("no"))
    is_switch = option is not None and option.type is BOOL
    return is_switch or name.startswith("help") or name == "h"


def _one(knobs: list[Flag], flags: list[Flag], words: list[Flag]) -> Knob:
    """Returns the knob, or says what to type instead."""
    if len(knobs) > 1:
        names = join_and(f"--{flag.name}" for flag in knobs)
        raise UserError(
            f"vary turns one knob, and {names} have several values each; "
            "`zoo sweep --tuner=grid` tries all combinations."
        )
    if knobs:
        return read(knobs[0].name, knobs[0].value or "")
    free = [name for name in OPTIONS if name not in FIXED]
    single = [f for f in flags if f.name in free and f.value is not None]
    if not single:
        raise UserError(
            "vary needs an option with several values; write for example "
            f"{EXAMPLE}."
        )
    name, value = single[-1].name, single[-1].value
    like = words[0].words[0] if words else None
    given = {f.name: f.value for f in flags if f.value is not None}
    kept = {n: v for n, v in given.items() if n in commands.FLAGS["train"]}
    typed = commands.command("train", **({"like": like} | kept))
    raise UserError(
        f"vary needs an option with several values, and --{name}={value} is "
        f"one; for that type `{typed}`."
    )
