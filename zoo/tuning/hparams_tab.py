"""TensorBoard's HParams tab of a sweep: its columns.

Each trial writes its own row, as every run does. An event file in the sweep's
folder declares the columns: first the hyperparameters, each with all its
values, then the common options of training, and the scores.
"""

from __future__ import annotations

from typing import Any

from tensorboard.plugins.hparams import api_pb2

from zoo.config import BOOL, OPTIONS
from zoo.options import FLOAT, INT, INT_OR_AUTO, INT_OR_FULL
from zoo.runs import SweepFolder
from zoo.summaries import hparams, registry
from zoo.summaries.events import EventWriter
from zoo.tuning.space import ARGUMENT, HyperParameter
from zoo.tuning.sweep_config import SweepConfig

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
    """Declares the columns, once; not if trials write no hyperparameters."""
    summaries = registry.select(settings.config.summaries, ("classes",))
    if "hparams" not in {kind.name for kind in summaries}:
        return
    if any(folder.path.glob("events.out.tfevents.*")):
        return
    writer = EventWriter(folder.path)
    writer.add(hparams.declare(experiment(settings)), 0)
    writer.close()


def experiment(settings: SweepConfig) -> api_pb2.Experiment:
    """Returns the columns of a sweep's table."""
    columns = [_searched(hp) for hp in settings.search_space.hyperparameters]
    names = {column.name for column in columns}
    columns += [
        _common(name) for name in _common_options() if name not in names
    ]
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


def _searched(hp: HyperParameter) -> api_pb2.HParamInfo:
    """Returns the column of a hyperparameter, with all its values."""
    name = hp.name.removeprefix(ARGUMENT)
    info = api_pb2.HParamInfo(name=name, description=hp.text, differs=True)
    if not hp.values:
        info.type = api_pb2.DATA_TYPE_FLOAT64
        info.domain_interval.min_value = hp.low
        info.domain_interval.max_value = hp.high
        return info
    cells = [hparams.to_hparam(value) for value in hp.values]
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


def _common_options() -> list[str]:
    """Returns the common options that a run's line has."""
    return [
        name
        for name, option in OPTIONS.items()
        if option.common and name not in hparams.PATH_OPTIONS
    ]


def _common(name: str) -> api_pb2.HParamInfo:
    kind = OPTIONS[name].type
    info = api_pb2.HParamInfo(name=name, description=OPTIONS[name].help)
    info.type = api_pb2.DATA_TYPE_STRING
    if kind in NUMERIC:
        info.type = api_pb2.DATA_TYPE_FLOAT64
    elif kind is BOOL:
        info.type = api_pb2.DATA_TYPE_BOOL
    return info
