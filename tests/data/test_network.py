"""Whether there is a network is found out quickly, with a proxy or without."""

import socket

from zoo.data.network import is_reachable


def listening():
    server = socket.create_server(("127.0.0.1", 0))
    return server, server.getsockname()[1]


def test_a_host_that_listens_is_reachable(monkeypatch):
    monkeypatch.delenv("http_proxy", raising=False)
    server, port = listening()
    with server:
        assert is_reachable(f"http://127.0.0.1:{port}/data")


def test_a_host_that_does_not_listen_is_not(monkeypatch):
    monkeypatch.delenv("http_proxy", raising=False)
    server, port = listening()
    server.close()
    assert not is_reachable(f"http://127.0.0.1:{port}/data")


def test_a_name_without_a_host_is_not():
    assert not is_reachable("https://no-such-host.invalid")


def test_behind_a_proxy_the_proxy_counts(monkeypatch):
    server, port = listening()
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    with server:
        assert is_reachable("https://no-such-host.invalid")
