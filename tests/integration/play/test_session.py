"""Runs that the page of `zoo play` asks for."""

import base64
import shlex
import threading

import numpy as np
import pytest

from zoo.cli.main import main
from zoo.models.inference import predict_batched
from zoo.play.session import BOUNDARY_SIDE, PlaySession
from zoo.runs import Run
from zoo.training.checkpoints import Checkpoints
from zoo.training.setup import prepare

VALUES = {"dataset": "moons", "hidden": "3", "epochs": "2"}


def play(session, *requests, until):
    """Makes requests once the session is ready; returns all states."""
    states, waiting = [], list(requests)

    def drive():
        version = -1
        while True:
            state = session.state(version, timeout=60)
            version = state["version"]
            states.append(state)
            if until(state):
                return session.close()
            if waiting and state["status"] in ("ready", "failed"):
                waiting.pop(0)()

    page = threading.Thread(target=drive)
    page.start()
    session.work()
    page.join()
    return states


def train_once(runs_dir):
    """Trains one run as the page does; returns the session and its states."""
    session = PlaySession(str(runs_dir))
    states = play(
        session,
        lambda: session.train(VALUES),
        until=lambda state: state["runs"],
    )
    return session, states


@pytest.mark.slow
def test_a_run_of_the_page_is_the_run_of_its_command(tmp_path):
    _, states = train_once(tmp_path)
    run = Run(tmp_path / "play" / "1", "play/1")
    assert run.metrics["status"] == "completed"
    assert states[-1]["history"][-1]["epoch"] == 2
    words = shlex.split(states[-1]["command"])
    typed = words[words.index("train") :]
    assert main([*typed, "--run_name=typed"]) == 0
    again = Run(tmp_path / "typed", "typed")
    assert again.metrics["val_loss"] == run.metrics["val_loss"]


@pytest.mark.slow
def test_frames_show_the_network_that_is_saved(tmp_path):
    session, states = train_once(tmp_path)
    frames = [s["frame"] for s in states if s["frame"]]
    assert {len(f["layers"][0]["maps"]) for f in frames} == {3}
    assert np.shape(frames[-1]["kernels"][0]) == (2, 3)
    assert frames[0]["classes"] != frames[-1]["classes"]
    classes = np.frombuffer(base64.b64decode(frames[-1]["classes"]), np.uint8)
    points = session.points("moons")
    (left, bottom), (right, top) = points["low"], points["high"]
    side = BOUNDARY_SIDE
    x = left + (right - left) * (np.arange(side) + 0.5) / side
    y = top - (top - bottom) * (np.arange(side) + 0.5) / side
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2).astype(np.float32)
    run = Run(tmp_path / "play" / "1", "play/1")
    model = prepare(run.config.replace(run_name=None)).model
    Checkpoints(run.path / "checkpoints").restore_last(model)
    logits = predict_batched(model, grid)
    second = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    assert np.abs(classes / 255 - second).max() < 0.01


@pytest.mark.slow
def test_two_runs_are_compared_and_a_change_ends_the_run_before(tmp_path):
    session = PlaySession(str(tmp_path))

    def change():
        session.train({**VALUES, "epochs": "500"})

    def until(state):
        if state["name"] == "play/1" and state["epoch"] >= 1 and not asked:
            asked.append(session.train({**VALUES, "hidden": ""}))
        if len(state["runs"]) == 2 and state["status"] == "ready":
            if state["comparison"] is None:
                session.compare(["play/1", "play/2"])
        return state["comparison"] is not None

    asked = []
    states = play(session, change, until=until)
    first, second = states[-1]["runs"]
    assert first["status"] == "stopped_early" and first["epochs"] < 500
    assert second["options"]["hidden"] == ""
    assert "compare play/1 play/2" in states[-1]["comparison"]["command"]
    assert "play/2" in states[-1]["comparison"]["text"]
