"""What is asked of a group: a config, turned to values and repeated."""

from __future__ import annotations

import dataclasses
from typing import Any

from zoo.config import DEFAULTS, TrainConfig
from zoo.resolve import resolve_names
from zoo.run_store import default_name
from zoo.tuning.repeating.knob import Knob

MOST_SEEDS = 1000
# What is the same in the bases of equal groups.
HOME = {name: DEFAULTS[name] for name in ("seed", "run_name", "runs_dir")}


@dataclasses.dataclass(frozen=True)
class Request:
    """What was asked for: a config, turned and repeated.

    Attributes:
        base: what all the runs have in common. Its seed and the value of the
            knob say nothing; its `run_name` is that of the group.
        seeds: of the runs of each value.
        knob: `None` if nothing is varied but the seed.
    """

    base: TrainConfig
    seeds: tuple[int, ...]
    knob: Knob | None = None

    @property
    def kind(self) -> str:
        """`vary` or `seeds`."""
        return "vary" if self.knob else "seeds"

    @property
    def common(self) -> TrainConfig:
        """The base without seed, value and name: the same in equal groups."""
        base = self.knob.neutral(self.base) if self.knob else self.base
        return base.replace(**HOME)

    @property
    def default_name(self) -> str:
        """The name of the group if it was given none."""
        ending = f"vary-{self.knob.name}" if self.knob else "seeds"
        return f"{default_name(self.common)}-{ending}"

    def members(self) -> list[Member]:
        """Returns every run: values in order, with each the seeds.

        Raises:
            UserError: a value contradicts another option.
        """
        base = self.base.replace(run_name=None)
        if self.knob is None:
            turned = [("", base)]
        else:
            turned = [
                (folder, self.knob.turn(base, value))
                for folder, value in zip(
                    self.knob.folders(), self.knob.values, strict=True
                )
            ]
        # A name that no table has is told now, and `last` becomes a run.
        turned = [(folder, resolve_names(config)) for folder, config in turned]
        several = self.knob is None or len(self.seeds) > 1
        return [
            Member(
                f"{folder}/seed{seed}".strip("/") if several else folder,
                self.knob and self.knob.value_in(config),
                config.replace(seed=seed),
            )
            for folder, config in turned
            for seed in self.seeds
        ]


@dataclasses.dataclass(frozen=True)
class Member:
    """One run of a group.

    Attributes:
        place: its path from the group's folder.
        value: of the knob.
        config: as asked, without a name.
        parent: as `--like` stores it in a run.
        reused: whether the run was there before the group.
        epochs: it is trained for, at most; `None` if that is not known.
    """

    place: str
    value: Any
    config: TrainConfig
    parent: dict | None = None
    reused: bool = False
    epochs: int | None = None


def seeds_from(first: int, count: int) -> tuple[int, ...]:
    """Returns seeds that follow each other.

    Raises:
        UserError: the last of them is no seed.
    """
    seeds = tuple(range(first, first + count))
    TrainConfig(seed=seeds[-1])
    return seeds
