"""`--cluster` from the command line, as far as there is no cluster."""

import sys

import pytest

from zoo.config import TrainConfig
from zoo.run_store import RunStore


def test_ray_that_is_not_installed_is_named_with_the_line_that_installs_it(
    answer, monkeypatch
):
    monkeypatch.setitem(sys.modules, "ray", None)
    sentence = answer("sweep", "--model=lr", "--cluster=auto")
    assert (
        "Ray" in sentence and "pip install 'ray[default]>=2.52,<3'" in sentence
    )


@pytest.mark.parametrize("flag", ["--cluster=auto", "--workers=2"])
def test_a_single_run_is_not_trained_on_a_cluster(answer, flag):
    sentence = answer("train", "--model=lr", flag)
    assert f"{flag} has no effect on a single run" in sentence
    assert "--seeds=3" in sentence


def test_a_single_run_is_not_resumed_on_a_cluster(answer, tmp_path):
    runs_dir = str(tmp_path / "runs")
    config = TrainConfig(model="lr", runs_dir=runs_dir)
    texts = {"config.json": config.to_json(), "resolved.json": "{}"}
    RunStore(runs_dir).create("single", "", texts)
    sentence = answer("resume", "single", "--cluster=auto")
    assert "--cluster=auto has no effect on a single run" in sentence
