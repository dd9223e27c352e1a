"""Bases: runs that others start from, one for each seed.

The recipe of a base has a `run_name`, by which others name it. That is the
run of the recipe's own seed; those of other seeds lie beside it, as
`NAME_seed1`. A run that starts from a base of its own seed is its recipe's
all the same, and the spread over its seeds counts that of the bases.
"""

from __future__ import annotations

from zoo.config import TrainConfig


def place(recipe: TrainConfig, seed: int) -> str:
    """Returns where the base of a seed lies, from the folder of the first.

    Args:
        recipe: of the base, with `run_name`.
        seed: of the base.
    """
    if seed == recipe.seed:
        return "."
    return f"../{recipe.run_name}{_ending(seed)}"


def without_seed(name: str, seed: int) -> str:
    """Returns what the recipe calls the base that a run of a seed has."""
    return name.removesuffix(_ending(seed))


def _ending(seed: int) -> str:
    return f"_seed{seed}"
