"""Snapshots made by hand, and what TensorBoard reads of an event file."""

import dataclasses

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)
from tensorboard.util import tensor_util

from zoo.models import mlp
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot
from zoo.summaries.view import View

FIELDS = {field.name for field in dataclasses.fields(Snapshot)}


@pytest.fixture
def log(tmp_path):
    """An event file that is open."""
    log = EventLog(tmp_path / "val")
    yield log
    log.close()


@pytest.fixture
def read():
    """From an open log to {tag: [(step, value)]}, by TensorBoard's reader."""

    def read(log):
        log.flush()
        accumulator = EventAccumulator(
            str(log.path.parent), size_guidance={"tensors": 0}
        )
        accumulator.Reload()
        return {
            tag: [
                (e.step, tensor_util.make_ndarray(e.tensor_proto))
                for e in accumulator.Tensors(tag)
            ]
            for tag in accumulator.Tags()["tensors"]
        }

    return read


@pytest.fixture(scope="session")
def look():
    """Looks into a perceptron: from inputs, through hidden layers, to K."""

    def look(inputs, hidden, outputs, activation="relu"):
        keras.utils.set_random_seed(len(hidden))
        body = mlp.build(
            (inputs,), outputs, hidden=hidden, activation=activation
        )
        for variable in body.trainable_variables:
            # Biases too, which begin at zero.
            variable.assign(variable + keras.random.normal(variable.shape) / 3)
        raw = keras.Input((inputs,))
        scaled = keras.layers.Rescaling(0.5, offset=0.1)(raw)
        model = keras.Model(raw, body(scaled))
        return View(model, body, None)

    return look


@pytest.fixture
def snapshot(tmp_path):
    """Makes a moment; what it would compute can be given: `logits=...`."""

    def make(**given):
        facts = {
            "step": 3,
            "look": 1,
            "looks": 4,
            "last": False,
            "view": None,
            "inputs": np.zeros((4, 2, 2, 1), np.float32),
            "labels": np.array([0, 1, 2, 2], np.int32),
            "class_names": ("cat", "dog", "ox"),
            "config": {"model": "lr", "l2": None, "summaries": ("a", "b")},
            "folder": tmp_path,
            "validation": None,
            "batch": None,
        }
        computed = {k: v for k, v in given.items() if k not in FIELDS}
        facts |= {k: v for k, v in given.items() if k in FIELDS}
        moment = Snapshot(**facts)
        vars(moment).update(
            {"logits": np.eye(3, dtype=np.float32)[[0, 1, 1, 2]], **computed}
        )
        return moment

    return make
