"""Learning by heart: no gradient and no update, one look at the data."""

from __future__ import annotations

import time

import keras

from zoo.console import pluralize
from zoo.data import pipeline
from zoo.runs import RunWriter
from zoo.training.job import Job
from zoo.training.network import Logs, body_of
from zoo.training.recorder import Recorder, history_csv
from zoo.training.state import Best

BATCH = 256  # images; what is remembered does not depend on it


def learn(job: Job, recorder: Recorder) -> None:
    """Shows a model every training example once, and records how it does."""
    began = time.perf_counter()
    plan, model, state = job.plan, job.model, recorder.state
    # What comes before the last layer alone feeds it: preprocessing.
    prepared = keras.Model(model.inputs[0], model.layers[-2].output)
    batches = pipeline.eval_batches(plan.data.train, BATCH)
    plan.entry.load_fit()(
        body_of(model),
        prepared.predict(batches, verbose=0),
        plan.data.train.labels,
    )
    state.seconds = time.perf_counter() - began
    recorder.console.print(
        f"remembered {pluralize(len(plan.data.train), plan.source.noun[:-1])}"
    )
    _record(recorder, _validate(job))


def _validate(job: Job) -> Logs | None:
    if not len(job.plan.data.val):
        return None
    batches = pipeline.eval_batches(job.plan.data.val, BATCH)
    return Logs.of(job.model.evaluate(batches, verbose=0, return_dict=True))


def _record(recorder: Recorder, val: Logs | None) -> None:
    """Writes one row and one point, those of update 0."""
    state, summaries = recorder.state, recorder.summaries
    state.rows.append(
        {
            "epoch": 0,
            "step": 0,
            "loss": None,
            "accuracy": None,
            "val_loss": val.loss if val else None,
            "val_accuracy": val.accuracy if val else None,
            "penalty": None,
            "learning_rate": None,
            "seconds": round(state.seconds, 3),
        }
    )
    RunWriter(recorder.run).write("history.csv", history_csv(state.rows))
    if val:
        state.best = Best(0, val.accuracy, val.loss)
        scores = {"loss": val.loss, "accuracy": val.accuracy}
        summaries.write_scalars("val", scores, 0)
    watch = recorder.watch
    summaries.write_snapshot(
        watch.probe.split, watch.snapshot(state, last=True)
    )
