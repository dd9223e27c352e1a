"""`zoo lecture`: goes through a lecture, step by step."""

from __future__ import annotations

import sys

from zoo.cli.flags import Command
from zoo.cli.output import redirect_stderr
from zoo.config import DEFAULTS
from zoo.errors import UserError, join_or
from zoo.lectures import table


def run(argv: list[str]) -> int:
    """Goes through a lecture; returns the exit code."""
    command = Command(
        "zoo lecture [NAME [STEP]]",
        "Go through a lecture: for each step a question, its commands, what "
        "to look at in TensorBoard, and the answer, computed from the runs "
        "just made. Without NAME, list the lectures. The same command goes on "
        "where it stopped. Without a terminal, the steps are printed.",
        ("[NAME]", "[STEP]"),
    )
    command.switch("yes", "run every command, and wait for no answer")
    command.text(
        "budget", "laptop", "compute budget: smoke (seconds) or laptop"
    )
    command.text("images", None, "folder of your own images, for own_images")
    command.options("runs_dir", "data_dir")
    words = command.parse(argv)
    if words is None:
        return 0
    flags = command.values
    runs_dir = flags.runs_dir or DEFAULTS["runs_dir"]
    if flags.budget not in table.BUDGETS:
        raise UserError(
            f"--budget={flags.budget} is not a budget; choose "
            f"{join_or(table.BUDGETS)}."
        )
    if not words:
        from zoo.lectures import runner

        print(runner.listing(runs_dir, flags.data_dir))
        return 0
    lecture = table.load(
        words[0],
        runs_dir=runs_dir,
        data_dir=flags.data_dir,
        budget=flags.budget,
        images=flags.images,
    )
    step = table.find_step(lecture, words[1]) if words[1:] else None
    is_interactive = sys.stdin.isatty() and sys.stdout.isatty()
    from zoo.lectures import runner

    session = runner.LectureSession(
        lecture,
        runs_dir,
        None if flags.yes else _ask,
        _print,
        redirect_stderr,
    )
    if is_interactive or flags.yes:
        session.run(step)
    else:
        session.print_steps(step)
    return 0


def _print(line: str) -> None:
    print(line, flush=True)


def _ask(prompt: str) -> str:
    """Asks for a line; the end of input ends the lecture, as q does."""
    print(f"\n{prompt}", end="", flush=True)
    try:
        return input()
    except EOFError:
        return "q"
