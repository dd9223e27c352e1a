"""Where workers come in to a chief, and how it hears of them.

A thread takes connections, and one for each of them greets, listens and
answers heartbeats. All that needs a decision lands in one queue.
"""

from __future__ import annotations

import dataclasses
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from zoo.addresses import Address
from zoo.tuning.pool import Job
from zoo.tuning.remote.line import CHIEF, TALK, Line, Refused

NAP = 0.2  # seconds between two looks at whether the door is shut


@dataclasses.dataclass(eq=False)
class Peer:
    """A worker, as its chief sees it.

    Attributes:
        line: to it.
        name: of its machine and process.
        places: jobs that it does at once.
        runs_dir: where its runs lie, on its machine.
        heard: when it last said something.
        held: what it is at work on, by number.
    """

    line: Line
    name: str
    places: int
    runs_dir: str
    heard: float
    held: dict[int, Job] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that a chief has to decide on.

    Attributes:
        kind: joined, said, left, or refused.
        peer: that it is about; `None` for one that was refused.
        message: what it said.
        reason: why it was refused.
    """

    kind: str
    peer: Peer | None = None
    message: dict[str, Any] = dataclasses.field(default_factory=dict)
    reason: str = ""


class Door:
    """Listens at an address from the start, and lets workers in when opened.

    Args:
        address: to listen at.
        clock: tells seconds.
        talk: seconds that a worker may take to greet.

    Raises:
        UserError: nothing can listen there.
    """

    def __init__(
        self,
        address: Address,
        clock: Callable[[], float] = time.monotonic,
        talk: float = TALK,
    ):
        self.address = address
        self.clock = clock
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._talk = talk
        self._socket = address.listen()
        self._socket.settimeout(NAP)
        self._is_open = self._shut = False

    def __enter__(self) -> Door:
        return self

    def __exit__(self, *error: Any) -> None:
        self.shut()

    def open(self, key: bytes, sweep: str) -> None:
        """Lets workers in that have the key.

        Args:
            sweep: its name, which they are told.
        """
        self._is_open = True
        self._start(self._take_in, key, sweep)

    def shut(self) -> None:
        """Lets nobody in any more; who is in stays."""
        self._shut = True
        if not self._is_open:
            self._socket.close()  # else the thread that listens does

    def _start(self, target: Callable, *arguments: Any) -> None:
        threading.Thread(target=target, args=arguments, daemon=True).start()

    def _take_in(self, key: bytes, sweep: str) -> None:
        with self._socket:
            while not self._shut:
                try:
                    connection, (host, *_) = self._socket.accept()
                except TimeoutError:
                    continue
                except OSError:
                    time.sleep(NAP)  # as when there are too many open files
                    continue
                self._start(self._attend, connection, host, key, sweep)

    def _attend(
        self, connection: socket.socket, host: str, key: bytes, sweep: str
    ) -> None:
        """Greets one who came in, and listens to it until it leaves."""
        peer = None
        try:
            line = Line(connection, lambda: key, CHIEF, talk=self._talk)
            line.send("hello", sweep=sweep)
            hello = line.receive(self._talk)
            if hello is None:
                return
            name = f"{hello['host']} (process {hello['pid']})"
            peer = Peer(
                line, name, hello["workers"], hello["runs_dir"], self.clock()
            )
            self.events.put(Event("joined", peer))
            self._listen(peer)
        except Refused as error:
            reason = f"a worker at {host} is refused: {error}"
            self.events.put(Event("refused", reason=reason))
        except OSError:
            pass  # it has left, or has never said what it wants
        finally:
            connection.close()
            if peer is not None:
                self.events.put(Event("left", peer))

    def _listen(self, peer: Peer) -> None:
        while (message := peer.line.receive()) is not None:
            peer.heard = self.clock()
            if message["say"] == "alive":
                peer.line.send("alive")
            else:
                self.events.put(Event("said", peer, message))
