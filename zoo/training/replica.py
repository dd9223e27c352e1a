"""Processes of a run besides process 0: they train along and write nothing."""

from __future__ import annotations

import pathlib
import tempfile

import keras

from zoo import backend
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.runs import Run
from zoo.training import data_parallel, results
from zoo.training.checkpoints import LAST, Checkpoints, TrainState
from zoo.training.fit import fit, training_batches
from zoo.training.model import Logs
from zoo.training.process_group import ProcessGroup
from zoo.training.setup import TrainSetup, prepare
from zoo.training.signals import StopRequest, listen


def assert_same_config(
    group: ProcessGroup, setup: TrainSetup, resolved: dict
) -> None:
    """Raises `UserError` if the processes of a run would not do the same."""
    if group.num_processes > 1 and not setup.config.uses_gradients:
        raise UserError(
            f"--coordinator has no effect on {setup.config.model}, which "
            "trains no weights; leave it out."
        )
    group.assert_same_config(resolved)


def broadcast_checkpoint(
    group: ProcessGroup, setup: TrainSetup, run: Run, state: TrainState
) -> None:
    """Gives the other processes what they start from, as process 0."""
    if group.num_processes == 1:
        return
    if state.step:
        group.broadcast_checkpoint(run.path / "checkpoints" / LAST)
        return
    with tempfile.TemporaryDirectory() as folder:
        Checkpoints(pathlib.Path(folder)).save_last(setup.model, state)
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
    started = None
    if config is None:
        task = group.broadcast()
        config = TrainConfig.from_json(task["config"])
        started = task["started"]
    # What a new run must not have, the process that keeps it refuses.
    setup = prepare(
        config.replace(run_name=None), started=started, is_new=False
    )
    assert_same_config(group, setup, results.describe_setup(setup, None))
    with group.guard(), group.receive_checkpoint(LAST) as folder:
        checkpoints = Checkpoints(folder)
        state = checkpoints.load_state()
        checkpoints.restore_last(setup.model)
        with listen(ForwardStopSignal(group)):
            callback = ReplicaCallback(setup, state, checkpoints)
            batches = training_batches(setup.config, setup.dataset)
            fit(setup, state, [callback], batches)


class ReplicaCallback(keras.callbacks.Callback):
    """Advances the training state as process 0 does, and writes nothing."""

    def __init__(
        self, setup: TrainSetup, state: TrainState, checkpoints: Checkpoints
    ):
        super().__init__()
        self.setup = setup
        self.state = state
        self.checkpoints = checkpoints

    def on_epoch_begin(self, epoch, logs=None):
        if self.state.batch:
            self.checkpoints.restore_metrics(self.setup.model)
            data_parallel.copy_to_replicas(
                self.setup.model, self.model, ["metrics"]
            )

    def on_epoch_end(self, epoch, logs=None):
        state, config = self.state, self.setup.config
        state.step = epoch * config.steps_per_epoch + config.steps_in(epoch)
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
