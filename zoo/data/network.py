"""Whether an address can be reached, answered within seconds."""

from __future__ import annotations

import socket
import threading
import urllib.parse
import urllib.request

SECONDS = 5.0


def is_reachable(address: str) -> bool:
    """Says whether the host of an address, or its proxy, takes connections.

    Looking a name up has no time limit of its own, hence the thread.
    """
    answers: list[bool] = []
    thread = threading.Thread(
        target=lambda: answers.append(_connects(*_host_and_port(address))),
        daemon=True,
    )
    thread.start()
    thread.join(SECONDS)
    return answers == [True]


def _host_and_port(address: str) -> tuple[str, int]:
    scheme = urllib.parse.urlsplit(address).scheme
    url = urllib.parse.urlsplit(
        urllib.request.getproxies().get(scheme, address)
    )
    port = {"http": 80, "https": 443}.get(url.scheme, 443)
    return url.hostname or "", url.port or port


def _connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), SECONDS).close()
    except OSError:
        return False
    return True
