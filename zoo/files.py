"""Files that are whole or not there, and held by one process at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

from zoo.errors import Locked, UserError

# What systems say of a lock that another process holds.
HELD = (errno.EACCES, errno.EDEADLK) if os.name == "nt" else (errno.EAGAIN,)


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Gives a file to write, which takes the place of `path` at the end.

    A reader sees the old file or the new one, never a mixture; if anything
    goes wrong, the old one stays.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    # Always the same name: what a kill leaves is overwritten by the next try.
    temporary = path.with_name(f".{path.name}.new")
    try:
        # Never through a link that lies there under this name.
        temporary.unlink(missing_ok=True)
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise UserError(
            f"{path} cannot be written: {why}; what was there is kept."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def holding(path: pathlib.Path) -> Iterator[None]:
    """Holds a lock file while the block runs; the system frees it at death.

    Raises:
        OSError: another process holds it.
    """
    with open(path, "a+b") as file:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@contextlib.contextmanager
def in_turn(path: pathlib.Path, wait: Callable[[], None]) -> Iterator[None]:
    """Holds a lock file while the block runs, as soon as it is free.

    Args:
        path: of the lock file.
        wait: called once, if another process holds it now.

    Raises:
        OSError: the file cannot be written, or not be locked.
    """
    path.touch()
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(holding(path))
                break
            except OSError as error:
                if error.errno not in HELD:
                    raise
                wait()
                wait = _nothing
                time.sleep(0.1)
        yield


def _nothing() -> None:
    pass


@contextlib.contextmanager
def alone_in(folder: pathlib.Path, busy: str) -> Iterator[None]:
    """Holds a folder's file `lock` while the block runs.

    Args:
        folder: of a run, a group or a sweep.
        busy: which folder it is and how it is worked on, in words.

    Raises:
        Locked: another process holds it.
        UserError: the file cannot be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(holding(folder / "lock"))
        except OSError as error:
            if error.errno not in HELD:
                raise UserError(
                    f"{folder / 'lock'} cannot be written: "
                    f"{os.strerror(error.errno or 0)}."
                ) from error
            raise Locked(
                f"{busy} in another process; wait for it, or stop it first."
            ) from None
        yield
