"""`confirmations.jsonl` of a sweep: a line for each run after the search."""

from __future__ import annotations

import dataclasses
import pathlib

from zoo.io import JsonlFile
from zoo.tuning.confirming.recipes import Tag
from zoo.tuning.ledger import ON_FAILURE

NAME = "confirmations.jsonl"


@dataclasses.dataclass(frozen=True)
class Confirmation:
    """A finished run of the winner, or of the default recipe.

    Attributes:
        recipe: winner or default.
        seed: it was trained with.
        run: its name.
        status: completed, stopped_early, diverged, failed or lost.
        score: value of the objective; `None` without one.
        epoch: the score is of.
        epochs: it was trained for.
        seconds: from the start of the job to its end.
        reason: why it has no score.
    """

    recipe: str
    seed: int
    run: str
    status: str
    score: float | None
    epoch: int | None
    epochs: int
    seconds: float
    reason: str = ""

    @property
    def tag(self) -> Tag:
        """What its job was known by."""
        return Tag(self.recipe, self.seed)


class Confirmations:
    """The file of one sweep folder."""

    def __init__(self, folder: pathlib.Path):
        self._lines = JsonlFile(
            folder / NAME,
            lambda row: Confirmation(**row),
            item="finished run",
            on_failure=ON_FAILURE,
        )

    def read(self) -> list[Confirmation]:
        """Returns every finished run, in the order of finishing."""
        return [Confirmation(**row) for row in self._lines.read()]

    def add(self, one: Confirmation) -> None:
        """Writes down a finished run, for good."""
        with self._lines.locked():
            self._lines.append([dataclasses.asdict(one)])
