"""Processes of a run besides process 0: they train along and write nothing."""

from __future__ import annotations

import pathlib
import tempfile

import keras

from zoo import backend
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.runs import Run
from zoo.training import beginning, epochs
from zoo.training.checkpoints import LAST, Checkpoints
from zoo.training.distributed import data_parallel
from zoo.training.distributed.devices import no_distribution
from zoo.training.distributed.process_group import ProcessGroup
from zoo.training.job import Job, prepare
from zoo.training.network import Logs
from zoo.training.state import TrainState
from zoo.training.stopping import StopRequest, listen


def assert_same_config(group: ProcessGroup, job: Job, resolved: dict) -> None:
    """Raises `UserError` if the processes of a run would not do the same."""
    if group.num_processes > 1 and job.plan.entry.is_nonparametric:
        raise UserError(
            f"--coordinator has no effect on {job.plan.config.model}, which "
            "trains no weights; leave it out."
        )
    group.assert_same_config(resolved)


def broadcast_checkpoint(
    group: ProcessGroup, job: Job, run: Run, state: TrainState
) -> None:
    """Gives the other processes what they start from, as process 0."""
    if group.num_processes == 1:
        return
    if state.step:
        group.broadcast_checkpoint(run.path / "checkpoints" / LAST)
        return
    with tempfile.TemporaryDirectory() as folder:
        Checkpoints(pathlib.Path(folder)).save_last(job.model, state)
        group.broadcast_checkpoint(pathlib.Path(folder, LAST))


@backend.fixed_settings()
def run_replica(group: ProcessGroup, config: TrainConfig | None = None) -> None:
    """Trains along with process 0 to the end of its run.

    Args:
        group: that this process has joined.
        config: as requested; `None` takes that of the run of process 0.

    Raises:
        UserError: something cannot work here, or differs from process 0.
    """
    begun = None
    if config is None:
        task = group.broadcast()
        config, begun = TrainConfig.from_json(task["config"]), task["begun"]
    job = prepare(config.replace(run_name=None), None, begun=begun)
    assert_same_config(group, job, beginning.describe(job, None))
    with group.guard(), group.receive_checkpoint(LAST) as folder:
        checkpoints = Checkpoints(folder)
        state = checkpoints.load_state()
        checkpoints.restore_last(job.model)
        with listen(ForwardStopSignal(group)):
            callback = ReplicaCallback(job, state, checkpoints)
            epochs.fit(job, state, callback, epochs.batches(job.plan))


class ReplicaCallback(keras.callbacks.Callback):
    """Advances the training state as process 0 does, and writes nothing."""

    def __init__(self, job: Job, state: TrainState, checkpoints: Checkpoints):
        super().__init__()
        self.job = job
        self.state = state
        self.checkpoints = checkpoints

    def on_epoch_begin(self, epoch, logs=None):
        if self.state.batch:
            with no_distribution():
                self.checkpoints.restore_metrics(self.job.model)
            data_parallel.copy_to_replicas(
                self.job.model, self.model, ["metrics"]
            )

    def on_epoch_end(self, epoch, logs=None):
        state, plan = self.state, self.job.plan
        state.step = epoch * plan.steps_per_epoch + plan.steps_in(epoch)
        state.epoch, state.batch = epoch + 1, 0
        if "val_loss" in logs:
            state.count_epoch(Logs.of(logs, "val_").loss)


class ForwardStopSignal(StopRequest):
    """Asks process 0 to stop when a signal asks this process to."""

    def __init__(self, group: ProcessGroup):
        super().__init__()
        self._group = group

    def __call__(self, signal_number, frame) -> None:
        super().__call__(signal_number, frame)
        self._group.request_stop()
