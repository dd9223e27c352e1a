"""Signed messages between a chief and a worker: JSON, one a line.

Both greet each other with their version and a random number. Every line after
that is signed with the key they share: HMAC-SHA256 of who speaks, both random
numbers, how many lines were said before, and the text. Without the key nobody
can say anything, nor repeat or turn around what was said. Nothing received is
ever executed. Nothing is encrypted either: who can listen can read it.
"""

from __future__ import annotations

import hmac
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import Any

import zoo

CHIEF, WORKER = "chief", "worker"
PROTOCOL = 1
TALK = 10.0  # seconds that a greeting, or the taking of a message, may take
LONGEST = 2**26  # bytes of a message: histories of very many epochs
FIRST = 2**12  # bytes of one from somebody who has not shown the key yet


class Refused(Exception):
    """The other side is none to work with; the message is a clause."""


class Line:
    """A connection on which both sides have greeted each other.

    Args:
        connection: fresh, between a chief and a worker.
        find_key: returns the key that both share; asked after the greeting,
            when a chief has made one.
        side: that this one is, `CHIEF` or `WORKER`.
        version: of zoo on this side.
        talk: seconds that the other side may take to greet.

    Raises:
        Refused: the other side is no part of a sweep, or another version.
        OSError: it does not answer, or has hung up.
    """

    def __init__(
        self,
        connection: socket.socket,
        find_key: Callable[[], bytes],
        side: str,
        version: str = zoo.__version__,
        talk: float = TALK,
    ):
        self._socket, self._side = connection, side
        self._other = WORKER if side == CHIEF else CHIEF
        self._sent = self._heard = 0
        self._buffer = b""
        self._sending = threading.Lock()
        connection.settimeout(talk)
        own = secrets.token_hex(16)
        connection.sendall(f"zoo-sweep {version} {PROTOCOL} {own}\n".encode())
        theirs = self._greeting(version, talk)
        both = (own, theirs) if side == CHIEF else (theirs, own)
        self._session = " ".join(both)
        self._key = find_key()

    def send(self, say: str, **more: Any) -> None:
        """Sends a message; several threads may.

        Raises:
            OSError: the other side has hung up, or takes nothing.
        """
        text = json.dumps({"say": say, **more}).encode()
        with self._sending:
            signature = self._signature(self._side, self._sent, text)
            self._sent += 1
            self._socket.sendall(signature + b" " + text + b"\n")

    def receive(self, timeout: float | None = None) -> dict[str, Any] | None:
        """Returns the next message; one thread alone may ask.

        Args:
            timeout: seconds to wait; `None` waits as long as it takes.

        Returns:
            The message; `None` if there was none in time.

        Raises:
            Refused: it is signed with another key.
            OSError: the other side has hung up.
        """
        line = self._line(timeout, LONGEST if self._heard else FIRST)
        if line is None:
            return None
        signature, _, text = line.partition(b" ")
        right = self._signature(self._other, self._heard, text)
        if not hmac.compare_digest(signature, right):
            raise Refused("it has another key")
        self._heard += 1
        return json.loads(text)

    def hang_up(self) -> None:
        """Ends the conversation; whoever waits for a message is woken."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other side was first

    def close(self) -> None:
        """Hangs up and frees the connection; for the thread that receives."""
        self.hang_up()
        self._socket.close()

    def _greeting(self, version: str, talk: float) -> str:
        line = self._line(talk, FIRST)
        if line is None:
            raise TimeoutError("no greeting")
        words = line.decode("ascii", "replace").split()
        if len(words) != 4 or words[0] != "zoo-sweep":
            raise Refused("it is no part of a sweep")
        if words[1:3] != [version, str(PROTOCOL)]:
            raise Refused(
                f"it runs zoo {words[1]} (protocol {words[2]}), not zoo "
                f"{version} (protocol {PROTOCOL})"
            )
        return words[3]

    def _signature(self, side: str, number: int, text: bytes) -> bytes:
        head = f"{side} {self._session} {number} ".encode()
        return hmac.new(self._key, head + text, "sha256").hexdigest().encode()

    def _line(self, timeout: float | None, longest: int) -> bytes | None:
        end = None if timeout is None else time.monotonic() + timeout
        while b"\n" not in self._buffer:
            if len(self._buffer) > longest:
                raise Refused("it says too much at once")
            left = None if end is None else max(end - time.monotonic(), 0)
            if not wait([self._socket], left):
                return None
            data = self._socket.recv(2**16)
            if not data:
                raise ConnectionResetError("the other side has hung up")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line
