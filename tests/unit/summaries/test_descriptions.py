"""Every tag carries a description, which TensorBoard shows behind its (i)."""

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from zoo.summaries import registry
from zoo.summaries.events import SCALAR_DESCRIPTIONS, SummaryWriter
from zoo.summaries.inspector import ModelInspector
from zoo.training.losses import cross_entropy, squared_error

RANDOM = np.random.default_rng(0)
# Kinds that put files or a graph, and no tag, into the folder of a split.
WITHOUT_TAGS = {"scalars", "animation", "projector", "graph"}
CONVOLUTIONAL = {"filters", "feature_maps", "patches", "grad_cam"}
# A tag of each kind that has not one of its own name.
TAGS = {
    "gradients": "update_ratio/hidden1",
    "activations": "dead_units/features",
    "filters": "filters/conv1",
    "feature_maps": "feature_maps/conv1_activation",
    "patches": "patches/conv1",
    "weights": "weights/hidden1",
    "hparams": "_hparams_/session_start_info",
}


def described(folder):
    """The description of each tag in a folder, by TensorBoard's reader."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return {
        tag: events.SummaryMetadata(tag).summary_description
        for tag in events.Tags()["tensors"]
    }


def network(shape, outputs, convolution):
    """A tiny network behind preprocessing, and an inspector of it."""
    inputs = keras.Input(shape)
    x = inputs
    if convolution:
        x = keras.layers.Conv2D(2, 3, name="conv1")(x)
        x = keras.layers.Activation("relu", name="conv1_activation")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(4, name="hidden1")(x)
    x = keras.layers.Activation("relu", name="features")(x)
    x = keras.layers.Dense(outputs, name="logits")(x)
    body = keras.Model(inputs, x, name="network")
    raw = keras.Input(shape)
    model = keras.Model(raw, body(keras.layers.Rescaling(1 / 255)(raw)))
    loss = cross_entropy() if outputs > 1 else squared_error
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=loss)
    model.optimizer.build(model.trainable_variables)
    return ModelInspector(model, body, loss)


DATA = {
    "classes images": ((8, 8, 1), 3, False),
    "classes images convolution": ((8, 8, 1), 3, True),
    "classes plane": ((2,), 3, False),
    "line": ((1,), 1, False),
}


def write_all(folder, snapshot, properties, split="val"):
    """Writes all kinds for this data, before and after training."""
    shape, outputs, convolution = DATA[properties]
    inputs = RANDOM.uniform(0, 255, (20, *shape)).astype(np.float32)
    labels = np.arange(20, dtype=np.int32) % 3
    if outputs == 1:
        labels = inputs[:, 0]
    specs = registry.select(["all"], properties.split())
    splits = ("train", "val") if split == "val" else ("train",)
    writer = SummaryWriter(folder, specs, splits, {})
    for step, last in ((0, False), (5, True)):
        moment = snapshot(
            step=step,
            logging_step=step,
            last=last,
            inspector=network(shape, outputs, convolution),
            inputs=inputs,
            labels=labels,
            class_names=("cat", "dog", "ox") if outputs > 1 else (),
            load_validation=lambda: (inputs, labels),
            load_training_batch=lambda: inputs,
            split=split,
        )
        del vars(moment)["logits"]
        writer.write_snapshot(split, moment)
    writer.write_debug("text", 5)
    writer.close()
    return {spec.name for spec in specs}


@pytest.mark.parametrize("properties", DATA)
def test_every_tag_of_every_kind_has_a_description(
    properties, tmp_path, snapshot
):
    written = write_all(tmp_path, snapshot, properties)
    tags = {**described(tmp_path / "val"), **described(tmp_path / "train")}
    assert [tag for tag, text in tags.items() if len(text) < 40] == []
    absent = {"templates"} if "convolution" in properties else CONVOLUTIONAL
    for kind in written - WITHOUT_TAGS - absent:
        assert TAGS.get(kind, kind) in tags


def curves(folder, offsets=None):
    """A writer of the scalars of training alone."""
    specs = registry.select(["scalars"], {"classes"})
    return SummaryWriter(folder, specs, ("train",), offsets or {})


def test_every_scalar_has_a_description(tmp_path):
    writer = curves(tmp_path)
    writer.write_scalars("train", dict.fromkeys(SCALAR_DESCRIPTIONS, 1.0), 1)
    writer.write_debug("text", 1)
    writer.close()
    tags = described(tmp_path / "train")
    assert tags.keys() == {*SCALAR_DESCRIPTIONS, "debug"}
    assert all(len(text) >= 40 for text in tags.values())


def test_a_description_is_written_with_the_first_point_only(tmp_path):
    writer = curves(tmp_path)
    sizes = []
    for step in range(3):
        writer.write_scalars("train", {"loss": 1.0}, step)
        sizes.append(writer.flush()["train"][1])
    writer.close()
    first, second = np.diff(sizes)
    assert first == second < len(SCALAR_DESCRIPTIONS["loss"])


def test_a_resumed_file_describes_its_tags_too(tmp_path):
    writer = curves(tmp_path)
    offsets = writer.flush()
    writer.write_scalars("train", {"loss": 1.0}, 1)
    writer.close()
    again = curves(tmp_path, offsets)
    again.write_scalars("train", {"loss": 2.0}, 1)
    again.close()
    assert described(tmp_path / "train")["loss"].startswith("Mean loss")


@pytest.mark.parametrize("split", ["val", "train"])
def test_a_run_without_validation_describes_training_examples(
    split, tmp_path, snapshot
):
    write_all(tmp_path, snapshot, "classes images convolution", split)
    tags = {**described(tmp_path / "train"), **described(tmp_path / split)}
    told = {tag for tag, text in tags.items() if "validation" in text}
    if split == "val":
        assert {"patches/conv1", "misclassified", "logits", "debug"} <= told
    else:
        assert told == set()
