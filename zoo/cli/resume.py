"""`zoo resume RUN`: goes on with a run that was killed or interrupted."""

from __future__ import annotations

from zoo import runs
from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.config import DEFAULTS


def run(argv: list[str]) -> int:
    """Resumes one run; returns the exit code."""
    command = Command(
        "zoo resume RUN",
        "Go on from a run's last checkpoint; RUN is a name, a unique prefix, "
        "a folder or `last`.",
        words=("RUN",),
    )
    command.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")
    words = command.parse(argv)
    if words is None:
        return 0
    found = runs.find(words[0], command.values.runs_dir)
    with stderr.hold() as held:
        from zoo.cli import ending
        from zoo.training.loop import resume

        console = ending.console(held, command.values.runs_dir)
        resume(found, console=console)
    return 0
