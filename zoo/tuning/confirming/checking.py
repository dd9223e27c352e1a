"""Whether what is asked for after the last trial can be done."""

from __future__ import annotations

from zoo.errors import UserError
from zoo.tuning.confirming.recipes import FEWEST, new_seeds
from zoo.tuning.settings import SweepConfig


def is_compared(retrain_seeds: int, compare_default: bool | None) -> bool:
    """Returns whether the default recipe is trained beside the winner.

    Args:
        retrain_seeds: new seeds of each.
        compare_default: as asked for; `None` if nothing was said.

    Raises:
        UserError: it is asked for, and there are too few seeds.
    """
    if compare_default and retrain_seeds < FEWEST:
        raise UserError(
            f"--compare_default compares over new seeds, and "
            f"--retrain_seeds={retrain_seeds} leaves too few; give "
            "--retrain_seeds=3."
        )
    return compare_default is not False and retrain_seeds >= FEWEST


def check(settings: SweepConfig) -> None:
    """Raises `UserError` for what cannot be done after the last trial."""
    if settings.open_test and not settings.retrain_seeds:
        raise UserError(
            "--open_test opens the test split to the winner's new seeds, "
            "and --retrain_seeds=0 trains none; give --retrain_seeds=3."
        )
    new_seeds(settings)
