"""The options of a run: the HParams tab, and a table as text.

Each run is a row of the HParams tab, `RUN/train`: its options are beside the
training curves, so that a run has two entries in TensorBoard and not three. The
tab takes the metrics from there too; those of the best epoch are scalars
`best/val_accuracy` and `best/val_loss`.
"""

from __future__ import annotations

import time
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.api_pb2 import STATUS_SUCCESS
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)

from zoo.config import OPTIONS
from zoo.summaries.events import EventWriter
from zoo.summaries.inspector import Snapshot

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
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


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


def _format(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else value
    return str(text).replace("|", "\\|")
