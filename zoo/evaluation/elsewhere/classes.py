"""Which class of a run each class of another data set is, by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from zoo.data.elsewhere import Other
from zoo.errors import UserError, close_matches, join_and

# No folder can have a / in its name; a class of a published set may.
SEPARATORS = re.compile(r"[\s_\-/]+")


def map_classes(other: Other, run: str, known: Sequence[str]) -> list[int]:
    """Returns the run's label of each class of another data set.

    Names are the same if they differ in case and separators alone.

    Args:
        other: its classes may be some of the run's.
        run: name of the run, for the sentence.
        known: the run's class names.

    Raises:
        UserError: a class is none of the run's, or names say nothing.
    """
    if other.numbered:
        _check_numbers(other, run, known)
    return [_find(name, other.name, run, known) for name in other.class_names]


def _check_numbers(other: Other, run: str, known: Sequence[str]) -> None:
    """Raises `UserError` where numbers are no names."""
    remedy = "save their names in it as class_names."
    if list(known) != [str(label) for label in range(len(known))]:
        names = join_and(known[:3])
        raise UserError(
            f"{other.name} has numbers for class names, and {run} knows "
            f"{len(known)} classes by name, such as {names}; {remedy}"
        )
    if len(known) != len(other.class_names):
        raise UserError(
            f"{other.name} has {len(other.class_names)} classes without names, "
            f"and {run} knows {len(known)}, so that a number need not mean "
            f"the same class; {remedy}"
        )


def _find(name: str, other: str, run: str, known: Sequence[str]) -> int:
    if name in known:
        return known.index(name)
    fits = [k for k, own in enumerate(known) if _folded(own) == _folded(name)]
    if len(fits) == 1:
        return fits[0]
    if fits:
        both = join_and(known[k] for k in fits)
        raise UserError(
            f"{other} has the class {name!r}, which may be {both} of {run}; "
            "write it as one of them."
        )
    close = close_matches(name, known, 1)
    if close:
        hint = f"did you mean {close[0]}?"
    else:
        end = ", ..." if len(known) > 6 else "."
        hint = f"it knows {', '.join(known[:6])}{end}"
    raise UserError(
        f"{other} has the class {name!r}, which {run} does not know; {hint}"
    )


def _folded(name: str) -> str:
    return SEPARATORS.sub("", name).casefold()
