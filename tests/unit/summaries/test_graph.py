"""The graph that TensorBoard draws has every layer, edge and shape."""

import types

import keras
import pytest
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from zoo.models import create_model
from zoo.summaries import tabs


def in_a_run(name, shape):
    """Preprocessing and a network inside, as in every run."""
    body = create_model(name, 3, shape)
    body.name = "network"
    inputs = keras.Input(shape, name="image")
    x = keras.layers.Rescaling(1 / 255, name="scale")(inputs)
    return keras.Model(inputs, body(x), name=name)


def nodes_of(model):
    return {node.name: node for node in tabs.graph_of(model).node}


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("lr", (8, 8, 1)),
        ("lenet5", (28, 28, 1)),
        ("resnet20", (8, 8, 3)),
        ("alexnet_lite", (32, 32, 3)),
        ("inception", (8, 8, 3)),
        ("googlenet", (64, 64, 3)),
    ],
)
def test_every_layer_is_a_node_whose_inputs_are_nodes(name, shape):
    model = in_a_run(name, shape)
    body = model.layers[-1]
    nodes = nodes_of(model)
    layers = {name.rsplit("/")[-1] for name in nodes}
    inside = {x.name for x in body.operations if x is not body.layers[0]}
    assert layers == inside | {"image", "scale"}
    assert len(nodes) == len(layers)
    assert {x for node in nodes.values() for x in node.input} <= set(nodes)
    assert [n for n in nodes if not nodes[n].input] == ["image"]


def test_the_network_goes_on_where_preprocessing_ends():
    nodes = nodes_of(in_a_run("lenet5", (28, 28, 1)))
    assert list(nodes["conv1"].input) == ["scale"]
    assert list(nodes["conv1/conv1_activation"].input) == ["conv1"]


def test_nodes_say_what_they_are_and_what_they_give():
    node = nodes_of(in_a_run("lenet5", (28, 28, 1)))["conv1"]
    assert node.op == "Conv2D"
    (shape,) = node.attr["_output_shapes"].list.shape
    assert [dim.size for dim in shape.dim] == [-1, 28, 28, 6]


def test_both_inputs_of_a_shortcut_are_edges():
    nodes = nodes_of(in_a_run("resnet20", (8, 8, 3)))
    sums = [node for node in nodes.values() if node.op == "Add"]
    assert sums and all(len(set(node.input)) == 2 for node in sums)


def test_layers_of_a_block_are_in_its_box():
    nodes = nodes_of(in_a_run("resnet20", (8, 8, 3)))
    assert "group1_block2/group1_block2_conv1" in nodes


def test_it_is_written_before_training_alone(snapshot, writer):
    inspector = types.SimpleNamespace(model=in_a_run("lr", (8, 8, 1)))
    tabs.write_graph(writer, snapshot(step=7, last=True))
    tabs.write_graph(writer, snapshot(step=0, inspector=inspector))
    writer.flush()
    events = EventAccumulator(str(writer.path.parent)).Reload()
    assert [node.op for node in events.Graph().node][-1] == "Dense"


def test_a_layer_that_is_applied_twice_is_a_node_for_each_call():
    inputs = keras.Input((4,), name="numbers")
    relu = keras.layers.ReLU(name="relu")
    x = relu(keras.layers.Dense(4, name="first")(inputs))
    x = relu(keras.layers.Dense(4, name="second")(x))
    outputs = keras.layers.Dense(2, name="logits")(x)
    nodes = nodes_of(keras.Model(inputs, outputs))
    sources = {name: list(node.input) for name, node in nodes.items()}
    assert sources == {
        "numbers": [],
        "first": ["numbers"],
        "relu": ["first"],
        "second": ["relu"],
        "relu_1": ["second"],
        "logits": ["relu_1"],
    }


def test_each_call_of_an_inner_model_is_a_box_of_its_own():
    inside = keras.Input((4,), name="inside")
    hidden = keras.layers.Dense(4, name="first")(inside)
    inner = keras.Model(inside, keras.ops.exp(hidden), name="inner")
    inputs = keras.Input((4,), name="numbers")
    x = keras.layers.Dense(4, name="first")(inputs)
    outputs = keras.layers.Dense(2, name="logits")(inner(inner(x)))
    nodes = nodes_of(keras.Model(inputs, outputs))
    (exp,) = {x.name for x in inner.operations if type(x).__name__ == "Exp"}
    sources = {name: list(node.input) for name, node in nodes.items()}
    assert sources == {
        "numbers": [],
        "first": ["numbers"],
        "inner/first": ["first"],
        f"inner/first/{exp}": ["inner/first"],
        "inner_1/first": [f"inner/first/{exp}"],
        f"inner_1/first/{exp}": ["inner_1/first"],
        "logits": [f"inner_1/first/{exp}"],
    }


def test_a_sequential_model_inside_is_a_box_and_a_subclass_a_node():
    class Twice(keras.Model):
        def call(self, inputs):
            return 2 * inputs

    inner = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, name="first")], name="inner"
    )
    inputs = keras.Input((4,), name="numbers")
    outputs = Twice(name="twice")(inner(inputs))
    nodes = nodes_of(keras.Model(inputs, outputs))
    assert list(nodes) == ["numbers", "inner/first", "twice"]
    assert nodes["twice"].op == "Twice"
