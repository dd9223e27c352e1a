"""Whether what is asked for after the last trial can be done."""

from __future__ import annotations

from zoo.errors import UserError
from zoo.tuning.confirming.recipes import FEWEST, fresh_seeds
from zoo.tuning.settings import SweepConfig


def is_compared(confirm_seeds: int, compare_default: bool | None) -> bool:
    """Returns whether the default recipe is trained beside the winner.

    Args:
        confirm_seeds: fresh seeds of each.
        compare_default: as asked for; `None` if nothing was said.

    Raises:
        UserError: it is asked for, and there are too few seeds.
    """
    if compare_default and confirm_seeds < FEWEST:
        raise UserError(
            f"--compare_default compares over fresh seeds, and "
            f"--confirm_seeds={confirm_seeds} leaves too few; give "
            "--confirm_seeds=3."
        )
    return compare_default is not False and confirm_seeds >= FEWEST


def check(settings: SweepConfig) -> None:
    """Raises `UserError` for what cannot be done after the last trial."""
    if settings.open_test and not settings.confirm_seeds:
        raise UserError(
            "--open_test opens the test split to the winner's fresh seeds, "
            "and --confirm_seeds=0 trains none; give --confirm_seeds=3."
        )
    fresh_seeds(settings)
