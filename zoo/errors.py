"""Mistakes of the person at the keyboard, and the sentences they get back.

A `UserError` carries one finished sentence: what was given, why it cannot
work, and the nearest thing that would. The command line prints it and exits
with 2; a notebook shows it as the message of a `ValueError`. Everything else
that is raised is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake that one sentence can explain and the user can mend."""


class Locked(UserError):
    """Another process works on the folder that is asked for."""


class Lost(Exception):
    """A process was lost for good; what it did until then can be resumed."""


class Diverged(ArithmeticError):
    """Training produced numbers that are not finite; the run is kept."""


class Interrupted(Exception):
    """Training was asked to stop; a checkpoint was saved first.

    Args:
        text: one sentence.
        code: exit code of the process; `None` takes that of the interruption
            which is being told in other words, else that of Ctrl-C.
    """

    def __init__(self, text: str = "", code: int | None = None):
        super().__init__(text)
        told = sys.exception()
        inherited = told.code if isinstance(told, Interrupted) else 130
        self.code = inherited if code is None else code


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Returns up to `count` known names that look like `name`, best first."""
    known = list(known)
    close = difflib.get_close_matches(name.lower(), known, count, cutoff=0.5)
    inside = [k for k in known if name and (name in k or k in name)]
    return list(dict.fromkeys([*close, *inside]))[:count]


def join_words(words: Iterable[str], last: str = "or") -> str:
    """Joins words as a sentence does: "a", "a or b", "a, b or c"."""
    words = list(words)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def unknown(
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
        known: every valid name, in the order in which a person meets them.
        where: the command that lists them all, such as `zoo models`.
        meant: those that are meant by it elsewhere; none goes by its looks.
    """
    known = list(known)
    close = list(meant) or nearest(name, known)
    if close:
        hint = f"did you mean {join_words(close)}?"
    elif len(known) <= 8:
        hint = f"choose {join_words(known)}."
    else:
        hint = f"choose one of {', '.join(known[:6])}, ..."
    tail = f" `{where}` lists them all." if where else ""
    return UserError(f"there is no {kind} {name!r}; {hint}{tail}")
