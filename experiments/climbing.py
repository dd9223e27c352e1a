"""The climbing of a ladder: its runs, one rung after the other.

A rung is a group of seeds as `zoo train --seeds` makes one, in the ladder's
folder, `runs/ladder-NAME-SCALE`. What is there already is not repeated, and
what was begun is gone on with.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

from experiments import bases
from experiments.ladders import Ladder, Rung
from zoo.errors import UserError
from zoo.runs import RunGroup
from zoo.training.plan import settle
from zoo.tuning import devices, pool
from zoo.tuning.repeating import folder
from zoo.tuning.repeating.folder import Repeats
from zoo.tuning.repeating.progress import Progress
from zoo.tuning.repeating.request import Member, Request, seeds_from

Say = Callable[[str], None]
Work = Callable[[Iterator, int, pathlib.Path], Iterator]


@dataclasses.dataclass
class Climb:
    """One climb of a ladder.

    Attributes:
        ladder: the recipes.
        scale: of `ladders.SCALES`.
        seeds: of each rung, at least; runs of more that are there count too.
        root: the ladder's folder, in which all its runs are.
        data_dir: of tensorflow-datasets, if given.
        groups: the runs of each rung, as far as they could be settled.
        reasons: why runs failed or diverged, by rung and seed.
    """

    ladder: Ladder
    scale: str
    seeds: int
    root: pathlib.Path
    data_dir: str | None = None
    groups: dict[str, Repeats] = dataclasses.field(default_factory=dict)
    reasons: dict[tuple[str, int], str] = dataclasses.field(
        default_factory=dict
    )

    @property
    def rungs(self) -> list[Rung]:
        """The rungs, in order."""
        return self.ladder.rungs(self.scale)

    def train(self, workers: int, say: Say, work: Work = pool.work) -> None:
        """Trains what is not there yet; a rung that fails stops no other.

        Args:
            workers: runs side by side.
            say: prints a line.
            work: trains jobs; see `pool.work`.

        Raises:
            UserError: the folder cannot be written, or is in use.
            Interrupted: a signal asked for an end; the same again goes on.
        """
        devices.hide_gpus()  # the runs need them
        with self._lock():
            progress = Progress(self._left(), say)
            jobs = self._jobs(progress)
            for outcome in work(jobs, workers, self.root / "log.txt"):
                rung, member = outcome.job.tag
                self._ended(progress, rung, member.config.seed, outcome)

    def _lock(self):
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"{self.root} cannot be made: {error.strerror}; choose another "
                "--runs_dir."
            ) from error
        return RunGroup(self.root, self.root.name).lock()

    def _left(self) -> int:
        """Returns how many runs of those that are asked for have not ended."""
        return sum(
            not RunGroup(self.root / rung.label, rung.label)
            .run(place)
            .has_ended
            for rung in self.rungs
            for place in _places(rung, self.seeds)
        )

    def _jobs(self, progress: Progress) -> Iterator[pool.Job | None]:
        for rung in self.rungs:
            config = rung.config()
            while config.weights and self._waits_for(config.weights):
                yield None  # until the run that it starts from has ended
            try:
                repeats = self._settled(rung)
            except UserError as error:
                for seed in range(self.seeds):
                    self.reasons[rung.label, seed] = str(error).rstrip(".")
                    progress.ended(rung.label, "failed", {}, str(error))
                continue
            self.groups[rung.label] = repeats
            for member in repeats.members:
                run = repeats.run(member)
                if not run.has_ended:
                    config = member.config.replace(
                        run_name=run.name, runs_dir=str(self.root)
                    )
                    if config.weights:
                        config = config.replace(
                            weights=self._base_of(rung, config.seed)
                        )
                    yield pool.Job(config, tag=(rung, member))

    def _waits_for(self, name: str) -> bool:
        """Whether another rung's run is still to come, or under way."""
        repeats = self.groups.get(name)
        return repeats is not None and not all(
            repeats.run(member).has_ended
            or (name, member.config.seed) in self.reasons
            for member in repeats.members
        )

    def _base_of(self, rung: Rung, seed: int) -> str:
        """Returns the run that a seed starts from: a base of the same seed.

        What bases differ by is so part of what the seeds differ by. A base
        that is no rung of this ladder is the same for all.
        """
        name = rung.config().weights
        for other in self.rungs:
            base = other.config()
            if base.run_name == name:
                return (
                    RunGroup(self.root, name).run(bases.place(base, seed)).name
                )
        return name

    def _settled(self, rung: Rung) -> Repeats:
        """Returns a rung's group: the one that is there, grown, or a new one.

        Raises:
            UserError: the recipe contradicts itself, or was changed since its
                runs were trained.
        """
        where = [f"--data_dir={self.data_dir}"] if self.data_dir else []
        asked = rung.config(f"--runs_dir={self.root}", *where)
        config = settle(asked.replace(run_name=None))
        group = RunGroup(self.root / rung.label, rung.label)
        if asked.run_name:  # others start from it by this name
            request = Request(config, seeds_from(config.seed, self.seeds))
            members = [
                Member(
                    bases.place(asked, seed), None, config.replace(seed=seed)
                )
                for seed in request.seeds
            ]
            return Repeats(group, request, tuple(members))
        seeds = set(seeds_from(config.seed, self.seeds))
        request = Request(config, tuple(sorted(seeds)))
        if (group.path / folder.GROUP_FILE).is_file():
            known = folder.read(group).request
            seeds |= set(known.seeds)
            request = Request(config, tuple(sorted(seeds)))
            why = folder.difference(known, request)
            if why:
                raise UserError(
                    f"{group.path} holds runs {why}, since the recipe was "
                    "another one then; move that folder away."
                )
        named = dataclasses.replace(
            request, base=config.replace(run_name=rung.label)
        )
        repeats = folder.find(named)
        repeats.write()
        return repeats

    def _ended(
        self, progress: Progress, rung: Rung, seed: int, outcome: Any
    ) -> None:
        """Tells of a run that has ended."""
        label = rung.label if self.seeds == 1 else f"{rung.label}, seed {seed}"
        name = outcome.job.config.run_name
        reason = outcome.reason.removeprefix(f"{name} diverged: ")
        if reason:
            self.reasons[rung.label, seed] = reason
        progress.ended(label, outcome.status, outcome.metrics, reason)


def _places(rung: Rung, seeds: int) -> list[str]:
    config = rung.config()
    numbers = seeds_from(config.seed, seeds)
    if config.run_name:
        return [bases.place(config, seed) for seed in numbers]
    return [f"seed{seed}" for seed in numbers]
