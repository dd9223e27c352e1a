"""The ledger of a sweep: what was proposed, and what came of it.

`trials.jsonl` has a line for each finished execution and is the truth about
a sweep; `proposals.jsonl` has one for each proposal, written before it is
run, with how many lines the ledger had then. Between them they say in which
order the tuner was asked and told. `lost.jsonl` names trainings whose worker
was lost in every try; the ledger does not have them, so that `zoo resume`
trains them.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from zoo.io import JsonlFile
from zoo.tuning.worker import Outcome

NAME = "trials.jsonl"
ON_FAILURE = "what was finished before is kept, and `zoo resume` goes on"


@dataclasses.dataclass(frozen=True)
class Execution:
    """A finished training of one trial with one seed.

    Attributes:
        proposal, trial, execution: their numbers, from 0.
        seed: it was trained with.
        values: of the hyperparameters, by name.
        run: name of the run.
        status: completed, stopped_early, paused, diverged, failed or lost.
        score: value of the objective; `None` without one.
        epoch: the score is of.
        epochs: it was trained for so far; Hyperband trains some further.
        seconds: from the start of the job to its end.
        reason: why it has no score.
    """

    proposal: int
    trial: int
    execution: int
    seed: int
    values: dict[str, Any]
    run: str
    status: str
    score: float | None
    epoch: int | None
    epochs: int
    seconds: float
    reason: str = ""


class Ledger:
    """Both files of a sweep folder."""

    def __init__(self, folder: pathlib.Path):
        self._executions = JsonlFile(
            folder / NAME,
            lambda row: Execution(**row),
            item="finished execution",
            on_failure=ON_FAILURE,
        )
        self._proposals = JsonlFile(
            folder / "proposals.jsonl",
            lambda row: (row["proposal"], row["after"], row["values"]),
            item="proposal",
            on_failure=ON_FAILURE,
        )

    def executions(self) -> list[Execution]:
        """Returns every finished execution, in the order of finishing."""
        return [Execution(**row) for row in self._executions.read()]

    def proposals(self) -> list[dict[str, Any]]:
        """Returns every proposal, as JSON has it, in order."""
        return self._proposals.read()

    def add(self, execution: Execution) -> None:
        """Writes down a finished execution, for good."""
        with self._executions.locked():
            self._executions.append([dataclasses.asdict(execution)])

    def add_proposal(self, row: dict[str, Any]) -> None:
        """Writes down a proposal, for good."""
        with self._proposals.locked():
            self._proposals.append([row])


class Losses:
    """`lost.jsonl` of a sweep: trainings whose worker was lost in every try.

    The first time a training is lost it is left to `zoo resume`. If it is
    lost again after that, it is a failure for good: one that always dies, as
    for lack of memory, does not keep a sweep from ending.
    """

    def __init__(self, folder: pathlib.Path):
        self._lines = JsonlFile(
            folder / "lost.jsonl",
            lambda row: (row["run"], row["until_epoch"], row["reason"]),
            item="lost training",
            on_failure=ON_FAILURE,
        )
        self._known = {
            (row["run"], row["until_epoch"]) for row in self._lines.read()
        }

    def add(self, outcome: Outcome) -> bool:
        """Writes down that a training was lost; returns whether for good."""
        job = outcome.job
        key = job.config.run_name, job.until_epoch
        if key in self._known:
            return True
        row = {"run": key[0], "until_epoch": key[1], "reason": outcome.reason}
        with self._lines.locked():
            self._lines.append([row])
        return False
