"""Ladders: which recipes belong together, in which order, at which scale.

They stand in `ladders.toml`. Reading them needs neither Keras nor data.
"""

from __future__ import annotations

import dataclasses
import pathlib
import shlex
import tomllib
from collections.abc import Mapping

from zoo import recipes
from zoo.cli import train
from zoo.config import TrainConfig
from zoo.console import pluralize
from zoo.data import sources, tfds
from zoo.errors import UserError, unknown_name_error

FILE = pathlib.Path(__file__).with_name("ladders.toml")
SCALES = ("smoke", "laptop", "full")
EVERY = "every"  # rung of a ladder, in a table of flags


@dataclasses.dataclass(frozen=True)
class Rung:
    """One recipe of a ladder.

    Attributes:
        label: as the ladder's list has it; names the folder of its runs.
        recipe: the recipe's full name.
        flags: what a scale puts in the place of the recipe's own.
    """

    label: str
    recipe: str
    flags: tuple[str, ...]

    def config(self, *more: str) -> TrainConfig:
        """Returns what the recipe asks for, at this scale.

        Args:
            more: flags that go before those of recipe and scale.
        """
        words = [f"--recipe={self.recipe}", *self.flags, *more]
        config, _ = train.read(words)
        return config


@dataclasses.dataclass(frozen=True)
class Ladder:
    """A list of recipes.

    Attributes:
        name: of the ladder, and of the folder of most of its recipes.
        about: a few words on what it shows.
        labels: of its rungs, in order.
        stand_in: the ladder to climb where its data cannot be had, if any.
        scales: for each scale flags by label, `every` for the others.
    """

    name: str
    about: str
    labels: tuple[str, ...]
    stand_in: str
    scales: Mapping[str, Mapping[str, str]]

    def recipe(self, label: str) -> str:
        """Returns the full name of a rung's recipe."""
        return label if "/" in label else f"{self.name}/{label}"

    def rungs(self, scale: str) -> list[Rung]:
        """Returns the rungs in order, with the flags of a scale."""
        flags = self.scales.get(scale, {})
        return [
            Rung(
                label.replace("/", "-"),
                self.recipe(label),
                tuple(shlex.split(flags.get(label, flags.get(EVERY, "")))),
            )
            for label in self.labels
        ]


def list_ladders(path: pathlib.Path = FILE) -> dict[str, Ladder]:
    """Returns every ladder by its name, in the order of the file."""
    facts = tomllib.loads(path.read_text())
    common = facts["scales"]
    return {
        name: Ladder(
            name,
            table["about"],
            tuple(table["rungs"]),
            table.get("stand_in", ""),
            {
                scale: {EVERY: common.get(scale, ""), **table.get(scale, {})}
                for scale in SCALES
            },
        )
        for name, table in facts["ladders"].items()
    }


def find(name: str) -> Ladder:
    """Returns a ladder by its name.

    Raises:
        UserError: there is none of this name.
    """
    known = list_ladders()
    if name not in known:
        raise unknown_name_error(
            "ladder", name, list(known), "python -m experiments.ladder"
        )
    return known[name]


def check_data(ladder: Ladder, data_dir: str | None = None) -> None:
    """Looks whether a ladder's data is on disk, before anything is trained.

    Data that is not there is neither fetched nor replaced: that is for a
    person to decide.

    Raises:
        UserError: it is not there; the sentence names both ways on.
    """
    folder = tfds.find_dir(data_dir)
    for rung in ladder.rungs("full"):
        source, _ = sources.find_source(rung.config().dataset)
        if source.builder and not tfds.is_prepared(source, folder):
            raise UserError(
                f"{source.name} is not in {folder}; fetch its "
                f"{source.download:,} MiB with `zoo download "
                f"{source.name}`, or climb `make ladder "
                f"LADDER={ladder.stand_in}`, which needs no download."
            )


def listing() -> str:
    """Returns the ladders as text, a line each."""
    known = list_ladders()
    width = max(map(len, known))
    lines = [
        f"{name:<{width}}  {pluralize(len(one.labels), 'recipe')}: {one.about}"
        for name, one in known.items()
    ]
    return "\n".join(lines)


def missing() -> list[str]:
    """Returns the names of recipes that stand in no ladder."""
    there = {
        ladder.recipe(label)
        for ladder in list_ladders().values()
        for label in ladder.labels
    }
    return [r.name for r in recipes.list_recipes() if r.name not in there]
