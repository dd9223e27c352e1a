"""The search of a sweep: the trials to train next, and their results.

Resuming after a kill is the same loop as before it: a fresh oracle gets the
calls that the trial log records, proposal by proposal, and what the log lacks
is trained.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Iterator

from zoo.errors import UserError
from zoo.runs import SweepFolder
from zoo.tuning.jobs import RunRequest, RunResult
from zoo.tuning.oracle import IDLE, Oracle, Proposal
from zoo.tuning.sweep_config import SweepConfig
from zoo.tuning.trials import (
    Execution,
    LostRunLog,
    Score,
    Trial,
    TrialLog,
    group_trials,
    trial_name,
)


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
