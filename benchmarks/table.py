"""The results as a person reads them."""

from __future__ import annotations

from typing import Any

from benchmarks.asked import Row
from benchmarks.parts import PARTS
from benchmarks.stored import in_words


def text(results: dict[str, Any]) -> str:
    """Returns all that is stored, one table below the other."""
    found = [in_words(results["machine"])]
    for part in PARTS:
        if rows := results["parts"].get(part.name):
            found.append(f"{heading(part.name, rows)}\n{part.table(rows)}")
    return "\n\n".join(found)


def heading(name: str, rows: list[Row]) -> str:
    """Returns a part's name, when and with what it was measured, and notes."""
    days = sorted({row["measured"] for row in rows})
    day = " to ".join(dict.fromkeys([days[0], days[-1]]))
    counts = sorted({row["repeats"] for row in rows})
    repeats = " to ".join(map(str, dict.fromkeys([counts[0], counts[-1]])))
    lines = [f"== {name}, {day}, --repeats={repeats}"]
    lines += dict.fromkeys(in_words(row["software"]) for row in rows)
    stand_ins = (row.get("stand_in") for row in rows)
    lines += dict.fromkeys(filter(None, stand_ins))
    return "\n".join(lines)
