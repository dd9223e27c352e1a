"""`zoo reproduce`: runs the recipes of an experiment suite."""

from __future__ import annotations

from zoo.cli import multirun, train
from zoo.cli.flags import Command
from zoo.cli.output import redirect_stderr
from zoo.config import DEFAULTS, TrainConfig
from zoo.errors import UserError, join_or
from zoo.options import INT, Option, read_option
from zoo.tuning import suites
from zoo.tuning.cluster import open_workers
from zoo.tuning.multirun import MAX_SEEDS

SEEDS = Option(INT, "", "run", low=1, high=MAX_SEEDS)


def run(argv: list[str]) -> int:
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
    suite = suites.find_suite(name)
    budget = command.values.budget
    if budget not in suites.BUDGETS:
        raise UserError(
            f"--budget={budget} is not a budget; choose "
            f"{join_or(suites.BUDGETS)}."
        )
    num_seeds = read_option("seeds", SEEDS, command.values.seeds)
    placement = multirun.read_placement(command)
    data_dir = command.values.data_dir
    runs_dir = command.values.runs_dir or DEFAULTS["runs_dir"]
    suites.check_data(suite, read_flags, data_dir)
    root = suites.run_folder(suite, budget, runs_dir)
    print(f"suite      {suite.name}: {suite.description}")
    print(f"budget     {budget}")
    print(f"runs       {root}", flush=True)
    with redirect_stderr():
        suite_run = suites.SuiteRun(
            suite, budget, num_seeds, root, read_flags, data_dir
        )
        with open_workers(placement, runs_dir, _print) as where:
            run_jobs, num_workers = where
            suite_run.train(num_workers(suite_run.num_runs), _print, run_jobs)
        return 2 if suites.print_results(suite_run, _print) else 0


def _print(line: str) -> None:
    print(line, flush=True)


def read_flags(flags: list[str]) -> TrainConfig:
    """Returns the config of flags such as `--recipe=mnist/lr`."""
    config, _ = train.read(flags)
    return config
