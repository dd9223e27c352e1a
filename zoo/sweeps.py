"""Sweep folders among the runs: what they are called and where they lie.

A sweep is a folder with `sweep.json`, which holds its trials as runs:
`runs/SWEEP/trial-003`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
from typing import Any

from zoo import run_folder
from zoo.errors import UserError, join_and
from zoo.io import exclusive

CONFIG, LEDGER, RESULT = "sweep.json", "ledger.jsonl", "result.json"


@dataclasses.dataclass(frozen=True)
class Folder:
    """A sweep folder on disk.

    Attributes:
        path: of the folder.
        name: below the folder of all runs.
    """

    path: pathlib.Path
    name: str

    @property
    def runs_dir(self) -> str:
        """The folder of all runs, which the names of trials start from."""
        depth = len(pathlib.PurePath(self.name).parts)
        return str(self.path.parents[depth - 1])

    @property
    def result(self) -> dict[str, Any]:
        """What came of it; empty before it has ended."""
        try:
            return json.loads((self.path / RESULT).read_text())
        except (OSError, ValueError):
            return {}

    @property
    def executions(self) -> int:
        """How many trainings are finished."""
        try:
            return (self.path / LEDGER).read_bytes().count(b"\n")
        except OSError:
            return 0

    @property
    def status(self) -> str:
        """How it stands; `killed` if it ended without saying so."""
        try:
            with self.lock():
                return self.result.get("status", "killed")
        except UserError:
            return "running"

    def run_path(self, name: str) -> pathlib.Path:
        """Returns the folder of one of its runs.

        Args:
            name: of the run, as a file of the sweep has it.

        Raises:
            UserError: it is no name of a run in this sweep.
        """
        place = pathlib.PurePosixPath(name.removeprefix(f"{self.name}/"))
        path = self.path / place
        inside = path.resolve().is_relative_to(self.path.resolve())
        if not place.parts or ".." in place.parts or not inside:
            raise UserError(
                f"{self.path} is damaged: {name!r} is no run of this sweep."
            )
        return path

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Holds the sweep for this process; the system frees it at death.

        Raises:
            UserError: another process holds it.
        """
        return exclusive(self.path, f"the sweep {self.name} is running")


def list_sweeps(runs_dir: str) -> list[Folder]:
    """Returns every sweep below a folder, oldest first."""
    root = pathlib.Path(runs_dir)
    found = [
        path
        for path in root.rglob(CONFIG)
        if not any(p.startswith(".") for p in path.relative_to(root).parts)
    ]
    found.sort(key=lambda path: (run_folder.created(path), path))
    return [
        Folder(path.parent, path.parent.relative_to(root).as_posix())
        for path in found
    ]


def find(name: str, runs_dir: str) -> Folder | None:
    """Finds a sweep by its name, a unique prefix of it, or its folder.

    Raises:
        UserError: the prefix fits several.
    """
    known = list_sweeps(runs_dir)
    fits = [one for one in known if one.name == name]
    fits = fits or [one for one in known if one.name.startswith(name)]
    if len(fits) > 1:
        raise UserError(
            f"{name!r} fits {len(fits)} sweeps, among them "
            f"{join_and(one.name for one in fits[:3])}; type more "
            "of it."
        )
    if fits:
        return fits[0]
    folder = pathlib.Path(name)
    if (folder / CONFIG).is_file():
        return Folder(folder, folder.resolve().name)
    return None


def home(path: pathlib.Path) -> pathlib.Path | None:
    """Returns the folder of the sweep that a run is a trial of, if any."""
    nearby = [path.parent, path.parent.parent]
    return next((p for p in nearby if (p / CONFIG).is_file()), None)
