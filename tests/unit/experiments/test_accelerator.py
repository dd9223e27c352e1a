"""One command for an accelerator: what it says, and where there is none."""

import json
from types import SimpleNamespace

import pytest

from experiments import accelerator
from zoo.errors import UserError
from zoo.tuning import suites

CPU = {"device": "cpu", "flop_per_second": {"float32": 1e11, "bfloat16": 2e11}}
GPU = {"device": "1 gpu", "flop_per_second": {"bfloat16": 400e12}}


def run_of(images_per_second, precision="bfloat16"):
    """Returns what is read of a run of WRN-16-4."""
    return SimpleNamespace(
        metrics={"examples_per_second": images_per_second, "wall_seconds": 9.0},
        resolved={"multiply_adds": 392_612_352, "precision": precision},
    )


def test_utilization_is_that_of_the_precision_of_the_run():
    rates = {"float32": 60e12, "bfloat16": 400e12}
    found = accelerator.speed(run_of(20_000.0), rates)
    # By hand: 3 passes x 2 operations x 0.3926 G x 20,000 = 47.1 TFLOP/s.
    assert found["flop_per_second"] == pytest.approx(47.1e12, rel=1e-3)
    assert found["utilization"] == pytest.approx(0.1178, rel=1e-3)


def test_the_table_shows_device_and_utilization():
    row = accelerator.speed(run_of(20_000.0), GPU["flop_per_second"])
    text = accelerator.table(GPU, {"fast": row})
    assert "1 gpu: matrix products at 400 TFLOP/s in bfloat16" in text
    assert "12% in bfloat16" in text


def test_without_an_accelerator_a_sentence_names_what_to_do(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(accelerator, "_measure_in_subprocess", lambda: CPU)
    monkeypatch.setattr(suites, "check_data", lambda *_: None)
    assert accelerator.main([f"--runs_dir={tmp_path}/runs"]) == 2
    assert "reproduce cifar10`" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_suite_that_was_trained_has_its_speed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(accelerator, "_measure_in_subprocess", lambda: GPU)
    monkeypatch.setattr(suites, "check_data", lambda *_: None)

    def train(suite_run, *_):
        (label,) = suite_run.suite.labels[:1]
        spec = SimpleNamespace(config=SimpleNamespace(seed=0))
        multirun = SimpleNamespace(specs=[spec], run=lambda _: run_of(20_000.0))
        suite_run.root.mkdir(parents=True)
        suite_run.groups[label] = multirun

    monkeypatch.setattr(suites.SuiteRun, "train", train)
    accelerator.main([f"--runs_dir={tmp_path}/runs"])
    (path,) = tmp_path.rglob("speed.json")
    (row,) = json.loads(path.read_text())["recipes"].values()
    assert row["utilization"] == pytest.approx(0.1178, rel=1e-3)


def test_without_data_nothing_is_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(accelerator, "_measure_in_subprocess", lambda: 1 / 0)
    assert accelerator.main([f"--data_dir={tmp_path}"]) == 2
    assert "cifar10 is not in" in capsys.readouterr().err


@pytest.mark.slow
def test_it_runs_at_the_smallest_scale_on_a_processor(tmp_path, capfd):
    try:
        suites.check_data(suites.find_suite("cifar10"))
    except UserError as error:
        pytest.skip(str(error))
    words = ["--budget=smoke", "--whole", f"--runs_dir={tmp_path}"]
    assert accelerator.main(words) == 0
    (path,) = tmp_path.glob("*/speed.json")
    content = json.loads(path.read_text())
    assert set(content["recipes"]) == {
        "cifar10-fast_94", "cifar10-wrn16_4_paper", "cifar10-wrn28_10"
    }  # fmt: skip
    assert all(
        0 < row["utilization"] < 1 for row in content["recipes"].values()
    )
    assert "utilization" in capfd.readouterr().out
