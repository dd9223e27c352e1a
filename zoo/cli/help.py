"""The help text of a verb: its flags in groups, as a person reads them."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterable

from zoo.config import DEFAULTS, GROUPS, OPTIONS, format_option

COLUMNS = 80
TITLES = {"": "This command", **GROUPS}


@dataclasses.dataclass(frozen=True)
class Flag:
    """One flag of a verb.

    Attributes:
        about: one line; names the unit.
        group: a key of `TITLES`.
        everyday: whether `--help` shows it, or only `--helpfull`.
    """

    name: str
    about: str
    group: str = ""
    everyday: bool = True


def text(
    usage: str, about: str, flags: Iterable[Flag], everything: bool
) -> str:
    """Returns the help text.

    Args:
        usage: how the command is written.
        about: what it does, in a sentence.
        flags: all of the verb.
        everything: whether to show more than the everyday flags.
    """
    flags = list(flags)
    shown = [flag for flag in flags if everything or flag.everyday]
    width = max((len(flag.name) for flag in shown), default=0)
    lines = [usage, *_about(about)]
    for group, title in TITLES.items():
        members = [flag for flag in shown if flag.group == group]
        if members:
            lines += ["", f"{title}:"]
        for flag in members:
            lines += _lines(flag, width)
    if len(shown) < len(flags):
        lines += ["", "--helpfull shows all flags, each with its choices."]
    return "\n".join(lines)


def _about(text: str) -> list[str]:
    return textwrap.wrap(
        f"  {text}", subsequent_indent="  ", break_on_hyphens=False
    )


def _lines(flag: Flag, width: int) -> list[str]:
    margin = " " * (width + 6)
    filled = textwrap.fill(
        flag.about + _facts(flag.name),
        COLUMNS,
        initial_indent=f"  --{flag.name:<{width}}  ",
        subsequent_indent=margin,
    )
    return filled.splitlines()


def _facts(name: str) -> str:
    """Returns choices and default of an option, in brackets."""
    if name not in OPTIONS:
        return ""
    facts = []
    if OPTIONS[name].choices:
        facts.append(" | ".join(OPTIONS[name].choices))
    if DEFAULTS[name] not in (None, {}, False):
        (flag,) = format_option(name, DEFAULTS[name])
        facts.append(f"default {flag.partition('=')[2]}")
    return f" ({'; '.join(facts)})" if facts else ""
