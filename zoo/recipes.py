"""Recipes: absl flagfiles of `experiments/`, found by name.

A recipe's name is its path without the ending, `cifar10/wrn28_10`, or the
last part of it where only one recipe ends so. Its header says what it shows.
"""

from __future__ import annotations

import dataclasses
import pathlib

from zoo.commands import command
from zoo.errors import UserError, join_or, unknown_name_error

SWEEPS = "sweeps/"  # the folder of recipes of `zoo sweep`
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
        first = self.path.read_text().partition("\n")[0]
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
