"""Continuing a run from its last checkpoint, on the same data and backend."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING, Any

from zoo import backend
from zoo.commands import Target
from zoo.config import DEFAULTS, TrainConfig
from zoo.console import pluralize
from zoo.data import Dataset
from zoo.diagnostics.findings import safer_learning_rate
from zoo.errors import UserError
from zoo.io import remove_temporary_files
from zoo.models import plugins
from zoo.run_files import ENDED
from zoo.run_store import (
    CONTINUED_AFTER,
    RunStore,
    default_name,
    describe_parent,
    new_id,
)
from zoo.runs import INITIAL_FILES, REPORT_FILE, Run, RunWriter
from zoo.summaries.events import check_offset, rewrite
from zoo.training.checkpoints import (
    LAST,
    BestEpoch,
    Checkpoints,
    CorruptCheckpoint,
    TrainState,
)
from zoo.training.console import TrainingConsole

if TYPE_CHECKING:
    from zoo.resolve import ResolvedConfig
    from zoo.training.process_group import ProcessGroup
    from zoo.training.setup import TrainSetup
    from zoo.training.signals import StopRequest
    from zoo.training.user_callbacks import Callbacks, UserCallbacks

EVENT_FOLDERS = ("train", "val")


@backend.fixed_settings()
def resume(
    run: Run,
    dataset: Dataset | None = None,
    *,
    callbacks: Callbacks = (),
    console: TrainingConsole | None = None,
    until_epoch: int | None = None,
    devices: int | str | None = None,
    stop: StopRequest | None = None,
    group: ProcessGroup | None = None,
) -> Run:
    """Continues a run from its last checkpoint, to the same end.

    Args:
        run: one that was killed, interrupted or paused.
        dataset: the user's own data, if the run was made with such.
        callbacks: those that were passed to `train`. Keras's own, and others
            that have `get_state` and `set_state`, continue where they were.
        console: where to print.
        until_epoch: where to pause again, if anywhere.
        devices: that share the batches, if not as many as before.
        stop: something besides signals that may ask for an early end.
        group: processes that train together; this one keeps the run.

    Raises:
        UserError: the run is finished, running, corrupt, or its data changed.
            Nothing was written then.
    """
    from zoo.training import callbacks as run_callbacks
    from zoo.training import replica, results, transfer
    from zoo.training.process_group import SINGLE_PROCESS
    from zoo.training.train import complete

    console, group = console or TrainingConsole(), group or SINGLE_PROCESS
    writer = RunWriter(run)
    with writer.lock():
        checkpoints = Checkpoints(run.path / "checkpoints")
        corrupt = run.corrupt_files()
        state = _load_state(checkpoints, run, corrupt)
        lacks_report = (
            console.writes_report and not (run.path / REPORT_FILE).exists()
        )
        is_ended = check_resumable(run, state, corrupt, lacks_report)
        if is_ended:
            complete_files(run)
            if not lacks_report:
                return run
        lost = [] if state is None else check_checkpoint(run, state)
        setup, user_callbacks = _set_up_again(
            run,
            config_of(run, devices),
            dataset,
            callbacks,
            console,
            checkpoints if state else None,
        )
        setup = _renamed(setup, run.config.run_name)
        if setup.transferred:
            transfer.check_same(setup.transferred, run)
        check_same_config(run, setup)
        replica.assert_same_config(
            group, setup, results.describe_setup(setup, None)
        )
        if state:
            checkpoints.restore_last(setup.model)
            is_lost = not _has_best(checkpoints, state, setup.config)
        # Nothing was changed up to here.
        remove_leftovers(run)
        console.log_to(run.path / "log.txt")
        if is_ended:
            console.ended(run, setup.source)
            return run
        writer.write_checksums(INITIAL_FILES)
        if state is None:
            checkpoints.start_over()
            console.print(
                f"resuming {run.name} from its start: no checkpoint yet"
            )
            state = TrainState(run_id=run_id(run))
        else:
            _print_restored(console, run, state, corrupt, lost)
            if is_lost:
                console.print(
                    f"{checkpoints.best_path(state.best.epoch)} is corrupt or "
                    "gone; the best of the epochs from here on is kept"
                )
                state.best = BestEpoch()
            run_callbacks.write_rows(writer, state)
        return complete(
            setup, run, state, console, user_callbacks, until_epoch, stop, group
        )


def _set_up_again(
    run: Run,
    config: TrainConfig,
    dataset: Dataset | None,
    callbacks: Callbacks,
    console: TrainingConsole,
    checkpoints: Checkpoints | None,
) -> tuple[TrainSetup, UserCallbacks]:
    """Prepares the training of a run again; writes nothing.

    Args:
        run: that is continued.
        config: to continue with.
        dataset: the user's own data, if the run was made with such.
        callbacks: those of the user.
        console: where to print.
        checkpoints: of the run; `None` if it starts over.

    Raises:
        UserError: the data, the model or the backend are not those of the run.
    """
    from zoo.training.setup import prepare
    from zoo.training.user_callbacks import UserCallbacks

    if dataset is None:
        run.check_data()
    backend.check_same(run.name, run.resolved["machine"]["backend"])
    backend.check_onednn(run.name, run.resolved["machine"])
    saved = checkpoints.load_callbacks() if checkpoints else None
    user_callbacks = UserCallbacks(
        callbacks, saved, console.print, run.resolved["callbacks"]
    )
    setup = prepare(
        config,
        dataset,
        console.extracting,
        run.resolved if checkpoints else None,
        user_callbacks.use_batches,
        is_new=False,
    )
    user_callbacks.check(setup)
    check_same_data(run, setup)
    return setup, user_callbacks


def _print_restored(
    console: TrainingConsole,
    run: Run,
    state: TrainState,
    corrupt: Iterable[str],
    lost: Iterable[str],
) -> None:
    """Prints where a run continues, and what of it is written again.

    Args:
        console: where to print.
        run: the run.
        state: of the checkpoint.
        corrupt: names of files that the checkpoint can restore.
        lost: folders whose event file is not as the checkpoint noted it.
    """
    console.print(
        f"resuming {run.name} after {pluralize(state.epoch, 'epoch')}, "
        f"{pluralize(state.step, 'step')}"
    )
    for name in corrupt:
        console.print(f"{name} is corrupt; writing it again")
    for place in lost:
        console.print(
            f"the event file in {run.path / place} is gone or cut short; a "
            "new one begins"
        )


@backend.fixed_settings()
def extend(
    run: Run,
    epochs: int,
    dataset: Dataset | None = None,
    *,
    callbacks: Callbacks = (),
    console: TrainingConsole | None = None,
    devices: int | str | None = None,
) -> Run:
    """Continues a finished run for more epochs, as a new run.

    The new run has the history, curves and checkpoints of the old one, which
    is left as it is, and starts where that ended. A schedule of the learning
    rate is laid over all epochs again.

    Args:
        run: one that is finished.
        epochs: number of epochs in all.
        dataset: the user's own data, if the run was made with such.
        callbacks: Keras callbacks, as `resume` takes them.
        console: where to print.
        devices: that share the batches, if not as many as before.

    Raises:
        UserError: the run is not finished, has as many epochs, or no
            checkpoint any more. No run is made then.
    """
    from zoo.training import callbacks as run_callbacks
    from zoo.training import results
    from zoo.training.train import complete

    console = console or TrainingConsole()
    checkpoints = Checkpoints(run.path / "checkpoints")
    state = _state_to_extend(run, checkpoints, epochs)
    config = config_of(run, devices).replace(epochs=epochs)
    setup, user_callbacks = _set_up_again(
        run, config, dataset, callbacks, console, checkpoints
    )
    check_same_config(run, setup, MAY_DIFFER | {"epochs", "schedule_epochs"})
    checkpoints.restore_last(setup.model)
    parent = describe_parent(config, run)
    # After which epochs training was continued, the last one included.
    before = (run.resolved["parent"] or {}).get(CONTINUED_AFTER, [])
    parent[CONTINUED_AFTER] = [*before, state.epoch]
    resolved = results.describe_setup(setup, parent)
    resolved["weights"] = run.resolved["weights"]
    before = run.resolved["callbacks"]
    own = user_callbacks.describe()
    resolved["callbacks"] = before + [
        each for each in own if each not in before
    ]
    resolved["run_id"] = state.run_id = new_id()
    new = RunStore(config.runs_dir).create(
        None,
        default_name(config),
        results.initial_files(config, setup, resolved),
    )
    writer = RunWriter(new)
    with writer.lock():
        _copy_events(run, new, state, setup.config.as_dict())
        checkpoints.copy_to(new.path / "checkpoints", state)
        run_callbacks.write_rows(writer, state)
        console.log_to(new.path / "log.txt")
        console.print(
            f"{new.name} continues {run.name} after "
            f"{pluralize(state.epoch, 'epoch')}, to {epochs}"
        )
        if setup.config.schedule != "constant":
            console.print(
                f"the {setup.config.schedule} schedule is laid over all "
                f"{epochs} epochs, so that the learning rate jumps here"
            )
        return complete(setup, new, state, console, user_callbacks)


def _copy_events(
    run: Run, new: Run, state: TrainState, config: dict[str, Any]
) -> None:
    """Copies the event files of a run to one that continues it.

    Args:
        state: of the new run; gets the lengths of its files.
        config: every option of the new run.
    """
    from zoo.summaries import tabs

    for name in EVENT_FOLDERS:
        if not (run.path / name).is_dir():
            continue
        folder = new.path / name
        shutil.copytree(run.path / name, folder)
        offset = state.event_files.get(name)
        is_whole = offset is not None and check_offset(folder, offset)
        if is_whole:
            os.truncate(folder / offset[0], offset[1])
        for path in folder.glob("events.*tfevents.*"):
            rewrite(path, lambda event: tabs.renew(event, config))
        if is_whole:
            length = (folder / offset[0]).stat().st_size
            state.event_files[name] = [offset[0], length]


def _state_to_extend(
    run: Run, checkpoints: Checkpoints, epochs: int
) -> TrainState:
    """Returns the state that a new run with more epochs starts with."""
    status = run.metrics.get("status", "killed")
    if status not in ("completed", "stopped_early"):
        raise UserError(
            f"{run.name} is not finished ({status}), so that "
            f"--epochs={epochs} has no effect; {Target.of(run).resume()} "
            "finishes it first."
        )
    if run.config.steps is not None or not run.resolved["total_steps"]:
        raise UserError(
            f"{run.name} was not trained for a number of epochs; --epochs="
            f"{epochs} has no effect on it."
        )
    state = checkpoints.load_state()
    if state is None:
        raise UserError(
            f"{run.name} no longer has its last checkpoint; use "
            f"{_again(run, 'epochs', epochs)}."
        )
    check_checkpoint(run, state)
    if epochs <= state.epoch:
        raise UserError(
            f"{run.name} was trained for {pluralize(state.epoch, 'epoch')}; "
            f"give more than that, such as --epochs={2 * state.epoch}."
        )
    return dataclasses.replace(
        state, stop_training=False, epochs_without_improvement=0
    )


def check_resumable(
    run: Run,
    state: TrainState | None,
    corrupt: list[str],
    lacks_report: bool,
) -> bool:
    """Returns whether nothing is left to do but to write checksums or report.

    Args:
        run: held by this process.
        state: of its last checkpoint.
        corrupt: its files that are corrupt; a checkpoint restores them.
        lacks_report: whether there is no report, and should be one.

    Raises:
        UserError: the run has come to its end.
    """
    status = "killed"
    if "metrics.json" not in corrupt:
        status = run.metrics.get("status", status)
    if status not in ENDED:
        return False
    if state is not None and corrupt:
        return False
    if lacks_report or _lacks_checksums(run):
        return True
    if status == "diverged":
        rate = run.resolved["config"]["learning_rate"]
        raise UserError(
            f"{run.name} diverged and would do so again; try a lower learning "
            f"rate, {_again(run, 'learning_rate', safer_learning_rate(rate))}."
        )
    span = "steps" if run.config.steps else "epochs"
    length = run.resolved["config"][span]
    longer = ""
    if length:  # a model that stores its examples has none
        longer = f"; to train longer, use {_longer(run, span, 2 * length)}"
    raise UserError(f"{run.name} is finished ({status}){longer}.")


def remove_leftovers(run: Run) -> None:
    """Removes what killed processes left of files that were not yet whole.

    Args:
        run: held by this process.
    """
    remove_temporary_files(run.path)
    checkpoints = run.path / "checkpoints"
    if not checkpoints.is_symlink():
        remove_temporary_files(checkpoints)
    depth = len(run.name.split("/"))
    RunStore(str(run.path.parents[depth - 1])).remove_leftovers()


def complete_files(run: Run) -> None:
    """Ends the writing of a run that has ended, if a kill interrupted that.

    Args:
        run: held by this process.
    """
    remove_leftovers(run)
    if _lacks_checksums(run):
        RunWriter(run).write_checksums()


def _lacks_checksums(run: Run) -> bool:
    return "metrics.json" not in run.checksums


def _load_state(
    checkpoints: Checkpoints, run: Run, corrupt: list[str]
) -> TrainState | None:
    """Returns the state of the last checkpoint, which a whole run can lack."""
    try:
        return checkpoints.load_state()
    except CorruptCheckpoint:
        if corrupt or run.metrics.get("status") not in ENDED:
            raise
        return None


def _longer(run: Run, span: str, length: int) -> str:
    """Returns what continues a finished run; a run of steps is repeated."""
    target = Target.of(run)
    if span == "epochs" and not target.from_python:
        return target.resume(epochs=length)
    return _again(run, span, length)


def _again(run: Run, option: str, value: float) -> str:
    target = Target.of(run)
    if target.from_python:
        return f"zoo.train with {option}={value} on the same model and data"
    return f"`{target.again(**{option: value})}`"


def _renamed(setup: TrainSetup, name: str | None) -> TrainSetup:
    """Returns a setup whose config has the name that the run was given."""
    requested = setup.config.requested.replace(run_name=name)
    config = setup.config.replace(run_name=name, requested=requested)
    return dataclasses.replace(setup, config=config)


def config_of(run: Run, devices: int | str | None = None) -> TrainConfig:
    """Returns the config that a run continues with, on other devices if so."""
    config = run.config.replace(run_name=None)
    return config if devices is None else config.replace(devices=devices)


def task(run: Run, devices: int | str | None) -> dict[str, Any]:
    """Returns what other processes need to know to train along with this."""
    is_started = (run.path / "checkpoints" / LAST).exists()
    return {
        "config": config_of(run, devices).to_json(),
        "started": run.resolved if is_started else None,
    }


def check_same_data(run: Run, setup: TrainSetup) -> None:
    """Raises `UserError` if what a run was trained on is no longer there."""
    from zoo.training import results

    resolved, source = run.resolved, setup.source
    if resolved["data"]["fingerprint"] != source.fingerprint:
        raise UserError(
            f"the images of {source.name} are not those that "
            f"{run.name} was trained on; it cannot continue with others."
        )
    if not plugins.is_unchanged(run):
        raise UserError(
            f"{setup.config.model} was changed since {run.name} was started; "
            "it cannot continue with another model."
        )
    known = resolved.get("architecture")
    if known is not None and known != results.architecture(setup):
        raise UserError(
            f"{setup.config.model} is not the model that {run.name} was "
            "trained on; it cannot continue with another."
        )
    drawn = setup.random_labels
    if resolved["data"].get("random_labels") != (drawn and drawn.to_json()):
        raise UserError(
            f"--randomize_labels draws other labels than when {run.name} was "
            "started; it cannot continue with those."
        )
    extractor = setup.extractor
    if extractor and resolved["features"] != extractor.to_json():
        raise UserError(
            f"--features={extractor.name} computes other features than when "
            f"{run.name} was started; it cannot continue with those."
        )


# Options that do not change what is learned, or are compared otherwise: of
# the dataset the fingerprint is.
MAY_DIFFER = {
    *("run_name", "runs_dir", "data_dir", "dataset", "devices"),
}


def check_same_config(
    run: Run, setup: TrainSetup, may_differ: Container[str] = MAY_DIFFER
) -> None:
    """Raises `UserError` if the config is not what the run was made with."""
    stored = {**DEFAULTS, **run.resolved["config"]}
    now = json.loads(json.dumps(setup.config.as_dict()))
    for name, value in now.items():
        before = json.loads(json.dumps(stored.get(name)))
        if name in may_differ or value == before:
            continue
        if name in {*setup.backbone.compiled, *run.resolved["compiled"]}:
            raise UserError(
                f"{setup.config.model} leads to {name}={value} as it is "
                f"compiled, and {run.name} was made with {before}; compile it "
                "as it was."
            )
        raise UserError(
            f"{run.path} is corrupt: config.json leads to {name}={value}, "
            f"and the run was made with {name}={before}; restore one of "
            "config.json and resolved.json."
        )


def _has_best(
    checkpoints: Checkpoints, state: TrainState, config: ResolvedConfig
) -> bool:
    """Returns whether the weights of the best epoch are there, if any.

    Raises:
        UserError: they are not, and no further epoch can take their place.
    """
    if not state.best.epoch or checkpoints.has_best(state):
        return True
    if state.is_done(config):
        raise checkpoints.corrupt_error(state.best.epoch)
    return False


def check_checkpoint(run: Run, state: TrainState) -> list[str]:
    """Checks what the last checkpoint knows of the run; changes nothing.

    Returns:
        The folders whose event file is missing, or shorter than it was.

    Raises:
        UserError: the checkpoint is of another run, or names a file outside
            the run.
    """
    Checkpoints(run.path / "checkpoints").check_same_run(state, run_id(run))
    lost = []
    for place, offset in state.event_files.items():
        if place not in EVENT_FOLDERS:
            raise UserError(
                f"the checkpoint of {run.path} is corrupt: {place!r} is not a "
                "folder of events in a run."
            )
        if not check_offset(run.path / place, offset):
            lost.append(place)
    return lost


def run_id(run: Run) -> str:
    """Returns the identifier of a run."""
    return str(run.resolved.get("run_id", ""))
