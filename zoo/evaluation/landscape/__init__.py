"""The loss of a finished run as a function of its weights.

Along the straight path from its initial weights to its last (Goodfellow,
Vinyals and Saxe 2014, "Qualitatively characterizing neural network
optimization problems", arXiv 1412.6544), and along a line and over a plane of
random directions with the filter norms of the weights (Li, Xu, Taylor, Studer
and Goldstein 2018, "Visualizing the loss landscape of neural nets", arXiv
1712.09913).

    scan.py    losses along the path, the line and the plane
    plots.py   plots, and the folder `landscape/` of a run
"""

from __future__ import annotations

import dataclasses
from typing import Any

from zoo.errors import UserError
from zoo.options import FLOAT, INT, NAMES, TEXT, Option, check_option

PARTS = ("path", "line", "plane")
WEIGHT_SETS = ("initial", "best", "last", "final")

# fmt: off
OPTIONS = {
    "parts": Option(
        NAMES, "what to scan: path, line, plane", "", choices=PARTS),
    "start": Option(
        TEXT, "weights where the path starts: initial, best, last, final or a "
        "RUN", ""),
    "end": Option(
        TEXT, "weights where it ends; best and last are checkpoints of the "
        "run, final is its result, a RUN that run's result", ""),
    "center": Option(
        TEXT, "weights at the center of line and plane, as above", ""),
    "points": Option(
        INT, "points on a line, and on each side of the plane; odd, so that "
        "one is the center", "", low=3, high=1001),
    "span": Option(
        FLOAT, "largest step of line and plane to each side; 1 changes each "
        "filter by its own norm", "", low=0, open_low=True),
    "examples": Option(
        INT, "largest number of training and of validation examples", "",
        low=1),
    "batch_norm": Option(
        TEXT, "statistics of batch norm: measured at each point, or kept", "",
        choices=("measured", "kept")),
    "seed": Option(
        INT, "seed of the directions and of the choice of examples", "",
        low=0, high=2**31 - 1),
}
# fmt: on


@dataclasses.dataclass(frozen=True)
class LandscapeConfig:
    """What to scan; the help of each field is in `OPTIONS`.

    Raises:
        UserError: a value has the wrong type or is out of range.
    """

    parts: tuple[str, ...] = PARTS
    start: str = "initial"
    end: str = "final"
    center: str = "final"
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
                f"--points={self.points} has no point at the center; give an "
                f"odd number, such as {self.points + 1}."
            )
        if not self.parts:
            raise UserError("--parts is empty; give for example path.")
        if self.start == self.end:
            raise UserError(
                f"--start={self.start} and --end={self.end} are the same "
                "weights, with no path between them; give different ones."
            )


DEFAULTS: dict[str, Any] = {
    field.name: field.default for field in dataclasses.fields(LandscapeConfig)
}
