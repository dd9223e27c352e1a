"""The ledger of looks at test sets: `test_openings.jsonl` beside the runs.

A test set is clean once. Who looks at it, changes something and looks again
has begun to choose by it, and the better score is partly luck. So every look
is written down before its result is shown, one line of JSON each:

    {"when": "2026-03-01T09:30:00+00:00",
     "dataset": "mnist", "split": SHA-256 of the test examples,
     "recipe": SHA-256 of the settings without the seed,
     "runs": [{"run": "lenet5-mnist", "config": SHA-256 of the settings,
               "seed": 0, "result": {"examples": 10000, "correct": 9921, ...}}]}

Looks are related if they are in one ledger, that is in one folder of runs,
and are at one data set by name, or at the same examples by their hash.
Related looks are counted, whatever models they were about, and the same run
again counts again. Seeds of one recipe that are opened together are one look.
"""

from __future__ import annotations

import datetime
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from zoo.io import JsonlFile
from zoo.pretrained import PretrainedRun
from zoo.runs import Run

NAME = "test_openings.jsonl"


class Ledger:
    """The looks at test sets from one folder of runs.

    Args:
        runs_dir: the folder that holds the run folders.
    """

    def __init__(self, runs_dir: str | os.PathLike):
        self.path = pathlib.Path(runs_dir) / NAME
        self._lines = JsonlFile(
            self.path,
            lambda look: (look["dataset"], look["split"], look["runs"]),
            noun="look at a test set",
            on_failure="no look at test examples goes unrecorded",
        )

    def looks(self) -> list[dict[str, Any]]:
        """Returns every look, oldest first.

        A last line that a kill has torn is no look: its result was never
        shown.

        Raises:
            UserError: another line cannot be read, or the file cannot.
        """
        return self._lines.read()

    def count(self, dataset: str, split: str | None = None) -> int:
        """Returns how many looks there were at a data set's test examples.

        Args:
            dataset: its name, as in `--dataset`.
            split: SHA-256 of the test examples, if they were read.
        """
        return len(_related(self.looks(), dataset, split))

    def related(self, dataset: str) -> list[dict[str, Any]]:
        """Returns the looks at a data set's test examples, oldest first."""
        return _related(self.looks(), dataset, None)

    def record(self, new: Sequence[dict[str, Any]]) -> int:
        """Adds looks at one test set, and returns how many it has now.

        On return the lines are on the disk. Several processes may record at
        once: none of their lines is lost, and no two get the same count.

        Args:
            new: at least one look, without `when`.

        Raises:
            UserError: the ledger is damaged, cannot be written, or is held.
        """
        when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with self._lines.locked():
            looks = self.looks()
            self._lines.append([{"when": when, **look} for look in new])
        dataset, split = new[0]["dataset"], new[0]["split"]
        return len(_related(looks, dataset, split)) + len(new)


def home(run: Run, runs_dir: str) -> pathlib.Path:
    """Returns the folder whose ledger a run's looks belong in.

    Args:
        run: whose model looks.
        runs_dir: where runs are looked for. A run that is elsewhere has its
            ledger in the folder that its name starts from; one that comes
            with the zoo has none there.
    """
    root, path = pathlib.Path(runs_dir), run.path.resolve()
    if isinstance(run, PretrainedRun) or path.is_relative_to(root.resolve()):
        return root
    names = [
        pathlib.PurePath(n).parts for n in (run.name, run.config.run_name) if n
    ]
    fits = [n for n in names if path.parts[-len(n) :] == n]
    return path.parents[max(map(len, fits), default=1) - 1]


def _related(
    looks: list[dict[str, Any]], dataset: str, split: str | None
) -> list[dict[str, Any]]:
    return [
        look
        for look in looks
        if look["dataset"] == dataset or look["split"] == split
    ]
