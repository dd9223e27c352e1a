"""A comparison as tables, plain or in Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from zoo.console import format_count, format_table

NAMED = 3  # runs of a recipe that a table names; the others are counted
SMALLEST = 0.0001  # p below this is written as less
CLASSES = (
    "p: exact McNemar of two runs, which says nothing of other seeds; where a "
    "recipe has several, the larger of the paired bootstrap's over examples "
    "and of Welch's (Student's beside one run) over seeds"
)
NUMBERS = (
    "p: the paired bootstrap's over examples; where a recipe has several "
    "seeds, the larger of that and of Welch's over seeds"
)


def text(found: dict[str, Any], everything: bool, markdown: bool) -> str:
    """Returns what was found as tables.

    Args:
        found: as `measuring.measure` returns it.
        everything: whether to show the options that do not differ, too.
        markdown: whether the tables are Markdown's.
    """
    table = _markdown if markdown else format_table
    title = "## {}".format if markdown else str
    blocks = [head(found), table(*recipes(found))]
    blocks += [title("What differs"), _settings(found, "differ", table)]
    if everything:
        blocks += [title("What does not"), _settings(found, "same", table)]
    if found["pairs"]:
        blocks += [title("Differences"), table(*differences(found))]
        blocks += notes(found) if markdown else map(textwrap.fill, notes(found))
    return "\n\n".join(blocks)


def head(found: dict) -> str:
    """Says how many runs of how many recipes were compared, on what."""
    runs, recipes = len(found["runs"]), len(found["recipes"])
    kinds = f"{recipes} recipes" if recipes > 1 else "1 recipe"
    return (
        f"{runs} runs of {kinds} on the same {found['examples']:,} validation "
        f"examples of {found['dataset']}"
    )


def _score(found: dict, value: float | None, sign: str = "") -> str:
    if value is None:
        return "-"
    if found["score"] == "accuracy":
        return f"{100 * value:{sign}.2f}"
    return f"{value:{sign}.4g}"


def _ends(found: dict, row: dict) -> str:
    if row["low"] is None:
        return "-"
    return f"{_score(found, row['low'])} to {_score(found, row['high'])}"


def recipes(found: dict):
    """Returns heads, rows and which columns are numbers: a row a recipe."""
    score = found["score"].replace("_", " ")
    heads = ("", "runs", "seeds", "parameters", score, "95 % interval")
    rows = [
        (
            row["recipe"],
            _names(row["runs"]),
            ", ".join(map(str, row["seeds"])),
            format_count(row["parameters"]),
            _score(found, row["mean"]),
            _ends(found, row),
            _score(found, row["deviation"]),
            f"{row['loss']:.4f}",
        )
        for row in found["recipes"]
    ]
    return (*heads, "deviation", "loss"), rows, (3, 4, 6, 7)


def _names(runs: Sequence[str]) -> str:
    folders = {run.rpartition("/")[0] for run in runs}
    if len(folders) == 1:
        # The folder is said once: `lr-digits-seeds/seed0, seed1, seed2`.
        runs = [runs[0], *(run.rpartition("/")[2] for run in runs[1:])]
    if len(runs) <= NAMED:
        return ", ".join(runs)
    return f"{', '.join(runs[:NAMED])} and {len(runs) - NAMED} more"


def _settings(found: dict, which: str, table) -> str:
    heads, rows = settings(found, which)
    return table(heads, rows) if rows else "nothing"


def settings(found: dict, which: str):
    """Returns heads and rows: a row an option, its values in each recipe.

    Args:
        which: `differ`, or `same` for those that do not.
    """
    heads = ["", *(row["recipe"] for row in found["recipes"])]
    rows = [
        (name, *(_values(v) for v in values))
        for name, values in found[which].items()
    ]
    return heads, rows


def _values(values: Sequence[Any]) -> str:
    return ", ".join(map(value_in_words, values))


def value_in_words(value: Any) -> str:
    """Writes a setting as it is typed, and what has none as -."""
    if value is None or value in ({}, [], ()):
        return "-"
    if isinstance(value, dict):
        return " ".join(f"{k}={v}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def differences(found: dict):
    """Returns heads, rows and which columns are numbers: a row a pair."""
    exact = any(pair["mcnemar"] for pair in found["pairs"])
    heads = ["", "difference", "95 % interval"]
    heads += ["only one right"] if exact else []
    rows = []
    for pair in found["pairs"]:
        row = [
            f"{pair['second']} - {pair['first']}",
            _score(found, pair["difference"], "+"),
            _ends(found, pair),
        ]
        row += [_disputed(pair)] if exact else []
        rows.append((*row, chance(pair["p_corrected"]), verdict(pair)))
    return (*heads, "p", "verdict"), rows, (1,)


def _disputed(pair: dict) -> str:
    counts = pair["mcnemar"]
    if counts is None:
        return "-"
    first = f"{pair['first']} {counts['only_first']:,}"
    return f"{first}, {pair['second']} {counts['only_second']:,}"


def chance(p: float) -> str:
    """Writes a p-value."""
    return f"< {SMALLEST}" if p < SMALLEST else f"{p:.2g}"


def verdict(pair: dict[str, Any]) -> str:
    """Says whether a difference is one."""
    if pair["better"] is None:
        return "no evidence of a difference"
    return f"{pair['better']} is better"


def notes(found: dict) -> list[str]:
    """Returns what the figures stand for."""
    accuracy = found["score"] == "accuracy"
    lines = [CLASSES if accuracy else NUMBERS]
    count = len(found["pairs"])
    if count > 1:
        lines[0] += f"; corrected for {count} comparisons (Holm)"
    lines[0] += "."
    unit = "percentage points" if accuracy else "the targets' unit squared"
    lines.append(
        f"Differences are in {unit}; their interval is the paired bootstrap's "
        "over examples. Intervals of recipes are over seeds where there are "
        "several, else over examples."
    )
    return lines


def _markdown(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[int] = (),
) -> str:
    """Sets rows under heads as a Markdown table."""
    rules = ["---:" if i in right else "---" for i in range(len(heads))]
    lines = [heads, rules, *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
        for line in lines
    )
