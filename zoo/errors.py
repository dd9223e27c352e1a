"""Errors that a user can fix, and how their messages are written.

The message of a `UserError` is one finished sentence: what was given, why it
cannot work, and the nearest thing that would. The command line prints it and
exits with 2; a notebook shows it as the message of a `ValueError`. Anything
else that is raised is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable


class UserError(ValueError):
    """An error that one sentence can explain and the user can fix."""


class Locked(UserError):
    """Another process holds the folder."""


class Lost(Exception):
    """A process of a distributed run was lost; the run can be resumed."""


class Diverged(ArithmeticError):
    """Training produced numbers that are not finite; the run is kept."""


class Interrupted(Exception):
    """Training was asked to stop, and saved a checkpoint first.

    Args:
        text: one sentence.
        code: exit code of the process. `None` takes that of the interruption
            that is being handled, else that of Ctrl-C.
    """

    def __init__(self, text: str = "", code: int | None = None):
        super().__init__(text)
        handled = sys.exception()
        inherited = handled.code if isinstance(handled, Interrupted) else 130
        self.code = inherited if code is None else code


# Backends raise the same kinds for other errors, too.
_NO_MEMORY = re.compile(
    "RESOURCE_EXHAUSTED|out of memory|OOM when allocating|failed to allocate"
    "|bad_alloc|cannot allocate memory|can't start new thread"
    "|failed to map segment",
    re.IGNORECASE,
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was used up, of the machine or of its accelerator."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, UserError) or not isinstance(error, Exception):
        return False
    kind = type(error).__name__
    return kind == "ResourceExhaustedError" or bool(
        kind.endswith(("Error", "Exception")) and _NO_MEMORY.search(str(error))
    )


def close_matches(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Returns up to `count` known names similar to `name`, best first."""
    known = list(known)
    close = difflib.get_close_matches(name.lower(), known, count, cutoff=0.5)
    inside = [k for k in known if name and (name in k or k in name)]
    return list(dict.fromkeys([*close, *inside]))[:count]


def join_or(words: Iterable[str]) -> str:
    """Joins words as in a sentence: "a", "a or b", "a, b or c"."""
    return _join(words, "or")


def join_and(words: Iterable[str]) -> str:
    """Joins words as in a sentence: "a", "a and b", "a, b and c"."""
    return _join(words, "and")


def _join(words: Iterable[str], last: str) -> str:
    words = list(words)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def unknown_name_error(
    kind: str,
    name: str,
    known: Iterable[str],
    where: str,
    meant: Iterable[str] = (),
) -> UserError:
    """Builds the error for a name that is not in a table.

    Args:
        kind: what the name should have named, such as "model".
        name: what was given.
        known: every valid name, the most basic first.
        where: the command that lists them all, such as `zoo models`.
        meant: the names to suggest; if empty, those that are spelled alike.
    """
    known = list(known)
    close = list(meant) or close_matches(name, known)
    if close:
        hint = f"did you mean {join_or(close)}?"
    elif len(known) <= 8:
        hint = f"choose {join_or(known)}."
    else:
        hint = f"choose one of {', '.join(known[:6])}, ..."
    tail = f" `{where}` lists them all." if where else ""
    return UserError(f"there is no {kind} {name!r}; {hint}{tail}")
