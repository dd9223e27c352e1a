"""Kind `hparams`: options and result in TensorBoard's table of runs.

Each run is a line of its own, called as the run is, since this is written
into the run's own folder. The table takes the scores from the curves below
that, `train` and `val`.
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
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot

# What says where things lie, and changes nothing in what is learned.
PLACES = ("data_dir", "runs_dir", "run_name", "checkpoint_every")
# What stands for an option beside which another has no use for it, so that no
# line of the table has a hole: a value that changes nothing.
NEUTRAL = {
    "momentum": 0.0,
    "schedule_epochs": "none",
    "schedule_factor": 1.0,
    "schedule_end": 0.0,
    "label_smoothing": 0.0,
    "crop_padding": "none",
}


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes the options before the first update, and that training ended."""
    if snapshot.step == 0:
        log.add(start(options(snapshot.config)), 0)
    if snapshot.last:
        log.add(end(), snapshot.step)


def options(config: dict[str, Any]) -> dict[str, bool | float | str]:
    """Returns the options that have a value, each as TensorBoard takes it."""
    model_arg = dict(config.get("model_arg") or {})
    flat = {**config, "model_arg": None, **model_arg}
    for name, neutral in NEUTRAL.items():
        if name in flat and flat[name] is None:
            flat[name] = neutral
    return {
        name: cell(value)
        for name, value in flat.items()
        if value is not None and value != () and _matters(name)
    }


def cell(value: Any) -> bool | float | str:
    """Returns the value of an option as TensorBoard takes it."""
    if isinstance(value, bool | int | float):
        return value
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def start(values: dict[str, bool | float | str]) -> Summary:
    """Returns the line of a run: its options, and when it began."""
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
    """Returns the news that a run has come to its end."""
    info = SessionEndInfo(status=STATUS_SUCCESS, end_time_secs=time.time())
    data = HParamsPluginData(session_end_info=info)
    return _summary(metadata.SESSION_END_INFO_TAG, data)


def declare(experiment: api_pb2.Experiment) -> Summary:
    """Returns the columns of a table whose runs belong together."""
    data = HParamsPluginData(experiment=experiment)
    return _summary(metadata.EXPERIMENT_TAG, data)


def _summary(tag: str, data: HParamsPluginData) -> Summary:
    value = Summary.Value(
        tag=tag,
        metadata=metadata.create_summary_metadata(data),
        tensor=metadata.NULL_TENSOR,
    )
    return Summary(value=[value])


def _matters(name: str) -> bool:
    shows = name in OPTIONS and OPTIONS[name].group == "summaries"
    return name not in PLACES and not shows
