"""`zoo diagnose [RUN]`: findings about a run, and what to try next."""

from __future__ import annotations

import json

from zoo.cli.flags import Command
from zoo.config import DEFAULTS
from zoo.diagnostics import diagnose, text
from zoo.diagnostics.run_stats import RunStats
from zoo.run_store import RunStore


def run(argv: list[str]) -> int:
    """Diagnoses one run; returns the exit code."""
    command = Command(
        "zoo diagnose [RUN]",
        "Diagnose a run, finished or not, from its own metrics: findings, the "
        "most severe first, and what to try next.",
        words=("[RUN]",),
    )
    command.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")
    command.switch("json", "print JSON")
    given = command.parse(argv)
    if given is None:
        return 0
    given = given or ["last"]
    stats = RunStats.of(RunStore(command.values.runs_dir).find(given[0]))
    findings = diagnose(stats)
    if command.values.json:
        print(json.dumps(text.as_json(stats, findings), indent=1))
    else:
        print(text.format_findings(stats, findings))
    return 0
