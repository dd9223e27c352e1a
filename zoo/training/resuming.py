"""Whether a run can go on: not at its end, on the same data and engine."""

from __future__ import annotations

import pathlib
from typing import Any

from zoo.commands import Target
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.runs import Run
from zoo.summaries import WHOLE, events
from zoo.training.checkpoints import LAST, Checkpoints
from zoo.training.job import Job
from zoo.training.state import TrainState

PLACES = ("train", "val", WHOLE)  # of event files


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
            f"{run.name} diverged and would do so again; try a lower rate, "
            f"{_again(run, 'learning_rate', _lower(run))}."
        )


def _lower(run: Run) -> float:
    rate = run.resolved["config"]["learning_rate"]
    return float(f"{min(rate / 10, 0.01):.1g}")


def _again(run: Run, option: str, value: float) -> str:
    target = Target.of(run)
    if target.from_arrays:
        return f"zoo.train with {option}={value} on the same arrays"
    return f"`{target.again(**{option: value})}`"


def config_of(run: Run, devices: int | str | None = None) -> TrainConfig:
    """Returns what a run goes on with, on other devices if so asked."""
    config = run.config.replace(run_name=None)
    return config if devices is None else config.replace(devices=devices)


def task(run: Run, devices: int | str | None) -> dict[str, Any]:
    """Returns what other processes need to know to go on along with this."""
    is_begun = (run.path / "checkpoints" / LAST).exists()
    return {
        "config": config_of(run, devices).to_json(),
        "begun": run.resolved if is_begun else None,
    }


def check_same_data(run: Run, job: Job) -> None:
    """Raises `UserError` if what a run was trained on is no longer there."""
    resolved, data = run.resolved, job.plan.source
    if resolved["data"]["fingerprint"] != data.fingerprint:
        raise UserError(
            f"the images of {data.name} are not those that "
            f"{run.name} was trained on; it cannot go on with others."
        )
    drawn = job.plan.random_labels
    if resolved["data"].get("random_labels") != (drawn and drawn.to_json()):
        raise UserError(
            f"--randomize_labels draws not what it did when {run.name} was "
            "begun; it cannot go on with other labels."
        )
    extractor = job.extractor
    if extractor and resolved["features"] != extractor.to_json():
        raise UserError(
            f"--features={extractor.name} computes not what it did when "
            f"{run.name} was begun; it cannot go on with others."
        )


def check_files(run: Run, state: TrainState | None) -> None:
    """Holds everything that will be written to against the run; changes none.

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
        if place not in PLACES:
            raise UserError(
                f"the checkpoint of {run.path} is damaged: {place!r} is no "
                "place for events in a run."
            )
        events.check_mark(run.path / place, mark)


def run_id(run: Run) -> str:
    """Returns what tells a run from every other."""
    return str(run.resolved.get("run_id", ""))


def _written(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns what a run writes to, or removes, in a folder."""
    places = [folder / name for name in ("train", "val", "checkpoints")]
    inside = [path for p in places if p.is_dir() for path in p.iterdir()]
    return [*places, *inside, *folder.iterdir()]
