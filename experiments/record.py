"""Keeps what recipes reached: from run folders to `results.json` and a page.

    python -m experiments.record RUN...     records finished runs of recipes;
                                            a folder stands for all its runs
    python -m experiments.record            writes `RESULTS.md` anew, and
                                            `figures/README.md`

A run belongs to the recipe whose options it was given; only where it is kept,
its seed and what it shows may differ. A recipe that is edited later loses its
results: they would be another recipe's.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from benchmarks.machine import cpu_model
from experiments import bases, page
from experiments.figures import page as figures_page
from zoo import recipes
from zoo.cli import train
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.evaluation.elsewhere.original import recorded_test
from zoo.io import atomic_write
from zoo.run_store import RunStore
from zoo.runs import Run

RESULTS = pathlib.Path(__file__).with_name("results.json")
PAGE = pathlib.Path(__file__).with_name("RESULTS.md")
# Options that leave a recipe what it is.
FREE = {"runs_dir", "run_name", "data_dir", "seed", "summaries"}
FREE |= {"summary_every", "debug_every", "checkpoint_every", "deterministic"}
FREE |= {"precision", "devices"}  # noted beside the figures


def recipe_options(name: str) -> dict[str, Any]:
    """Returns what a recipe sets, by option, as JSON has it."""
    config, _ = train.read([f"--recipe={name}"])
    return what_counts(config)


def what_counts(config: TrainConfig) -> dict[str, Any]:
    """Returns the options that make a config the recipe it is, as JSON."""
    asked = {k: v for k, v in config.overrides().items() if k not in FREE}
    if config.weights:
        asked["weights"] = bases.without_seed(config.weights, config.seed)
    return json.loads(json.dumps({"model": config.model, **asked}))


def record(run: Run, runs_dir: str) -> tuple[str, dict[str, Any]]:
    """Returns the recipe that a finished run belongs to, and its figures.

    Args:
        run: a finished one.
        runs_dir: where the ledger is, of runs that are in there.

    Raises:
        UserError: the run is not finished, or is no recipe's.
    """
    if run.status not in ("completed", "stopped_early"):
        raise UserError(f"{run.name} is not finished; it is {run.status}.")
    options = what_counts(run.config)
    for recipe in recipes.list_recipes():
        if recipe_options(recipe.name) == options:
            return recipe.name, figures(run, options, runs_dir)
    raise UserError(
        f"{run.name} was not made by a recipe; `zoo recipes` lists them."
    )


def _named(names: Iterable[str], runs_dir: str) -> Iterator[Run]:
    """Yields the runs of these names; a folder stands for all that are in it.

    Of a folder, runs are left out that are no recipe's, or are not finished.
    """
    for name in names:
        start = f"{name.rstrip('/')}/"
        inside = [
            r for r in RunStore(runs_dir).runs() if r.name.startswith(start)
        ]
        if not inside:
            yield RunStore(runs_dir).find(name)
        for run in inside:
            try:
                record(run, runs_dir)
            except UserError as error:
                print(f"left out: {error}")
            else:
                yield run


def figures(run: Run, options: dict[str, Any], runs_dir: str) -> dict[str, Any]:
    """Returns what is kept of a run; of its test split if it was opened."""
    metrics, resolved = run.metrics, run.resolved
    test = recorded_test(run, runs_dir) or {}
    best, examples = metrics["best_val_accuracy"], resolved["data"]["val"]
    return {
        "seed": run.config.seed,
        "options": options,
        "base": run.config.weights,
        "epochs": metrics["epochs"],
        "steps": metrics["steps"],
        "train_loss": metrics["train_loss"],
        "train_accuracy": metrics["train_accuracy"],
        "val_loss": metrics["best_val_loss"],
        "val_correct": None if best is None else round(best * examples),
        "val_examples": examples,
        "test_correct": test.get("correct"),
        "test_examples": test.get("examples"),
        "parameters": metrics["parameters"],
        "wall_seconds": metrics["wall_seconds"],
        "examples_per_second": metrics["examples_per_second"],
        "data": resolved["data"]["fingerprint"],
        "machine": {**resolved["machine"], "cpu": cpu_model()},
        "precision": resolved["precision"],
        "zoo": resolved["zoo"],
    }


def read_results() -> dict[str, list[dict[str, Any]]]:
    """Returns the recorded figures by recipe, seeds in order."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def add(results: dict, name: str, row: dict[str, Any]) -> None:
    """Puts a run's figures in the place of those of its seed, if any."""
    others = [
        old
        for old in results.get(name, ())
        if old["seed"] != row["seed"] and old["options"] == row["options"]
    ]
    results[name] = sorted([*others, row], key=lambda old: old["seed"])


def main(argv: list[str] | None = None) -> int:
    """Records the runs that are named; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m experiments.record",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="*", metavar="RUN")
    parser.add_argument("--runs_dir", default="runs")
    flags = parser.parse_args(argv)
    results = read_results()
    try:
        for run in _named(flags.runs, flags.runs_dir):
            add(results, *record(run, flags.runs_dir))
    except UserError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    for path, text in (
        (RESULTS, json.dumps(dict(sorted(results.items())), indent=1) + "\n"),
        (PAGE, page.text(results)),
        (figures_page.PAGE, figures_page.text()),
    ):
        with atomic_write(path) as file:
            file.write(text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
