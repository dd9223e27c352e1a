"""A search space: several dimensions, and the config of one point in it.

An option that has an effect beside some values of another one alone, as
momentum beside optimizers that have it, is part of a point only there.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from zoo.config import OPTIONS, TrainConfig
from zoo.errors import UserError
from zoo.tuning import dimension
from zoo.tuning.dimension import ARGUMENT, Dimension

Values = Mapping[str, Any]  # of one point, by name of the dimension


@dataclasses.dataclass(frozen=True)
class Space:
    """Dimensions, each after those that it depends on."""

    dimensions: tuple[Dimension, ...]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Space:
        """Reads every `--space`.

        Raises:
            UserError: one of them is wrong, or two are of one name.
        """
        found: dict[str, Dimension] = {}
        for text in texts:
            new = dimension.parse(text)
            if new.name in found:
                raise UserError(
                    f"--space={found[new.name].text} and --space={text} are "
                    f"both about {new.name}; write all its values in one."
                )
            found[new.name] = new
        space = cls(tuple(found.values()))
        # Those that others depend on come first.
        return cls(
            tuple(
                sorted(
                    space.dimensions,
                    key=lambda d: space.condition(d) is not None,
                )
            )
        )

    @property
    def texts(self) -> list[str]:
        """The dimensions as they were written."""
        return [one.text for one in self.dimensions]

    def condition(self, one: Dimension) -> tuple[str, tuple[str, ...]] | None:
        """Returns the dimension that decides over another, and its values.

        `None` stands for one that always has an effect.
        """
        needs = OPTIONS[one.name].depends_on if one.name in OPTIONS else None
        names = [other.name for other in self.dimensions]
        return needs if needs and needs[0] in names else None

    def is_active(self, one: Dimension, values: Values) -> bool:
        """Whether a dimension has an effect beside some values."""
        needs = self.condition(one)
        return needs is None or values.get(needs[0]) in needs[1]

    def config(self, fixed: TrainConfig, values: Values) -> TrainConfig:
        """Returns the config of a point.

        Raises:
            UserError: its values contradict each other or what is fixed.
        """
        options = {n: v for n, v in values.items() if n in OPTIONS}
        arguments = {
            name.removeprefix(ARGUMENT): value
            for name, value in values.items()
            if name.startswith(ARGUMENT)
        }
        return fixed.replace(
            **options, model_arg={**fixed.model_arg, **arguments}
        )

    def stepped(self) -> Space:
        """Returns the space with a few values in place of each range."""
        return Space(tuple(one.stepped() for one in self.dimensions))

    def without(self, names: Iterable[str]) -> Space:
        """Returns the space without some dimensions."""
        gone = set(names)
        return Space(tuple(d for d in self.dimensions if d.name not in gone))

    def count(self) -> int | None:
        """Returns how many points there are; `None` where a range has none."""
        if not all(one.values for one in self.dimensions):
            return None
        free = [d for d in self.dimensions if self.condition(d) is None]
        return math.prod(
            sum(self._below(one, value) for value in one.values) for one in free
        )

    def _below(self, parent: Dimension, value: Any) -> int:
        """Returns how many points of dependent dimensions a value has."""
        return math.prod(
            len(one.values)
            for one in self.dimensions
            if (needs := self.condition(one))
            and needs[0] == parent.name
            and value in needs[1]
        )

    def probes(self) -> list[dict[str, Any]]:
        """Returns points that have between them every end of each dimension.

        The first has the first value of each.
        """
        first = self._active({d.name: d.ends()[0] for d in self.dimensions})
        found = [first]
        for one in self.dimensions:
            needs = self.condition(one)
            for value in one.ends():
                point = {d.name: d.ends()[0] for d in self.dimensions}
                point[one.name] = value
                if needs:
                    point[needs[0]] = self._fitting(one, *needs)
                point = self._active(point)
                if point not in found:
                    found.append(point)
        return found

    def _fitting(
        self, one: Dimension, name: str, words: tuple[str, ...]
    ) -> str:
        """Returns a value beside which a dimension has an effect."""
        for value in self[name].values:
            if value in words:
                return value
        raise UserError(
            f"--space={one.text} has no effect with "
            f"--space={self[name].text}; leave one of them out."
        )

    def __getitem__(self, name: str) -> Dimension:
        return next(one for one in self.dimensions if one.name == name)

    def _active(self, values: Values) -> dict[str, Any]:
        return {
            one.name: values[one.name]
            for one in self.dimensions
            if self.is_active(one, values)
        }


def in_words(values: Values) -> str:
    """Writes a point in one line: `learning_rate 0.002, dropout 0.3`."""
    return ", ".join(
        f"{name.removeprefix(ARGUMENT)} {_shown(value)}"
        for name, value in values.items()
        if not name.startswith("tuner/")
    )


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
