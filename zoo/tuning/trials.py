"""Trials of a sweep: their search, log, scores and ranking.

`trials.jsonl` has a line for each finished execution and decides what a sweep
has done; `proposals.jsonl` has one for each proposal, written before its
training, with the number of lines that `trials.jsonl` had then. Together they
give the order of all calls of the tuner. `lost.jsonl` names trainings whose
worker was lost in every try; `trials.jsonl` does not have them, so that
`zoo resume` trains them. `trials.csv` is a table for other tools.

Resuming after a kill is the same loop as before it: a fresh oracle gets the
calls that the log records, proposal by proposal, and what the log lacks is
trained.
"""

from __future__ import annotations

import collections
import csv
import dataclasses
import io
import json
import math
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.io import JsonlFile, atomic_write
from zoo.options import plain_value
from zoo.runs import Run, SweepFolder
from zoo.tuning.jobs import RunRequest, RunResult
from zoo.tuning.oracle import IDLE, Oracle, Proposal
from zoo.tuning.space import ARGUMENT
from zoo.tuning.sweep_config import LOSS_OPTIONS, SweepConfig

LOG_FILE = "trials.jsonl"
PROPOSALS_FILE = "proposals.jsonl"
LOST_FILE = "lost.jsonl"
CSV_FILE = "trials.csv"
# Columns of the table before and after the hyperparameters.
FIRST_COLUMNS = ("trial", "execution", "seed")
LAST_COLUMNS = ("epoch", "epochs", "seconds", "status", "run", "reason")
ON_FAILURE = "earlier results are kept, and `zoo resume` continues"
FAILED = ("failed", "diverged", "lost")


@dataclasses.dataclass(frozen=True)
class Execution:
    """A finished training of one trial with one seed.

    Attributes:
        proposal, trial, execution: Their numbers, from 0.
        seed: Seed of the training.
        values: Values of the hyperparameters by name.
        run: Name of the run.
        status: completed, stopped_early, paused, diverged, failed or lost.
        score: Value of the objective; `None` without one.
        epoch: Epoch of the score.
        epochs: Number of epochs so far; Hyperband trains some further.
        seconds: Time from the start of the job to its end.
        reason: Why there is no score.
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


class TrialLog:
    """`trials.jsonl` and `proposals.jsonl` of a sweep folder."""

    def __init__(self, folder: pathlib.Path):
        self._executions = JsonlFile(
            folder / LOG_FILE,
            lambda row: Execution(**row),
            item="finished execution",
            on_failure=ON_FAILURE,
        )
        self._proposals = JsonlFile(
            folder / PROPOSALS_FILE,
            lambda row: (row["proposal"], row["after"], row["values"]),
            item="proposal",
            on_failure=ON_FAILURE,
        )

    def executions(self) -> list[Execution]:
        """Returns every finished execution, in the order of finishing."""
        # Lists of JSON stand for tuples.
        return [
            Execution(**{**row, "values": plain_value(row["values"])})
            for row in self._executions.read()
        ]

    def proposals(self) -> list[dict[str, Any]]:
        """Returns every proposal, as JSON has it, in order."""
        return self._proposals.read()

    def add(self, execution: Execution) -> None:
        """Appends a finished execution, durably."""
        with self._executions.locked():
            self._executions.append([dataclasses.asdict(execution)])

    def add_proposal(self, row: dict[str, Any]) -> None:
        """Appends a proposal, durably."""
        with self._proposals.locked():
            self._proposals.append([row])


class LostRunLog:
    """`lost.jsonl` of a sweep: trainings whose worker was lost in every try.

    The first time a training is lost it is left to `zoo resume`. If it is
    lost again after that, it has failed: a training that always dies, as for
    lack of memory, does not keep a sweep from ending.
    """

    def __init__(self, folder: pathlib.Path):
        self._lines = JsonlFile(
            folder / LOST_FILE,
            lambda row: (row["run"], row["until_epoch"], row["reason"]),
            item="lost training",
            on_failure=ON_FAILURE,
        )
        self._known = {
            (row["run"], row["until_epoch"]) for row in self._lines.read()
        }

    def add(self, result: RunResult) -> bool:
        """Appends a lost training; returns whether it has failed."""
        request = result.request
        key = request.config.run_name, request.until_epoch
        if key in self._known:
            return True
        row = {"run": key[0], "until_epoch": key[1], "reason": result.reason}
        with self._lines.locked():
            self._lines.append([row])
        return False


@dataclasses.dataclass(frozen=True)
class Trial:
    """One choice of values, trained with one seed or several.

    Attributes:
        number: Number of the trial, from 0.
        executions: The last one of each seed, in order of seeds.
    """

    number: int
    executions: tuple[Execution, ...]

    @property
    def values(self) -> dict[str, Any]:
        """Its hyperparameters, by name."""
        return self.executions[0].values

    @property
    def failure(self) -> Execution | None:
        """The first execution that has no score."""
        failed = (e for e in self.executions if e.score is None)
        return next(failed, None)

    @property
    def score(self) -> float | None:
        """The mean over its seeds; `None` if one of them has no score."""
        if self.failure:
            return None
        scores = [e.score for e in self.executions]
        return math.fsum(scores) / len(scores)

    @property
    def epochs(self) -> int:
        """Largest number of epochs among its seeds."""
        return max(e.epochs for e in self.executions)

    @property
    def runs(self) -> list[str]:
        """The names of its runs."""
        return [e.run for e in self.executions]


def trial_name(number: int) -> str:
    """Returns the name of a trial's folder inside its sweep."""
    return f"trial-{number:03d}"


@dataclasses.dataclass(frozen=True)
class Score:
    """The score of a training, or why it has none.

    Attributes:
        status: As in `RunResult`; `failed` if the history has no value.
        value: Value of the objective; `None` without one.
        epoch: Its epoch.
        reason: Why there is none.
    """

    status: str
    value: float | None = None
    epoch: int | None = None
    reason: str = ""

    @classmethod
    def of(cls, result: RunResult, settings: SweepConfig) -> Score:
        """Returns the score of a training."""
        if result.status in FAILED:
            return cls(result.status, reason=result.reason)
        best = best_epoch(result.history, settings)
        if best is None:
            return cls("failed", reason="it has no value of the objective")
        return cls(result.status, *best, result.reason)


def best_epoch(
    history: list[dict[str, Any]], settings: SweepConfig
) -> tuple[float, int] | None:
    """Returns the score of a run, and its epoch.

    Args:
        history: Rows of its `history.csv`.
        settings: Options of the sweep: its objective, and the epoch that
            counts.

    Returns:
        `None` if the run has no finite value.
    """
    known = [
        (row[settings.objective], int(row["epoch"]))
        for row in history
        if row.get(settings.objective) is not None
        and math.isfinite(row[settings.objective])
    ]
    if not known:
        return None
    if settings.select_epoch == "last":
        return known[-1]
    sign = 1 if settings.direction == "max" else -1
    # Of equal epochs the first.
    return max(known, key=lambda pair: (sign * pair[0], -pair[1]))


def group_trials(
    executions: Iterable[Execution], settings: SweepConfig
) -> list[Trial]:
    """Returns the trials all of whose seeds are finished, by number.

    Of a trial that was trained further, the last execution counts.
    """
    last: dict[tuple[int, int], Execution] = {}
    for execution in executions:
        key = (execution.trial, execution.execution)
        if key not in last or execution.proposal >= last[key].proposal:
            last[key] = execution
    by_trial: dict[int, list[Execution]] = {}
    for (number, _), execution in sorted(last.items()):
        by_trial.setdefault(number, []).append(execution)
    return [
        Trial(number, tuple(finished))
        for number, finished in by_trial.items()
        if len(finished) == settings.executions
        and len({execution.proposal for execution in finished}) == 1
    ]


def rank_trials(trials: Iterable[Trial], settings: SweepConfig) -> list[Trial]:
    """Returns the trials that have a score, the best one first.

    Of equal scores the earlier trial comes first.
    """
    sign = -1 if settings.direction == "max" else 1
    scored = [trial for trial in trials if trial.score is not None]
    return sorted(scored, key=lambda t: (sign * t.score, t.number))


def trial_config(
    settings: SweepConfig, trial: Trial, execution: int = 0
) -> TrainConfig:
    """Returns the options of a trial, without the name of its run."""
    config = settings.search_space.config(settings.config, trial.values)
    return config.replace(seed=settings.seed(execution))


def write_csv(
    folder: SweepFolder, executions: Iterable[Execution], settings: SweepConfig
) -> None:
    """Writes `trials.csv` into the folder of a sweep, whole or not at all."""
    with atomic_write(folder.path / CSV_FILE) as file:
        file.write(format_csv(executions, settings).encode())


def format_csv(executions: Iterable[Execution], settings: SweepConfig) -> str:
    """Returns a table with the values, score and status of each training.

    Accuracies are 0..1, times in seconds. A cell is empty where a value is
    missing, as the momentum of an optimizer that has none.
    """
    names = [hp.name for hp in settings.search_space.hyperparameters]
    heads = [name.removeprefix(ARGUMENT) for name in names]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*FIRST_COLUMNS, *heads, settings.objective, *LAST_COLUMNS])
    for execution in executions:
        cells = [getattr(execution, name) for name in FIRST_COLUMNS]
        cells += [_csv_cell(execution.values.get(name)) for name in names]
        cells.append(execution.score)
        cells += [getattr(execution, name) for name in LAST_COLUMNS]
        writer.writerow(["" if cell is None else cell for cell in cells])
    return out.getvalue()


def _csv_cell(value: Any) -> Any:
    """Writes a list as it is typed: (128,128)."""
    if isinstance(value, list | tuple):
        return f"({','.join(map(str, value))})"
    return value


class Search:
    """The state of a search: its oracle, trial log and open trainings.

    Args:
        folder: Folder of the sweep, whose trial log is replayed.
        settings: Options of the sweep.
        oracle: A fresh oracle.

    Raises:
        UserError: The oracle proposes other trials than the log records.
    """

    def __init__(
        self, folder: SweepFolder, settings: SweepConfig, oracle: Oracle
    ):
        self._folder = folder
        self._settings = settings
        self._space = settings.search_space
        self._oracle = oracle
        self._log = TrialLog(folder.path)
        self._lost_log = LostRunLog(folder.path)
        self._waiting: collections.deque[tuple[Proposal, int]] = (
            collections.deque()
        )
        self._done: dict[tuple[int, int], Execution] = {}
        self.executions: list[Execution] = []
        self.lost: list[Execution] = []  # left to the next `zoo resume`
        self.num_running = 0  # requests whose result is not known
        self._replay()

    def trials(self) -> list[Trial]:
        """Returns the trials that are finished, or paused, by number."""
        return group_trials(self.executions, self._settings)

    def requests(self) -> Iterator[RunRequest | None]:
        """Yields the runs to train; `None` where a result must come first.

        If the oracle waits for a trial that was lost, the search ends.
        """
        while True:
            if self._waiting:
                request = self._request(*self._waiting.popleft())
                self.num_running += 1
                yield request
                continue
            proposal = self._oracle.create_trial()
            if proposal is None:
                return
            if proposal == IDLE:
                if self.lost and not self.num_running:
                    return
                yield None
                continue
            row = {**_to_json(proposal), "after": len(self.executions)}
            self._log.add_proposal(row)
            self._enqueue(proposal)

    def record(self, result: RunResult) -> Trial | None:
        """Logs a result, and reports a finished trial to the oracle.

        Returns:
            The trial, if this was the last of its seeds, or if it was lost.
        """
        self.num_running -= 1
        proposal, number = result.request.key
        score = Score.of(result, self._settings)
        if reason := self._why_incomparable(result, score):
            score = Score("failed", reason=reason)
        execution = Execution(
            proposal=proposal.number,
            trial=proposal.trial,
            execution=number,
            seed=result.request.config.seed,
            values=proposal.values,
            run=result.request.config.run_name,
            status=score.status,
            score=score.value,
            epoch=score.epoch,
            epochs=len(result.history),
            seconds=result.seconds,
            reason=score.reason,
        )
        if score.status == "lost" and not self._lost_log.add(result):
            self.lost.append(execution)
            return Trial(execution.trial, (execution,))
        self._log.add(execution)
        return self._add(execution)

    def _why_incomparable(self, result: RunResult, score: Score) -> str:
        """Returns why a loss cannot be compared with that of other trials.

        A user's model may be compiled with another loss in each trial.
        """
        if self._settings.objective != "val_loss" or score.value is None:
            return ""
        scored = [one for one in self.executions if one.score is not None]
        if not scored:
            return ""
        mine = self._losses(result.request.config.run_name)
        for name, value in self._losses(scored[0].run).items():
            if mine and mine[name] != value:
                return (
                    f"its {name} is {mine[name]}, and that of "
                    f"{trial_name(scored[0].trial)} is {value}, so that their "
                    "val_loss cannot be compared; use --objective=val_accuracy"
                )
        return ""

    def _losses(self, name: str) -> dict[str, Any]:
        """Returns what decides about the scale of a run's loss."""
        try:
            config = Run(self._folder.run_path(name), name).resolved["config"]
        except UserError:
            return {}  # gone or corrupt, which other readers report
        return {n: config.get(n) or 0.0 for n in LOSS_OPTIONS}

    def _replay(self) -> None:
        """Repeats every logged call of the oracle, in order."""
        executions, seen = self._log.executions(), 0
        for row in self._log.proposals():
            for execution in executions[seen : row["after"]]:
                self._add(execution)
            seen = row["after"]
            proposal = self._oracle.create_trial()
            same = isinstance(proposal, Proposal) and _to_json(proposal)
            if same != {k: v for k, v in row.items() if k != "after"}:
                raise UserError(
                    f"the tuner of {self._folder.name} proposes other trials "
                    "than when the sweep was started; install the version of "
                    "keras-tuner that its sweep.json names, or start a new "
                    "sweep."
                )
            self._enqueue(proposal)
        for execution in executions[seen:]:
            self._add(execution)
        self._waiting = collections.deque(
            (proposal, number)
            for proposal, number in self._waiting
            if (proposal.number, number) not in self._done
        )

    def _enqueue(self, proposal: Proposal) -> None:
        for number in range(self._settings.executions):
            self._waiting.append((proposal, number))

    def _add(self, execution: Execution) -> Trial | None:
        self.executions.append(execution)
        key = (execution.proposal, execution.execution)
        self._done[key] = execution
        executions = [
            self._done.get((execution.proposal, number))
            for number in range(self._settings.executions)
        ]
        if not all(executions):
            return None
        trial = Trial(execution.trial, tuple(executions))
        self._oracle.end_trial(execution.proposal, trial.score)
        return trial

    def _request(self, proposal: Proposal, number: int) -> RunRequest:
        seed = self._settings.seed(number)
        name = f"{self._folder.name}/{trial_name(proposal.trial)}"
        if self._settings.executions > 1:
            name += f"/seed{seed}"
        config = self._space.config(self._settings.config, proposal.values)
        config = config.replace(
            seed=seed, run_name=name, runs_dir=self._folder.runs_dir
        )
        return RunRequest(config, proposal.until_epoch, (proposal, number))


def _to_json(proposal: Proposal) -> dict:
    """Returns a proposal as it is read back from JSON."""
    row = {
        "proposal": proposal.number,
        "trial": proposal.trial,
        "until_epoch": proposal.until_epoch,
        "values": proposal.values,
    }
    return json.loads(json.dumps(row))
