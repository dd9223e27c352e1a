"""The callbacks of a run, in the order in which Keras calls them.

    StepCounter         counts steps, stops at a loss that is not finite
    UseAverages         --ema_momentum: the averages of the weights
    BatchNormAverages   --recompute_batch_norm
    History             history.csv and the curves in TensorBoard
    BestWeights         the best weights so far, and the patience left
    (callbacks of the user)
    StopTraining        whether one of them asked to stop
    Summaries           images and histograms in TensorBoard, layer_stats.json
    ConsoleProgress     the progress line and a line for each epoch
    UseWeights          the weights of the last step
    SaveCheckpoint      the checkpoint that all of these can be resumed from
    StopOnSignal        ends training after Ctrl-C or SIGTERM

This order is what makes a run survive a kill: curves, history and the best
weights are written first, then the checkpoint that refers to them. What was
written after the last checkpoint is cut off when the run is resumed.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import time

import keras
import numpy as np

from zoo.data import Dataset, pipeline
from zoo.data.arrays import rows_per_chunk
from zoo.errors import Diverged, Interrupted
from zoo.resolve import ResolvedConfig
from zoo.runs import Run, RunWriter
from zoo.summaries import layer_stats
from zoo.summaries.events import SummaryWriter
from zoo.summaries.inspector import ModelInspector, Snapshot
from zoo.summaries.layer_stats import debug_text
from zoo.training import batch_norm, data_parallel, optimizers
from zoo.training.checkpoints import (
    BestEpoch,
    Checkpoints,
    NonFiniteWeights,
    TrainState,
)
from zoo.training.console import TrainingConsole
from zoo.training.model import (
    Logs,
    backbone_of,
    minimized_loss,
    scaled_inputs,
)
from zoo.training.setup import TrainSetup
from zoo.training.signals import StopRequest

HISTORY_COLUMNS = (
    "epoch", "step", "loss", "accuracy", "val_loss", "val_accuracy",
    "regularization_loss", "learning_rate", "seconds",
)  # fmt: skip
STEPS_PER_POINT = 100  # of the training curves, inside a long epoch
SUMMARY_BATCH_SIZE = 256  # images; enough for a histogram, little in time
MAX_SUMMARY_EXAMPLES = 10_000  # that are evaluated for the last summaries
MAX_SUMMARY_BYTES = 2**27  # of these as float32: 10,000 of 32x32x3


@dataclasses.dataclass(frozen=True)
class SummaryBatch:
    """A fixed batch that every summary of a run is computed from.

    Drawn once from the validation images, or the training images where there
    are none, so that histograms and images of different steps show the same
    examples.

    Attributes:
        images: Inputs, float32 `[B, ...]`.
        labels: Labels, int32 `[B]`, or float32 targets.
        split: `val` or `train`.
    """

    images: np.ndarray
    labels: np.ndarray
    split: str

    @classmethod
    def draw(
        cls, dataset: Dataset, seed: int, size: int = SUMMARY_BATCH_SIZE
    ) -> SummaryBatch:
        """Draws the batch; the same one for the same data and seed."""
        split = "val" if len(dataset.val) else "train"
        part = getattr(dataset, split)
        generator = np.random.default_rng([seed, len(part)])
        chosen = generator.permutation(len(part))[:size]
        images = part.images[chosen].astype(np.float32)
        return cls(images, part.labels[chosen], split)


class Throughput:
    """Times the steps of an epoch, without validation and compiling.

    The first execution of a session traces and compiles the step; examples a
    second are counted from its end.

    Attributes:
        is_compiled: Whether the session has made a step.
    """

    def __init__(self, config: ResolvedConfig):
        self._config = config
        self.is_compiled = False

    def start(self, batch: int, earlier: float = 0.0) -> None:
        """Starts at a batch of an epoch.

        Args:
            batch: training steps that were made in this epoch.
            earlier: seconds that they took.
        """
        self._mark = self._end = time.perf_counter()
        self._start = self._mark - earlier
        self._mark_batch = self._batch = batch
        self._is_running = True

    def tick(self, batch: int) -> None:
        """Records that the steps up to this batch are made."""
        self._end = time.perf_counter()
        self._batch = batch
        if not self.is_compiled:
            self.is_compiled = True
            if batch < self._config.steps_per_epoch:
                self._mark, self._mark_batch = self._end, batch

    def stop(self) -> None:
        """Ends the epoch's training; later calls change nothing."""
        if self._is_running:
            self._end = time.perf_counter()
            self._is_running = False

    @property
    def seconds(self) -> float:
        """Seconds of training in this epoch, compiling included."""
        return self._end - self._start

    def examples_per_second(self) -> float | None:
        """Returns the throughput in this epoch; `None` before any step."""
        examples = self._config.examples_after(
            self._batch
        ) - self._config.examples_after(self._mark_batch)
        seconds = self._end - self._mark
        return examples / seconds if examples and seconds else None


class Session:
    """What the callbacks of a run share, from its start or resume to its end.

    Args:
        setup: what is trained.
        run: its folder.
        state: how far training has come; `StepCounter` brings it forward.
        summaries: writes to TensorBoard.
        console: prints.
        stop: whether a signal asked to stop.
        batches: of the training, for a view of what a step is given.
        has_user_callbacks: whether others may assign the learning rate.
        started: when `wall_seconds` began, as `time.perf_counter` counts.

    Attributes:
        step_before: Training steps before the last execution.
    """

    def __init__(
        self,
        setup: TrainSetup,
        run: Run,
        state: TrainState,
        summaries: SummaryWriter,
        console: TrainingConsole,
        stop: StopRequest,
        batches: pipeline.TrainingBatches,
        has_user_callbacks: bool = False,
        started: float | None = None,
    ):
        self.started = time.perf_counter() if started is None else started
        self.setup = setup
        self.config = setup.config
        self.run = run
        self.writer = RunWriter(run)
        self.state = state
        self.summaries = summaries
        self.console = console
        self.stop = stop
        self.checkpoints = Checkpoints(
            run.path / "checkpoints", state.best.epoch
        )
        self.throughput = Throughput(setup.config)
        self.batch = SummaryBatch.draw(setup.dataset, setup.config.seed)
        self.step_before = state.step
        self.has_user_callbacks = has_user_callbacks
        self.batches = batches
        self._has_averages = False
        self._inspector = ModelInspector(
            setup.model,
            backbone_of(setup.model),
            minimized_loss(setup.config, setup.dataset),
            scaled_inputs(setup.backbone),
        )

    def passed(self, period: int | None) -> bool:
        """Whether the last execution passed a multiple of a period, if any."""
        before, now = self.step_before, self.state.step
        return bool(period) and now // period > before // period

    def sync(self, fitted: keras.Model) -> None:
        """Gives `setup.model` the values that the fitted model has now.

        They are one and the same where a single device trains. On JAX, Keras
        gives a model its variables back when a callback asks for the model.
        """
        if self.setup.devices.is_distributed:
            data_parallel.copy_to_host(fitted, self.setup.model)

    def use_averages(self, fitted: keras.Model, wanted: bool) -> None:
        """Swaps weights and their averages, unless the model has them."""
        is_used = self.config.ema_momentum is not None
        if is_used and self._has_averages != wanted:
            fitted.optimizer.swap_averages()
            self._has_averages = wanted

    def snapshot(self, is_last: bool = False) -> Snapshot:
        """Returns the model at this step; nothing is computed yet."""
        config, dataset = self.config, self.setup.dataset
        return Snapshot(
            step=self.state.step,
            logging_step=self.state.epoch // config.summary_every,
            num_logging_steps=math.ceil(
                config.num_epochs / config.summary_every
            ),
            last=is_last,
            inspector=self._inspector,
            inputs=self.batch.images,
            labels=self.batch.labels,
            class_names=dataset.class_names,
            config=config.as_dict(),
            folder=self.run.path,
            load_validation=self._validation,
            load_training_batch=self._training_batch,
            split=self.batch.split,
        )

    def _validation(self) -> tuple[np.ndarray, np.ndarray]:
        dataset = self.setup.dataset
        shape = (0, *dataset.input_shape)
        in_memory = rows_per_chunk(MAX_SUMMARY_BYTES, shape, item_bytes=4)
        size = min(MAX_SUMMARY_EXAMPLES, in_memory)
        size = max(size, len(self.batch.labels))
        batch = SummaryBatch.draw(dataset, self.config.seed, size)
        return batch.images, batch.labels

    def _training_batch(self) -> np.ndarray:
        inputs, *_ = next(iter(self.batches.epoch(0, num_batches=1)))
        return np.asarray(inputs)


class RunCallback(keras.callbacks.Callback):
    """A callback of the run itself; reads and writes what the session holds."""

    def __init__(self, session: Session):
        super().__init__()
        self.session = session
        self.config = session.config
        self.state = session.state

    def learning_rate(self) -> float:
        """Returns the learning rate of the last step."""
        schedule = self.session.setup.schedule
        is_variable = isinstance(schedule, optimizers.Constant)
        if is_variable and self.session.has_user_callbacks:
            return float(self.model.optimizer.learning_rate)
        return float(schedule(self.state.step - 1))


class StepCounter(RunCallback):
    """Counts steps and epochs, and stops at a loss that is not finite.

    Raises:
        Diverged: the loss, or the validation loss, is infinite or NaN.
    """

    def on_epoch_begin(self, epoch, logs=None):
        """Continues inside an epoch, or starts a new one."""
        session, state = self.session, self.state
        if state.batch:
            session.checkpoints.restore_metrics(session.setup.model)
            if session.setup.devices.is_distributed:
                data_parallel.copy_to_replicas(
                    session.setup.model, self.model, ["metrics"]
                )
        else:
            state.window = {"batch": 0, "loss": 0.0, "accuracy": 0.0}
        self._first = state.batch
        session.throughput.start(state.batch, state.epoch_seconds)

    def on_train_batch_end(self, batch, logs=None):
        """Counts the steps of one execution."""
        state, config = self.state, self.config
        # Counted, not read from the optimizer: between two steps JAX holds
        # the variables elsewhere, and to bring them back takes long.
        self.session.step_before = state.step
        state.batch = min(self._first + batch + 1, config.steps_in(state.epoch))
        state.step = state.epoch * config.steps_per_epoch + state.batch
        now = Logs.of(logs)
        if not math.isfinite(now.loss + now.regularization_loss):
            raise Diverged(
                f"the loss is not finite any more at step {state.step:,}"
            )
        self.session.throughput.tick(state.batch)

    def on_test_begin(self, logs=None):
        """Ends the timing before validation."""
        self.session.throughput.stop()

    def on_epoch_end(self, epoch, logs=None):
        """Counts the epoch."""
        self.session.throughput.stop()
        self.session.sync(self.model)
        val_loss = Logs.of(logs, "val_").loss if "val_loss" in logs else 0.0
        if not math.isfinite(val_loss):
            raise Diverged(
                "the validation loss is not finite any more after step "
                f"{self.state.step:,}"
            )
        self.state.epoch, self.state.batch = epoch + 1, 0


class UseAverages(RunCallback):
    """Gives the model the averages of its weights, before it is evaluated.

    With `--ema_momentum`, scores, the best weights and summaries are of the
    averages; training continues with the weights of the last step.
    """

    def on_test_begin(self, logs=None):
        """Swaps before the validation at the end of an epoch."""
        self.session.use_averages(self.model, True)

    def on_epoch_end(self, epoch, logs=None):
        """Swaps where there is no validation."""
        self.session.use_averages(self.model, True)


class UseWeights(RunCallback):
    """Gives the model its weights of the last step back."""

    def on_epoch_end(self, epoch, logs=None):
        """Swaps before the checkpoint."""
        self.session.use_averages(self.model, False)


class BatchNormAverages(RunCallback):
    """Computes batch norm's averages before each validation, if requested."""

    def on_test_begin(self, logs=None):
        """Computes them before the validation at the end of an epoch."""
        self._recompute()

    def on_epoch_end(self, epoch, logs=None):
        """Computes them where there is no validation."""
        if "val_loss" not in logs:
            self._recompute()

    def _recompute(self) -> None:
        if self.config.recompute_batch_norm:
            dataset = self.session.setup.dataset
            batch_norm.recompute(self.model, dataset, self.config.seed)


class History(RunCallback):
    """Writes `history.csv`, and the curves of both splits to TensorBoard."""

    def on_train_batch_end(self, batch, logs=None):
        """Writes a point of the training curves inside a long epoch."""
        state = self.state
        left = self.config.steps_in(state.epoch) - state.batch
        before = state.batch - (state.step - self.session.step_before)
        passed = state.batch // STEPS_PER_POINT > before // STEPS_PER_POINT
        # A point just before the epoch's own would be of few images, and noisy.
        if passed and left >= STEPS_PER_POINT // 2:
            self._write_train_point(Logs.of(logs), state.batch)

    def on_epoch_end(self, epoch, logs=None):
        """Writes the epoch's points and its row."""
        train = Logs.of(logs)
        val = Logs.of(logs, "val_") if "val_loss" in logs else None
        self._write_train_point(train, self.config.steps_in(epoch))
        self._write_row(train, val)
        if val:
            values = {"loss": val.loss, "accuracy": val.accuracy}
            self.session.summaries.write_scalars("val", values, self.state.step)

    def _write_train_point(self, now: Logs, batch: int) -> None:
        """Writes the means over the examples since the last point."""
        window, session = self.state.window, self.session
        examples = self.config.examples_after(batch)
        earlier = self.config.examples_after(int(window["batch"]))
        new = max(examples - earlier, 1)
        session.summaries.write_scalars(
            "train",
            {
                "loss": _mean_since(now.loss, examples, window["loss"], new),
                "accuracy": _mean_since(
                    now.accuracy, examples, window["accuracy"], new
                ),
                "regularization_loss": now.regularization_loss,
                "learning_rate": self.learning_rate(),
                "examples_per_second": session.throughput.examples_per_second(),
            },
            self.state.step,
        )
        self.state.window = {
            "batch": batch,
            "loss": now.loss * examples,
            "accuracy": (now.accuracy or 0.0) * examples,
        }

    def _write_row(self, train: Logs, val: Logs | None) -> None:
        state = self.state
        seconds = self.session.throughput.seconds
        state.seconds += seconds
        state.epoch_seconds = 0.0
        state.rows.append(
            {
                "epoch": state.epoch,
                "step": state.step,
                "loss": train.loss,
                "accuracy": train.accuracy,
                "val_loss": val.loss if val else None,
                "val_accuracy": val.accuracy if val else None,
                "regularization_loss": train.regularization_loss,
                "learning_rate": self.learning_rate(),
                "seconds": round(seconds, 3),
            }
        )
        _write_history(self.session.writer, state)


def _mean_since(
    mean: float | None, examples: int, earlier_sum: float, new: int
) -> float | None:
    """Returns the mean over the newest examples, from that over all."""
    return None if mean is None else (mean * examples - earlier_sum) / new


def write_rows(writer: RunWriter, state: TrainState) -> None:
    """Writes `history.csv` and `layer_stats.json` as a checkpoint has them."""
    if state.rows:
        _write_history(writer, state)
    if state.layer_stats:
        _write_layer_stats(writer, state)


def _write_history(writer: RunWriter, state: TrainState) -> None:
    writer.write("history.csv", history_csv(state.rows))


def _write_layer_stats(writer: RunWriter, state: TrainState) -> None:
    text = json.dumps(state.layer_stats, indent=1)
    writer.write("layer_stats.json", text + "\n")


def history_csv(rows: list[dict]) -> str:
    """Returns the text of `history.csv`; a missing value is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, HISTORY_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


class BestWeights(RunCallback):
    """Keeps the best weights, and counts the epochs without improvement."""

    def on_epoch_end(self, epoch, logs=None):
        """Saves the weights if the validation scores improved."""
        if "val_loss" not in logs:
            return
        state, session = self.state, self.session
        val = Logs.of(logs, "val_")
        if state.best.is_improved_by(val.accuracy, val.loss):
            state.best = BestEpoch(state.epoch, val.accuracy, val.loss)
            session.checkpoints.save_best(
                session.setup.model, state.epoch, state.run_id
            )
        state.count_epoch(val.loss)


class StopTraining(RunCallback):
    """Records that a callback of the user set `model.stop_training`."""

    def on_epoch_end(self, epoch, logs=None):
        """Records it before the callbacks that act on it."""
        self.state.stop_training = bool(self.model.stop_training)


class Summaries(RunCallback):
    """Writes what TensorBoard shows beyond curves, and `layer_stats.json`."""

    def on_train_batch_end(self, batch, logs=None):
        """Prints predictions and labels every `--debug_every` steps."""
        if not self.session.passed(self.config.debug_every):
            return
        self.session.sync(self.model)
        accuracy = Logs.of(logs).accuracy
        split = self.session.batch.split
        text = debug_text(self.session.snapshot(), accuracy, split)
        self.session.console.print(text)
        markdown = f"```\n{text}\n```"
        self.session.summaries.write_debug(markdown, self.state.step)

    def on_epoch_end(self, epoch, logs=None):
        """Writes summaries every `--summary_every` epochs and at the end."""
        is_last = self.state.is_done(self.config)
        snapshot = self.session.snapshot(is_last)
        if is_last or self.state.epoch % self.config.summary_every == 0:
            split = self.session.batch.split
            self.session.summaries.write_snapshot(split, snapshot)
        write_layer_stats(self.session, snapshot, is_last)
        best = self.state.best
        if is_last and best.is_known:
            self.session.summaries.write_best(
                {"val_accuracy": best.accuracy, "val_loss": best.loss},
                self.state.step,
            )


def write_layer_stats(
    session: Session, snapshot: Snapshot, is_last: bool = False
) -> None:
    """Adds a row to `layer_stats.json`, where one is due and wanted."""
    state = session.state
    is_wanted = session.config.summaries != ("none",)
    if is_wanted and layer_stats.should_measure(state.epoch, is_last):
        state.layer_stats.append(layer_stats.measure(snapshot, state.epoch))
        _write_layer_stats(session.writer, state)


class ConsoleProgress(RunCallback):
    """Prints the progress line, and a line for each epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        """Shows what the first step of a session waits for."""
        if not self.session.throughput.is_compiled:
            self.session.console.show_activity("compiling the training step")

    def on_test_begin(self, logs=None):
        """Shows what the end of an epoch waits for."""
        self.session.console.show_activity("validating")

    def on_train_batch_end(self, batch, logs=None):
        """Shows how far the epoch has come."""
        self.session.console.progress(
            Logs.of(logs),
            self.state,
            self.session.setup,
            self.session.throughput,
        )

    def on_epoch_end(self, epoch, logs=None):
        """Prints the epoch's metrics."""
        row = self.state.rows[-1]
        self.session.console.epoch(row, self.state, self.config)


class SaveCheckpoint(RunCallback):
    """Saves `last.npz` at each epoch end and every `--checkpoint_every` steps.

    Args:
        session: of the run.
        callback_states: gives the state of the user's callbacks.

    Raises:
        Diverged: a weight is infinite or NaN.
    """

    def __init__(self, session: Session, callback_states):
        super().__init__(session)
        self._callback_states = callback_states

    def on_train_batch_end(self, batch, logs=None):
        """Saves inside an epoch, if it is time or somebody asked to stop."""
        session, state = self.session, self.state
        is_epoch_end = state.batch >= self.config.steps_in(state.epoch)
        is_due = session.passed(self.config.checkpoint_every)
        if not is_epoch_end and (is_due or session.stop.requested):
            session.sync(self.model)
            state.epoch_seconds = session.throughput.seconds
            self._save()

    def on_epoch_end(self, epoch, logs=None):
        """Saves at the end of an epoch."""
        self._save()

    def _save(self) -> None:
        session = self.session
        session.state.wall_seconds = time.perf_counter() - session.started
        session.state.event_files = session.summaries.flush()
        try:
            session.checkpoints.save_last(
                session.setup.model, session.state, self._callback_states()
            )
        except NonFiniteWeights:
            raise Diverged(
                "a weight is not finite any more after step "
                f"{session.state.step:,}"
            ) from None


class StopOnSignal(RunCallback):
    """Ends training once the checkpoint is saved, if somebody asked to stop.

    Raises:
        Interrupted: somebody did, and training is not at its end.
    """

    def on_train_batch_end(self, batch, logs=None):
        """Stops inside an epoch."""
        state = self.state
        if state.batch < self.config.steps_in(state.epoch):
            self._stop()

    def on_epoch_end(self, epoch, logs=None):
        """Stops between two epochs."""
        if not self.state.is_done(self.config):
            self._stop()

    def _stop(self) -> None:
        stop = self.session.stop
        if stop.requested:
            raise Interrupted(code=stop.code)
