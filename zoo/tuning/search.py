"""Where a sweep stands: what is to be trained, and what the tuner knows.

Going on after a kill is the same loop as before it: a fresh tuner is asked
and told as the ledger has it, proposal by proposal, and what the ledger has
not is trained.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Iterator

from zoo.errors import UserError
from zoo.runs import SweepFolder
from zoo.tuning import results
from zoo.tuning.ledger import Execution, Ledger, Losses
from zoo.tuning.oracles import WAIT, Oracle, Proposal
from zoo.tuning.pool import Job, Outcome
from zoo.tuning.results import Trial
from zoo.tuning.settings import SweepConfig


class Search:
    """Where a sweep stands: the tuner, the ledger and what is to be trained.

    Args:
        folder: of the sweep; what its ledger has is taken up.
        settings: of the sweep.
        oracle: fresh.

    Raises:
        UserError: the tuner proposes other than what was recorded.
    """

    def __init__(
        self, folder: SweepFolder, settings: SweepConfig, oracle: Oracle
    ):
        self._folder = folder
        self._settings = settings
        self._space = settings.dimensions
        self._oracle = oracle
        self._ledger = Ledger(folder.path)
        self._losses = Losses(folder.path)
        self._waiting: collections.deque[tuple[Proposal, int]] = (
            collections.deque()
        )
        self._done: dict[tuple[int, int], Execution] = {}
        self.executions: list[Execution] = []
        self.lost: list[Execution] = []  # left to the next `zoo resume`
        self.num_running = 0  # jobs handed out whose outcome is not known
        self._replay()

    def trials(self) -> list[Trial]:
        """Returns the trials that are finished, or paused, by number."""
        return results.trials_of(self.executions, self._settings)

    def jobs(self) -> Iterator[Job | None]:
        """Yields the runs to make; `None` where an outcome must come first.

        Where the tuner waits for a trial that was lost, there are no more.
        """
        while True:
            if self._waiting:
                job = self._job(*self._waiting.popleft())
                self.num_running += 1
                yield job
                continue
            proposal = self._oracle.propose()
            if proposal is None:
                return
            if proposal == WAIT:
                if self.lost and not self.num_running:
                    return
                yield None
                continue
            row = {**_row(proposal), "after": len(self.executions)}
            self._ledger.add_proposal(row)
            self._queue(proposal)

    def take(self, outcome: Outcome) -> Trial | None:
        """Writes an outcome down, and tells the tuner what it completes.

        Returns:
            The trial, if this was the last of its seeds, or if it was lost.
        """
        self.num_running -= 1
        proposal, number = outcome.job.tag
        status, reason = outcome.status, outcome.reason
        score = epoch = None
        if status not in results.FAILED:
            found = results.score_of(outcome.history, self._settings)
            if found is None:
                status, reason = "failed", "it has no value to be judged by"
            else:
                score, epoch = found
        execution = Execution(
            proposal=proposal.number,
            trial=proposal.trial,
            execution=number,
            seed=outcome.job.config.seed,
            values=proposal.values,
            run=outcome.job.config.run_name,
            status=status,
            score=score,
            epoch=epoch,
            epochs=len(outcome.history),
            seconds=outcome.seconds,
            reason=reason,
        )
        if status == "lost" and not self._losses.add(outcome):
            self.lost.append(execution)
            return Trial(execution.trial, (execution,))
        self._ledger.add(execution)
        return self._take(execution)

    def _replay(self) -> None:
        """Asks and tells the tuner everything once more, in order."""
        lines, seen = self._ledger.executions(), 0
        for row in self._ledger.proposals():
            for execution in lines[seen : row["after"]]:
                self._take(execution)
            seen = row["after"]
            proposal = self._oracle.propose()
            same = isinstance(proposal, Proposal) and _row(proposal)
            if same != {k: v for k, v in row.items() if k != "after"}:
                raise UserError(
                    f"the tuner of {self._folder.name} proposes other trials "
                    "than when the sweep was begun; install the version of "
                    "keras-tuner that its sweep.json names, or begin anew."
                )
            self._queue(proposal)
        for execution in lines[seen:]:
            self._take(execution)
        self._waiting = collections.deque(
            (proposal, number)
            for proposal, number in self._waiting
            if (proposal.number, number) not in self._done
        )

    def _queue(self, proposal: Proposal) -> None:
        for number in range(self._settings.executions):
            self._waiting.append((proposal, number))

    def _take(self, execution: Execution) -> Trial | None:
        self.executions.append(execution)
        key = (execution.proposal, execution.execution)
        self._done[key] = execution
        together = [
            self._done.get((execution.proposal, number))
            for number in range(self._settings.executions)
        ]
        if not all(together):
            return None
        trial = Trial(execution.trial, tuple(together))
        self._oracle.tell(execution.proposal, trial.score)
        return trial

    def _job(self, proposal: Proposal, number: int) -> Job:
        seed = self._settings.seed(number)
        name = f"{self._folder.name}/{results.trial_name(proposal.trial)}"
        if self._settings.executions > 1:
            name += f"/seed{seed}"
        config = self._space.config(self._settings.config, proposal.values)
        config = config.replace(
            seed=seed, run_name=name, runs_dir=self._folder.runs_dir
        )
        return Job(config, proposal.until_epoch, (proposal, number))


def _row(proposal: Proposal) -> dict:
    """Returns a proposal as JSON gives it back."""
    row = {
        "proposal": proposal.number,
        "trial": proposal.trial,
        "until_epoch": proposal.until_epoch,
        "values": proposal.values,
    }
    return json.loads(json.dumps(row))
