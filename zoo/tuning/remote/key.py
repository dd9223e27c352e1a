"""The key that a chief and its workers share: a file, or a variable.

Who has it can have a worker train whatever a config can ask for, so only its
owner may read the file.
"""

from __future__ import annotations

import os
import pathlib
import secrets

from zoo.errors import UserError
from zoo.io import atomic_write

NAME = "chief.key"  # beside the runs
VARIABLE = "ZOO_SWEEP_KEY"
SHORTEST = 16  # characters


def check() -> None:
    """Raises `UserError` if the variable is set, and holds no key."""
    if VARIABLE in os.environ:
        read("")


def make(runs_dir: str) -> bytes:
    """Returns the key of a folder of runs, made if there is none.

    Raises:
        UserError: it is too short, or cannot be written.
    """
    path = pathlib.Path(runs_dir, NAME)
    if VARIABLE not in os.environ and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            os.chmod(file.name, 0o600)
            file.write(f"{secrets.token_hex(32)}\n".encode())
    return read(runs_dir)


def read(runs_dir: str) -> bytes:
    """Returns the key that a worker finds.

    Raises:
        UserError: there is none, or it is too short.
    """
    path = pathlib.Path(runs_dir, NAME)
    text = os.environ.get(VARIABLE)
    where = VARIABLE if text is not None else str(path)
    if text is None:
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError):
            raise UserError(
                f"{path} cannot be read, and a worker needs the key of its "
                f"chief; copy {NAME} from the chief's --runs_dir, or set "
                f"{VARIABLE} to the same on both sides."
            ) from None
    if len(text.strip()) < SHORTEST:
        raise UserError(
            f"the key in {where} is too short to be one; it takes at least "
            f"{SHORTEST} characters."
        )
    return text.strip().encode()
