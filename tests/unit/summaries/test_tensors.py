"""Histograms and scalars: logits, weights, gradients, activations."""

from types import SimpleNamespace

import numpy as np
import pytest

from zoo.summaries import tensors

LAYERS = {
    "hidden1": np.arange(6, dtype=np.float32).reshape(2, 3),
    "logits": np.full((3, 2), 2, np.float32),
}


def count(points):
    """How many numbers the buckets of the one point of a tag hold."""
    ((step, buckets),) = points
    assert step == 3
    return buckets[:, 2].sum()


def test_margins_of_incorrect_predictions_lie_below_zero(
    writer, read, snapshot
):
    tensors.write_logits(writer, snapshot())
    tags = read(writer)
    assert {tag: count(points) for tag, points in tags.items()} == {
        "logits": 12, "margins": 4,
    }  # fmt: skip
    ((_, buckets),) = tags["margins"]
    assert buckets[buckets[:, 1] <= 0][:, 2].sum() == 1
    assert buckets[buckets[:, 0] >= 0][:, 2].sum() == 3


def test_a_regression_has_logits_and_no_margins(writer, read, snapshot):
    moment = snapshot(
        class_names=(),
        labels=np.zeros((4,), np.float32),
        logits=np.ones((4, 1), np.float32),
    )
    tensors.write_logits(writer, moment)
    assert read(writer).keys() == {"logits"}


def test_each_layer_has_a_histogram_of_its_weights(writer, read, snapshot):
    tensors.write_weights(writer, snapshot(weights=LAYERS))
    tags = read(writer)
    assert count(tags["weights/hidden1"]) == 6
    assert count(tags["weights/logits"]) == 6
    assert len(tags) == 2


def test_weights_that_are_no_numbers_are_left_out(writer, read, snapshot):
    broken = {"a": np.array([1, np.nan, np.inf]), "b": np.array([np.nan])}
    tensors.write_weights(writer, snapshot(weights=broken))
    tags = read(writer)
    assert tags.keys() == {"weights/a"}
    assert count(tags["weights/a"]) == 1


def test_the_update_ratio_is_the_quotient_of_two_norms(writer, read, snapshot):
    updates = {
        "hidden1": np.full((2, 3), 0.1, np.float32),
        "logits": np.array([[0.3, 0], [0, 0.4], [0, 0]], np.float32),
    }
    moment = snapshot(weights=LAYERS, gradients=LAYERS, updates=updates)
    tensors.write_gradients(writer, moment)
    tags = read(writer)
    assert count(tags["gradients/hidden1"]) == 6
    ((step, first),) = tags["update_ratio/hidden1"]
    ((_, last),) = tags["update_ratio/logits"]
    assert step == 3
    assert first == pytest.approx(np.sqrt(0.06 / 55))
    assert last == pytest.approx(0.5 / np.sqrt(24))


@pytest.mark.parametrize("value", [0, np.nan])
def test_weights_without_size_have_no_update_ratio(
    writer, read, snapshot, value
):
    weights = {"logits": np.full((2, 2), value, np.float32)}
    updates = {"logits": np.ones((2, 2), np.float32)}
    moment = snapshot(weights=weights, gradients=updates, updates=updates)
    tensors.write_gradients(writer, moment)
    assert read(writer).keys() == {"gradients/logits"}


def test_dead_units_are_a_share_of_each_hidden_layer(writer, read, snapshot):
    outputs = np.zeros((4, 2, 2, 4), np.float32)
    outputs[1, 0, 1, 2] = 0.5  # one place of one image keeps a channel alive
    moment = snapshot(
        activations={"conv1": outputs}, inspector=inspector(conv1="relu")
    )
    tensors.write_activations(writer, moment)
    tags = read(writer)
    assert count(tags["activations/conv1"]) == 64
    assert tags["dead_units/conv1"] == [(3, 0.75)]


def inspector(**names):
    return SimpleNamespace(activation_names=names)
