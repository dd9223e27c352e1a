"""`zoo recipes`: the recipes that come with the zoo."""

from __future__ import annotations

import json

from zoo import recipes
from zoo.cli.flags import Command


def run(argv: list[str]) -> int:
    """Lists every recipe with the first line of its header."""
    command = Command(
        "zoo recipes", "List the recipes; --recipe=NAME trains one."
    )
    command.switch("json", "print JSON")
    if command.parse(argv) is None:
        return 0
    found = recipes.list_recipes(sweeps=True)
    if command.values.json:
        print(json.dumps({r.name: r.about for r in found}, indent=1))
        return 0
    width = max((len(recipe.name) for recipe in found), default=0)
    for recipe in found:
        print(f"{recipe.name:<{width}}  {recipe.about}")
    print("\nzoo train --recipe=NAME; flags given besides override it.")
    print(f"Those of {recipes.SWEEPS} are for zoo sweep.")
    return 0
