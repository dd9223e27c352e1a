"""Who takes part: the zoo, in two number formats, and its peers."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.cases import Case


@dataclasses.dataclass(frozen=True)
class Side:
    """One of those that are compared.

    Attributes:
        name: as tables call it.
        trains: the module that trains once and reports.
        package: what must be installed for it beyond the zoo itself.
        task: what its module is told beside the case and the images.
    """

    name: str
    trains: str
    package: str | None = None
    task: dict[str, Any] = dataclasses.field(default_factory=dict)


ZOO = "zoo"
OURS = tuple(
    Side(precision, "benchmarks.ours", task={"precision": precision})
    for precision in ("float32", "bfloat16")
)
PEERS = (
    Side("keras", "benchmarks.keras_fit"),
    Side("torch", "benchmarks.torch_loop", package="torch"),
)


def present(
    peers: Sequence[Side] = PEERS,
    find: Callable[[str], Any] = importlib.util.find_spec,
) -> tuple[list[Side], list[str]]:
    """Returns the peers that are installed, and a line on each other one."""
    missing = [s for s in peers if s.package and find(s.package) is None]
    lines = [
        f"{side.name} is not installed, so that this peer is left out; "
        "`python -m pip install -e '.[bench]'` installs it."
        for side in missing
    ]
    return [side for side in peers if side not in missing], lines


def formats(case: Case, have_bfloat16: bool) -> list[Side]:
    """Returns our sides of a case: those that these processors can do."""
    return list(OURS if have_bfloat16 and case.bfloat16 else OURS[:1])
