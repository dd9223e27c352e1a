"""The columns of a sweep in TensorBoard's own table."""

import pytest
from tensorboard.plugins.hparams import api_pb2

from tests import hparams_table
from tests.unit.tuning.sweeping import begin, settings
from zoo.summaries import tabs
from zoo.summaries.events import EventWriter
from zoo.tuning import plots

SPACE = (
    "learning_rate=log:1e-4:1e-1",
    "optimizer=momentum,adam",
    "momentum=0.5,0.9",
    "model_arg.hidden=8,(8,8)",
)


def columns(tmp_path, *space):
    """Returns the columns of a sweep by name."""
    asked = settings(tmp_path, space=space or SPACE)
    return {one.name: one for one in plots.table_columns(asked).hparam_infos}


def test_a_range_is_an_interval_from_end_to_end(tmp_path):
    rate = columns(tmp_path)["learning_rate"]
    assert rate.type == api_pb2.DATA_TYPE_FLOAT64
    assert rate.domain_interval.min_value == 1e-4
    assert rate.domain_interval.max_value == 1e-1


@pytest.mark.parametrize(
    ("name", "text", "kind", "values"),
    [
        ("optimizer", "momentum,adam", "STRING", ["momentum", "adam"]),
        ("momentum", "0.5,0.9", "FLOAT64", [0.5, 0.9]),
        ("model_arg.hidden", "8,(8,8)", "STRING", [8, "8, 8"]),
        ("model_arg.bias", "True,False", "BOOL", [True, False]),
    ],
)
def test_listed_values_are_all_that_a_column_may_have(
    tmp_path, name, text, kind, values
):
    found = columns(tmp_path, f"{name}={text}")[name.rpartition(".")[2]]
    assert api_pb2.DataType.Name(found.type) == f"DATA_TYPE_{kind}"
    assert list(found.domain_discrete) == values


def test_what_is_searched_stands_before_what_is_fixed(tmp_path):
    found = columns(tmp_path)
    searched = [name for name, info in found.items() if info.differs]
    assert searched == list(found)[: len(searched)]
    assert set(searched) == {"learning_rate", "optimizer", "momentum", "hidden"}
    assert {"model", "dataset", "epochs"} <= set(found)


def test_the_scores_of_both_splits_are_columns(tmp_path):
    found = plots.table_columns(settings(tmp_path))
    assert [m.name.tag for m in found.metric_infos] == list(plots.SCORES)


def write_trial(folder, number, **options):
    """Writes what a trial's run writes for the table."""
    writer = EventWriter(folder.path / f"trial-{number:03d}" / "train")
    writer.add(tabs.start(tabs.options(options)), 0)
    writer.scalar("best/val_accuracy", number / 10, 5, "about")
    writer.close()


def test_every_trial_is_one_line_with_every_value(tmp_path):
    asked = settings(tmp_path, space=SPACE)
    folder = begin(asked)
    plots.declare_columns(folder, asked)
    first = {"learning_rate": 0.1, "model_arg": {"hidden": (8, 8)}}
    write_trial(folder, 1, **first, optimizer="adam", momentum=None)
    second = {"learning_rate": 0.2, "model_arg": {"hidden": 8}}
    write_trial(folder, 2, **second, optimizer="momentum", momentum=0.9)
    _, found, lines = hparams_table.read(folder.path)
    searched = [info.name for info in found.hparam_infos if info.differs]
    lines = {line.name: line for line in lines}
    assert sorted(lines) == ["trial-001/train", "trial-002/train"]
    for line in lines.values():
        assert set(searched) <= set(line.hparams)
    assert lines["trial-001/train"].hparams["momentum"].number_value == 0
    (score,) = lines["trial-002/train"].metric_values
    assert score.value == pytest.approx(0.2)


def test_columns_are_declared_once(tmp_path):
    asked = settings(tmp_path)
    folder = begin(asked)
    for _ in range(2):
        plots.declare_columns(folder, asked)
    assert len(list(folder.path.glob("events.*"))) == 1


def test_nothing_is_declared_where_trials_show_no_options(tmp_path):
    asked = settings(tmp_path)
    quiet = asked.config.replace(summaries=("scalars",))
    folder = begin(asked)
    plots.declare_columns(folder, settings(tmp_path, config=quiet))
    assert not list(folder.path.glob("events.*"))
