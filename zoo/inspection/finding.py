"""A finding: what is the matter, why it matters, and what to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from zoo.inspection.collection import Collection

# BROKEN: nothing can be trained. FALSE: labels or scores would be wrong.
# POOR: costs a good part of what could be had. HINT: good to know.
BROKEN, FALSE, POOR, HINT = 4, 3, 2, 1
SEVERITIES = {BROKEN: "broken", FALSE: "false", POOR: "poor", HINT: "hint"}


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that should be known before training.

    Attributes:
        name: of what was found, in a word or two.
        severity: `BROKEN`, `FALSE`, `POOR` or `HINT`.
        what: was found, with its number; the three stand in one sentence.
        why: that matters.
        remedy: what to do; a command stands between backquotes.
        images: what it is about, a line each, worst first.
    """

    name: str
    severity: int
    what: str
    why: str
    remedy: str
    images: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What, why and what to do."""
        text = f"{self.what}; {self.why}; {self.remedy}."
        return text[0].upper() + text[1:]


Rule = Callable[[Collection], Iterable[Finding]]
