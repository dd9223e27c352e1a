"""What a recipe's header promises: its expected range, and whose figure.

    # Held against: test accuracy 0.9862 (lecture notes, 10,000 updates).
    # Budget: reduced, 5,000 of 10,000 updates.
    # Expected: test accuracy 0.985 to 0.989; training accuracy above 0.99.

Other words may stand around these; the rest of a header is for people alone.
"""

from __future__ import annotations

import dataclasses
import math
import re

from zoo import recipes

SHOWN = r"(training|validation|test) (accuracy|loss)"
NUMBER = r"(\d+\.\d+)"
BUDGET = re.compile(r"the source's, .+|reduced, .+ of .+")
CLAIM = re.compile(
    rf"{SHOWN}(?: \([^)]*\))? (?:{NUMBER} to {NUMBER}|(above|below) {NUMBER})"
)
HELD = re.compile(rf"{SHOWN} {NUMBER} \(([^)]*)\)")
KEYWORD = re.compile(r"([A-Z][a-z]+(?: [a-z]+)?): ")


@dataclasses.dataclass(frozen=True)
class Claim:
    """A range in which a score is expected.

    Attributes:
        score: such as `validation accuracy`.
        decimals: to which a score is rounded before it is held to the range.
    """

    score: str
    low: float
    high: float
    decimals: int

    def holds(self, value: float) -> bool:
        """Whether a score lies in the range, its ends included."""
        return self.low <= round(value, self.decimals) <= self.high


@dataclasses.dataclass(frozen=True)
class Reference:
    """Somebody else's figure.

    Attributes:
        score: such as `test accuracy`.
        value: the figure.
        source: whose it is.
    """

    score: str
    value: str
    source: str


def paragraph(recipe: recipes.Recipe, keyword: str) -> str:
    """Returns what follows a keyword in a recipe's header, in one line."""
    lines: list[str] = []
    for line in recipe.path.read_text().splitlines():
        if not line.startswith("#"):
            break
        text = line.lstrip("# ").strip()
        found = KEYWORD.match(text)
        if found and found[1] == keyword:
            lines = [text[found.end() :]]
        elif lines and found:
            break
        elif lines:
            lines.append(text)
    return " ".join(lines)


def claims(recipe: recipes.Recipe) -> list[Claim]:
    """Returns the ranges that a recipe's header expects scores in."""
    found = []
    for match in CLAIM.finditer(paragraph(recipe, "Expected")):
        part, kind, low, high, side, bound = match.groups()
        ends = (low, high)
        if side:
            ends = (bound, "inf") if side == "above" else ("-inf", bound)
        digits = [len(end.partition(".")[2]) for end in ends]
        low, high = map(float, ends)
        if math.isinf(low) or math.isinf(high):
            digits = [6]  # a bound is meant as it stands
        found.append(Claim(f"{part} {kind}", low, high, max(digits)))
    return found


def reference(recipe: recipes.Recipe) -> Reference | None:
    """Returns the figure that a recipe is held against, if it has one."""
    match = HELD.search(paragraph(recipe, "Held against"))
    if match is None:
        return None
    part, kind, value, source = match.groups()
    return Reference(f"{part} {kind}", value, source)


def budget(recipe: recipes.Recipe) -> str:
    """Returns how much of the reference's training a recipe does.

    Returns:
        `the source's, 200 epochs`, or `reduced, 1 of 200 epochs`; nothing for
        a recipe that is held against nobody's figure.

    Raises:
        ValueError: the header says it in another way, or not at all.
    """
    if reference(recipe) is None:
        return ""
    said = paragraph(recipe, "Budget").rstrip(".")
    if not BUDGET.fullmatch(said):
        raise ValueError(
            f"{recipe.path} is held against a figure, and its Budget is "
            f"{said!r}; write for example `Budget: reduced, 1 of 200 epochs.`"
        )
    return said


def is_reduced(recipe: recipes.Recipe) -> bool:
    """Whether a recipe trains less than the figure that it is held against."""
    return budget(recipe).startswith("reduced")
