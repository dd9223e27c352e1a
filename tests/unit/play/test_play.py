"""The page of `zoo play`: its controls, and who may drive it."""

import base64
import re
import threading
import urllib.request

import numpy as np
import pytest
from starlette.testclient import TestClient

from zoo.cli import lecture
from zoo.cli.main import main
from zoo.config import OPTIONS
from zoo.errors import UserError
from zoo.play import server, session
from zoo.play.server import PAGE, create_app
from zoo.play.session import CONTROLS, PlaySession, build_config, command_of

TOKEN = "a-token"
ADDRESS = f"http://{server.HOST}"


@pytest.fixture
def playing(tmp_path):
    return PlaySession(str(tmp_path))


@pytest.fixture
def client(playing):
    app = create_app(playing, TOKEN)
    headers = {"x-zoo-token": TOKEN}
    with TestClient(app, ADDRESS, headers=headers) as client:
        yield client


# Controls.


def test_every_control_is_an_option_or_the_hidden_layers():
    assert set(CONTROLS) - set(OPTIONS) == {"hidden"}


def test_controls_say_what_the_recipe_would_take(client):
    found = {c["name"]: c for c in client.post("/api/controls").json()}
    assert found["learning_rate"]["recipe"] == "0.002"
    assert found["activation"]["recipe"] == "relu"
    assert found["activation"]["choices"] == list(OPTIONS["activation"].choices)
    assert found["dataset"]["choices"] == ["moons", "circles", "spiral", "xor"]


def test_values_become_the_options_of_a_run():
    config = build_config({
        "dataset": "xor", "hidden": "8, 4", "learning_rate": "0.01",
        "l2": "", "extra_features": "x2,xy",
    })  # fmt: skip
    assert (config.model, config.dataset) == ("mlp", "xor")
    assert config.model_arg == {"hidden": (8, 4)}
    assert (config.learning_rate, config.l2) == (0.01, None)
    assert config.extra_features == ("x2", "xy")


def test_no_hidden_layer_is_the_linear_classifier():
    config = build_config({"hidden": "", "activation": "tanh", "l2": "0.1"})
    assert (config.model, config.activation, config.l2) == ("lr", None, 0.1)


def test_the_command_is_of_the_same_config():
    config = build_config({"dataset": "moons", "hidden": "8,4"}, "elsewhere")
    words = command_of(config)
    assert "train --model=mlp '--model_arg=hidden=(8, 4)'" in words
    assert "--dataset=moons" in words and "--runs_dir=elsewhere" in words
    assert "run_name" not in words and "summaries" not in words


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"hidden": "many"}, "hidden=many"),
        ({"hidden": "0"}, "1 to 64"),
        ({"hidden": "9,9,9,9,9"}, "at most 4"),
        ({"dataset": "mnist"}, "moons"),
        ({"learning_rate": "-1"}, "learning_rate=-1"),
        ({"optimizer": "adamm"}, "did you mean adam"),
        ({"runs_dir": "/"}, "runs_dir"),
    ],
)
def test_a_mistake_is_one_sentence_with_what_is_right(client, values, words):
    answer = client.post("/api/train", json=values)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert answer.json()["error"].endswith(".")


# Who may drive it.


@pytest.mark.parametrize("headers", [{}, {"x-zoo-token": "another"}])
def test_a_request_without_the_token_is_refused(playing, headers):
    client = TestClient(create_app(playing, TOKEN), ADDRESS)
    for action in ("train", "state", "stop", "controls", "none"):
        answer = client.post(f"/api/{action}", headers=headers)
        assert answer.status_code == 403


def test_the_page_needs_the_token_in_its_address(client):
    assert client.get("/").status_code == 403
    assert client.get("/?token=another").status_code == 403
    assert client.get(f"/?token={TOKEN}").status_code == 200


def test_another_host_name_is_refused(client):
    headers = {"host": "example.com"}  # as after DNS rebinding
    assert client.post("/api/state", headers=headers).status_code == 400
    page = client.get(f"/?token={TOKEN}", headers=headers)
    assert page.status_code == 400


def test_another_web_page_is_refused(client):
    own = {"origin": ADDRESS}
    other = {"origin": "https://example.com"}
    assert client.post("/api/stop", headers=own).status_code == 200
    assert client.post("/api/stop", headers=other).status_code == 403


def test_a_request_that_is_no_json_object_is_refused(client):
    for body in (b"[]", b"{", b'{"after": "x"}'):
        assert client.post("/api/state", content=body).status_code == 400


def test_the_page_loads_nothing_from_elsewhere(client):
    text = PAGE.read_text(encoding="utf-8")
    outside = re.findall(r"(?:https?:)?//[a-z0-9.]+\.[a-z]+", text)
    assert set(outside) <= {"http://www.w3.org"}  # a name, not an address
    page = client.get(f"/?token={TOKEN}")
    assert "default-src 'none'" in page.headers["content-security-policy"]


# State.


def test_the_state_is_waited_for_until_it_is_new(playing):
    assert playing.state(after=-1, timeout=0)["version"] == 0
    playing._update(epoch=3)
    found = playing.state(after=0, timeout=0)
    assert (found["version"], found["epoch"]) == (1, 3)


def test_a_request_that_waits_is_answered_when_the_session_closes(playing):
    playing.close()
    assert playing.state(after=0, timeout=60)["version"] == 0


def test_the_server_ends_while_a_page_waits_for_news(playing):
    before = set(threading.enumerate())
    with server.serving(playing) as address:
        base, _, token = address.partition("?token=")
        request = urllib.request.Request(
            f"{base}api/state",
            data=b'{"after": 0}',
            headers={"x-zoo-token": token},
        )
        with urllib.request.urlopen(f"{base}?token={token}") as page:
            assert b"zoo play" in page.read()
        answers = []

        def wait():
            with urllib.request.urlopen(request) as answer:
                answers.append(answer.status)

        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.5)
    waiting.join(20)
    assert answers == [200]
    # Threads that would keep the process from ending.
    for thread in set(threading.enumerate()) - before:
        thread.join(20)
        assert not thread.is_alive()


def test_points_are_those_of_the_dataset(client):
    found = client.post("/api/points", json={"dataset": "xor"}).json()
    assert len(found["train"]) + len(found["val"]) == 850
    (left, bottom), (right, top) = found["low"], found["high"]
    for x, y, label in found["train"] + found["val"]:
        assert left < x < right and bottom < y < top
        assert label == (x * y > 0) or abs(x * y) < 1e-3


def test_only_runs_of_the_page_are_compared(playing):
    playing._update(runs=[{"name": "play/1"}, {"name": "play/2"}])
    with pytest.raises(UserError, match="elsewhere is not a run"):
        playing.compare(["play/1", "elsewhere"])
    with pytest.raises(UserError, match="two runs or more"):
        playing.compare(["play/1"])


def test_values_of_a_grid_are_one_byte_each():
    text = session._bytes(np.array([0.0, 128.0, 255.0]))
    assert base64.b64decode(text) == bytes([0, 128, 255])


# The command.


def test_a_missing_package_is_one_sentence_with_its_pip_line(
    monkeypatch, capsys
):
    monkeypatch.setattr(lecture, "find_spec", lambda name: None)
    assert main(["play"]) == 2
    assert "pip install starlette uvicorn" in capsys.readouterr().err


def test_a_port_that_is_none_is_refused(capsys):
    assert main(["play", "--port=80000"]) == 2
    assert "65535" in capsys.readouterr().err


def test_a_taken_port_is_refused(playing):
    with server.serving(playing) as address:
        port = int(re.search(r":(\d+)/", address)[1])
        with pytest.raises(UserError, match=f"--port={port}"):
            with server.serving(playing, port):
                pass
