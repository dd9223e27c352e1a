"""What each device of TensorFlow gets of a batch, and what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.errors import UserError
from zoo.training import mirrored


def shares(total, count):
    """Returns labels and rows of each share of one batch."""
    labels = np.arange(total)
    batches = tf.data.Dataset.from_tensors((labels[:, None], labels))
    return [
        (labels.tolist(), rows.tolist())
        for _, labels, rows in mirrored.split_batches(
            batches, count
        ).as_numpy_iterator()
    ]


@pytest.mark.parametrize(
    ("total", "count", "sizes"),
    [(45, 2, [23, 22]), (3, 2, [2, 1]), (5, 4, [2, 1, 1, 1]), (8, 2, [4, 4])],
)
def test_each_device_gets_rows_of_its_own(total, count, sizes):
    found = shares(total, count)
    assert [len(labels) for labels, _ in found] == sizes
    assert sum((labels for labels, _ in found), []) == list(range(total))
    for labels, rows in found:
        assert rows == [labels[0], total, 1]


def test_a_batch_smaller_than_the_devices_goes_whole_to_each():
    assert shares(2, 3) == [([0, 1], [0, 2, 3])] * 3


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (keras.layers.GaussianNoise(0.1, name="mine"), "draws random numbers"),
        (
            keras.layers.Dense(2, activity_regularizer="l2", name="mine"),
            "has an activity regularizer",
        ),
    ],
)
def test_a_layer_that_shares_would_change_is_refused_by_name(layer, reason):
    inner = keras.Sequential([keras.Input((3,)), layer])
    model = keras.Sequential([keras.Input((3,)), inner])
    with pytest.raises(UserError, match=f"layer mine {reason}"):
        mirrored.check(model)


def test_dropout_and_batch_norm_are_not_refused():
    layers = [keras.layers.Dropout(0.5), keras.layers.BatchNormalization()]
    mirrored.check(keras.Sequential([keras.Input((3,)), *layers]))


class Block(keras.layers.Layer):
    """A layer with layers of its own."""

    def __init__(self):
        super().__init__()
        self.norm = keras.layers.BatchNormalization()
        self.drop = keras.layers.Dropout(0.5, name="mine")

    def call(self, inputs):
        return self.drop(self.norm(inputs))


def test_dropout_inside_of_a_layer_is_refused_by_name():
    model = keras.Sequential([keras.Input((3,)), Block()])
    with pytest.raises(UserError, match="layer mine draws random numbers"):
        mirrored.check(model)


def test_batch_norm_inside_of_a_layer_is_synchronized():
    block = Block()
    mirrored.synchronize(keras.Sequential([keras.Input((3,)), block]))
    assert block.norm.synchronized
