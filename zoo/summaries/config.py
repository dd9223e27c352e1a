"""Kind `config`: every option that was used, as a table in the text tab."""

from __future__ import annotations

from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes the text `config`, once, before the first update."""
    if snapshot.step == 0:
        log.text("config", table(snapshot.config), 0)


def table(config: dict) -> str:
    """Returns a Markdown table of the options that have a value."""
    rows = [
        f"| `{name}` | {_cell(value)} |"
        for name, value in config.items()
        if value not in (None, {}, ())
    ]
    return "\n".join(["| option | value |", "| --- | --- |", *rows])


def _cell(value) -> str:
    words = ", ".join(map(str, value)) if isinstance(value, tuple) else value
    return str(words).replace("|", "\\|")
