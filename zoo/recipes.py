"""Recipes: absl flagfiles of `experiments/`, found by name.

A recipe's name is its path without the ending, `cifar10/wrn28_10`, or the
last part of it where only one recipe ends so. Its header says what it shows,
and `expected.toml` which scores to expect.
"""

from __future__ import annotations

import dataclasses
import decimal
import functools
import os
import pathlib
import tomllib
from collections.abc import Sequence
from typing import Any

from zoo.commands import command
from zoo.config import OPTIONS, TrainConfig, parse_option
from zoo.errors import UserError, join_or, unknown_name_error

SWEEPS = "sweeps/"  # the folder of recipes of `zoo sweep`
COMMENTS = ("#", "//")  # that a line of a flagfile starts with
LENGTHS = ("epochs", "steps")  # options that exclude each other
FILE_NAMES = "surrogateescape"  # keeps names of files that are not UTF-8
HERE = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One flagfile."""

    name: str
    path: pathlib.Path

    @property
    def is_sweep(self) -> bool:
        """Whether it has flags that only `zoo sweep` understands."""
        return self.name.startswith(SWEEPS)

    @property
    def about(self) -> str:
        """The first line of its header."""
        first = self.path.read_text(encoding="utf-8").partition("\n")[0]
        return first.lstrip("# ").strip()


def folder() -> pathlib.Path:
    """Returns `experiments/`: inside an installed package, or beside it."""
    installed = HERE / "experiments"
    return installed if installed.is_dir() else HERE.parent / "experiments"


def list_recipes(sweeps: bool = False) -> list[Recipe]:
    """Returns every recipe, in the order of names.

    Args:
        sweeps: whether to list those that only `zoo sweep` understands.
    """
    root = folder()
    paths = sorted(root.rglob("*.flags"))
    found = [
        Recipe(path.relative_to(root).with_suffix("").as_posix(), path)
        for path in paths
    ]
    return [one for one in found if sweeps or not one.is_sweep]


def find(name: str, sweeps: bool = False) -> Recipe:
    """Finds a recipe by its name or the last part of it.

    Args:
        sweeps: whether it may be one that only `zoo sweep` understands.

    Raises:
        UserError: there is none, or the last part fits several.
    """
    known = list_recipes(sweeps)
    fits = _fitting(name, known)
    if len(fits) == 1:
        return fits[0]
    if fits:
        names = join_or(recipe.name for recipe in fits)
        raise UserError(f"--recipe={name} fits several; choose {names}.")
    for other in [] if sweeps else _fitting(name, list_recipes(True)):
        raise UserError(
            f"--recipe={name} is about a sweep; type "
            f"`{command('sweep', recipe=other.name)}`."
        )
    raise unknown_name_error(
        "recipe", name, [r.name for r in known], "zoo recipes"
    )


def _fitting(name: str, known: list[Recipe]) -> list[Recipe]:
    """Returns the recipe of a name, or those whose last part it is."""
    fits = [r for r in known if r.name == name]
    return fits or [r for r in known if r.name.rpartition("/")[2] == name]


# Flagfiles


def read_flagfiles(
    argv: Sequence[str], outer: tuple[str, ...] = ()
) -> list[str]:
    """Replaces each `--flagfile=PATH` by the flags in that file.

    Absl does the same, but reads the file in the encoding of the locale.

    Args:
        argv: words of the command line, or lines of a flagfile.
        outer: flagfiles that these are lines of.

    Raises:
        UserError: a file cannot be read, or contains itself.
    """
    expanded, words = [], iter(argv)
    for word in words:
        flag, equals, path = word.lstrip("-").partition("=")
        if not word.startswith("-") or flag != "flagfile":
            expanded.append(word)
            continue
        path = os.path.expanduser((path if equals else next(words, "")).strip())
        if not path or path in outer:
            reason = "contains itself" if path else "names no file"
            raise UserError(f"--flagfile={path} {reason}; give another one.")
        expanded += read_flagfiles(_lines_of(path), (*outer, path))
    return expanded


def _lines_of(path: str) -> list[str]:
    """Returns the lines of a flagfile that are not comments."""
    try:
        with open(path, encoding="utf-8", errors=FILE_NAMES) as file:
            text = file.read()
    except OSError as error:
        raise UserError(
            f"--flagfile={path} cannot be opened: {error.strerror}; `zoo "
            "recipes` lists those that come with the zoo."
        ) from None
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(COMMENTS)]
    flag_names = "".join(line.partition("=")[0] for line in lines)
    if not flag_names.isprintable():
        raise UserError(
            f"--flagfile={path} is not a text file; give a file with one "
            "flag a line."
        )
    return lines


def read_config(name: str, flags: Sequence[str] = ()) -> TrainConfig:
    """Returns the config of a recipe, as `zoo train --recipe=NAME` reads it.

    Args:
        name: of the recipe.
        flags: `--option=value`, or `--option` of a switch, each of which
            replaces what the recipe says.

    Raises:
        UserError: there is no such recipe or option, or a value is invalid.
    """
    values: dict[str, Any] = {}
    for flag in [*read_flagfiles([f"--flagfile={find(name).path}"]), *flags]:
        option, equals, text = flag.lstrip("-").partition("=")
        if not equals:
            is_off = option not in OPTIONS and option.startswith("no")
            option, text = option[2 * is_off :], str(not is_off)
        value = parse_option(option, text)
        if option == "model_arg":
            value = {**values.get(option, {}), **value}
        # Of these the later one holds.
        if option in LENGTHS:
            values = {k: v for k, v in values.items() if k not in LENGTHS}
        values[option] = value
    return TrainConfig(**values)


# Expected scores


@dataclasses.dataclass(frozen=True)
class ExpectedRange:
    """Range in which a score of a recipe is expected.

    Attributes:
        score: Name of the score, such as `validation_accuracy`.
        low: Lowest expected value.
        high: Highest expected value; may be infinite.
        decimals: Number of decimals to which a score is rounded before it is
            compared; `None` for a range that is open on one side.
    """

    score: str
    low: float
    high: float
    decimals: int | None

    def contains(self, value: float) -> bool:
        """Whether a score is in the range, ends included."""
        if self.decimals is not None:
            value = round(value, self.decimals)
        return self.low <= value <= self.high


@dataclasses.dataclass(frozen=True)
class Published:
    """Published result that a recipe is compared with.

    Attributes:
        score: Name of the score, such as `test_accuracy`.
        value: Published value, as text.
        source: Where it was published.
        length: Length of the published training, such as `200 epochs`.
    """

    score: str
    value: str
    source: str
    length: str


def expected_ranges(name: str) -> list[ExpectedRange]:
    """Returns the ranges in which the scores of a recipe are expected.

    Args:
        name: Full name of a recipe.
    """
    return [
        _range(score, *ends)
        for score, ends in _expected(name).items()
        if score != "published"
    ]


def published(name: str) -> Published | None:
    """Returns the published result of a recipe, if there is one.

    Args:
        name: Full name of a recipe.
    """
    table = _expected(name).get("published")
    if table is None:
        return None
    table = dict(table)
    source = table.pop("source")
    (unit,) = {"epochs", "steps"} & table.keys()
    length = f"{table.pop(unit):,} {unit}"
    ((score, value),) = table.items()
    return Published(score, str(value), source, length)


def _range(
    score: str, low: decimal.Decimal, high: decimal.Decimal
) -> ExpectedRange:
    decimals = None
    if low.is_finite() and high.is_finite():
        decimals = -min(low.as_tuple().exponent, high.as_tuple().exponent)
    return ExpectedRange(score, float(low), float(high), decimals)


def _expected(name: str) -> dict:
    """Returns a recipe's table of `expected.toml`."""
    group, _, label = name.rpartition("/")
    return _read_expected().get(group, {}).get(label, {})


@functools.cache
def _read_expected() -> dict:
    """Reads `expected.toml`; decimals keep the digits that were written."""
    text = (folder() / "expected.toml").read_text(encoding="utf-8")
    return tomllib.loads(text, parse_float=decimal.Decimal)
