"""`zoo evaluate RUN...`: scores runs on validation or sealed test images."""

from __future__ import annotations

import json

from zoo import runs
from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.config import DEFAULTS
from zoo.errors import UserError
from zoo.evaluation.spread import summarize
from zoo.evaluation.words import several, table

SPLITS = ("val", "train", "test")


def run(argv: list[str]) -> int:
    """Scores runs and prints tables; returns the exit code."""
    command = Command(
        "zoo evaluate RUN... [--split=val|train|test]",
        "Score the saved model of a run, or of several. test opens the sealed "
        "split: each look is written into test_openings.jsonl beside the "
        "runs, and all looks from there at one data set are counted. Seeds of "
        "one recipe that are opened together are one look.",
        words=("RUN...",),
    )
    command.text("split", "val", "examples to score: val, train or test")
    command.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")
    command.switch("json", "print JSON")
    words = command.parse(argv)
    if words is None:
        return 0
    split, runs_dir = command.values.split, command.values.runs_dir
    if split not in SPLITS:
        raise UserError(
            f"--split={split} is not known; choose val, train or test."
        )
    found = runs.find_all(words, runs_dir)
    rest = found[1:]
    with stderr.hold():
        from zoo.evaluation import scoring

        results = scoring.score_all(found, split, runs_dir)
    rows = summarize(found, results)
    if command.values.json:
        told = {"runs": results, "recipes": rows} if rest else results[0]
        print(json.dumps(told, indent=1))
    else:
        print(several(results, rows) if rest else table(results[0]))
    return 0
