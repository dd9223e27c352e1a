"""Signed lines: what gets through, and what does not."""

import socket
import threading

import pytest

from zoo.tuning.remote.line import CHIEF, WORKER, Line, Refused


def pair(keys=(b"a secret", b"a secret"), versions=("1.0", "1.0"), talk=5.0):
    """Returns both ends of a greeted connection, or what went wrong."""
    ends, found = socket.socketpair(), [None, None]

    def greet(place, side):
        try:
            found[place] = Line(
                ends[place],
                lambda: keys[place],
                side,
                version=versions[place],
                talk=talk,
            )
        except (Refused, OSError) as error:
            found[place] = error
            ends[place].close()

    other = threading.Thread(target=greet, args=(1, WORKER))
    other.start()
    greet(0, CHIEF)
    other.join()
    return found


@pytest.fixture
def lines():
    found = pair()
    yield found
    for line in found:
        line.close()


def test_messages_arrive_whole_and_in_order(lines):
    chief, worker = lines
    long = {"text": "ä" * 100_000, "number": 0.1, "no": float("inf")}
    chief.send("hello", sweep="s")
    assert worker.receive(1) == {"say": "hello", "sweep": "s"}
    sender = threading.Thread(target=chief.send, args=("job",), kwargs=long)
    sender.start()
    assert worker.receive(5) == {"say": "job", **long}
    sender.join()
    worker.send("alive")
    assert chief.receive(1) == {"say": "alive"}


def test_no_message_in_time_is_none_and_the_line_goes_on(lines):
    chief, worker = lines
    assert worker.receive(0.01) is None
    chief.send("late")
    assert worker.receive(1) == {"say": "late"}


def test_another_key_is_noticed_on_both_sides():
    chief, worker = pair(keys=(b"a secret", b"another"))
    chief.send("hello")
    worker.send("hello")
    for line in (chief, worker):
        with pytest.raises(Refused, match="another key"):
            line.receive(1)
        line.close()


def test_what_was_said_cannot_be_said_again_or_sent_back(lines):
    chief, worker = lines
    said = []
    chief._socket = Copying(chief._socket, said)
    chief.send("job", number=1)
    worker.receive(1)
    chief._socket.sendall(said[0])
    with pytest.raises(Refused):
        worker.receive(1)
    worker._socket.sendall(said[0])
    with pytest.raises(Refused):
        chief.receive(1)


class Copying:
    """A socket that keeps what is sent."""

    def __init__(self, found, said):
        self._found, self._said = found, said

    def sendall(self, data):
        self._said.append(data)
        self._found.sendall(data)

    def __getattr__(self, name):
        return getattr(self._found, name)


def test_a_changed_letter_is_noticed(lines):
    chief, worker = lines
    text = b'{"say": "job", "epochs": 1}'
    signature = chief._signature(CHIEF, 0, text)
    chief._socket.sendall(signature + b" " + text.replace(b"1", b"9") + b"\n")
    with pytest.raises(Refused):
        worker.receive(1)


def test_another_version_is_refused_on_both_sides():
    errors = pair(versions=("1.0", "2.0"))
    assert "it runs zoo 2.0 (protocol 1), not zoo 1.0" in str(errors[0])
    assert "it runs zoo 1.0 (protocol 1), not zoo 2.0" in str(errors[1])


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad Request\r\n", b"\xff\n", b"x" * 5000]
)
def test_something_that_is_no_sweep_is_refused(said):
    here, there = socket.socketpair()
    with here, there:
        there.sendall(said)
        with pytest.raises(Refused):
            Line(here, lambda: b"a secret", WORKER, talk=1)


def test_one_who_does_not_greet_is_given_up():
    here, there = socket.socketpair()
    with here, there, pytest.raises(TimeoutError):
        Line(here, lambda: b"a secret", CHIEF, talk=0.05)


def test_one_who_hangs_up_is_noticed(lines):
    chief, worker = lines
    worker.hang_up()
    with pytest.raises(OSError, match="hung up"):
        chief.receive(1)
