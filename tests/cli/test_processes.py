"""The flags of a run on several machines, and what is wrong with them."""

import pytest

from zoo.cli import processes
from zoo.cli.flags import Command
from zoo.errors import UserError


def read(line):
    command = Command("zoo train", "")
    processes.define(command)
    command.parse(line.split())
    return processes.read(command, "train")


ALL = "--coordinator=10.0.0.1:7000 --num_processes=2 --process_id=1"


def test_a_run_without_the_flags_is_alone():
    assert read("") is None


def test_a_place_is_that_of_the_flags(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    place = read(ALL)
    assert str(place.address) == "10.0.0.1:7000"
    assert (place.processes, place.process) == (2, 1)
    assert not place.is_first


def test_tensorflow_joins_no_processes(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    with pytest.raises(UserError, match="set KERAS_BACKEND=jax"):
        read(ALL)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("--coordinator=a:1", "needs --num_processes and --process_id"),
        ("--process_id=0", "needs --coordinator and --num_processes"),
        (ALL.replace("10.0.0.1:7000", "here"), "not of the form HOST:PORT"),
        (ALL.replace("7000", "70000"), "--coordinator=10.0.0.1:70000 has no"),
        (ALL.replace("=2", "=1"), "--num_processes=1 is out of range"),
        (ALL.replace("=2", "=two"), "--num_processes=two is not a whole"),
        (ALL.replace("id=1", "id=2"), "--process_id=2 is out of range; give"),
    ],
)
def test_a_flag_that_cannot_be_is_one_sentence(monkeypatch, line, text):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(UserError, match=text):
        read(line)
