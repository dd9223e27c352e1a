"""Atomic writes, file locks, and files of JSON lines.

A file that is written here is there as a whole or not at all, whatever kills
the writer, and what was written is on the disk. Locks are those of the
operating system, by way of filelock: they end with their process, however that
ends.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pathlib
import re
import secrets
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, BinaryIO

from zoo.errors import Locked, UserError

LOCK_TIMEOUT_S = 30.0  # to append to a file, which takes milliseconds
POLL_INTERVAL_S = 0.01
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)  # Windows has no such flag

OTHER_OUT = "choose another place with --out"  # for `atomic_write`

# What zipfile, NumPy and JSON raise for a file that was cut, or of which some
# bits are others. RuntimeError: encrypted, compressed in a way that zipfile
# lacks, or nested too deep.
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError),
    *(ArithmeticError, AttributeError, EOFError, LookupError, RuntimeError),
    *(SyntaxError, TypeError, ValueError),
)


@contextlib.contextmanager
def atomic_path(path: pathlib.Path, remedy: str = "") -> Iterator[pathlib.Path]:
    """Yields a new path; the file there replaces `path` when the block ends.

    A reader sees the old file or the new one, never a mixture; after an error
    the old one is still there. If `path` is a symbolic link, the link is
    replaced, and what it leads to is left alone.

    Args:
        path: to write to. The temporary path has the same suffix, and a name
            that nobody can guess.
        remedy: end of the sentence that says that it cannot be written.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    temporary = path.with_name(
        f".{path.stem}.{secrets.token_hex(8)}.new{path.suffix}"
    )
    try:
        yield temporary
        sync_file(temporary)
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        endings = [f"{path} cannot be written: {reason}"]
        if os.path.isfile(path):
            endings.append("the previous file is kept")
        if remedy:
            endings.append(remedy)
        raise UserError("; ".join(endings) + ".") from error
    finally:
        with contextlib.suppress(OSError):  # the folder cannot be written
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_write(path: pathlib.Path, remedy: str = "") -> Iterator[BinaryIO]:
    """Yields a file to write, which replaces `path` when the block ends.

    See `atomic_path`.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    with atomic_path(path, remedy) as temporary:
        with open(temporary, "xb") as file:  # through no link
            yield file


_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.new(\.[a-z0-9]+)?")


def remove_temporary_files(folder: pathlib.Path) -> None:
    """Removes what killed writers left in a folder that this process holds."""
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            if _TEMPORARY.fullmatch(path.name):
                path.unlink(missing_ok=True)


def open_to_append(path: pathlib.Path, **options: Any) -> IO:
    """Opens a file for appending, through no symbolic link.

    A link of this name is removed, and a new file begins.

    Args:
        path: of the file, which need not exist.
        **options: of `open`, such as its encoding.
    """
    if path.is_symlink():
        path.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | NO_FOLLOW
    flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    mode = "a" if "encoding" in options else "ab"
    return open(os.open(path, flags, 0o666), mode, **options)


def encode(text: str) -> bytes:
    """Returns a text as UTF-8, and names of files as the system has them."""
    return text.encode(errors="surrogateescape")


def check_utf8(name: str, what: str) -> None:
    """Raises `UserError` for a name of a file or folder that is not UTF-8.

    TensorBoard, HTML and JSON cannot hold it.

    Args:
        name: of a file, a folder or a path.
        what: it is, for the error, such as "the folder".
    """
    if not name.isascii() and any("\udc80" <= c <= "\udcff" for c in name):
        shown = name.encode(errors="backslashreplace").decode()
        raise UserError(f"the name of {what} {shown} is not UTF-8; rename it.")


def read_error(path: pathlib.Path, error: OSError) -> UserError:
    """Builds the error for a file that this machine cannot read now.

    That says nothing about its content: rights may be missing, or a disk.
    """
    reason = os.strerror(error.errno or 0)
    return UserError(f"{path} cannot be read: {reason}.")


@contextlib.contextmanager
def file_lock(path: pathlib.Path, timeout: float = 0.0) -> Iterator[None]:
    """Holds a lock file while the block runs.

    Args:
        path: of the lock file, which stays when it is released.
        timeout: seconds to wait for another process; negative waits forever.

    Raises:
        TimeoutError: another process holds it.
        OSError: the file cannot be written, or not be locked.
    """
    import filelock

    # Errors first: filelock would make missing folders, and report what
    # cannot be opened as a timeout.
    flags = os.O_RDWR | os.O_CREAT | NO_FOLLOW
    os.close(os.open(path, flags, 0o666))
    lock = filelock.FileLock(
        path,
        timeout=timeout,
        poll_interval=POLL_INTERVAL_S,
        thread_local=False,
        fallback_to_soft=False,  # such a lock would outlive its process
    )
    with lock:
        yield


@contextlib.contextmanager
def wait_for_lock(
    path: pathlib.Path, on_wait: Callable[[], None]
) -> Iterator[None]:
    """Holds a lock file while the block runs, as soon as it is free.

    Args:
        path: of the lock file.
        on_wait: called once if another process holds it now.

    Raises:
        OSError: the file cannot be written, or not be locked.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(file_lock(path))
        except TimeoutError:
            on_wait()
            stack.enter_context(file_lock(path, timeout=-1))
        yield


@contextlib.contextmanager
def exclusive(folder: pathlib.Path, busy: str) -> Iterator[None]:
    """Holds the file `lock` of a folder while the block runs.

    Args:
        folder: of a run, a group or a sweep.
        busy: start of the error's sentence, such as "lr-digits is running".

    Raises:
        Locked: another process holds it.
        UserError: the file cannot be written.
    """
    path = folder / "lock"
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(file_lock(path))
        except TimeoutError:
            raise Locked(
                f"{busy} in another process; wait for it, or stop it first."
            ) from None
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise UserError(f"{path} cannot be written: {reason}.") from error
        yield


class JsonlFile:
    """A file of JSON objects, one a line, to which lines are only appended.

    A line is on the disk when `append` returns. A line that is half written,
    because its writer was killed, is not read, and the next `append` removes
    it. Several processes may append, each while it holds `locked`.

    Args:
        path: of the file, which need not exist.
        check: raises KeyError, TypeError or ValueError for an object that is
            not a valid line of this file.
        item: what a line is, such as "trial".
        on_failure: end of the sentence that says that nothing could be
            written.
    """

    def __init__(
        self,
        path: pathlib.Path,
        check: Callable[[dict[str, Any]], Any],
        item: str,
        on_failure: str,
    ):
        self.path = path
        self._check = check
        self._item = item
        self._on_failure = on_failure

    def read(self) -> list[dict[str, Any]]:
        """Returns every complete line, oldest first.

        Raises:
            UserError: the file cannot be read, or a line is invalid.
        """
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._error("read", error) from error
        complete, _, _ = text.rpartition(b"\n")
        lines = complete.splitlines()
        return [self._parse(i, line) for i, line in enumerate(lines, 1)]

    def append(self, rows: Sequence[dict[str, Any]]) -> None:
        """Appends lines; call it while `locked`.

        Raises:
            UserError: they cannot be written.
        """
        lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
        try:
            with open(self.path, "a+b") as file:
                _remove_torn_line(file)
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(self.path.parent)
        except OSError as error:
            raise self._error("written", error) from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from appending while the block runs.

        Raises:
            UserError: another process does not release it in time, or the
                lock file cannot be written.
        """
        path = self.path.with_name(f".{self.path.stem}.lock")
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(file_lock(path, LOCK_TIMEOUT_S))
            except TimeoutError as error:
                raise UserError(
                    f"another process has held {self.path} for "
                    f"{LOCK_TIMEOUT_S:.0f} s; wait for it, or stop it first."
                ) from error
            except OSError as error:
                raise self._error("written", error) from error
            yield

    def _parse(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            row = json.loads(line)
            self._check(row)
            return row
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"{self.path} is corrupt: line {number} is not a valid "
                f"{self._item}; correct it, or remove it."
            ) from error

    def _error(self, verb: str, error: OSError) -> UserError:
        reason = os.strerror(error.errno or 0)
        return UserError(
            f"{self.path} cannot be {verb}: {reason}; {self._on_failure}."
        )


def _remove_torn_line(file) -> None:
    """Removes what stands behind the last end of a line."""
    file.seek(0)
    text = file.read()
    if not text.endswith(b"\n"):
        file.truncate(text.rfind(b"\n") + 1)


def sync_file(path: pathlib.Path) -> None:
    """Puts the content of a file on the disk."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: pathlib.Path) -> None:
    """Puts the names of new files on the disk; Windows has no such call."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems cannot sync folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
