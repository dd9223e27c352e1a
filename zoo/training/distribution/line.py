"""A line between two processes of a run: messages, and signs of life.

Messages are JSON, and files go in pieces. Nothing received is executed; like
JAX's own traffic beside it, nothing is signed or encrypted either: it is for
machines that trust each other.
"""

from __future__ import annotations

import json
import pathlib
import queue
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

PIECE = 2**20  # bytes of a file that are sent at once


class Line:
    """One end of a connection to another process.

    Args:
        connection: fresh.
        name: of the other process, such as `process 1`.
    """

    def __init__(self, connection: socket.socket, name: str):
        connection.settimeout(None)
        self.name = name
        self.heard = time.monotonic()
        self._connection = Connection(connection.detach())
        self._sending = threading.Lock()
        self._inbox: queue.Queue = queue.Queue()

    def send(self, say: str, **more: Any) -> None:
        """Sends a message; several threads may.

        Raises:
            OSError: the other side has hung up.
        """
        self._send(json.dumps({"say": say, **more}).encode())

    def send_file(self, path: pathlib.Path) -> None:
        """Sends a file, behind a message that tells its size."""
        self.send("file", size=path.stat().st_size)
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                self._send(b"#" + piece)

    def next(self, timeout: float) -> dict[str, Any] | None:
        """Returns the next message before anybody listens.

        Raises:
            OSError: the other side has hung up.
            ValueError: it is no message.
        """
        if not self._connection.poll(timeout):
            return None
        message = json.loads(self._connection.recv_bytes(PIECE))
        return message if isinstance(message, dict) else None

    def listen(self, on_message: Callable[[Line, dict], bool]) -> None:
        """Receives until the other side hangs up.

        Args:
            on_message: told of each message; returns whether it was for it,
                and not for `receive`.
        """
        while True:
            try:
                data = self._connection.recv_bytes()
            except (OSError, EOFError):
                on_message(self, {"say": "gone"})
                return
            self.heard = time.monotonic()
            if data[:1] == b"#":
                self._inbox.put(data[1:])
                continue
            message = json.loads(data)
            if not on_message(self, message):
                self._inbox.put(message)

    def receive(self) -> Any:
        """Returns the next message or piece, however long that takes."""
        return self._inbox.get()

    def receive_file(self, path: pathlib.Path) -> None:
        """Writes the file that is sent next."""
        left = self.receive()["size"]
        with path.open("wb") as file:
            while left:
                left -= file.write(self.receive())

    def close(self) -> None:
        """Hangs up."""
        self._connection.close()

    def _send(self, data: bytes) -> None:
        with self._sending:
            self._connection.send_bytes(data)
