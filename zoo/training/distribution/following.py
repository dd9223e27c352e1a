"""A run with several processes: what process 0 hands out, and the others do."""

from __future__ import annotations

import pathlib
import tempfile

import keras

from zoo import keras_settings
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.runs import Run
from zoo.training import beginning, epochs
from zoo.training.checkpoints import LAST, Checkpoints
from zoo.training.distribution import replica
from zoo.training.distribution.crew import Crew
from zoo.training.distribution.sharing import apart
from zoo.training.job import Job, prepare
from zoo.training.network import Logs
from zoo.training.state import TrainState
from zoo.training.stopping import StopRequest, listen


def agree(crew: Crew, job: Job, resolved: dict) -> None:
    """Raises `UserError` if the processes would not do the same."""
    if crew.place and job.plan.entry.memorize:
        raise UserError(
            f"--coordinator={crew.place.address} has no effect on "
            f"{job.plan.config.model}, which learns no weight; leave it out."
        )
    crew.agree(resolved)


def hand_out(crew: Crew, job: Job, run: Run, state: TrainState) -> None:
    """Gives the other processes what they begin with, as process 0."""
    if crew.place is None:
        return
    if state.step:
        crew.hand_out(run.path / "checkpoints" / LAST)
        return
    with tempfile.TemporaryDirectory() as folder:
        Checkpoints(pathlib.Path(folder)).save_last(job.model, state)
        crew.hand_out(pathlib.Path(folder, LAST))


@keras_settings.fixed()
def follow(crew: Crew, config: TrainConfig | None = None) -> None:
    """Trains along with process 0 to the end of its run; keeps nothing.

    Args:
        crew: that has met.
        config: as asked; `None` takes that of the run of process 0.

    Raises:
        UserError: something cannot work here, or differs from process 0.
    """
    if config is None:
        config = TrainConfig.from_json(crew.task["config"])
    job = prepare(
        config.replace(run_name=None), None, begun=crew.task.get("begun")
    )
    agree(crew, job, beginning.describe(job, None))
    with crew.given() as folder:
        checkpoints = Checkpoints(folder)
        state = checkpoints.load_state()
        checkpoints.restore_last(job.model)
        with listen(_PassedOn(crew)), crew.stopping():
            follower = Follower(job, state, checkpoints)
            epochs.fit(job, state, follower, epochs.batches(job.plan))
    crew.wait()


class Follower(keras.callbacks.Callback):
    """Keeps a state as the recorder of process 0 does, and nothing else."""

    def __init__(self, job: Job, state: TrainState, checkpoints: Checkpoints):
        super().__init__()
        self.job = job
        self.state = state
        self.checkpoints = checkpoints

    def on_epoch_begin(self, epoch, logs=None):
        if self.state.batch:
            with apart():
                self.checkpoints.restore_metrics(self.job.model)
            replica.give(self.job.model, self.model, ["metrics"])

    def on_epoch_end(self, epoch, logs=None):
        state, plan = self.state, self.job.plan
        state.step = epoch * plan.steps_per_epoch + plan.steps_in(epoch)
        state.epoch, state.batch = epoch + 1, 0
        if "val_loss" in logs:
            state.count_epoch(Logs.of(logs, "val_").loss)


class _PassedOn(StopRequest):
    """Asks process 0 for the end that somebody asked this one for."""

    def __init__(self, crew: Crew):
        super().__init__()
        self._crew = crew

    def __call__(self, signal_number, frame) -> None:
        super().__call__(signal_number, frame)
        self._crew.ask_to_stop()
