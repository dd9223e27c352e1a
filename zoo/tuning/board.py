"""What TensorBoard's tab HParams shows of a sweep: its columns.

Each trial writes its own line, as every run does. An event file in the
sweep's folder declares the columns: what is searched first, each with all
that it may be, then the everyday options of training; and the scores.
"""

from __future__ import annotations

from typing import Any

from tensorboard.plugins.hparams import api_pb2

from zoo.config import BOOL, OPTIONS
from zoo.options import FLOAT, INT, INT_OR_AUTO, INT_OR_FULL
from zoo.runs import SweepFolder
from zoo.summaries import hparams, registry
from zoo.summaries.events import EventWriter
from zoo.tuning.dimension import ARGUMENT, Dimension
from zoo.tuning.settings import SweepConfig

NUMERIC = (FLOAT, INT, INT_OR_FULL, INT_OR_AUTO)
# Scores by their tag in `train`, where the options are, and their heads. Of a
# curve TensorBoard knows the last point alone.
SCORES = {
    "best/val_accuracy": "validation accuracy, best epoch",
    "best/val_loss": "validation loss, best epoch",
    "accuracy": "last training accuracy",
    "loss": "last training loss",
}


def declare(folder: SweepFolder, settings: SweepConfig) -> None:
    """Declares the columns, once; not if trials show no hyperparameters."""
    shown = registry.select(settings.config.summaries, ("classes",))
    if "hparams" not in {kind.name for kind in shown}:
        return
    if any(folder.path.glob("events.out.tfevents.*")):
        return
    writer = EventWriter(folder.path)
    writer.add(hparams.declare(experiment(settings)), 0)
    writer.close()


def experiment(settings: SweepConfig) -> api_pb2.Experiment:
    """Returns the columns of a sweep's table."""
    columns = [_searched(one) for one in settings.dimensions.dimensions]
    names = {column.name for column in columns}
    columns += [_everyday(name) for name in _others() if name not in names]
    return api_pb2.Experiment(
        name=settings.config.model,
        hparam_infos=columns,
        metric_infos=[
            api_pb2.MetricInfo(
                name=api_pb2.MetricName(tag=tag), display_name=words
            )
            for tag, words in SCORES.items()
            if not tag.endswith("accuracy")
            or settings.objective == "val_accuracy"
        ],
    )


def _searched(one: Dimension) -> api_pb2.HParamInfo:
    """Returns the column of a dimension, with all that it may be."""
    name = one.name.removeprefix(ARGUMENT)
    info = api_pb2.HParamInfo(name=name, description=one.text, differs=True)
    if not one.values:
        info.type = api_pb2.DATA_TYPE_FLOAT64
        info.domain_interval.min_value = one.low
        info.domain_interval.max_value = one.high
        return info
    cells = [hparams.to_hparam(value) for value in one.values]
    info.type = _type_of(cells)
    info.domain_discrete.extend(cells)
    return info


def _type_of(cells: list[Any]) -> int:
    """Returns the type of a column that has all these values."""
    if all(isinstance(cell, bool) for cell in cells):
        return api_pb2.DATA_TYPE_BOOL
    if all(
        isinstance(cell, int | float) and not isinstance(cell, bool)
        for cell in cells
    ):
        return api_pb2.DATA_TYPE_FLOAT64
    return api_pb2.DATA_TYPE_STRING


def _others() -> list[str]:
    """Returns the everyday options that a run's line has."""
    return [
        name
        for name, option in OPTIONS.items()
        if option.common and name not in hparams.PATH_OPTIONS
    ]


def _everyday(name: str) -> api_pb2.HParamInfo:
    kind = OPTIONS[name].type
    info = api_pb2.HParamInfo(name=name, description=OPTIONS[name].help)
    info.type = api_pb2.DATA_TYPE_STRING
    if kind in NUMERIC:
        info.type = api_pb2.DATA_TYPE_FLOAT64
    elif kind is BOOL:
        info.type = api_pb2.DATA_TYPE_BOOL
    return info
