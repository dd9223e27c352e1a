"""Groups of runs: one option varied, or one recipe with several seeds.

runs/lr-digits-seeds/
    group.json        what was asked, and which runs belong to it
    seed0/ seed1/     ordinary runs
    seeds.json        what came of them; vary.json of a varied option
    curves.png        their curves in one picture

A group's name stands for its runs wherever several runs can be named.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import posixpath
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from zoo import runs
from zoo.commands import Target
from zoo.config import DEFAULTS
from zoo.errors import UserError, join_and
from zoo.io import exclusive
from zoo.runs import GROUP_FILE, Run

FORMAT = 1  # of group.json; a reader refuses what it does not know
ENDED = ("completed", "stopped_early", "diverged")  # nothing is left to do


@dataclasses.dataclass(frozen=True)
class Group:
    """A group's folder on disk; reads what is in it when asked."""

    path: pathlib.Path
    name: str

    @property
    def argument(self) -> str:
        """What to type for it: the name, or the path of one elsewhere."""
        at_home = self.path == pathlib.Path(DEFAULTS["runs_dir"], self.name)
        return self.name if at_home else shlex.quote(str(self.path))

    @property
    def facts(self) -> dict[str, Any]:
        """What `group.json` says.

        Raises:
            UserError: it cannot be read, or is of another version of zoo.
        """
        path = self.path / GROUP_FILE
        try:
            facts = json.loads(path.read_text())
            version = facts["format"]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path} is damaged: it cannot be read.") from error
        if version != FORMAT:
            raise UserError(
                f"{path} has the format {version} of another version of zoo; "
                f"this one reads format {FORMAT}."
            )
        return facts

    @property
    def runs_dir(self) -> pathlib.Path:
        """The folder in which its name, and those of its runs, begin."""
        return self.path.parents[len(self.name.split("/")) - 1]

    def run(self, place: str) -> Run:
        """Returns one of its runs, which need not be there yet.

        Args:
            place: its path from the group's folder, as `group.json` has it.
        """
        name = posixpath.normpath(f"{self.name}/{place}")
        # A run that varies another may lie beside the group, not above it.
        if name.split("/")[0] in ("..", ".") or "\0" in name:
            raise UserError(
                f"{self.path / GROUP_FILE} is damaged: {place!r} leads out of "
                "the folder of runs."
            )
        return Run(self.runs_dir / name, name)

    def runs(self) -> list[Run]:
        """Returns its runs, begun or not, in the order of `group.json`."""
        return [self.run(member["run"]) for member in self.facts["members"]]

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Holds the group for this process; the system frees it at death.

        Raises:
            UserError: another process holds it.
        """
        return exclusive(self.path, f"{self.name} is worked on")


def list_groups(runs_dir: str) -> list[Group]:
    """Returns every group below a folder, in the order of names."""
    root = pathlib.Path(runs_dir)
    names = sorted(
        path.parent.relative_to(root).as_posix()
        for path in root.rglob(GROUP_FILE)
    )
    return [
        Group(root / name, name)
        for name in names
        if not any(part.startswith(".") for part in name.split("/"))
    ]


def find(name: str, runs_dir: str) -> Group | None:
    """Finds a group by its name, a unique beginning of it, or its folder.

    Returns:
        `None` if there is none, or if a run has a better claim to the name:
        it is called so, or begins so and is in no such group.
    """
    if name in ("", "last"):
        return None
    known = list_groups(runs_dir)
    for group in known:
        if name.rstrip("/") == group.name:
            return group
    fits = [group for group in known if group.name.startswith(name)]
    inside = tuple(f"{group.name}/" for group in fits)
    others = [
        run
        for run in runs.list_runs(runs_dir)
        if run.name.startswith(name) and not run.name.startswith(inside)
    ]
    if len(fits) == 1 and not others:
        return fits[0]
    folder = pathlib.Path(name)
    if (folder / GROUP_FILE).is_file():
        return _at(folder, known)
    return None


def _at(folder: pathlib.Path, known: Iterable[Group]) -> Group:
    """Returns the group of a folder, by the name that it has among others."""
    for group in known:
        if group.path.resolve() == folder.resolve():
            return group
    folder = folder.resolve()
    return Group(folder, folder.name)


def of_run(run: Run) -> Group | None:
    """Returns the group in whose folder a run lies, if there is one."""
    for count, folder in enumerate(run.path.parents, 1):
        if (folder / GROUP_FILE).is_file():
            name = "/".join(run.name.split("/")[:-count])
            return Group(folder, name or folder.name)
    return None


def find_runs(
    names: Iterable[str], runs_dir: str
) -> tuple[list[Run], list[Run]]:
    """Finds several runs, in the order given; a group stands for its own.

    Returns:
        The runs, and those of the groups that have no result to look at.

    Raises:
        UserError: one is not there, or is named twice.
    """
    found: dict[pathlib.Path, Run] = {}
    without = []
    for name in names:
        group = find(name, runs_dir)
        if group is None:
            run = runs.find(name, runs_dir)
            if found.setdefault(run.path.resolve(), run) is not run:
                raise UserError(
                    f"{name!r} names {run.name} a second time; name each run "
                    "once."
                )
            continue
        members = group.runs()
        ready = [run for run in members if has_result(run)]
        if not ready:
            raise UserError(
                f"no run of {group.name} has a result yet; "
                f"`{Target.of(group).typed('resume')}` goes on with them."
            )
        # Groups may share a run, which one of them found there.
        for run in ready:
            found.setdefault(run.path.resolve(), run)
        without += [run for run in members if not has_result(run)]
    return list(found.values()), without


def check_whole(names: Sequence[str], runs_dir: str) -> None:
    """Raises `UserError` if a run or group is not named whole.

    Whose test images are opened is not to hang on a prefix or on `last`.
    """
    if not names:
        raise UserError(
            "test images are opened to a run that is named whole; write its "
            "name, which `zoo runs` lists."
        )
    known = [group.name for group in list_groups(runs_dir)]
    known += [run.name for run in runs.list_runs(runs_dir)]
    for name in names:
        fits = [one for one in known if one.startswith(name)]
        if name == "last" and not fits:
            fits = [runs.find(name, runs_dir).name]
        if fits and name.rstrip("/") not in known:
            raise runs.not_whole(name, fits)


def left_out(without: Iterable[Run]) -> str:
    """Says in a line which runs of a group are not looked at, and why."""
    words = [f"{run.name} ({status(run)})" for run in without]
    return f"left out, without a result: {join_and(words)}"


def has_result(run: Run) -> bool:
    """Whether a run has a trained model to look at."""
    return (run.path / "model.keras").exists()


def status(run: Run) -> str:
    """Returns how a run of a group stands, which need not have begun."""
    return run.status if (run.path / "config.json").exists() else "not begun"


def has_ended(run: Run) -> bool:
    """Whether nothing is left to do for a run."""
    return status(run) in ENDED
