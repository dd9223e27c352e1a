"""What a measurement is asked to do, and what it may use for that."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.cases import Case
from benchmarks.sides import Side

Report = dict[str, Any]  # what a process tells of itself
Row = dict[str, Any]  # one line of a part's results, under a `key`


class Images:
    """The data sets of a measurement, each saved when it is first needed.

    Args:
        folder: where to.
        save: writes the data set of a name to a path; returns nothing, or
            why other images stand in for it, in a sentence.
    """

    def __init__(
        self, folder: str, save: Callable[[str, pathlib.Path], str]
    ) -> None:
        self._folder = pathlib.Path(folder)
        self._save = save
        self._stand_ins: dict[str, str] = {}

    def path(self, dataset: str) -> str:
        """Returns the file of a data set."""
        path = self._folder / f"{dataset}.npz"
        if dataset not in self._stand_ins:
            self._stand_ins[dataset] = self._save(dataset, path)
        return str(path)

    def stand_in(self, dataset: str) -> str:
        """Returns why these are other images; empty if they are real."""
        self.path(dataset)
        return self._stand_ins[dataset]

    def for_zoo(self, dataset: str) -> str:
        """Returns what `--dataset` reads: the name, or what stands in."""
        path = self.path(dataset)
        return f"npz:{path}" if self._stand_ins[dataset] else dataset


@dataclasses.dataclass(frozen=True)
class Asked:
    """What to measure, and by which means.

    Attributes:
        cases: what to train.
        repeats: rounds of each case, where it does not take long.
        peers: those that are installed.
        have_bfloat16: whether the processors multiply in it.
        images: of all cases.
        run: from a module and its task to a report.
        say: tells a waiting person what is being measured.
    """

    cases: Sequence[Case]
    repeats: int
    peers: Sequence[Side]
    have_bfloat16: bool
    images: Images
    run: Callable[..., Report]
    say: Callable[[str], None]

    def rounds(self, most: int) -> int:
        """Returns how often to measure what should not take too long."""
        return min(self.repeats, most)

    def about(self, case: Case) -> dict[str, Any]:
        """Returns what every process of a case is told."""
        path = self.images.path(case.dataset)
        return {"case": dataclasses.asdict(case), "images": path}
