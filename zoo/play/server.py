"""The web server of `zoo play`, on loopback.

Nobody else can drive it: it listens on 127.0.0.1, answers under no other host
name, refuses requests of other web pages, and wants the token that only the
printed address has.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import secrets
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
)
from starlette.routing import Route

from zoo.console import expand_commands
from zoo.errors import UserError
from zoo.play.session import PlaySession, controls

HOST = "127.0.0.1"
HOSTS = (HOST, "localhost")  # names under which a browser may ask
PAGE = pathlib.Path(__file__).parent / "page.html"
TOKEN_HEADER = "x-zoo-token"
MAX_BODY_BYTES = 100_000
BAD_REQUEST, FORBIDDEN = 400, 403
POLL_SECONDS = 0.01
STOP_SECONDS = 5  # for requests to be answered when the server stops
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; "
    "img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def create_app(session: PlaySession, token: str) -> Starlette:
    """Returns the application: the page, and what it asks for.

    `GET /` is the page. `POST /api/ACTION` takes and returns JSON; a mistake
    is answered with status 400 and a sentence in `error`.

    Args:
        session: What trains.
        token: Word that every request must have: the page in its address,
            other requests in the header `X-Zoo-Token`.
    """
    actions = {
        "controls": lambda asked: controls(),
        "state": lambda asked: session.state(int(asked.get("after", -1))),
        "points": lambda asked: session.points(str(asked.get("dataset"))),
        "train": lambda asked: {"command": session.train(asked)},
        "stop": lambda asked: session.stop(),
        "compare": lambda asked: session.compare(asked.get("runs", [])),
    }

    def page(request: Request) -> Response:
        given = request.query_params.get("token", "")
        if not secrets.compare_digest(given.encode(), token.encode()):
            return PlainTextResponse(
                "Open the address that `zoo play` printed.", FORBIDDEN
            )
        html = PAGE.read_text(encoding="utf-8")
        return HTMLResponse(html, headers=HEADERS)

    async def act(request: Request) -> Response:
        given = request.headers.get(TOKEN_HEADER, "")
        origin = request.headers.get("origin", "null")
        own = f"http://{request.headers.get('host')}"
        is_known = secrets.compare_digest(given.encode(), token.encode())
        if not is_known or origin not in ("null", own):
            return _error("this page is not the one of zoo play.", FORBIDDEN)
        action = actions.get(request.path_params["action"])
        body = await request.body()
        try:
            asked = json.loads(body[: MAX_BODY_BYTES + 1] or b"{}")
        except ValueError:
            asked = None
        if action is None or not isinstance(asked, dict):
            return _error("there is no such request.", BAD_REQUEST)
        try:
            return JSONResponse(
                await run_in_threadpool(action, asked), headers=HEADERS
            )
        except UserError as error:
            return _error(expand_commands(str(error)), BAD_REQUEST)
        except (TypeError, ValueError):
            return _error("there is no such request.", BAD_REQUEST)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/api/{action}", act, methods=["POST"]),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS))
        ],
    )


def _error(sentence: str, status: int) -> Response:
    return JSONResponse({"error": sentence}, status, headers=HEADERS)


@contextlib.contextmanager
def serving(session: PlaySession, port: int = 0) -> Iterator[str]:
    """Serves the page in a thread of its own; gives its address.

    Args:
        session: What trains, in the calling thread.
        port: Port on loopback; 0 is a free one.

    Raises:
        UserError: The port is taken.
    """
    token = secrets.token_urlsafe(16)
    options: dict[str, Any] = {
        "host": HOST,
        "port": port,
        "log_level": "critical",
        "lifespan": "off",
        "timeout_graceful_shutdown": STOP_SECONDS,
    }
    server = uvicorn.Server(
        uvicorn.Config(create_app(session, token), **options)
    )

    def run() -> None:
        with contextlib.suppress(SystemExit):  # of a port that is taken
            server.run()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive() and not server.started:
        time.sleep(POLL_SECONDS)
    if not server.started:
        raise UserError(
            f"--port={port} cannot be used, since something else listens "
            "there or it needs more rights; give another one, or none for a "
            "free one."
        )
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://{HOST}:{port}/?token={token}"
    finally:
        session.close()  # requests that wait for news are answered
        server.should_exit = True
        thread.join(2 * STOP_SECONDS)
