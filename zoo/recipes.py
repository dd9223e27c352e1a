"""Recipes: absl flagfiles of `experiments/`, found by name.

A recipe's name is its path without the ending, `cifar10/wrn28_10`, or the
last part of it where only one recipe ends so. Its header says what it shows.
"""

from __future__ import annotations

import dataclasses
import pathlib

from zoo.errors import UserError, join_words, unknown

HERE = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One flagfile."""

    name: str
    path: pathlib.Path

    @property
    def about(self) -> str:
        """The first line of its header."""
        first = self.path.read_text().partition("\n")[0]
        return first.lstrip("# ").strip()


def folder() -> pathlib.Path:
    """Returns `experiments/`: inside an installed package, or beside it."""
    installed = HERE / "experiments"
    return installed if installed.is_dir() else HERE.parent / "experiments"


def list_recipes() -> list[Recipe]:
    """Returns every recipe, in the order of names."""
    root = folder()
    paths = sorted(root.rglob("*.flags"))
    return [
        Recipe(path.relative_to(root).with_suffix("").as_posix(), path)
        for path in paths
    ]


def find(name: str) -> Recipe:
    """Finds a recipe by its name or the last part of it.

    Raises:
        UserError: there is none, or the last part fits several.
    """
    known = list_recipes()
    fits = [r for r in known if r.name == name]
    fits = fits or [r for r in known if r.name.rpartition("/")[2] == name]
    if len(fits) == 1:
        return fits[0]
    if fits:
        names = join_words(recipe.name for recipe in fits)
        raise UserError(f"--recipe={name} fits several; choose {names}.")
    raise unknown("recipe", name, [r.name for r in known], "zoo recipes")
