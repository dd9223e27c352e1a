"""Kind `graph`: the model as a graph of its layers.

TensorBoard opens it in its Graphs tab: preprocessing and network in one, with
a box for each part of several layers, and shapes on the edges. It could read
the JSON of Keras too, but fails where an operation has a constant beside its
inputs, and shows an error until a user asks for what it calls conceptual.
"""

from __future__ import annotations

from collections.abc import Iterable

import keras
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

from zoo.models.layers import stage_of
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot

Givers = dict[int, str]  # by the id of a tensor: the node that gives it


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes the graph, once, before the first update."""
    if snapshot.step == 0:
        log.graph(definition(snapshot.view.model))


def definition(model: keras.Model) -> GraphDef:
    """Returns a graph with one node for each operation of a model."""
    graph = GraphDef()
    _add_model(graph, model, {})
    return graph


def _add_model(graph: GraphDef, model: keras.Model, givers: Givers) -> None:
    """Adds the operations of a model, and those of models inside it."""
    for operation in model.operations:
        # A model's `input` is what it was made of; here is what it is given.
        call = operation._inbound_nodes[0]
        if isinstance(operation, keras.Model):
            _pass_on(givers, call.input_tensors, operation.inputs)
            _add_model(graph, operation, givers)
            _pass_on(givers, operation.outputs, call.output_tensors)
        elif id(call.output_tensors[0]) not in givers:
            sources = [givers[id(x)] for x in call.input_tensors]
            name = _name(operation, sources)
            _add_node(graph, name, operation, sources, call.output_tensors)
            givers.update((id(x), name) for x in call.output_tensors)


def _pass_on(givers: Givers, outer: Iterable, inner: Iterable) -> None:
    for one, other in zip(outer, inner, strict=True):
        givers[id(other)] = givers[id(one)]


def _name(operation: keras.Operation, sources: list[str]) -> str:
    """Names a node; what comes before a slash is the box that it is in."""
    name = operation.name
    if isinstance(operation, keras.layers.Layer):
        part = stage_of(name)
    else:
        # It has a name of Keras's, and belongs to what it works on.
        part = sources[0].split("/")[0]
    return name if part == name else f"{part}/{name}"


def _add_node(
    graph: GraphDef,
    name: str,
    operation: keras.Operation,
    sources: list[str],
    outputs: Iterable[keras.KerasTensor],
) -> None:
    node = graph.node.add(
        name=name, op=type(operation).__name__, input=dict.fromkeys(sources)
    )
    shapes = node.attr["_output_shapes"].list.shape
    for output in outputs:
        # The size of a batch is left open, which is -1 here.
        sizes = [-1 if size is None else size for size in output.shape]
        dims = [TensorShapeProto.Dim(size=size) for size in sizes]
        shapes.append(TensorShapeProto(dim=dims))
