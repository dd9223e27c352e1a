"""Options and scores as TensorBoard's own table reads them."""

import pytest
from tensorboard.plugins.hparams import api_pb2

from tests import hparams_table
from zoo.config import OPTIONS
from zoo.summaries import tabs
from zoo.summaries.events import EventWriter


@pytest.fixture
def table(tmp_path):
    """TensorBoard's table of the runs of a test: tags, columns and lines."""
    return lambda: hparams_table.read(tmp_path)


def make_run(snapshot, folder, last=True, **config):
    """Event files of a run with one epoch."""
    writer, val = EventWriter(folder / "train"), EventWriter(folder / "val")
    tabs.write_hparams(writer, snapshot(step=0, config=config))
    val.scalar("accuracy", 0.5, 10, "about")
    if last:
        writer.scalar("best/val_accuracy", 0.75, 20, "about")
        tabs.write_hparams(writer, snapshot(step=20, last=True, config=config))
    writer.close()
    val.close()


def test_every_run_is_a_line_with_its_options_and_its_best_score(
    snapshot, table, tmp_path
):
    make_run(snapshot, tmp_path / "a", model="lr", l2=0.1, deterministic=True)
    make_run(snapshot, tmp_path / "b", model="mlp", l2=None, epochs=3)
    _, columns, lines = table()
    a, b = sorted(lines, key=lambda line: line.name)
    assert (a.name, b.name) == ("a/train", "b/train")
    assert a.hparams["model"].string_value == "lr"
    assert a.hparams["l2"].number_value == 0.1
    assert a.hparams["deterministic"].bool_value is True
    assert "l2" not in b.hparams and b.hparams["epochs"].number_value == 3
    (metric,) = a.metric_values
    assert (metric.name.group, metric.name.tag) == ("", "best/val_accuracy")
    assert metric.value == 0.75
    names = {info.name for info in columns.hparam_infos}
    assert names == {"model", "l2", "deterministic", "epochs"}


def test_a_run_that_ended_says_so(snapshot, table, tmp_path):
    # Their options are equal; each is a line all the same.
    make_run(snapshot, tmp_path / "a", model="lr")
    make_run(snapshot, tmp_path / "b", last=False, model="lr")
    ended, running = sorted(table()[2], key=lambda line: line.name)
    assert ended.sessions[0].status == api_pb2.STATUS_SUCCESS
    assert running.sessions[0].status != api_pb2.STATUS_SUCCESS


def test_nothing_is_doubled_by_a_resume(snapshot, table, tmp_path):
    end = snapshot(step=9, last=True, config={"model": "lr"})
    first = EventWriter(tmp_path / "a")
    tabs.write_hparams(first, snapshot(step=0, config={"model": "lr"}))
    mark = first.flush()
    tabs.write_hparams(first, end)
    first.close()
    again = EventWriter(tmp_path / "a", mark)
    tabs.write_hparams(again, end)
    again.close()
    found, _, lines = table()
    assert len(lines) == 1 and len(lines[0].sessions) == 1
    assert sorted(found["a"]) == [
        "_hparams_/session_end_info",
        "_hparams_/session_start_info",
    ]


def test_what_says_where_and_what_is_shown_is_no_option_of_learning():
    config = {
        "model": "lr",
        "runs_dir": "runs",
        "run_name": "x",
        "data_dir": "d",
        "summaries": ("default",),
        "summary_every": 1,
    }
    assert tabs.options(config) == {"model": "lr"}


def test_arguments_of_a_model_are_options_of_their_own():
    config = {"model_arg": {"hidden": (4, 2), "bias": False}, "epochs": 2}
    found = tabs.options(config)
    assert found == {"hidden": "4, 2", "bias": False, "epochs": 2}


@pytest.mark.parametrize("name", tabs.NEUTRAL)
def test_what_has_no_effect_leaves_no_hole(name):
    neutral = tabs.NEUTRAL[name]
    assert tabs.options({name: None}) == {name: neutral}
    assert tabs.options({name: 0.5}) == {name: 0.5}


def test_every_option_that_depends_on_another_has_a_neutral_value():
    depends = {name for name, option in OPTIONS.items() if option.depends_on}
    assert depends == set(tabs.NEUTRAL)
