"""What a sweep does: written to `sweep.json` before its first trial."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from zoo.config import OPTIONS, TrainConfig, format_option
from zoo.errors import UserError
from zoo.tuning.space import Space

FORMAT = 1  # of the sweep folder
NAME = "sweep.json"
OBJECTIVES = {"val_accuracy": "max", "val_loss": "min"}
SELECT_EPOCH = ("best", "last")  # epochs that a score can be of
KEEP = ("best", "all")
KEPT = 3  # trials whose weights stay, with --keep=best
# What differs between two sittings of one sweep.
PLACES = ("runs_dir", "run_name")


@dataclasses.dataclass(frozen=True)
class SweepConfig:
    """One sweep, with everything settled.

    Attributes:
        config: what all trials have in common; `seed` is that of the first
            execution of each trial and of the tuner.
        space: each `--space`, as text.
        tuner: one of `oracles.TUNERS`.
        trials: how many at most; `None` for Hyperband.
        executions: seeds a trial is trained with.
        objective: a key of `OBJECTIVES`.
        select_epoch: Epoch whose value is the score, one of `SELECT_EPOCH`.
        epochs: of a whole run, or of the longest one; `None` if its length is
            given in steps, or if it has none.
        factor: of Hyperband: one trial of so many is trained further.
        keep: whose weights stay, one of `KEEP`.
        retrain_seeds: new seeds that the best trial is trained with again.
        compare_default: whether the model's default recipe is, too.
        open_test: whether the winner's test split is opened at the end.
    """

    config: TrainConfig
    space: tuple[str, ...]
    tuner: str = "random"
    trials: int | None = None
    executions: int = 1
    objective: str = "val_accuracy"
    select_epoch: str = "best"
    epochs: int | None = None
    factor: int = 3
    keep: str = "best"
    retrain_seeds: int = 0
    compare_default: bool = True
    open_test: bool = False

    @property
    def direction(self) -> str:
        """Whether a good score is large or small: `max` or `min`."""
        return OBJECTIVES[self.objective]

    @property
    def dimensions(self) -> Space:
        """The space, read."""
        return Space.parse(self.space)

    def is_better(self, score: float, other: float) -> bool:
        """Whether one score is better than another."""
        return score > other if self.direction == "max" else score < other

    def seed(self, execution: int) -> int:
        """Returns the seed of an execution; all trials have the same ones."""
        return self.config.seed + execution

    def to_json(self, **more: Any) -> str:
        """Returns the settings as JSON, after the facts in `more`."""
        fields = {f.name: getattr(self, f.name) for f in _FIELDS}
        fields["config"] = self.config.as_dict()
        return json.dumps({"format": FORMAT, **more, **fields}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> SweepConfig:
        """Reads back what `to_json` wrote.

        Raises:
            UserError: it is of another version of zoo.
            KeyError, TypeError, ValueError: it is damaged.
        """
        values = json.loads(text)
        if values["format"] != FORMAT:
            raise UserError(
                f"this sweep has the format {values['format']} of another "
                f"version of zoo; this one reads format {FORMAT}."
            )
        # A sweep of before an option was there has its default.
        names = {field.name for field in _FIELDS}
        fields = {n: v for n, v in values.items() if n in names}
        fields["space"] = tuple(fields["space"])
        fields["config"] = TrainConfig.from_json(json.dumps(fields["config"]))
        return cls(**fields)

    def difference(self, other: SweepConfig) -> str | None:
        """Says in words in what another sweep differs, if it does."""
        for field in _FIELDS:
            mine, its = getattr(self, field.name), getattr(other, field.name)
            if field.name != "config" and mine != its:
                return f"--{field.name} is {_shown(mine)}, not {_shown(its)}"
        for name in OPTIONS:
            mine = getattr(self.config, name)
            its = getattr(other.config, name)
            if name not in PLACES and mine != its:
                return f"--{name} is {_shown(mine)}, not {_shown(its)}"
        return None

    def flags(self) -> str:
        """Returns the flagfile that repeats the sweep."""
        lines = ["# Repeats this sweep: zoo sweep --flagfile=flags.txt"]
        lines += [f"--space={text}" for text in self.space]
        for field in _FIELDS:
            value = getattr(self, field.name)
            skipped = field.name in ("config", "space", "epochs")
            if not skipped and value is not None:
                if isinstance(value, bool):
                    value = str(value).lower()
                lines.append(f"--{field.name}={value}")
        for name, value in self.config.overrides().items():
            if name not in PLACES:
                lines += format_option(name, value)
        return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "not given" if value is None else str(value)


_FIELDS = dataclasses.fields(SweepConfig)
