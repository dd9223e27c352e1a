"""`zoo runs`: every run, with how it stands and its best score."""

from __future__ import annotations

import json

from zoo import runs
from zoo.cli.flags import Command
from zoo.config import DEFAULTS


def run(argv: list[str]) -> int:
    """Lists the runs, oldest first; returns the exit code."""
    command = Command("zoo runs", "List the runs, oldest first.")
    command.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")
    command.switch("json", "print JSON")
    if command.parse(argv) is None:
        return 0
    rows = [_row(r) for r in runs.list_runs(command.values.runs_dir)]
    if command.values.json:
        print(json.dumps(rows, indent=1))
    elif rows:
        print(table(rows))
    else:
        print(f"no runs in {command.values.runs_dir}; `zoo train` makes one.")
    return 0


def _row(found: runs.Run) -> dict:
    history = found.history
    best = [row for row in history if row["val_accuracy"] is not None]
    best = max(best, key=lambda row: row["val_accuracy"], default=None)
    return {
        "run": found.name,
        "status": found.status,
        "epochs": int(history[-1]["epoch"]) if history else 0,
        "best_epoch": int(best["epoch"]) if best else None,
        "best_val_accuracy": best["val_accuracy"] if best else None,
    }


def table(rows: list[dict]) -> str:
    """Returns the rows as aligned text."""
    width = max(len(row["run"]) for row in rows)
    lines = [f"{'run':<{width}}  {'status':<13} epochs  best val_accuracy"]
    for row in rows:
        score = row["best_val_accuracy"]
        name = f"{row['run']:<{width}}"
        best = (
            "-" if score is None else f"{score:.4f} (epoch {row['best_epoch']})"
        )
        lines.append(f"{name}  {row['status']:<13} {row['epochs']:>6}  {best}")
    return "\n".join(lines)
