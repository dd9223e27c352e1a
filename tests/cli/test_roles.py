"""Chiefs and workers from the command line, as far as nothing is trained."""

import os
import stat

import pytest

from tests.tuning.remote.meeting import free_address
from zoo.addresses import Address
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.run_store import RunStore
from zoo.tuning.folder import open_folder
from zoo.tuning.remote import helper, key
from zoo.tuning.remote.door import Door
from zoo.tuning.settings import SweepConfig


@pytest.fixture(autouse=True)
def no_key_outside(monkeypatch):
    monkeypatch.delenv(key.VARIABLE, raising=False)


def test_a_port_in_use_is_told_before_anything_is_made(answer):
    address = free_address()
    with address.listen():
        argv = ["--role=chief", f"--chief={address}", "--model=lr"]
        sentence = answer("sweep", *argv)
    assert f"--chief={address}: something listens there already" in sentence


def test_a_worker_without_a_chief_gives_up(answer, monkeypatch):
    monkeypatch.setattr(helper, "PATIENCE", 0.1)
    address = free_address()
    sentence = answer("sweep", "--role=worker", f"--chief={address}")
    assert f"no chief answered at {address}" in sentence
    assert f"sweep --role=chief --chief={address}`" in sentence


def test_a_worker_without_a_key_says_where_it_comes_from(answer, monkeypatch):
    monkeypatch.setattr(helper, "PATIENCE", 5.0)
    with Door(free_address(), talk=1.0) as door:
        door.open(b"a secret of many letters", "s")
        argv = ["--role=worker", f"--chief={door.address}"]
        sentence = answer("sweep", *argv)
        assert "chief.key cannot be read" in sentence
        assert key.VARIABLE in sentence
        monkeypatch.setenv(key.VARIABLE, "short")
        assert f"{key.VARIABLE} is too short" in answer("sweep", *argv)


def test_a_chief_refuses_a_short_key(answer, monkeypatch, tmp_path):
    monkeypatch.setenv(key.VARIABLE, "short")
    argv = ["--role=chief", f"--chief={free_address()}", "--model=lr"]
    argv += [f"--runs_dir={tmp_path}", "--space=l2=0,0.1"]
    assert f"{key.VARIABLE} is too short" in answer("sweep", *argv)
    assert not list(tmp_path.iterdir())


def test_roles_have_no_place_where_one_run_is_resumed(answer, tmp_path):
    runs_dir = str(tmp_path / "runs")
    config = TrainConfig(model="lr", runs_dir=runs_dir)
    texts = {"config.json": config.to_json(), "resolved.json": "{}"}
    RunStore(runs_dir).create("single", "", texts)
    open_folder(SweepConfig(config, ("l2=0,0.1",), trials=2), "mine")
    sentence = answer("resume", "single", "--role=chief")
    assert "--role=chief has no effect on a single run" in sentence
    sentence = answer("resume", "mine", "--role=worker")
    assert "zoo sweep --role=worker`" in sentence


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path):
    made = key.make(str(tmp_path / "runs"))
    path = tmp_path / "runs" / key.NAME
    assert len(made) == 64 and made == path.read_bytes().strip()
    assert key.make(str(tmp_path / "runs")) == key.read(path.parent) == made
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_from_outside_goes_before_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv(key.VARIABLE, "from outside, and long\n")
    assert key.make(str(tmp_path)) == b"from outside, and long"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("[::1]:65535", "::1", 65535),
        ("box.example:80", "box.example", 80),
    ],
)
def test_an_address_is_read_and_shown_as_it_was(text, host, port):
    assert Address.parse(text) == Address(host, port)
    assert str(Address.parse(text)) == text


def test_a_name_that_nobody_knows_is_told(monkeypatch):
    import socket

    def unknown(*arguments, **more):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "create_server", unknown)
    with pytest.raises(UserError, match="no machine of that name"):
        Address("nowhere", 80).listen()


def test_a_chief_is_private_unless_its_address_says_otherwise():
    assert Address.parse("127.0.0.1:80").is_private
    assert Address.parse("localhost:80").is_private
    assert not Address.parse("0.0.0.0:80").is_private
    assert Address.parse("0.0.0.0:80").from_here().host == "127.0.0.1"
