"""`zoo evaluate RUN...`: scores runs on their own data or on another set."""

from __future__ import annotations

import json

from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.config import DEFAULTS
from zoo.data.sources import find_source
from zoo.errors import UserError
from zoo.evaluation.spread import summarize
from zoo.evaluation.words import check_split, several, table
from zoo.run_store import RunStore, describe_left_out
from zoo.runs import Run


def run(argv: list[str]) -> int:
    """Scores runs and prints tables; returns the exit code."""
    command = Command(
        "zoo evaluate [RUN...] [--split=val|train|test] [--dataset=NAME]",
        "Score the saved model of a run, or of several; a group's name stands "
        "for its runs. Without a name it is `last`. test opens the sealed "
        "split, to runs that are named whole: each look is written into "
        "test_openings.jsonl beside the runs, and all looks from there at one "
        "data set are counted. Seeds of "
        "one recipe that are opened together are one look. With --dataset "
        "the score on another data set stands beside the original one, which "
        "is that on validation examples, or on the test split if that was "
        "opened before; classes are found by their names.",
        words=("[RUN...]",),
    )
    command.text(
        "split",
        None,
        "examples to score: val (if not given), train or test; of a --dataset "
        "without parts all are scored if not given",
    )
    command.text(
        "dataset", None, "data set to score on in place of the run's own"
    )
    command.text("data_dir", None, "its folder of tensorflow-datasets")
    command.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")
    command.switch("json", "print JSON")
    words = command.parse(argv)
    if words is None:
        return 0
    values = command.values
    _check(values)
    words = words or ([] if values.split == "test" else ["last"])
    if values.split == "test":
        RunStore(values.runs_dir).check_full_names(words)
    found, without = RunStore(values.runs_dir).find_all(words)
    if values.dataset is None:
        _own(found, values)
    else:
        _elsewhere(found, values)
    if without and not values.json:
        print(f"\n{describe_left_out(without)}")
    return 0


def _check(values) -> None:
    """Raises `UserError` for flags that say nothing that can be done."""
    if values.split is not None:
        check_split(values.split)
    if values.dataset is not None:
        find_source(values.dataset)
    elif values.data_dir is not None:
        raise UserError(
            f"--data_dir={values.data_dir} says where --dataset lies, and "
            "there is none; a run knows where its own data are."
        )


def _own(found: list[Run], values) -> None:
    """Scores runs on the data that they were made with."""
    with stderr.hold():
        from zoo.evaluation import scoring

        results = scoring.score_all(
            found, values.split or "val", values.runs_dir
        )
    rows = summarize(found, results)
    many = len(found) > 1
    if values.json:
        told = {"runs": results, "recipes": rows} if many else results[0]
        print(json.dumps(told, indent=1))
    else:
        print(several(results, rows) if many else table(results[0]))


def _elsewhere(found: list[Run], values) -> None:
    """Scores runs on another data set than their own."""
    with stderr.hold():
        from zoo.evaluation.elsewhere import measuring, words

        results = measuring.score_elsewhere(
            found,
            values.dataset,
            values.split,
            data_dir=values.data_dir,
            runs_dir=values.runs_dir,
        )
    if values.json:
        told = {"runs": results} if len(found) > 1 else results[0]
        print(json.dumps(told, indent=1))
    else:
        print(words.text(results))
