"""Checks of a Ray cluster before it is used: access, versions, runs folder.

Every error is one sentence, before any run is made. Ray itself is imported in
`cluster.py` alone; what a node runs here travels to it as a function.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import ipaddress
import os
import pathlib
import platform
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import zoo
from zoo import io
from zoo.errors import UserError

CONNECT_TIMEOUT = 30.0  # seconds until a cluster has to answer
PROBE_TIMEOUT = 60.0  # seconds until every node has to answer


def check_access(address: str) -> bool:
    """Returns whether a cluster accepts processes without a token.

    Processes of their own ask, since Ray ends a process that has no token, and
    takes more than the time that a user should wait where nobody answers.

    Raises:
        UserError: no cluster answers, or not to the token of this process.
    """
    own = _ask(address, os.environ)
    anybody = _ask(address, {**os.environ, "RAY_AUTH_MODE": "disabled"})
    end = time.monotonic() + CONNECT_TIMEOUT
    try:
        error = _error_of(own, end)
        if error and "token" in error.lower():
            raise UserError(
                f"the Ray cluster at {address} asks for a token, and that of "
                "this process is missing or another one; set "
                "RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to the file of "
                "the token that its nodes have."
            )
        if error:
            raise UserError(
                f"no Ray cluster answers at --cluster={address}; start one "
                "with `ray start --head --port=6379`, and on every other "
                "machine `ray start --address=HOST:6379`."
            )
        return not _error_of(anybody, end)
    finally:
        for process in (own, anybody):
            process.kill()
            process.communicate()


def _ask(address: str, environment: Mapping[str, str]) -> subprocess.Popen:
    """Starts a process that ends with 0 if a cluster answers it."""
    main = "from ray.scripts.scripts import main; main()"
    words = [sys.executable, "-c", main, "health-check"]
    return subprocess.Popen(
        [*words, f"--address={address}"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _error_of(process: subprocess.Popen, end: float) -> str:
    """Returns the error output of a process; empty if it exits with 0."""
    try:
        _, text = process.communicate(timeout=max(end - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        return "no answer"
    return text or "no answer" if process.returncode else ""


def refuse_open(address: str) -> None:
    """Raises `UserError` if other machines can reach an open cluster.

    Args:
        address: HOST:PORT of its head node.
    """
    host = address.rpartition(":")[0].strip("[]")
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return
    if host != "localhost":
        raise UserError(
            f"the Ray cluster at {address} asks for no token, so that whoever "
            "can reach it can run programs on its nodes; start it with "
            "RAY_AUTH_MODE=token and the token of `ray get-auth-token "
            "--generate`, or accept that by --cluster_without_token."
        )


def versions(package: str) -> dict[str, str | None]:
    """Returns the versions that must be the same on every node.

    Args:
        package: Package of the Keras backend.
    """
    found = {"Python": ".".join(platform.python_version_tuple()[:2])}
    found["zoo"] = zoo.__version__
    for name in ("keras", package):
        found[name] = importlib.metadata.version(name)
    return found


def version_difference(found: dict[str, str], wanted: dict[str, str]) -> str:
    """Returns which version differs, in a clause; empty if none does."""
    for name, version in wanted.items():
        if found.get(name) is None:
            return f"no {name}, which is {version} here"
        if found[name] != version:
            return f"{name} {found[name]}, not {version} as here"
    return ""


def node_error(
    answer: dict[str, Any] | None, package: str, runs_dir: str
) -> str:
    """Returns why a node cannot train; empty if it can.

    Args:
        answer: Answer of its probe; `None` without one.
        package: Package of the Keras backend.
        runs_dir: Folder of the run folders.
    """
    if answer is None:
        return (
            f"did not answer within {PROBE_TIMEOUT:g} s; `ray status` shows "
            "the nodes, and their logs say what is wrong."
        )
    if difference := version_difference(answer["versions"], versions(package)):
        return f"has {difference}; install the same versions on every node."
    hint = "give --runs_dir=PATH of a folder that all nodes share."
    if not answer["sees"]:
        return f"does not see the folder of runs {runs_dir}; {hint}"
    if not answer["writes"]:
        return f"cannot write to the folder of runs {runs_dir}; {hint}"
    if not answer["respects_locks"]:
        return (
            f"can lock files of {runs_dir} that are locked here, so that two "
            "processes could train one run; use a file system whose locks "
            "hold on all nodes, such as NFS 4."
        )
    return ""


def make_probe() -> Callable[[str, str, str], dict[str, Any]]:
    """Returns the function that each node runs at the start.

    It is a local function with imports of its own, so that Ray sends it whole:
    the node may have no zoo, or another version.
    """

    def probe(folder: str, path: str, package: str) -> dict[str, Any]:
        import contextlib
        import importlib.metadata
        import os
        import platform

        found = {"Python": ".".join(platform.python_version_tuple()[:2])}
        with contextlib.suppress(ImportError):
            import zoo

            found["zoo"] = zoo.__version__
        for name in ("keras", package):
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                found[name] = importlib.metadata.version(name)
        answer = {"versions": found, "sees": False, "writes": False}
        answer["respects_locks"] = os.name == "nt"
        with contextlib.suppress(OSError):
            os.chdir(folder)
        with contextlib.suppress(OSError), open(path, "rb") as file:
            answer["sees"] = True
            if os.name != "nt":
                import fcntl

                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    answer["respects_locks"] = True
        with contextlib.suppress(OSError):
            own = f"{path}-{os.getpid()}-{platform.node()}"
            with open(own, "xb"):
                os.remove(own)
            answer["writes"] = True
        return answer

    return probe


@contextlib.contextmanager
def probe_file(runs_dir: str) -> Iterator[pathlib.Path]:
    """Makes a locked file in the folder of runs, while the block runs.

    Raises:
        UserError: nothing can be written there.
    """
    folder = pathlib.Path(runs_dir).absolute()
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    path = folder / f".probe-{uuid.uuid4().hex}"
    try:
        with contextlib.ExitStack() as stack:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(io.file_lock(path))
            except OSError as error:
                raise UserError(
                    f"--runs_dir={runs_dir} cannot be written: "
                    f"{os.strerror(error.errno or 0)}."
                ) from error
            yield path
    finally:
        path.unlink(missing_ok=True)
        for path in made:
            with contextlib.suppress(OSError):  # in use by now
                path.rmdir()
