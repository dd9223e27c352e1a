"""What a real TensorBoard server shows of a run folder."""

import json
import urllib.parse
import urllib.request
from math import cos, pi

import pytest
from tensorboard import program
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from zoo.config import TrainConfig
from zoo.training.console import TrainingConsole
from zoo.training.train import train

pytestmark = pytest.mark.filterwarnings(
    "ignore:html5lib's sanitizer is deprecated"
)

# The tags of one run, with the steps of their points: 1,293 training images
# in batches of 8 are 162 updates an epoch, and a long epoch has a point of
# its training curves after 100 updates.
EPOCH_ENDS = [162, 324]
CURVE = [100, 162, 262, 324]
TRAIN_SCALARS = {
    "loss": CURVE,
    "accuracy": CURVE,
    "regularization_loss": CURVE,
    "learning_rate": CURVE,
    "examples_per_second": CURVE,
}
VAL_SCALARS = {"loss": EPOCH_ENDS, "accuracy": EPOCH_ENDS}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = TrainConfig(
        model="lr",
        epochs=2,
        batch_size=8,
        steps_per_execution=2,
        debug_every=100,
        runs_dir=str(tmp_path_factory.mktemp("runs")),
        run_name="group/lr",
    )
    return train(config, console=TrainingConsole(quiet=True))


@pytest.fixture(scope="module")
def server(run):
    """The address of a TensorBoard that watches the folder of all runs.

    It serves in a thread: as a process it would import TensorFlow again.
    """
    board = program.TensorBoard()
    board.configure(
        argv=[
            "tensorboard", "--logdir", str(run.path.parents[1]),
            "--host", "127.0.0.1", "--port", "0",
            "--load_fast", "false", "--reload_interval", "0",
        ]
    )  # fmt: skip
    return board.launch()


def ask(server, path, **query):
    address = f"{server}data/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        return json.load(answer)


def points(server, split, tag):
    """The points (time, step, value) of a curve."""
    run = f"group/lr/{split}"
    return ask(server, "plugin/scalars/scalars", run=run, tag=tag)


def test_the_server_finds_a_run_and_its_two_halves(server):
    runs = {"group/lr/train", "group/lr/val"}
    assert set(ask(server, "runs")) == runs


def test_the_server_draws_train_and_val_into_one_chart(server):
    tags = ask(server, "plugin/scalars/tags")
    best = {"best/val_accuracy", "best/val_loss"}  # of the HParams
    assert tags["group/lr/train"].keys() == TRAIN_SCALARS.keys() | best
    assert tags["group/lr/val"].keys() == VAL_SCALARS.keys()


@pytest.mark.parametrize(
    ("split", "tag", "steps"),
    [("train", *item) for item in TRAIN_SCALARS.items()]
    + [("val", *item) for item in VAL_SCALARS.items()],
)
def test_a_curve_has_its_points_at_numbers_of_updates(
    server, split, tag, steps
):
    found = points(server, split, tag)
    assert [step for _, step, _ in found] == steps


def test_the_validation_curve_is_that_of_the_history(server, run):
    drawn = [value for _, _, value in points(server, "val", "accuracy")]
    values = [row["val_accuracy"] for row in run.history]
    assert drawn == pytest.approx(values)


def test_the_training_curve_has_the_mean_of_each_epoch(server, run):
    (_, _, first), (_, _, rest), *_ = points(server, "train", "loss")
    # 100 batches of 8 images, then 62 with the 493 left.
    mean = (first * 800 + rest * 493) / 1293
    assert mean == pytest.approx(run.history[0]["loss"], rel=1e-5)


@pytest.mark.parametrize("plugin", ["histograms", "distributions"])
def test_the_logits_are_shown_before_training_and_after_each_epoch(
    server, plugin
):
    tags = ask(server, f"plugin/{plugin}/tags")
    assert tags["group/lr/val"].keys() == {
        "logits", "margins", "weights/logits",
    }  # fmt: skip
    moments = ask(
        server, f"plugin/{plugin}/{plugin}", run="group/lr/val", tag="logits"
    )
    assert [moment[1] for moment in moments] == [0, *EPOCH_ENDS]


def test_config_and_debugging_print_are_shown_as_texts(server):
    tags = ask(server, "plugin/text/tags")
    assert tags == {"group/lr/train": ["debug"], "group/lr/val": ["config"]}
    (config,) = ask(
        server, "plugin/text/text", run="group/lr/val", tag="config"
    )
    assert config["step"] == 0
    assert "batch_size" in config["text"] and "<table>" in config["text"]
    prints = ask(server, "plugin/text/text", run="group/lr/train", tag="debug")
    assert [moment["step"] for moment in prints] == [100, 200, 300]
    assert "correct predictions by class" in prints[0]["text"]


def test_the_rate_that_is_drawn_is_the_rate_that_was_used(run):
    events = EventAccumulator(str(run.path / "train"))
    events.Reload()
    drawn = {
        e.step: e.tensor_proto.float_val[0]
        for e in events.Tensors("learning_rate")
    }
    # Half a cosine from the recipe's rate down to 0 over 324 updates.
    half = run.resolved["config"]["learning_rate"] / 2
    for step, rate in drawn.items():
        expected = half * (1 + cos(pi * (step - 1) / 324))
        assert rate == pytest.approx(expected, rel=1e-4, abs=1e-9)
