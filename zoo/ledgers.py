"""Ledgers: files to which lines are added for good, one JSON object a line.

What was added stays, whatever kills its writer: a line is on the disk when
`append` returns, and a line that is half written is no line; the next append
cuts it off. Several processes may add at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from zoo import files
from zoo.errors import UserError

PATIENCE = 30.0  # seconds to wait for another process; it needs milliseconds
NAP = 0.01  # seconds between two tries
# What a lock that is taken raises; anything else is a folder in trouble.
TAKEN = OSError if os.name == "nt" else BlockingIOError


class Lines:
    """A file of lines of JSON.

    Args:
        path: of the file; there need be none yet.
        check: raises KeyError, TypeError or ValueError for an object that is
            no line of this file.
        noun: what a line is, in words.
        promise: the end of the sentence that says that nothing could be
            written.
    """

    def __init__(
        self,
        path: pathlib.Path,
        check: Callable[[dict[str, Any]], Any],
        noun: str,
        promise: str,
    ):
        self.path = path
        self._check = check
        self._noun = noun
        self._promise = promise

    def read(self) -> list[dict[str, Any]]:
        """Returns every whole line, oldest first.

        Raises:
            UserError: a line cannot be read, or the file cannot.
        """
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._trouble("read", error) from error
        whole, _, _ = text.rpartition(b"\n")
        lines = whole.splitlines()
        return [self._parse(i, line) for i, line in enumerate(lines, 1)]

    def append(self, rows: Sequence[dict[str, Any]]) -> None:
        """Adds lines, for good; call it while `held`.

        Raises:
            UserError: they cannot be written.
        """
        lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
        try:
            with open(self.path, "a+b") as file:
                _cut_torn_line(file)
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            _sync_folder(self.path.parent)
        except OSError as error:
            raise self._trouble("written", error) from error

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Waits until no other process writes, and keeps it so.

        Raises:
            UserError: another process does not let go.
        """
        end = time.monotonic() + PATIENCE
        path = self.path.with_name(f".{self.path.stem}.lock")
        with contextlib.ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(files.holding(path))
                    break
                except TAKEN as error:
                    if time.monotonic() > end:
                        raise UserError(
                            f"{self.path} is held by another process since "
                            f"{PATIENCE:.0f} s; wait for it, or stop it first."
                        ) from error
                    time.sleep(NAP)
                except OSError as error:
                    raise self._trouble("written", error) from error
            yield

    def _parse(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            row = json.loads(line)
            self._check(row)
            return row
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"{self.path} is damaged: line {number} is no {self._noun}; "
                "mend it, or take it out."
            ) from error

    def _trouble(self, what: str, error: OSError) -> UserError:
        return UserError(
            f"{self.path} cannot be {what}: {os.strerror(error.errno or 0)}; "
            f"{self._promise}."
        )


def _cut_torn_line(file) -> None:
    """Takes off what stands behind the last end of a line."""
    file.seek(0)
    text = file.read()
    if not text.endswith(b"\n"):
        file.truncate(text.rfind(b"\n") + 1)


def _sync_folder(folder: pathlib.Path) -> None:
    """Makes the name of a new file last; Windows has no such call."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
