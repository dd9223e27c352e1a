"""A finding: what is the matter, how one sees it, and what to try next."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from zoo.explaining.facts import Facts

BROKEN, POOR, HINT = 3, 2, 1


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that a run's numbers say.

    Attributes:
        name: of the rule that found it.
        severity: `BROKEN`, nothing else matters before it is mended; `POOR`,
            it costs a good part of what could be had; or `HINT`, what could
            still be gained.
        text: what was found, with its number.
        tag: of TensorBoard, where it shows.
        advice: what to try next; a command stands between backquotes.
    """

    name: str
    severity: int
    text: str
    tag: str
    advice: str

    @property
    def command(self) -> str:
        """The command in its advice, without backquotes; empty if none."""
        _, _, rest = self.advice.partition("`")
        return rest.rpartition("`")[0]


Rule = Callable[[Facts], Finding | None]


def tag(facts: Facts, kind: str, name: str) -> str:
    """Returns a tag, and how to have it written if this run does not."""
    if facts.is_written(kind):
        return name
    return f"{name} (of a run with --summaries=default,{kind})"
