"""The one callback of a run: counts, watches, records and saves.

The order at the end of an epoch is what makes a run survive a kill: curves
and history first, then the best weights, then the checkpoint that speaks of
them all. What was written after the last checkpoint is cut off by `resume`.
"""

from __future__ import annotations

import csv
import io
import json
import math

import keras

from zoo.errors import Diverged, Interrupted
from zoo.runs import Run, RunWriter
from zoo.summaries import Summaries, debug, vitals
from zoo.summaries.snapshot import Snapshot
from zoo.training import batch_norm
from zoo.training.checkpoints import Checkpoints, NotFinite
from zoo.training.clock import EpochClock
from zoo.training.console import Console
from zoo.training.job import Job
from zoo.training.network import Logs
from zoo.training.state import Best, TrainState
from zoo.training.stopping import StopRequest
from zoo.training.watch import Watch

COLUMNS = (
    "epoch", "step", "loss", "accuracy", "val_loss", "val_accuracy",
    "penalty", "learning_rate", "seconds",
)  # fmt: skip
UPDATES_PER_POINT = 100  # of the training curves, inside a long epoch


class Recorder(keras.callbacks.Callback):
    """Keeps a run folder up to date while `fit` runs, one epoch a call."""

    def __init__(
        self,
        job: Job,
        run: Run,
        state: TrainState,
        summaries: Summaries,
        watch: Watch,
        console: Console,
        stop: StopRequest,
    ):
        super().__init__()
        self.set_model(job.model)
        self.plan = job.plan
        self.schedule = job.schedule
        self.run = run
        self.state = state
        self.summaries = summaries
        self.watch = watch
        self.console = console
        self.stop = stop
        self.checkpoints = Checkpoints(run.path / "checkpoints")
        self.clock = EpochClock(job.plan)

    # Keras calls the methods below.

    def on_epoch_begin(self, epoch, logs=None):
        if self.state.batch:
            self.checkpoints.restore_metrics(self.model)
        else:
            self.state.window = {"batch": 0, "loss": 0.0, "accuracy": 0.0}
        self._first = self.state.batch
        self.clock.start(self.state.batch)

    def on_train_batch_end(self, batch, logs=None):
        state, before = self.state, self.state.batch
        # Counted, not asked of the optimizer: between two updates JAX holds
        # the variables elsewhere, and to bring them back takes long.
        steps = self.plan.steps_in(state.epoch)
        state.batch = min(self._first + batch + 1, steps)
        state.step = state.epoch * self.plan.steps_per_epoch + state.batch
        now = Logs.of(logs)
        if not math.isfinite(now.loss + now.penalty):
            raise Diverged(
                f"the loss is no longer a number at update {self.state.step:,}"
            )
        self.clock.tick(self.state.batch)
        self._record_inside_epoch(now, before)

    def on_test_begin(self, logs=None):
        self.clock.stop()
        self._recompute_batch_norm()

    def on_epoch_end(self, epoch, logs=None):
        self.clock.stop()
        if "val_loss" not in logs:
            self._recompute_batch_norm()
        now = Logs.of(logs)
        val = Logs.of(logs, "val_") if "val_loss" in logs else None
        if val and not math.isfinite(val.loss):
            raise Diverged(
                "the validation loss is no longer a number after update "
                f"{self.state.step:,}"
            )
        steps = self.state.batch
        self.state.epoch, self.state.batch = epoch + 1, 0
        self._write_train_point(now, steps)
        self._write_row(now, val)
        if val:
            values = {"loss": val.loss, "accuracy": val.accuracy}
            self.summaries.write_scalars("val", values, self.state.step)
            self._judge(val)
        last = self.plan.is_done(self.state)
        self._look(last)
        self.console.epoch(self.state.rows[-1], self.state, self.plan)
        self._save()
        if self.stop.requested and not last:
            raise Interrupted(code=self.stop.code)

    def _recompute_batch_norm(self) -> None:
        """Makes the network as good in use as its weights allow, if asked."""
        if self.plan.config.recompute_batch_norm:
            batch_norm.recompute(self.model, self.plan)

    def _record_inside_epoch(self, now: Logs, before: int) -> None:
        state, config = self.state, self.plan.config
        left = self.plan.steps_in(state.epoch) - state.batch
        ends = left <= 0
        # A point just before the epoch's own would be of few images, and wild.
        passed = _passed(UPDATES_PER_POINT, before, state.batch)
        if passed and left >= UPDATES_PER_POINT // 2:
            self._write_train_point(now, state.batch)
        done = state.step - (state.batch - before)
        if _passed(config.debug_every, done, state.step):
            self._debug(now)
        self.console.progress(now, state, self.plan, self.clock)
        wanted = _passed(config.checkpoint_every, done, state.step)
        if not ends and (wanted or self.stop.requested):
            self._save()
            if self.stop.requested:
                raise Interrupted(code=self.stop.code)

    def _debug(self, now: Logs) -> None:
        self._attach()
        snapshot = self.watch.snapshot(self.state)
        text = debug.text(snapshot, now.accuracy, self.watch.probe.split)
        self.console.print(text)
        self.summaries.write_text("debug", f"```\n{text}\n```", self.state.step)

    def _write_train_point(self, now: Logs, batch: int) -> None:
        window = self.state.window
        examples = self.plan.examples_after(batch)
        earlier = self.plan.examples_after(int(window["batch"]))
        new = max(examples - earlier, 1)
        self.summaries.write_scalars(
            "train",
            {
                "loss": _mean_since(now.loss, examples, window["loss"], new),
                "accuracy": _mean_since(
                    now.accuracy, examples, window["accuracy"], new
                ),
                "penalty": now.penalty,
                "learning_rate": self._learning_rate(),
                "examples_per_second": self.clock.rate(),
            },
            self.state.step,
        )
        self.state.window = {
            "batch": batch,
            "loss": now.loss * examples,
            "accuracy": (now.accuracy or 0.0) * examples,
        }

    def _write_row(self, now: Logs, val: Logs | None) -> None:
        seconds = self.clock.seconds
        self.state.seconds += seconds
        self.state.rows.append(
            {
                "epoch": self.state.epoch,
                "step": self.state.step,
                "loss": now.loss,
                "accuracy": now.accuracy,
                "val_loss": val.loss if val else None,
                "val_accuracy": val.accuracy if val else None,
                "penalty": now.penalty,
                "learning_rate": self._learning_rate(),
                "seconds": round(seconds, 3),
            }
        )
        RunWriter(self.run).write("history.csv", history_csv(self.state.rows))

    def _judge(self, val: Logs) -> None:
        """Keeps the best weights, and counts the epochs without better."""
        state = self.state
        if state.best.is_beaten_by(val.accuracy, val.loss):
            state.best = Best(state.epoch, val.accuracy, val.loss)
            self.checkpoints.save_best(self.model, state.epoch, state.run_id)
        state.count_epoch(val.loss)

    def _look(self, last: bool) -> None:
        snapshot = self.watch.snapshot(self.state, last)
        if last or self.state.epoch % self.plan.config.summary_every == 0:
            self.summaries.write_snapshot(self.watch.probe.split, snapshot)
        self.measure(snapshot, last)

    def measure(self, snapshot: Snapshot, last: bool = False) -> None:
        """Adds a row to `vitals.json`, where one is due and wanted."""
        state = self.state
        wanted = self.plan.config.summaries != ("none",)
        if wanted and vitals.is_due(state.epoch, last):
            state.vitals.append(vitals.measure(snapshot, state.epoch))
            text = json.dumps(state.vitals, indent=1)
            RunWriter(self.run).write("vitals.json", text + "\n")

    def _save(self) -> None:
        self.state.event_files = self.summaries.flush()
        try:
            self.checkpoints.save_last(self.model, self.state)
        except NotFinite:
            raise Diverged(
                "a weight is no longer a number after update "
                f"{self.state.step:,}"
            ) from None

    def _attach(self) -> None:
        """Gives the model its variables back, inside an epoch.

        Keras does it, where the engine is JAX, when a callback asks for the
        model; what watches it has it already, and would find no values.
        """
        _ = self.model

    def _learning_rate(self) -> float:
        """Returns the rate of the last update."""
        return float(self.schedule(self.state.step - 1))


def _mean_since(
    mean: float | None, examples: int, earlier_sum: float, new: int
) -> float | None:
    """Returns the mean over the newest examples, from that over all."""
    return None if mean is None else (mean * examples - earlier_sum) / new


def _passed(period: int | None, before: int, now: int) -> bool:
    """Whether a multiple of the period, if any, lies in (before, now]."""
    return bool(period) and now // period > before // period


def history_csv(rows: list[dict]) -> str:
    """Returns the text of `history.csv`; no value is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
