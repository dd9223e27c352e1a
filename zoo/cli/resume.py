"""`zoo resume RUN`: goes on with a run, or a sweep, that was stopped."""

from __future__ import annotations

import pathlib

from zoo import run_groups, runs, sweeps
from zoo.cli import repeating, roles, stderr, sweep
from zoo.cli.flags import Command
from zoo.config import DEFAULTS
from zoo.errors import UserError


def run(argv: list[str]) -> int:
    """Resumes one run, group or sweep; returns the exit code."""
    command = Command(
        "zoo resume RUN",
        "Go on from a run's last checkpoint; RUN is a name, a unique prefix, "
        "a folder or `last`. Of a group, which `zoo vary` and --seeds make, "
        "go on with all runs that have not ended. Of a sweep, go on with it.",
        words=("RUN",),
    )
    command.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")
    repeating.define_workers(command)
    roles.define(command)
    words = command.parse(argv)
    if words is None:
        return 0
    runs_dir = command.values.runs_dir
    role = roles.read(command)
    if role.name == roles.WORKER:
        raise UserError(
            "--role=worker has no place here: a worker goes on with whatever "
            "its chief does; write `zoo sweep --role=worker`."
        )
    group = run_groups.find(words[0], runs_dir)
    if group is not None:
        roles.refuse(role, "a group of runs")
        return repeating.resume(group, repeating.workers(command))
    folder = _sweep(words[0], runs_dir)
    if folder is not None:
        return sweep.resume(folder, role)
    repeating.refuse_workers(command, "a single run")
    roles.refuse(role, "a single run")
    found = runs.find(words[0], runs_dir)
    with stderr.hold() as held:
        from zoo.cli import ending
        from zoo.training.loop import resume

        resume(found, console=ending.console(held, runs_dir))
    return 0


def _sweep(name: str, runs_dir: str) -> sweeps.Folder | None:
    """Returns the sweep that is meant, if it is no run.

    `last` is a sweep if that, or one of its trials, is newer than any other
    run. A run's name goes before that of a sweep that begins alike.
    """
    known = runs.list_runs(runs_dir)
    if name == "last":
        return _last(known, sweeps.list_sweeps(runs_dir))
    for run in known:
        alike = run.name.startswith(name) and sweeps.home(run.path) is None
        if run.name == name or alike:
            return None
    return sweeps.find(name, runs_dir)


def _last(
    known: list[runs.Run], folders: list[sweeps.Folder]
) -> sweeps.Folder | None:
    """Returns the newest sweep, if nothing but its trials is newer."""
    newest = known[-1].path if known else None
    home = newest and sweeps.home(newest)
    if home:
        return next(folder for folder in folders if folder.path == home)
    if not folders:
        return None
    begun = _age(folders[-1].path / sweeps.CONFIG)
    if newest is None or begun > _age(newest / "config.json"):
        return folders[-1]
    return None


def _age(path: pathlib.Path) -> int:
    return path.stat().st_mtime_ns
