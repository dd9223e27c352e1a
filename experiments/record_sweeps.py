"""Records the results of sweep recipes, and writes a page of them.

    python -m experiments.record_sweeps FOLDER...   records finished sweeps
    python -m experiments.record_sweeps             rewrites `SWEEPS.md`

`result.json` and `trials.csv` of a sweep are stored next to its recipe, without
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
from zoo.tuning.retrain import format_retraining
from zoo.tuning.space import format_values
from zoo.tuning.sweep import read_settings
from zoo.tuning.sweep_config import SweepConfig

HERE = pathlib.Path(__file__).parent
PAGE = HERE / "SWEEPS.md"
RESULT, TABLE = "result.json", "trials.csv"
HEAD = """\
# Results of the sweeps

Written by `python -m experiments.record_sweeps` from the sweep folders. The
best score of a search is optimistic, being the best of many; the best trial was
retrained with new seeds, next to the model's default recipe with the same seeds
and number of epochs. All scores are of validation examples; no test set was
evaluated.
"""


def recipe_of(settings: SweepConfig) -> recipes.Recipe:
    """Returns the recipe of a sweep.

    Raises:
        UserError: There is none.
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
        "this is not a sweep of a recipe; `zoo recipes` lists them."
    )


def record(folder: SweepFolder) -> None:
    """Stores the result and the table of a finished sweep.

    Raises:
        UserError: It is not finished, or not of a recipe.
    """
    if folder.result.get("status") != "completed":
        raise UserError(
            f"{folder.name} is not finished; type `zoo resume {folder.name}`."
        )
    target = recipe_of(read_settings(folder)).path.with_suffix("")
    target.mkdir(exist_ok=True)
    for name in (RESULT, TABLE):
        shutil.copyfile(folder.path / name, target / name)


def recorded() -> dict[recipes.Recipe, dict[str, Any]]:
    """Returns the recorded results by recipe."""
    found = {}
    for recipe in recipes.list_recipes(sweeps=True):
        path = recipe.path.with_suffix("") / RESULT
        if path.exists():
            found[recipe] = json.loads(path.read_text(encoding="utf-8"))
    return found


def page(results: dict[recipes.Recipe, dict[str, Any]]) -> str:
    """Returns the page, a section per sweep."""
    return "\n".join([HEAD, *(_section(r, results[r]) for r in results)])


def _section(recipe: recipes.Recipe, result: dict[str, Any]) -> str:
    retrained = result["retrained"]
    model = sweep.read([f"--recipe={recipe.name}"]).config.model
    trials = pluralize(result["trials"], "trial")
    lines = [f"## `{recipe.name}`\n", f"{recipe.about}. {trials}"]
    lines[-1] += f", {result['failed']} of them without a score. Best trial:"
    lines += [f"{format_values(retrained['values'])}.\n"]
    body = format_retraining(retrained, model)
    return "\n".join([*lines, "```", body, "```", ""])


def main(argv: Iterable[str] | None = None) -> int:
    """Records the sweeps that are named; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m experiments.record_sweeps",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folders", nargs="*", metavar="FOLDER")
    try:
        for name in parser.parse_args(argv).folders:
            path = pathlib.Path(name)
            if not (path / SWEEP_FILE).is_file():
                raise UserError(f"{name} is not the folder of a sweep.")
            record(SweepFolder(path, path.resolve().name))
    except UserError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    with atomic_write(PAGE) as file:
        file.write(page(recorded()).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
