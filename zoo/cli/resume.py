"""`zoo resume [RUN]`: resumes a run, group or sweep that was stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo import backend
from zoo.cli import distributed, multirun, sweep
from zoo.cli.flags import DATA_DIR, Command
from zoo.cli.output import redirect_stderr
from zoo.config import parse_option
from zoo.run_store import RunStore, run_id_in, sweep_path_of
from zoo.runs import SWEEP_FILE, Run, SweepFolder

if TYPE_CHECKING:
    from zoo.training.process_group import ProcessInfo


def run(argv: list[str]) -> int:
    """Resumes one run, group or sweep; returns the exit code."""
    command = Command(
        "zoo resume [RUN] [--epochs=N]",
        "Resume a run from its last checkpoint, a group with all its runs that "
        "have not ended, or a sweep. With --epochs, a new run continues a "
        "finished one. RUN is a name, a unique prefix, a folder or `last`.",
        words=("[RUN]",),
    )
    command.define_runs(data_dir=False)
    command.text(
        "epochs",
        None,
        "epochs in all of a new run that continues a finished one",
    )
    multirun.define_placement(command)
    distributed.define(command)
    command.options("devices")
    command.text("data_dir", None, DATA_DIR)
    words = command.parse(argv)
    if words is None:
        return 0
    words = words or ["last"]
    runs_dir = command.values.runs_dir
    placement = multirun.read_placement(command)
    if command.values.epochs is not None:
        distributed.refuse(command, "--epochs")
        multirun.refuse_placement(command, "a single run")
        _extend(command, words[0])
        return 0
    info = distributed.read(command, "resume")
    if info:
        if not distributed.is_child():
            if info.process_id == 0:
                _check_single_run(command, words[0])
            return distributed.run_as_child()
        _resume(command, words[0], info)
        return 0
    group = RunStore(runs_dir).find_group(words[0])
    if group is not None:
        distributed.refuse(command, "a group of runs", "devices", "data_dir")
        return multirun.resume(group, placement)
    folder = _sweep(words[0], runs_dir)
    if folder is not None:
        distributed.refuse(command, "a sweep", "devices", "data_dir")
        return sweep.resume(folder, words[0], placement)
    multirun.refuse_placement(command, "a single run")
    _find(command, words[0])  # before Keras is imported, which takes seconds
    _resume(command, words[0], None)
    return 0


def _check_single_run(command: Command, name: str) -> None:
    """Raises `UserError` for what several hosts cannot resume.

    Process 0 alone is sure to have the folder; it asks before it waits.
    """
    runs_dir = command.values.runs_dir
    if RunStore(runs_dir).find_group(name) is not None:
        distributed.refuse(command, "a group of runs")
    if _sweep(name, runs_dir) is not None:
        distributed.refuse(command, "a sweep")
    RunStore(runs_dir).find(name)


def _devices(command: Command) -> int | str | None:
    devices = command.values.devices
    return None if devices is None else parse_option("devices", devices)


def _find(command: Command, name: str) -> Run:
    values = command.values
    run = RunStore(values.runs_dir, values.data_dir).find(name)
    run.check_data()
    backend.use_onednn_of(run.resolved.get("machine", {}))
    return run


def _resume(command: Command, name: str, info: ProcessInfo | None) -> None:
    """Resumes a run, whose folder process 0 alone has to have."""
    devices, runs_dir = _devices(command), command.values.runs_dir
    with redirect_stderr() as held, distributed.join(info) as group:
        if not group.is_first:
            from zoo.training.replica import run_replica

            return run_replica(group)
        run = _find(command, name)
        from zoo.api_arguments import training_console
        from zoo.training.resume import resume, task

        group.broadcast(task(run, devices))
        console = training_console(runs_dir, on_log=held.move_to)
        resume(run, console=console, devices=devices, group=group)


def _extend(command: Command, name: str) -> None:
    """Continues a finished run for more epochs, as a new run."""
    epochs = parse_option("epochs", command.values.epochs)
    found = _find(command, name)  # before Keras is imported
    with redirect_stderr() as held:
        from zoo.api_arguments import training_console
        from zoo.training.resume import extend

        runs_dir = command.values.runs_dir
        console = training_console(runs_dir, on_log=held.move_to)
        extend(found, epochs, console=console, devices=_devices(command))


def _sweep(name: str, runs_dir: str) -> SweepFolder | None:
    """Returns the sweep that is meant, if it is no run.

    `last` is a sweep if that, or one of its trials, is newer than any other
    run. A run's name goes before that of a sweep that begins alike.
    """
    known = RunStore(runs_dir).runs()
    if name == "last":
        return _last(known, RunStore(runs_dir).sweeps())
    for run in known:
        alike = run.name.startswith(name) and sweep_path_of(run.path) is None
        if run.name == name or alike:
            return None
    return RunStore(runs_dir).find_sweep(name)


def _last(known: list[Run], folders: list[SweepFolder]) -> SweepFolder | None:
    """Returns the newest sweep, if nothing but its trials is newer."""
    newest = known[-1].path if known else None
    home = newest and sweep_path_of(newest)
    if home:
        return next(folder for folder in folders if folder.path == home)
    if not folders:
        return None
    started = run_id_in(folders[-1].path / SWEEP_FILE)
    if newest is None or started > run_id_in(newest / "resolved.json"):
        return folders[-1]
    return None
