"""Commands for the class: `zoo lecture`, `zoo play` and `zoo reproduce`."""

from __future__ import annotations

import contextlib
import sys
import webbrowser
from importlib.util import find_spec

from zoo.cli import multirun
from zoo.cli.flags import Command
from zoo.cli.output import redirect_stderr
from zoo.config import DEFAULTS
from zoo.errors import UserError, join_and, join_or
from zoo.lectures import table
from zoo.options import INT, Option, read_option
from zoo.tuning import suites
from zoo.tuning.cluster import open_workers
from zoo.tuning.multirun import MAX_SEEDS

PLAY_PACKAGES = ("starlette", "uvicorn")  # of the extra `play`
MAX_PORT = 2**16 - 1


def run_lecture(argv: list[str]) -> int:
    """Goes through a lecture; returns the exit code."""
    command = Command(
        "zoo lecture [NAME [STEP]]",
        "Go through a lecture: for each step a question, its commands, what "
        "to look at in TensorBoard, and the answer, computed from the runs "
        "just made. Without NAME, list the lectures. The same command "
        "continues where it stopped. Without a terminal, the steps are "
        "printed.",
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


def run_play(argv: list[str]) -> int:
    """Serves the page until Ctrl-C; returns the exit code."""
    command = Command(
        "zoo play [--port=N] [--browser]",
        "Train small networks on points in the plane, on a page in the "
        "browser: options as controls, decision boundary and hidden units "
        "while they are learned. Every change is an ordinary run, shown as "
        "the command that repeats it. The page needs no internet, and only "
        "this machine can open it. Ctrl-C ends it.",
    )
    command.text("port", "0", "port on 127.0.0.1; 0 is a free one")
    command.switch("browser", "open the page in the browser")
    command.options("runs_dir")
    if command.parse(argv) is None:
        return 0
    flags = command.values
    port = int(flags.port) if flags.port.isdecimal() else MAX_PORT + 1
    if port > MAX_PORT:
        raise UserError(
            f"--port={flags.port} is not a port; give a whole number from 0 "
            f"to {MAX_PORT}."
        )
    missing = [name for name in PLAY_PACKAGES if find_spec(name) is None]
    if missing:
        raise UserError(
            f"zoo play needs {join_and(missing)}; run `pip install "
            f"{' '.join(missing)}`."
        )
    _print("starting")
    with redirect_stderr():
        from zoo.play.server import serving
        from zoo.play.session import PlaySession

        session = PlaySession(flags.runs_dir or DEFAULTS["runs_dir"])
        with serving(session, port) as address:
            _print(f"page  {address}  (Ctrl-C ends it)")
            if flags.browser:
                webbrowser.open(address)
            with contextlib.suppress(KeyboardInterrupt):
                session.work()
    return 0


SEEDS = Option(INT, "", "run", low=1, high=MAX_SEEDS)


def run_reproduce(argv: list[str]) -> int:
    """Trains the recipes that have no result yet; returns the exit code."""
    command = Command(
        "zoo reproduce [SUITE] [--budget=smoke|laptop|full]",
        "Run the recipes of a suite in order; without SUITE, list the suites. "
        "The same command resumes.",
        ("[SUITE]",),
    )
    command.text(
        "budget", "laptop", "compute budget: smoke (seconds), laptop or full"
    )
    command.text("seeds", "1", "seeds of each recipe")
    multirun.define_placement(command)
    command.options("runs_dir", "data_dir")
    words = command.parse(argv)
    if words is None:
        return 0
    if not words:
        print(suites.describe_suites())
        return 0
    return _reproduce(words[0], command)


def _reproduce(name: str, command: Command) -> int:
    values = command.values
    num_seeds = read_option("seeds", SEEDS, values.seeds)
    placement = multirun.read_placement(command)
    runs_dir = values.runs_dir or DEFAULTS["runs_dir"]
    suite_run = suites.open_suite(
        name, values.budget, num_seeds, runs_dir, values.data_dir
    )
    print(f"suite      {name}: {suite_run.suite.description}")
    print(f"budget     {values.budget}")
    print(f"runs       {suite_run.root}", flush=True)
    with redirect_stderr():
        with open_workers(placement, runs_dir, _print) as where:
            run_jobs, num_workers = where
            suite_run.train(num_workers(suite_run.num_runs), _print, run_jobs)
        return 2 if suites.print_results(suite_run, _print) else 0
