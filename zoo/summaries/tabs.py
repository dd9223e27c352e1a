"""TensorBoard tabs of a run besides its curves: HParams, Graphs, Projector.

HParams: each run is a row of the tab, `RUN/train`: its options are beside the
training curves, so that a run has two entries in TensorBoard and not three. The
tab takes the metrics from there too; those of the best epoch are scalars
`best/val_accuracy` and `best/val_loss`. The options are a table of text, too.
"""

from __future__ import annotations

import io
import math
import pathlib
import time
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.api_pb2 import STATUS_SUCCESS
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)
from tensorboard.plugins.text.summary import text_pb

from zoo.config import OPTIONS
from zoo.io import atomic_write
from zoo.models.build import NETWORK
from zoo.models.graph import as_functional, calls_of, unused_name
from zoo.models.layers import stage_of
from zoo.summaries import drawing
from zoo.summaries.events import EventWriter
from zoo.summaries.inspector import ScoredExamples, Snapshot

CONFIG = (
    "Every option of this run, as resolved from flags, recipe and defaults."
)
HPARAMS = "Options and status of this run, for the HParams tab."

# Options of where files are, which change nothing in training.
PATH_OPTIONS = ("data_dir", "runs_dir", "run_name", "checkpoint_every")
# Neutral values of options that depend on another one and have no effect, so
# that no cell of the table is empty.
NEUTRAL = {
    "momentum": 0.0,
    "schedule_epochs": "none",
    "schedule_factor": 1.0,
    "schedule_end": 0.0,
    "label_smoothing": 0.0,
    "crop_padding": "none",
}


def write_hparams(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the options before the first step, and the end of training."""
    if snapshot.step == 0:
        writer.add(start(options(snapshot.config)), 0)
    if snapshot.last:
        writer.add(end(), snapshot.step)


def options(config: dict[str, Any]) -> dict[str, bool | float | str]:
    """Returns the options that have a value, in types of TensorBoard."""
    model_arg = dict(config.get("model_arg") or {})
    flat = {**config, "model_arg": None, **model_arg}
    for name, neutral in NEUTRAL.items():
        if name in flat and flat[name] is None:
            flat[name] = neutral
    return {
        name: to_hparam(value)
        for name, value in flat.items()
        if value is not None and value != () and _is_hyperparameter(name)
    }


def to_hparam(value: Any) -> bool | float | str:
    """Returns the value of an option in a type of TensorBoard."""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def start(values: dict[str, bool | float | str]) -> Summary:
    """Returns the row of a run: its options, and when it started."""
    info = SessionStartInfo(start_time_secs=time.time())
    for name, value in values.items():
        field = info.hparams[name]
        if isinstance(value, bool):
            field.bool_value = value
        elif isinstance(value, str):
            field.string_value = value
        else:
            field.number_value = value
    data = HParamsPluginData(session_start_info=info)
    return _summary(metadata.SESSION_START_INFO_TAG, data)


def end() -> Summary:
    """Returns the status of a run that has ended."""
    info = SessionEndInfo(status=STATUS_SUCCESS, end_time_secs=time.time())
    data = HParamsPluginData(session_end_info=info)
    return _summary(metadata.SESSION_END_INFO_TAG, data)


def declare(experiment: api_pb2.Experiment) -> Summary:
    """Returns the columns of the table of a sweep."""
    data = HParamsPluginData(experiment=experiment)
    return _summary(metadata.EXPERIMENT_TAG, data)


def _summary(tag: str, data: HParamsPluginData) -> Summary:
    plugin = metadata.create_summary_metadata(data)
    plugin.summary_description = HPARAMS
    value = Summary.Value(tag=tag, metadata=plugin, tensor=metadata.NULL_TENSOR)
    return Summary(value=[value])


def _is_hyperparameter(name: str) -> bool:
    shows = name in OPTIONS and OPTIONS[name].group == "summaries"
    return name not in PATH_OPTIONS and not shows


def write_config(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the text `config`, once, before the first step."""
    if snapshot.step == 0:
        writer.text("config", config_table(snapshot.config), 0, CONFIG)


def config_table(config: dict[str, Any]) -> str:
    """Returns a Markdown table of the options that have a value."""
    rows = [
        f"| `{name}` | {_format(value)} |"
        for name, value in config.items()
        if value not in (None, {}, ())
    ]
    return "\n".join(["| option | value |", "| --- | --- |", *rows])


def renew(event: Event, config: dict[str, Any]) -> Event | None:
    """Returns an event of a run as that of a run that continues it.

    TensorBoard shows the first options that it finds: those of the new run
    replace the old ones. The status at the end is left out, as the new run
    has one of its own.

    Args:
        event: of the run that is continued.
        config: every option of the new run, as resolved.
    """
    tags = {value.tag for value in event.summary.value}
    if metadata.SESSION_END_INFO_TAG in tags:
        return None
    if metadata.SESSION_START_INFO_TAG in tags:
        summary = start(options(config))
    elif "config" in tags:
        summary = text_pb("config", config_table(config), CONFIG)
    else:
        return event
    return Event(summary=summary, step=event.step, wall_time=event.wall_time)


def _format(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else value
    return str(text).replace("|", "\\|")


# The model as a graph of its layers, for TensorBoard's Graphs tab.
#
# It shows preprocessing and network in one graph, with a box for each stage of
# several layers, and shapes on the edges. TensorBoard can read the JSON of
# Keras too, but fails on operations with constant inputs, and shows an error
# until a user selects the conceptual graph.


Producers = dict[int, str]  # by the id of a tensor: the node that outputs it


def write_graph(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the graph, once, before the first step."""
    if snapshot.step == 0:
        writer.graph(graph_of(snapshot.inspector.model))


def graph_of(model: keras.Model) -> GraphDef:
    """Returns a graph with one node for each call of an operation.

    A layer that is applied again has a number behind its name. Nodes of a
    model inside the network are in a box with the name of that model.
    """
    graph = GraphDef()
    _add_model(graph, model, {}, "", set())
    return graph


def _add_model(
    graph: GraphDef,
    model: keras.Model,
    producers: Producers,
    prefix: str,
    names: set[str],
) -> None:
    """Adds the calls of a functional model, and those of models inside it.

    Args:
        producers: of the inputs of the model, unless it is the whole one; gets
            those of its other tensors.
        prefix: of the names of its nodes, empty or with a slash at the end.
        names: of all nodes and boxes so far.
    """
    for call in calls_of(model):
        operation = call.operation
        inner = as_functional(operation)
        if inner is not None:
            # The tensors inside a model are symbolic and the same in each
            # call of it; the call has the actual inputs.
            inside: Producers = {}
            _forward(producers, call.input_tensors, inside, inner.inputs)
            box = prefix
            if operation.name != NETWORK:
                box = f"{unused_name(prefix + operation.name, names)}/"
            _add_model(graph, inner, inside, box, names)
            _forward(inside, inner.outputs, producers, call.output_tensors)
        elif id(call.output_tensors[0]) not in producers:
            sources = [producers[id(x)] for x in call.input_tensors]
            name = unused_name(_name(operation, sources, prefix), names)
            _add_node(graph, name, operation, sources, call.output_tensors)
            producers.update((id(x), name) for x in call.output_tensors)


def _forward(
    known: Producers, sources: Iterable, producers: Producers, targets: Iterable
) -> None:
    for source, target in zip(sources, targets, strict=True):
        producers[id(target)] = known[id(source)]


def _name(operation: keras.Operation, sources: list[str], prefix: str) -> str:
    """Returns the name of a node; its box is before the slash."""
    name = operation.name
    if isinstance(operation, keras.layers.Layer):
        stage = stage_of(name)
    elif sources[0].startswith(prefix):
        # Keras named it; it belongs to the stage of its input.
        stage = sources[0].removeprefix(prefix).split("/")[0]
    else:
        stage = name  # its input is outside the model
    return prefix + (name if stage == name else f"{stage}/{name}")


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


# Features of the validation set, for TensorBoard's Projector tab.
#
# The files are in the folder of the event file: features, labels and
# predictions, and thumbnails of images.


MAX_EXAMPLES = 1_000
MAX_FEATURES = 200  # numbers an example, all of which a browser handles
SIDE = 40  # pixels, about, of a thumbnail
CONFIG_FILE = "projector_config.pbtxt"  # the name that TensorBoard expects


def write_projector(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the files, once, at the end of training."""
    if not snapshot.last:
        return
    scored = snapshot.scored
    examples = ScoredExamples(
        scored.inputs[:MAX_EXAMPLES],
        scored.labels[:MAX_EXAMPLES],
        scored.logits[:MAX_EXAMPLES],
    )
    features = snapshot.inspector.features(examples.inputs)
    if features is not None and np.isfinite(features).all():
        folder = writer.path.parent
        write_files(folder, examples, features, snapshot.class_names)


def write_files(
    folder: pathlib.Path,
    examples: ScoredExamples,
    features: np.ndarray,
    names: tuple[str, ...],
) -> None:
    """Writes the files, the config file last.

    Args:
        features: float `[N, F]` of the examples.
    """
    points = principal_components(features, MAX_FEATURES)
    files = {
        "features.tsv": _table(points),
        "labels.tsv": _labels(examples, names),
    }
    side = None
    if examples.inputs.ndim == 4:
        files["thumbnails.png"], side = sprite(examples.inputs)
    reduced = points.shape[1] < features.shape[1]
    name = f"{points.shape[1]} principal components of " if reduced else ""
    files[CONFIG_FILE] = _config(f"{name}features", points.shape, side)
    for file_name, content in files.items():
        with atomic_write(folder / file_name) as file:
            file.write(content)


def principal_components(features: np.ndarray, number: int) -> np.ndarray:
    """Returns the first principal components, or the features if fewer."""
    if features.shape[1] <= number:
        return features
    centered = features - features.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centered, full_matrices=False)
    return left[:, :number] * sizes[:number]


def sprite(images: np.ndarray) -> tuple[bytes, tuple[int, int]]:
    """Returns thumbnails in a square sheet as PNG, and (width, height) of one.

    Args:
        images: raw, 0..255, `[N, H, W, C]`.
    """
    pixels = drawing.to_rgb(drawing.to_pixels(images, 0, 255))
    tiles = drawing.resize(pixels, SIDE)
    count, height, width = tiles.shape[:3]
    columns = math.ceil(math.sqrt(count))  # the sprite must be square
    sheet = np.full((columns * columns, height, width, 3), 255, np.uint8)
    sheet[:count] = tiles
    sheet = sheet.reshape(columns, columns, height, width, 3)
    sheet = np.concatenate(np.concatenate(sheet, axis=1), axis=1)
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, "PNG")
    return file.getvalue(), (width, height)


def _table(points: np.ndarray) -> bytes:
    rows = ["\t".join(f"{x:.5g}" for x in point) for point in points]
    return ("\n".join(rows) + "\n").encode()


def _labels(examples: ScoredExamples, names: tuple[str, ...]) -> bytes:
    # A tab or a line break in a name would split it.
    names = [" ".join(name.split()) for name in names]
    predictions = examples.logits.argmax(axis=1)
    rows = [
        f"{names[true]}\t{names[predicted]}\t"
        f"{'yes' if true == predicted else 'no'}"
        for true, predicted in zip(examples.labels, predictions, strict=True)
    ]
    header = "label\tprediction\tcorrect"
    return ("\n".join([header, *rows]) + "\n").encode()


def _config(name: str, shape: tuple[int, int], side) -> bytes:
    thumbnails = ""
    if side:
        width, height = side
        thumbnails = (
            '  sprite {\n    image_path: "thumbnails.png"\n'
            f"    single_image_dim: {width}\n"
            f"    single_image_dim: {height}\n  }}\n"
        )
    return (
        "embeddings {\n"
        f'  tensor_name: "{name}"\n'
        '  tensor_path: "features.tsv"\n'
        f"  tensor_shape: {shape[0]}\n  tensor_shape: {shape[1]}\n"
        '  metadata_path: "labels.tsv"\n'
        f"{thumbnails}}}\n"
    ).encode()
