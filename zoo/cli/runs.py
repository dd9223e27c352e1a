"""`zoo runs`: every run, with how it stands and its best score."""

from __future__ import annotations

import json
import math

from zoo.cli.flags import Command
from zoo.config import DEFAULTS
from zoo.console import pluralize
from zoo.run_store import RunStore, sweep_path_of
from zoo.runs import Run, SweepFolder


def run(argv: list[str]) -> int:
    """Lists the runs, oldest first; returns the exit code."""
    command = Command("zoo runs", "List the runs, oldest first.")
    command.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")
    command.switch("json", "print JSON")
    command.switch("trials", "list the trials of sweeps too")
    if command.parse(argv) is None:
        return 0
    runs_dir = command.values.runs_dir
    found = RunStore(runs_dir).runs()
    if command.values.json:
        print(json.dumps([_row(run) for run in found], indent=1))
        return 0
    folders = RunStore(runs_dir).sweeps()
    if not command.values.trials:
        found = [run for run in found if sweep_path_of(run.path) is None]
    if found:
        print(table([_row(run) for run in found]))
    for folder in folders:
        print(_sweep_in_words(folder))
    if not found and not folders:
        print(f"no runs in {runs_dir}; `zoo train` makes one.")
    return 0


def _sweep_in_words(folder: SweepFolder) -> str:
    """Returns the line of a sweep: how it stands, and its best trial."""
    result = folder.result
    count = result.get("trials", folder.executions)
    noun = "trial" if result else "training"
    text = f"sweep {folder.name}  {folder.status}  {pluralize(count, noun)}"
    for best in result.get("best", ()):
        score = f"{result['objective']} {best['score']:.4f}"
        text += f", best {best['runs'][0]} with {score}"
    return text


def _row(found: Run) -> dict:
    history = found.history
    best = max(history, key=_goodness, default=None)
    if best and best["val_loss"] is None:
        best = None
    return {
        "run": found.name,
        "status": found.status,
        "epochs": int(history[-1]["epoch"]) if history else 0,
        "best_epoch": int(best["epoch"]) if best else None,
        "best_val_accuracy": best["val_accuracy"] if best else None,
        "best_val_loss": best["val_loss"] if best else None,
    }


def _goodness(row: dict) -> tuple[float, float]:
    """Returns a key that is larger for a better epoch."""
    accuracy, loss = row["val_accuracy"], row["val_loss"]
    if loss is None:
        return -math.inf, -math.inf
    return (0.0 if accuracy is None else accuracy), -loss


def table(rows: list[dict]) -> str:
    """Returns the rows as aligned text."""
    width = max(len(row["run"]) for row in rows)
    lines = [f"{'run':<{width}}  {'status':<13} epochs  best on validation"]
    for row in rows:
        name = f"{row['run']:<{width}}"
        best = _best_in_words(row)
        lines.append(f"{name}  {row['status']:<13} {row['epochs']:>6}  {best}")
    return "\n".join(lines)


def _best_in_words(row: dict) -> str:
    if row["best_epoch"] is None:
        return "-"
    if row["best_val_accuracy"] is None:
        score = f"loss {row['best_val_loss']:.4g}"
    else:
        score = f"accuracy {row['best_val_accuracy']:.4f}"
    return f"{score} (epoch {row['best_epoch']})"
