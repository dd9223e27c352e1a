"""Continuing a run from its last checkpoint, on the same data and backend."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from zoo import backend
from zoo.commands import Target
from zoo.config import TrainConfig
from zoo.console import pluralize
from zoo.data import Dataset
from zoo.errors import UserError
from zoo.models import plugins
from zoo.runs import Run, RunWriter
from zoo.summaries.events import check_offset
from zoo.training.checkpoints import LAST, Checkpoints, TrainState
from zoo.training.console import TrainingConsole

if TYPE_CHECKING:
    import keras

    from zoo.training.distributed.process_group import ProcessGroup
    from zoo.training.setup import TrainSetup
    from zoo.training.signals import StopRequest

EVENT_FOLDERS = ("train", "val")


@backend.fixed_settings()
def resume(
    run: Run,
    dataset: Dataset | None = None,
    *,
    callbacks: Iterable[keras.callbacks.Callback] = (),
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
        UserError: the run is finished, running, damaged, or its data changed.
    """
    from zoo.training import metadata, transfer
    from zoo.training.distributed import replica
    from zoo.training.distributed.process_group import SINGLE_PROCESS
    from zoo.training.fit import UserCallbacks
    from zoo.training.setup import prepare
    from zoo.training.train import complete

    console, group = console or TrainingConsole(), group or SINGLE_PROCESS
    with RunWriter(run).lock():
        check_resumable(run)
        if dataset is None:
            run.check_data()
        backend.check_same(run.name, run.resolved["machine"]["backend"])
        checkpoints = Checkpoints(run.path / "checkpoints")
        state = checkpoints.load_state()
        check_files(run, state)
        saved = checkpoints.load_callbacks() if state else None
        user_callbacks = UserCallbacks(callbacks, saved, console.print)
        setup = prepare(
            config_of(run, devices),
            dataset,
            console.extracting,
            run.resolved if state else None,
            user_callbacks.use_batches,
        )
        setup = _renamed(setup, run.config.run_name)
        user_callbacks.check(setup.config)
        if setup.transferred:
            transfer.check_same(setup.transferred, run)
        check_same_data(run, setup)
        replica.assert_same_config(group, setup, metadata.describe(setup, None))
        if state:
            checkpoints.restore_last(setup.model)
        console.log_to(run.path / "log.txt")
        if state:
            console.print(
                f"resuming {run.name} after {pluralize(state.epoch, 'epoch')}, "
                f"{pluralize(state.step, 'step')}"
            )
        else:
            checkpoints.start_over()
            console.print(
                f"resuming {run.name} from its start: no checkpoint yet"
            )
        state = state or TrainState(run_id=run_id(run))
        return complete(
            setup, run, state, console, user_callbacks, until_epoch, stop, group
        )


def check_resumable(run: Run) -> None:
    """Raises `UserError` for a run that has come to its end."""
    status = run.metrics.get("status", "killed")
    if status in ("completed", "stopped_early"):
        span = "steps" if run.config.steps else "epochs"
        length = run.resolved["config"][span]
        longer = ""
        if length:  # a model that stores its examples has none
            longer = f"; to train longer, use {_again(run, span, 2 * length)}"
        raise UserError(f"{run.name} is finished ({status}){longer}.")
    if status == "diverged":
        raise UserError(
            f"{run.name} diverged and would do so again; try a lower learning "
            f"rate, {_again(run, 'learning_rate', _lower(run))}."
        )


def _lower(run: Run) -> float:
    rate = run.resolved["config"]["learning_rate"]
    return float(f"{min(rate / 10, 0.01):.1g}")


def _again(run: Run, option: str, value: float) -> str:
    target = Target.of(run)
    if target.from_arrays:
        return f"zoo.train with {option}={value} on the same arrays"
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
    resolved, source = run.resolved, setup.source
    if resolved["data"]["fingerprint"] != source.fingerprint:
        raise UserError(
            f"the images of {source.name} are not those that "
            f"{run.name} was trained on; it cannot continue with others."
        )
    if resolved.get("model_file_sha256") != plugins.file_digest(
        setup.config.model
    ):
        raise UserError(
            f"{setup.config.model} was changed since {run.name} was started; "
            "it cannot continue with another model."
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


def check_files(run: Run, state: TrainState | None) -> None:
    """Checks everything that will be written to against the run.

    Nothing is changed.

    Raises:
        UserError: a checkpoint is of another run, a file is shorter than the
            checkpoint says, or what would be written lies outside the run.
    """
    for path in _written(run.path):
        if path.is_symlink():
            raise UserError(
                f"{path} is a link, and a run is written to in its own folder "
                "alone; put there what the link leads to."
            )
    if state is None:
        return
    Checkpoints(run.path / "checkpoints").check_same_run(state, run_id(run))
    for place, mark in state.event_files.items():
        if place not in EVENT_FOLDERS:
            raise UserError(
                f"the checkpoint of {run.path} is damaged: {place!r} is not a "
                "folder of events in a run."
            )
        check_offset(run.path / place, mark)


def run_id(run: Run) -> str:
    """Returns the identifier of a run."""
    return str(run.resolved.get("run_id", ""))


def _written(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns what a run writes to, or removes, in a folder."""
    places = [folder / name for name in ("train", "val", "checkpoints")]
    inside = [path for p in places if p.is_dir() for path in p.iterdir()]
    return [*places, *inside, *folder.iterdir()]
