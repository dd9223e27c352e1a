"""Kinds of numbers: logits, weights, gradients, activations."""

from types import SimpleNamespace

import numpy as np
import pytest

from zoo.summaries import activations, gradients, logits, weights

LAYERS = {
    "hidden1": np.arange(6, dtype=np.float32).reshape(2, 3),
    "logits": np.full((3, 2), 2, np.float32),
}


def count(points):
    """How many numbers the buckets of the one point of a tag hold."""
    ((step, buckets),) = points
    assert step == 3
    return buckets[:, 2].sum()


def test_margins_are_split_by_whether_the_answer_is_right(log, read, snapshot):
    logits.write(log, snapshot())
    tags = read(log)
    assert {tag: count(points) for tag, points in tags.items()} == {
        "logits": 12, "margins": 4, "margins/right": 3, "margins/wrong": 1,
    }  # fmt: skip
    assert tags["margins/wrong"][0][1][:, 1].max() <= 0 + 1e-6


def test_margins_of_right_answers_alone_leave_no_tag_for_wrong(
    log, read, snapshot
):
    logits.write(log, snapshot(labels=np.array([0, 1, 1, 2])))
    assert read(log).keys() == {"logits", "margins", "margins/right"}


def test_a_regression_has_logits_and_no_margins(log, read, snapshot):
    moment = snapshot(
        class_names=(),
        labels=np.zeros((4,), np.float32),
        logits=np.ones((4, 1), np.float32),
    )
    logits.write(log, moment)
    assert read(log).keys() == {"logits"}


def test_each_layer_has_a_histogram_of_its_weights(log, read, snapshot):
    weights.write(log, snapshot(weights=LAYERS))
    tags = read(log)
    assert count(tags["weights/hidden1"]) == 6
    assert count(tags["weights/logits"]) == 6
    assert len(tags) == 2


def test_weights_that_are_no_numbers_are_left_out(log, read, snapshot):
    broken = {"a": np.array([1, np.nan, np.inf]), "b": np.array([np.nan])}
    weights.write(log, snapshot(weights=broken))
    tags = read(log)
    assert tags.keys() == {"weights/a"}
    assert count(tags["weights/a"]) == 1


def test_the_update_ratio_is_the_quotient_of_two_norms(log, read, snapshot):
    updates = {
        "hidden1": np.full((2, 3), 0.1, np.float32),
        "logits": np.array([[0.3, 0], [0, 0.4], [0, 0]], np.float32),
    }
    moment = snapshot(weights=LAYERS, gradients=LAYERS, updates=updates)
    gradients.write(log, moment)
    tags = read(log)
    assert count(tags["gradients/hidden1"]) == 6
    ((step, first),) = tags["update_ratio/hidden1"]
    ((_, last),) = tags["update_ratio/logits"]
    assert step == 3
    assert first == pytest.approx(np.sqrt(0.06 / 55))
    assert last == pytest.approx(0.5 / np.sqrt(24))


@pytest.mark.parametrize("value", [0, np.nan])
def test_weights_without_size_have_no_update_ratio(log, read, snapshot, value):
    weights = {"logits": np.full((2, 2), value, np.float32)}
    updates = {"logits": np.ones((2, 2), np.float32)}
    moment = snapshot(weights=weights, gradients=updates, updates=updates)
    gradients.write(log, moment)
    assert read(log).keys() == {"gradients/logits"}


def test_dead_units_are_a_share_of_each_hidden_layer(log, read, snapshot):
    outputs = np.zeros((4, 2, 2, 4), np.float32)
    outputs[1, 0, 1, 2] = 0.5  # one place of one image keeps a channel alive
    moment = snapshot(activations={"conv1": outputs}, view=view(conv1="relu"))
    activations.write(log, moment)
    tags = read(log)
    assert count(tags["activations/conv1"]) == 64
    assert tags["dead_units/conv1"] == [(3, 0.75)]


def view(**functions):
    return SimpleNamespace(functions=functions)
