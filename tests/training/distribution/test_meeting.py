"""How processes of a run find each other, and what is said if they do not."""

import dataclasses
import socket
import threading

import pytest

from zoo.addresses import Address
from zoo.errors import UserError
from zoo.training.distribution import meeting
from zoo.training.distribution.meeting import Place


@pytest.fixture(autouse=True)
def without_jax(monkeypatch):
    """Greets without JAX's version, so that JAX need not be installed."""
    monkeypatch.setattr(meeting, "PACKAGES", ("keras",))


@pytest.fixture
def first():
    """The place of process 0 of two, at a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    return Place(Address("127.0.0.1", port, "coordinator"), 2, 0, patience=5)


def meet(first, **changes):
    """Lets two processes meet; returns what each of them got or was told."""
    second = dataclasses.replace(first, process=1)
    second = dataclasses.replace(second, **changes)
    found = {}

    def attempt(name, function, *words):
        try:
            found[name] = function(*words)
        except UserError as error:
            found[name] = str(error)

    threads = [
        threading.Thread(
            target=attempt, args=("first", meeting.gather, first, {"a": 1})
        ),
        threading.Thread(target=attempt, args=("second", meeting.call, second)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found["first"], found["second"]


def test_two_processes_find_each_other_and_the_task_is_told(first):
    (lines, port), (line, welcome) = meet(first)
    assert [found.name for found in lines] == ["process 1"]
    assert line.name == "process 0"
    assert welcome["task"] == {"a": 1}
    assert welcome["port"] == port


def test_a_file_arrives_as_it_was(first, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.training.distribution.line.PIECE", 1000)
    (lines, _), (line, _) = meet(first)
    content = bytes(range(256)) * 13
    (tmp_path / "sent").write_bytes(content)
    thread = threading.Thread(
        target=line.listen, args=(lambda *_: False,), daemon=True
    )
    thread.start()
    lines[0].send_file(tmp_path / "sent")
    line.receive_file(tmp_path / "found")
    assert (tmp_path / "found").read_bytes() == content


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"processes": 3}, "num_processes is 3 in process 1 and 2 in"),
        ({"verb": "resume"}, "verb is resume in process 1 and train in"),
        ({"process": 0}, "two processes have --process_id=0; number them"),
    ],
)
def test_a_process_that_does_not_fit_is_told_so_as_the_first_is(
    first, changes, text
):
    told, refused = meet(first, **changes)
    assert text in told
    assert refused == told


def test_another_version_of_the_zoo_is_refused(first, monkeypatch):
    greeting = Place.greeting

    def other(place):
        said = greeting(place)
        return {**said, "zoo": "9.9"} if place.process else said

    monkeypatch.setattr(Place, "greeting", other)
    told, refused = meet(first)
    assert "zoo is 9.9 in process 1 and " in told
    assert refused == told


def test_a_process_0_that_nobody_calls_gives_up_with_a_sentence(first):
    first = dataclasses.replace(first, patience=0.2)
    with pytest.raises(UserError, match="nobody called .* --process_id=1 "):
        meeting.gather(first, {})


def test_a_process_that_nobody_answers_gives_up_with_a_sentence(first):
    second = dataclasses.replace(first, process=1, patience=0.2)
    with pytest.raises(UserError, match="no process 0 answered at --coord"):
        meeting.call(second)


def test_a_stranger_who_calls_is_left_alone(first):
    first = dataclasses.replace(first, patience=0.5)
    found = []

    def wait():
        with pytest.raises(UserError) as error:
            meeting.gather(first, {})
        found.append(str(error.value))

    thread = threading.Thread(target=wait)
    thread.start()
    while thread.is_alive():
        try:
            with first.address.call(1) as stranger:
                stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            break
        except OSError:
            pass  # not yet
    thread.join()
    assert "nobody called" in found[0]


def test_a_port_in_use_is_told(first):
    with first.address.listen(), pytest.raises(UserError, match="already"):
        meeting.gather(first, {})
