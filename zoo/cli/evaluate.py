"""`zoo evaluate RUN`: scores a run on validation or sealed test images."""

from __future__ import annotations

import json

from zoo import runs
from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.config import DEFAULTS
from zoo.errors import UserError

SPLITS = ("val", "train", "test")


def run(argv: list[str]) -> int:
    """Scores one run and prints a table; returns the exit code."""
    command = Command(
        "zoo evaluate RUN [--split=val|train|test]",
        "Score the saved model of a run; test opens the sealed split.",
        words=("RUN",),
    )
    command.text("split", "val", "examples to score: val, train or test")
    command.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")
    command.switch("json", "print JSON")
    words = command.parse(argv)
    if words is None:
        return 0
    split = command.values.split
    if split not in SPLITS:
        raise UserError(
            f"--split={split} is not known; choose val, train or test."
        )
    found = runs.find(words[0], command.values.runs_dir)
    with stderr.hold():
        from zoo.evaluation import scoring

        result = scoring.score(found, split)
    print(
        json.dumps(result, indent=1) if command.values.json else table(result)
    )
    return 0


def table(result: dict) -> str:
    """Returns the result as text: the total, then class by class."""
    if "r2" in result:
        return (
            f"{result['run']}, {result['split']}: {result['examples']:,} "
            f"examples\nmean squared error {result['mean_squared_error']:.4g}, "
            f"R2 {result['r2']:.4f} (0 for always predicting the mean)"
        )
    low, high = 100 * result["accuracy_low"], 100 * result["accuracy_high"]
    width = max(len(name) for name in result["by_class"])
    lines = [
        f"{result['run']}, {result['split']}: "
        f"{result['correct']:,} of {result['examples']:,} right",
        f"accuracy {100 * result['accuracy']:.2f} % "
        f"(95 % interval {low:.2f} to {high:.2f}), loss {result['loss']:.4f}",
        "",
        f"{'class':<{width}}  right of",
    ]
    for name, (right, total) in result["by_class"].items():
        lines.append(f"{name:<{width}}  {right:>5} {total:>4}")
    return "\n".join(lines)
