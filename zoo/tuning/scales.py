"""Where a trial stands on the axis of one hyperparameter."""

from __future__ import annotations

import dataclasses
from typing import Any

from zoo.tuning.dimension import ARGUMENT, Dimension

SPREAD = 0.32  # how far trials of one category are moved apart, of 1
GOLDEN = 0.618034  # steps of which never meet again


@dataclasses.dataclass(frozen=True)
class Scale:
    """The axis of one dimension.

    Attributes:
        name: of the option or argument.
        log: whether each factor is as long as any other.
        labels: of the categories, which stand at 0, 1, ...; none on an axis
            of numbers.
        low, high: ends of an axis of numbers.
    """

    name: str
    log: bool = False
    labels: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0

    @classmethod
    def of(cls, one: Dimension) -> Scale:
        """Returns the axis that suits a dimension.

        A range, with steps or without, is an axis of numbers; words and
        listed values are categories.
        """
        name = one.name.removeprefix(ARGUMENT)
        words = one.text.partition("=")[2]
        numbers = all(
            isinstance(value, int | float) and not isinstance(value, bool)
            for value in one.ends()
        )
        if ":" in words and numbers:
            ends = one.ends()
            return cls(
                name,
                log=words.startswith("log:"),
                low=min(ends),
                high=max(ends),
            )
        return cls(name, labels=tuple(map(shown, one.values)))

    def place(self, value: Any, number: int) -> float:
        """Returns where a value stands.

        Args:
            value: of this dimension.
            number: of the trial; those of one category stand side by side.
        """
        if not self.labels:
            return float(value)
        aside = (number * GOLDEN) % 1 - 0.5
        return self.labels.index(shown(value)) + 2 * SPREAD * aside


def shown(value: Any) -> str:
    """Writes a value short: lists as (128,128)."""
    if isinstance(value, list | tuple):
        return f"({','.join(map(str, value))})"
    return f"{value:g}" if isinstance(value, float) else str(value)
