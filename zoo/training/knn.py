"""Training of k nearest neighbors: the examples are stored, nothing is learned.

One pass over the training images and no training step; the run has one row in
its history, that of step 0.
"""

from __future__ import annotations

import time

import keras

from zoo.console import pluralize
from zoo.data import pipeline
from zoo.resolve import ResolvedConfig
from zoo.training.callbacks import Session, history_csv
from zoo.training.checkpoints import BestEpoch
from zoo.training.model import Logs, backbone_of
from zoo.training.setup import TrainSetup

BATCH_SIZE = 256  # images; what is stored does not depend on it


def compile_model(model: keras.Model, config: ResolvedConfig) -> None:
    """Gives a model what `evaluate` needs: a loss and the accuracy."""
    model.compile(
        optimizer=None,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile={"auto": "auto", "on": True, "off": False}[config.jit],
    )


def fit_knn(session: Session) -> None:
    """Stores every training example in the model, and records its metrics."""
    started = time.perf_counter()
    setup, state = session.setup, session.state
    model, train = setup.model, setup.dataset.train
    # What comes before the last layer alone feeds it: preprocessing.
    preprocessing = keras.Model(model.inputs[0], model.layers[-2].output)
    batches = pipeline.eval_batches(train, BATCH_SIZE)
    setup.config.entry.load_fit()(
        backbone_of(model),
        preprocessing.predict(batches, verbose=0),
        train.labels,
    )
    state.seconds = time.perf_counter() - started
    noun = setup.source.unit_name[:-1]
    session.console.print(f"stored {pluralize(len(train), noun)}")
    _record(session, _validate(setup))


def _validate(setup: TrainSetup) -> Logs | None:
    if not len(setup.dataset.val):
        return None
    batches = pipeline.eval_batches(setup.dataset.val, BATCH_SIZE)
    return Logs.of(setup.model.evaluate(batches, verbose=0, return_dict=True))


def _record(session: Session, val: Logs | None) -> None:
    """Writes one row and one point, those of step 0."""
    state, summaries = session.state, session.summaries
    state.rows.append(
        {
            "epoch": 0,
            "step": 0,
            "loss": None,
            "accuracy": None,
            "val_loss": val.loss if val else None,
            "val_accuracy": val.accuracy if val else None,
            "regularization_loss": None,
            "learning_rate": None,
            "seconds": round(state.seconds, 3),
        }
    )
    session.writer.write("history.csv", history_csv(state.rows))
    if val:
        state.best = BestEpoch(0, val.accuracy, val.loss)
        values = {"loss": val.loss, "accuracy": val.accuracy}
        summaries.write_scalars("val", values, 0)
    summaries.write_snapshot(
        session.batch.split, session.snapshot(is_last=True)
    )
