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
from zoo.summaries.events import EventWriter
from zoo.summaries.inspector import ModelInspector, Snapshot

FIELDS = {field.name for field in dataclasses.fields(Snapshot)}


@pytest.fixture
def writer(tmp_path):
    """An event file that is open."""
    writer = EventWriter(tmp_path / "val")
    yield writer
    writer.close()


@pytest.fixture
def read():
    """From a writer to {tag: [(step, value)]}, by TensorBoard's reader."""

    def read(writer):
        writer.flush()
        accumulator = EventAccumulator(
            str(writer.path.parent), size_guidance={"tensors": 0}
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
def inspector_of():
    """Looks into a perceptron: from inputs, through hidden layers, to K."""

    def make(inputs, hidden, outputs, activation="relu"):
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
        return ModelInspector(model, body, None)

    return make


def broken(inspector):
    """The same inspector, of a model whose every weight is NaN."""
    for variable in inspector.model.trainable_variables:
        variable.assign(np.full(variable.shape, np.nan))
    return inspector


@pytest.fixture
def snapshot(tmp_path):
    """Makes a moment; what it would compute can be given: `logits=...`."""

    def make(**given):
        facts = {
            "step": 3,
            "logging_step": 1,
            "num_logging_steps": 4,
            "last": False,
            "inspector": None,
            "inputs": np.zeros((4, 2, 2, 1), np.float32),
            "labels": np.array([0, 1, 2, 2], np.int32),
            "class_names": ("cat", "dog", "ox"),
            "config": {"model": "lr", "l2": None, "summaries": ("a", "b")},
            "folder": tmp_path,
            "load_validation": None,
            "load_training_batch": None,
        }
        computed = {k: v for k, v in given.items() if k not in FIELDS}
        facts |= {k: v for k, v in given.items() if k in FIELDS}
        moment = Snapshot(**facts)
        vars(moment).update(
            {"logits": np.eye(3, dtype=np.float32)[[0, 1, 1, 2]], **computed}
        )
        return moment

    return make
