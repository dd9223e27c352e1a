"""Keeps what sweeps of recipes found: their results, and a page of them.

    python -m experiments.searches SWEEP_FOLDER...   keeps finished sweeps
    python -m experiments.searches                   writes `SWEEPS.md` anew

Of a sweep `result.json` and `trials.csv` are kept, beside its recipe; no
weights. A sweep belongs to the recipe of the same space and options.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import shutil
import sys
from collections.abc import Iterable
from typing import Any

from zoo import recipes
from zoo.cli import sweep
from zoo.console import pluralize
from zoo.errors import UserError
from zoo.io import atomic_write
from zoo.runs import SWEEP_FILE, SweepFolder
from zoo.tuning.confirming import words
from zoo.tuning.folder import read_settings
from zoo.tuning.settings import SweepConfig
from zoo.tuning.space import in_words

HERE = pathlib.Path(__file__).parent
PAGE = HERE / "SWEEPS.md"
RESULT, TABLE = "result.json", "trials.csv"
HEAD = """\
# What sweeps found

Made by `python -m experiments.searches` from the sweeps' own folders. The
score of a search is the best of many, and so too good; the best trial was
trained again with seeds that no trial had, beside the model's default recipe
with the same seeds and as many epochs. All scores are of validation examples;
no test split was opened.
"""


def recipe_of(settings: SweepConfig) -> recipes.Recipe:
    """Returns the recipe that a sweep was made by.

    Raises:
        UserError: there is none.
    """
    asked = settings.config.replace(runs_dir="runs").overrides()
    for recipe in recipes.list_recipes(sweeps=True):
        if not recipe.is_sweep:
            continue
        found = sweep.read([f"--recipe={recipe.name}"])
        same_space = set(found.choices["texts"]) == set(settings.space)
        if same_space and found.config.overrides() == asked:
            return recipe
    raise UserError(
        "this sweep was not made by a recipe; `zoo recipes` lists them."
    )


def keep(folder: SweepFolder) -> None:
    """Copies the result and the table of a finished sweep.

    Raises:
        UserError: it has not ended, or is no recipe's.
    """
    if folder.result.get("status") != "completed":
        raise UserError(
            f"{folder.name} has not ended; `zoo resume {folder.name}` goes on."
        )
    target = recipe_of(read_settings(folder)).path.with_suffix("")
    target.mkdir(exist_ok=True)
    for name in (RESULT, TABLE):
        shutil.copyfile(folder.path / name, target / name)


def kept() -> dict[recipes.Recipe, dict[str, Any]]:
    """Returns every result that is kept, by recipe."""
    found = {}
    for recipe in recipes.list_recipes(sweeps=True):
        path = recipe.path.with_suffix("") / RESULT
        if path.exists():
            found[recipe] = json.loads(path.read_text())
    return found


def page(results: dict[recipes.Recipe, dict[str, Any]]) -> str:
    """Returns the page: a section a sweep."""
    return "\n".join([HEAD, *(_section(r, results[r]) for r in results)])


def _section(recipe: recipes.Recipe, result: dict[str, Any]) -> str:
    found = result["confirmation"]
    model = sweep.read([f"--recipe={recipe.name}"]).config.model
    trials = pluralize(result["trials"], "trial")
    lines = [f"## `{recipe.name}`\n", f"{recipe.about}. {trials}"]
    lines[-1] += f", {result['failed']} of them without a score. The winner:"
    lines += [f"{in_words(found['values'])}.\n"]
    body = words.text(found, model)
    return "\n".join([*lines, "```", body, "```", ""])


def main(argv: Iterable[str] | None = None) -> int:
    """Keeps the sweeps that are named; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m experiments.searches",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folders", nargs="*", metavar="SWEEP_FOLDER")
    try:
        for name in parser.parse_args(argv).folders:
            path = pathlib.Path(name)
            if not (path / SWEEP_FILE).is_file():
                raise UserError(f"{name} is no folder of a sweep.")
            keep(SweepFolder(path, path.resolve().name))
    except UserError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    with atomic_write(PAGE) as file:
        file.write(page(kept()).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
