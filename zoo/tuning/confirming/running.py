"""The jobs of a sweep from its first trial to the last new seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from zoo.runs import SweepFolder
from zoo.tuning import results
from zoo.tuning.confirming import recipes
from zoo.tuning.confirming.ledger import Confirmation, Confirmations
from zoo.tuning.confirming.recipes import Tag
from zoo.tuning.ledger import Losses
from zoo.tuning.pool import Job, Outcome
from zoo.tuning.results import Trial
from zoo.tuning.search import Search
from zoo.tuning.settings import SweepConfig


class Confirming:
    """Hands out the jobs of a search, and after it those of new seeds.

    What is written down already is not handed out. While a trial is lost,
    the best one is not known, and there are no new seeds.

    Args:
        folder: of the sweep.
        settings: of the sweep.
        search: where it stands.
        on_begin: is told the best trial, before the first new seed.
    """

    def __init__(
        self,
        folder: SweepFolder,
        settings: SweepConfig,
        search: Search,
        on_begin: Callable[[Trial], None],
    ):
        self._folder = folder
        self._settings = settings
        self._search = search
        self._on_begin = on_begin
        self._ledger = Confirmations(folder.path)
        self._losses = Losses(folder.path)
        self.lost: list[Confirmation] = []  # left to the next `zoo resume`
        self.done: list[Confirmation] = self._ledger.read()

    def jobs(self) -> Iterator[Job | None]:
        """Yields the runs to make; `None` where an outcome must come first."""
        yield from self._search.jobs()
        while self._search.num_running:
            yield None
        if self._search.lost:
            return
        best = results.ranked(self._search.trials(), self._settings)[:1]
        left = [job for trial in best for job in self._left(trial)]
        if left:
            self._on_begin(best[0])
        yield from left

    def take(self, outcome: Outcome) -> Confirmation | None:
        """Writes down what came of a new seed.

        Returns:
            `None` if it was the outcome of a trial.
        """
        tag = outcome.job.tag
        if not isinstance(tag, Tag):
            return None
        status, reason = outcome.status, outcome.reason
        found = None
        if status not in results.FAILED:
            found = results.score_of(outcome.history, self._settings)
            if found is None:
                status, reason = "failed", "it has no value to be judged by"
        score, epoch = found or (None, None)
        one = Confirmation(
            recipe=tag.recipe,
            seed=tag.seed,
            run=outcome.job.config.run_name,
            status=status,
            score=score,
            epoch=epoch,
            epochs=len(outcome.history),
            seconds=outcome.seconds,
            reason=reason,
        )
        if status == "lost" and not self._losses.add(outcome):
            self.lost.append(one)
            return one
        self._ledger.add(one)
        self.done.append(one)
        return one

    def _left(self, best: Trial) -> list[Job]:
        """Makes the groups, and returns the jobs that are not done yet."""
        done = {one.tag for one in self.done}
        left = []
        for name in recipes.names(self._settings):
            group = recipes.group(name, self._settings, best, self._folder)
            tags = {Tag(name, m.config.seed): m for m in group.members}
            missing = {tag: m for tag, m in tags.items() if tag not in done}
            if missing:
                group.write()
            for tag, member in missing.items():
                config = member.config.replace(
                    run_name=group.run(member).name,
                    runs_dir=self._folder.runs_dir,
                )
                left.append(Job(config, tag=tag))
        return left
