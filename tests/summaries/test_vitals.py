"""Vitals of a real small network against numbers by hand."""

import json
import math

import keras
import numpy as np
import pytest

from zoo.summaries import vitals
from zoo.summaries.view import View
from zoo.training.losses import cross_entropy

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(40, 3)).astype(np.float32)
LABELS = np.arange(40, dtype=np.int32) % 3


@pytest.fixture(scope="module")
def view():
    """Looks into softmax regression with a hidden layer and batch norm."""
    keras.utils.set_random_seed(0)
    raw = keras.Input((3,))
    x = keras.layers.Dense(4, name="hidden1")(raw)
    x = keras.layers.BatchNormalization(momentum=0.9, name="norm")(x)
    x = keras.layers.Activation("relu", name="features")(x)
    x = keras.layers.Dense(3, name="logits")(x)
    body = keras.Model(raw, x, name="network")
    inputs = keras.Input((3,))
    scaled = keras.layers.Rescaling(2.0)(inputs)
    model = keras.Model(inputs, body(scaled))
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=cross_entropy())
    model.optimizer.build(model.trainable_variables)
    return View(model, body, cross_entropy())


def row(snapshot, view, **given):
    facts = {"view": view, "inputs": INPUTS, "labels": LABELS}
    moment = snapshot(**{**facts, **given})
    del vars(moment)["logits"]
    return vitals.measure(moment, 1)


def test_the_row_of_a_training_network_says_what_numpy_says(snapshot, view):
    found = row(snapshot, view)
    assert found["step"] == 3 and found["examples"] == 40
    assert found["layers"].keys() == {"hidden1", "norm", "logits"}
    kernel = view.body.get_layer("logits").kernel.numpy()
    layer = found["layers"]["logits"]
    assert layer["weight_norm"] == pytest.approx(
        np.sqrt((kernel**2).sum()), rel=1e-5
    )
    # Plain SGD moves by the rate times the gradient.
    assert layer["update_ratio"] == pytest.approx(
        0.1 * layer["gradient_norm"] / layer["weight_norm"], rel=1e-4
    )
    hidden = np.maximum(0, before_activation(view))
    features = found["hidden"]["features"]
    assert features["mean"] == pytest.approx(hidden.mean(), rel=1e-4)
    assert features["std"] == pytest.approx(hidden.std(), rel=1e-4)
    assert features["function"] == "relu"


def before_activation(view):
    """What the first layer and batch norm, still without averages, give."""
    kernel, bias = (v.numpy() for v in view.body.get_layer("hidden1").weights)
    return (2 * INPUTS @ kernel + bias) / np.sqrt(1 + 1e-3)


def test_classes_are_counted_and_compared_with_guessing(snapshot, view):
    found = row(snapshot, view)["classes"]
    logits = view.logits(INPUTS)
    shares = np.bincount(logits.argmax(1), minlength=3) / 40
    assert found["answers"] == pytest.approx(list(shares), abs=1e-5)
    assert found["accuracy"] == (logits.argmax(1) == LABELS).mean()
    assert found["guessing_loss"] == pytest.approx(math.log(3), rel=1e-5)
    assert found["largest_class"] == 0.35


def test_batch_norm_is_tried_with_the_averages_of_its_batch(snapshot, view):
    found = row(snapshot, view, config={"batch_size": 40})["batch_norm"]
    logits = view.logits_in_training(INPUTS)
    assert found["momentum"] == 0.9
    assert found["accuracy_in_training"] == (logits.argmax(1) == LABELS).mean()
    assert row(snapshot, view, step=0)["batch_norm"] is None


def test_measuring_changes_nothing_in_the_network(snapshot, view):
    before = [v.numpy() for v in view.model.variables]
    row(snapshot, view)
    for old, variable in zip(before, view.model.variables, strict=True):
        np.testing.assert_array_equal(old, variable.numpy())


def test_inputs_are_described_before_training_alone(snapshot, view):
    assert "inputs" not in row(snapshot, view)
    found = row(snapshot, view, step=0)["inputs"]
    assert found["mean"] == pytest.approx(2 * INPUTS.mean(), rel=1e-4)
    assert found["std"] == pytest.approx(2 * INPUTS.std(), rel=1e-4)


def test_brightness_is_the_variance_between_whole_images():
    bright = np.full((2, 4, 4, 1), 10.0)
    bright[1] = 200.0
    assert vitals.inputs(bright, bright)["brightness_share"] == 1
    same = np.tile(np.arange(16.0).reshape(1, 4, 4, 1), (2, 1, 1, 1))
    assert vitals.inputs(same, same)["brightness_share"] == 0


def test_images_without_any_variance_are_described(snapshot):
    grey = np.full((3, 4, 4, 1), 128.0)
    found = vitals.inputs(grey, grey)
    assert found == {"mean": 128, "std": 0, "brightness_share": 0}


def test_a_regression_has_no_classes(snapshot, view):
    moment = {"class_names": (), "labels": np.zeros(40, np.float32)}
    flat = View(view.model, view.body, squared)
    found = row(snapshot, flat, **moment)
    assert found["classes"] is None and found["batch_norm"] is None


def squared(labels, outputs):
    return keras.ops.sum(keras.ops.square(outputs), axis=-1)


def test_weights_that_are_no_numbers_leave_a_row_that_json_can_hold(
    snapshot, view
):
    kernel = view.body.get_layer("logits").kernel
    whole = kernel.numpy()
    try:
        kernel.assign(np.full_like(whole, np.nan))
        found = row(snapshot, view)
    finally:
        kernel.assign(whole)
    json.dumps(found, allow_nan=False)
    assert found["layers"]["logits"]["weight_norm"] is None
    assert found["classes"]["confidence"] is None


def test_vitals_are_due_ever_more_rarely_and_at_the_end():
    due = [epoch for epoch in range(21) if vitals.is_due(epoch, epoch == 20)]
    assert due == [0, 1, 2, 4, 8, 16, 20]


def test_numbers_keep_six_digits_and_none_stands_for_the_others():
    value = {"a": [1 / 3, math.inf], "b": {"c": math.nan, "d": 7}, "e": "x"}
    assert vitals.finite(value) == {
        "a": [0.333333, None], "b": {"c": None, "d": 7}, "e": "x",
    }  # fmt: skip
