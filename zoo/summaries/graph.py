"""The model as a graph of its layers, for TensorBoard's Graphs tab.

It shows preprocessing and network in one graph, with a box for each stage of
several layers, and shapes on the edges. TensorBoard can read the JSON of Keras
too, but fails on operations with constant inputs, and shows an error until a
user selects the conceptual graph.
"""

from __future__ import annotations

from collections.abc import Iterable

import keras
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

from zoo.models.layers import stage_of
from zoo.summaries.events import EventWriter
from zoo.summaries.inspector import Snapshot

Producers = dict[int, str]  # by the id of a tensor: the node that outputs it


def write_graph(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the graph, once, before the first step."""
    if snapshot.step == 0:
        writer.graph(graph_of(snapshot.inspector.model))


def graph_of(model: keras.Model) -> GraphDef:
    """Returns a graph with one node for each operation of a model."""
    graph = GraphDef()
    _add_model(graph, model, {})
    return graph


def _add_model(
    graph: GraphDef, model: keras.Model, producers: Producers
) -> None:
    """Adds the operations of a model, and those of models inside it."""
    for operation in model.operations:
        # A model's `input` is symbolic; the call has its actual inputs.
        call = operation._inbound_nodes[0]
        if isinstance(operation, keras.Model):
            _forward(producers, call.input_tensors, operation.inputs)
            _add_model(graph, operation, producers)
            _forward(producers, operation.outputs, call.output_tensors)
        elif id(call.output_tensors[0]) not in producers:
            sources = [producers[id(x)] for x in call.input_tensors]
            name = _name(operation, sources)
            _add_node(graph, name, operation, sources, call.output_tensors)
            producers.update((id(x), name) for x in call.output_tensors)


def _forward(producers: Producers, outer: Iterable, inner: Iterable) -> None:
    for source, target in zip(outer, inner, strict=True):
        producers[id(target)] = producers[id(source)]


def _name(operation: keras.Operation, sources: list[str]) -> str:
    """Returns the name of a node; its box is before the slash."""
    name = operation.name
    if isinstance(operation, keras.layers.Layer):
        stage = stage_of(name)
    else:
        # Keras named it; it belongs to the stage of its input.
        stage = sources[0].split("/")[0]
    return name if stage == name else f"{stage}/{name}"


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
        # The batch size is unknown, which is -1 here.
        sizes = [-1 if size is None else size for size in output.shape]
        dims = [TensorShapeProto.Dim(size=size) for size in sizes]
        shapes.append(TensorShapeProto(dim=dims))
