"""Keeps what recipes reached: from run folders to `results.json` and a table.

    python -m experiments.record RUN...     records finished runs of recipes
    python -m experiments.record            writes the table anew

A run belongs to the recipe whose options it was given; only where it is kept,
its seed and what it shows may differ. A recipe that is edited later loses its
results: they would be another recipe's.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from typing import Any

from benchmarks.machine import cpu_model
from zoo import files, recipes, runs, scores
from zoo.cli import train
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.evaluation.elsewhere.original import recorded_test
from zoo.tables import format_count

RESULTS = pathlib.Path(__file__).with_name("results.json")
TABLE = pathlib.Path(__file__).with_name("README.md")
# Options that leave a recipe what it is.
FREE = {"runs_dir", "run_name", "data_dir", "seed", "summaries"}
FREE |= {"summary_every", "debug_every", "checkpoint_every", "deterministic"}
HEAD = """\
# Recipes and what they reached

Made by `python -m experiments.record` from the runs' own folders; every
figure is of one run. Validation accuracies are those of the best epoch, so
they are a little too good; where the test split was opened, its accuracy
stands beside them. The 95 % intervals are exact (Clopper and Pearson) and
count the chance of the images alone, not that of the seed.
"""


def recipe_options(name: str) -> dict[str, Any]:
    """Returns what a recipe sets, by option, as JSON has it."""
    config, _ = train.read([f"--recipe={name}"])
    return what_counts(config)


def what_counts(config: TrainConfig) -> dict[str, Any]:
    """Returns the options that make a config the recipe it is, as JSON."""
    asked = {k: v for k, v in config.asked().items() if k not in FREE}
    return json.loads(json.dumps({"model": config.model, **asked}))


def record(run: runs.Run, runs_dir: str) -> tuple[str, dict[str, Any]]:
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


def figures(
    run: runs.Run, options: dict[str, Any], runs_dir: str
) -> dict[str, Any]:
    """Returns what is kept of a run; of its test split if it was opened."""
    metrics, resolved = run.metrics, run.resolved
    test = recorded_test(run, runs_dir) or {}
    best, examples = metrics["best_val_accuracy"], resolved["data"]["val"]
    return {
        "seed": run.config.seed,
        "options": options,
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
        "data": resolved["data"]["fingerprint"],
        "machine": {**resolved["machine"], "cpu": cpu_model()},
        "precision": resolved["precision"],
        "zoo": resolved["zoo"],
    }


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    """Returns README's text: one table for each folder of recipes."""
    parts, groups = [HEAD], {}
    for name, rows in sorted(results.items()):
        groups.setdefault(name.partition("/")[0], []).append((name, rows))
    for group, entries in groups.items():
        tested = any(r.get("test_correct") for _, rows in entries for r in rows)
        head = (
            "| recipe | seed | updates | training loss | training accuracy "
            "| validation accuracy (95 %) |"
        )
        rule = "| --- | ---: | ---: | ---: | ---: | --- |"
        if tested:
            head, rule = f"{head} test accuracy (95 %) |", f"{rule} --- |"
        lines = [f"## {group}\n", head, rule]
        lines += [
            _row(name, row, tested) for name, rows in entries for row in rows
        ]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _row(name: str, row: dict[str, Any], tested: bool) -> str:
    cells = (
        f"`{name}`",
        str(row["seed"]),
        format_count(row["steps"]),
        _figure(row["train_loss"]),
        _figure(row["train_accuracy"]),
        _interval(row["val_correct"], row["val_examples"]),
    )
    if tested:
        test = row.get("test_correct"), row.get("test_examples")
        cells += (_interval(*test),)
    return f"| {' | '.join(cells)} |"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _interval(correct: int | None, examples: int | None) -> str:
    if correct is None:
        return ""
    share = scores.proportion(correct, examples)
    return f"{share.value:.4f} ({share.low:.4f} to {share.high:.4f})"


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
        for name in flags.runs:
            run = runs.find(name, flags.runs_dir)
            add(results, *record(run, flags.runs_dir))
    except UserError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    for path, text in (
        (RESULTS, json.dumps(dict(sorted(results.items())), indent=1) + "\n"),
        (TABLE, table(results)),
    ):
        with files.replacing(path) as file:
            file.write(text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
