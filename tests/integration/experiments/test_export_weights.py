"""From a finished run to weights that come with the zoo."""

import zipfile

import keras
import numpy as np
import pytest

from experiments import export_weights, record_results
from zoo import metrics
from zoo.config import TrainConfig
from zoo.data import load_dataset
from zoo.errors import UserError
from zoo.evaluation import evaluate
from zoo.evaluation.test_set import load_test_split
from zoo.training.console import TrainingConsole
from zoo.training.train import train

RECIPE = "pitfalls/baseline"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A perceptron on the digits, in a folder with a name of its own."""
    config = TrainConfig(
        model="mlp", model_arg={"hidden": (16,)}, steps=60,
        summaries=("none",), run_name="mine",
        runs_dir=str(tmp_path_factory.mktemp("runs")),
    )  # fmt: skip
    return train(config, console=TrainingConsole(quiet=True))


@pytest.fixture(autouse=True)
def of_a_recipe(monkeypatch):
    monkeypatch.setattr(
        record_results, "record", lambda run, runs_dir: (RECIPE, {})
    )


@pytest.fixture
def exported(run, tmp_path):
    return export_weights.export(run, run.config.runs_dir, tmp_path)


def test_the_same_run_gives_the_same_bytes(run, exported, tmp_path):
    again = export_weights.export(run, run.config.runs_dir, tmp_path / "again")
    assert exported.path == tmp_path / "mlp-digits"
    for path in exported.path.iterdir():
        assert path.read_bytes() == (again.path / path.name).read_bytes()


def test_what_is_exported_is_a_run_that_answers_as_the_run(run, exported):
    images = load_dataset("digits").val.images
    assert exported.name == "mlp:digits"
    assert exported.config.model_arg == {"hidden": (16,)}
    np.testing.assert_array_equal(
        exported.load_model().predict(images, verbose=0),
        run.load_model().predict(images, verbose=0),
    )


def test_validation_scores_are_those_of_the_stored_weights(exported):
    val = load_dataset("digits").val
    logits = exported.load_model().predict(val.images, verbose=0)
    found = exported.facts["validation"]
    assert found["correct"] == (logits.argmax(axis=1) == val.labels).sum()
    assert found["examples"] == len(val) == 144
    by_class = metrics.correct_per_class(logits, val.labels, 10)
    assert list(found["classes"].values()) == [list(pair) for pair in by_class]


def test_where_the_run_was_exported_is_not_told(run, exported):
    for path in exported.path.glob("*.*"):
        if path.suffix != ".keras":
            assert run.config.runs_dir not in path.read_text()
            assert "mine" not in path.read_text().replace("folder:mine", "")


def test_the_test_score_is_the_ledger_s_and_no_other(run, exported, tmp_path):
    assert exported.facts["test"] is None
    assert "| not evaluated |" in export_weights.card(exported)
    result = evaluate.evaluate_runs([run], "test", run.config.runs_dir)[0]
    again = export_weights.export(run, run.config.runs_dir, tmp_path)
    test = load_test_split("digits")
    logits = run.load_model().predict(test.images, verbose=0)
    right = (logits.argmax(axis=1) == test.labels).sum()
    assert again.facts["test"]["correct"] == right == result["correct"]
    assert f"{right} of 360 correct" in export_weights.card(again)
    assert again.facts["sha256"] == exported.facts["sha256"]


def test_large_weights_are_rounded_to_half_precision(run, tmp_path):
    path = tmp_path / "half.keras"
    export_weights.pack(run.model_path(), path, "float16")
    old = run.load_model().get_weights()
    new = keras.models.load_model(path).get_weights()
    for before, after in zip(old, new, strict=True):
        assert after.dtype == np.float32
        np.testing.assert_array_equal(
            after, before.astype(np.float16).astype(np.float32)
        )
    assert export_weights.precision_for(250_000) == "float32"
    assert export_weights.precision_for(250_001) == "float16"


def test_rounding_takes_less_room(tmp_path):
    model = keras.Sequential([keras.Input((500,)), keras.layers.Dense(500)])
    model.save(tmp_path / "a.keras")
    sizes = {}
    for precision in ("float32", "float16"):
        path = tmp_path / f"{precision}.keras"
        export_weights.pack(tmp_path / "a.keras", path, precision)
        sizes[precision] = path.stat().st_size
    assert sizes["float16"] < 2 * 250_000 < sizes["float32"]


def test_what_rounding_changed_is_told(run, tmp_path, monkeypatch):
    monkeypatch.setattr(export_weights, "MIN_BYTES_ROUNDED", 1)
    half = export_weights.export(run, run.config.runs_dir, tmp_path)
    val = load_dataset("digits").val
    before, after = (
        one.load_model().predict(val.images, verbose=0).argmax(axis=1)
        for one in (run, half)
    )
    assert half.facts["precision"] == "float16"
    assert half.facts["answers_changed"] == (before != after).sum()
    assert "rounded to float16" in export_weights.card(half)


def test_a_date_does_not_change_the_file(run, exported):
    with zipfile.ZipFile(exported.path / "model.keras") as file:
        assert {entry.date_time[0] for entry in file.infolist()} == {1980}


class Odd:
    """A finished run as its folder tells of it, but for some facts."""

    def __init__(self, run, **data):
        self.name, self.config = run.name, run.config
        resolved = run.resolved
        self.resolved = {**resolved, "data": {**resolved["data"], **data}}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"name": "folder:pictures"}, "trained on folder:pictures"),
        ({"from_arrays": True}, "which others do not have"),
        ({"val": 0}, "validation images"),
        ({"task": "regression"}, "not an image classifier"),
    ],
)
def test_runs_that_others_cannot_check_are_refused(run, tmp_path, data, words):
    with pytest.raises(UserError, match=words):
        export_weights.export(Odd(run, **data), "runs", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_too_much_is_refused_and_leaves_what_was_there(
    run, exported, tmp_path, monkeypatch
):
    monkeypatch.setattr(export_weights, "MAX_BYTES", 1_000)
    before = (exported.path / "weights.json").read_text()
    with pytest.raises(UserError, match="room for 1,000"):
        export_weights.export(run, run.config.runs_dir, tmp_path)
    assert (exported.path / "weights.json").read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["mlp-digits"]


def test_a_run_that_is_not_there_is_told(tmp_path, capsys):
    argv = ["nothing", f"--runs_dir={tmp_path}"]
    assert export_weights.main(argv) == 2
    assert "there is no run 'nothing'" in capsys.readouterr().err
