"""What a loss surface is asked for, checked; reading it imports nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

from zoo.errors import UserError
from zoo.options import FLOAT, INT, NAMES, TEXT, Option, check_option

PARTS = ("path", "line", "plane")
PLACES = ("initial", "best", "last", "final")

# fmt: off
OPTIONS = {
    "parts": Option(
        NAMES, "what to measure: path, line, plane", "", choices=PARTS),
    "start": Option(
        TEXT, "where the path begins: initial, best, last, final or a RUN",
        ""),
    "end": Option(
        TEXT, "where it ends: best and last are the checkpoints that a run "
        "keeps, final is its result, a RUN that run's result", ""),
    "centre": Option(
        TEXT, "what line and plane are laid around: a place as above", ""),
    "points": Option(
        INT, "points on a line, and on each side of the plane; odd, so that "
        "one is the centre", "", low=3, high=1001),
    "span": Option(
        FLOAT, "how far line and plane reach to each side; at 1 each filter "
        "is changed by as much as it is long", "", low=0, open_low=True),
    "examples": Option(
        INT, "examples of the training and of the validation part, at most",
        "", low=1),
    "batch_norm": Option(
        TEXT, "its statistics: measured anew at each point, or kept", "",
        choices=("measured", "kept")),
    "seed": Option(
        INT, "fixes the directions and which examples", "",
        low=0, high=2**31 - 1),
}
# fmt: on


@dataclasses.dataclass(frozen=True)
class Request:
    """What to measure; the help of each field is in `OPTIONS`.

    Raises:
        UserError: a value has the wrong type or is out of range.
    """

    parts: tuple[str, ...] = PARTS
    start: str = "initial"
    end: str = "final"
    centre: str = "final"
    points: int = 25
    span: float = 1.0
    examples: int = 1000
    batch_norm: str = "measured"
    seed: int = 0

    def __post_init__(self):
        for name, option in OPTIONS.items():
            value = check_option(name, option, getattr(self, name))
            object.__setattr__(self, name, value)
        if self.points % 2 == 0:
            raise UserError(
                f"--points={self.points} has none at the centre; give an odd "
                f"number, such as {self.points + 1}."
            )
        if not self.parts:
            raise UserError("--parts names nothing; give for example path.")
        if self.start == self.end:
            raise UserError(
                f"--start={self.start} and --end={self.end} are one place, so "
                "there is no path between them; give two."
            )


DEFAULTS: dict[str, Any] = {
    field.name: field.default for field in dataclasses.fields(Request)
}
