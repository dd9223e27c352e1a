"""`zoo resume [RUN]`: goes on with a run, or a sweep, that was stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo import run_groups, runs, sweeps
from zoo.cli import processes, repeating, roles, stderr, sweep
from zoo.cli.flags import Command
from zoo.config import DEFAULTS, parse_option
from zoo.errors import UserError
from zoo.run_folder import created

if TYPE_CHECKING:
    from zoo.training.distribution.meeting import Place


def run(argv: list[str]) -> int:
    """Resumes one run, group or sweep; returns the exit code."""
    command = Command(
        "zoo resume [RUN]",
        "Go on from a run's last checkpoint; RUN is a name, a unique prefix, "
        "a folder or `last`. Of a group, which `zoo vary` and --seeds make, "
        "go on with all runs that have not ended. Of a sweep, go on with it.",
        words=("[RUN]",),
    )
    command.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")
    repeating.define_workers(command)
    roles.define(command)
    processes.define(command)
    command.options("devices")
    words = command.parse(argv)
    if words is None:
        return 0
    words = words or ["last"]
    runs_dir = command.values.runs_dir
    role = roles.read(command)
    if role.name == roles.WORKER:
        raise UserError(
            "--role=worker has no place here: a worker goes on with whatever "
            "its chief does; write `zoo sweep --role=worker`."
        )
    place = processes.read(command, "resume")
    if place and not place.is_first:
        return _follow(place)
    group = run_groups.find(words[0], runs_dir)
    if group is not None:
        roles.refuse(role, "a group of runs")
        processes.refuse(command, "a group of runs", "devices")
        return repeating.resume(group, repeating.workers(command))
    folder = _sweep(words[0], runs_dir)
    if folder is not None:
        processes.refuse(command, "a sweep", "devices")
        sweep.check_whole(words[0], folder)
        return sweep.resume(folder, role)
    repeating.refuse_workers(command, "a single run")
    roles.refuse(role, "a single run")
    devices = command.values.devices
    if devices is not None:
        devices = parse_option("devices", devices)
    _resume(runs.find(words[0], runs_dir), devices, place, runs_dir)
    return 0


def _resume(
    found: runs.Run, devices: int | str | None, place: Place | None, home: str
) -> None:
    """Goes on with a run, whose folder this process keeps."""
    with stderr.hold() as held:
        from zoo.cli import ending
        from zoo.training import resuming
        from zoo.training.loop import resume

        task = resuming.task(found, devices)
        with processes.crew(place, task) as crew:
            console = ending.console(held, home)
            resume(found, console=console, devices=devices, crew=crew)


def _follow(place: Place) -> int:
    """Trains along with the process that has the run; returns the exit code."""
    with stderr.hold(), processes.crew(place, {}) as crew:
        from zoo.training.distribution.following import follow

        follow(crew)
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
    begun = created(folders[-1].path / sweeps.CONFIG)
    if newest is None or begun > created(newest / "resolved.json"):
        return folders[-1]
    return None
