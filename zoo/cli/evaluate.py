"""`zoo evaluate RUN...`: metrics on a run's own data or on another set."""

from __future__ import annotations

import json

from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.config import DEFAULTS
from zoo.data.sources import find_source
from zoo.errors import UserError
from zoo.evaluation.evaluate import check_split, format_result, format_results
from zoo.evaluation.statistics import summarize_seeds
from zoo.run_store import RunStore, describe_left_out
from zoo.runs import Run


def run(argv: list[str]) -> int:
    """Evaluates runs and prints tables; returns the exit code."""
    command = Command(
        "zoo evaluate [RUN...] [--split=val|train|test] [--dataset=NAME]",
        "Evaluate the saved model of one or several runs; a group's name "
        "stands for its runs. Without a name it is `last`. --split=test reads "
        "the held-out test set, of runs that are named in full: every "
        "evaluation on it is logged in test_evaluations.jsonl beside the runs, "
        "and those on one data set are counted; seeds of one config evaluated "
        "together count once. With --dataset the accuracy on another data set "
        "is compared with the original one, on validation examples, or on the "
        "test set if it was evaluated before; classes are matched by name.",
        words=("[RUN...]",),
    )
    command.text(
        "split",
        None,
        "examples: val (the default), train or test; of a --dataset without "
        "splits the default is all",
    )
    command.text(
        "dataset", None, "data set to evaluate on in place of the run's own"
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
        _external(found, values)
    if without and not values.json:
        print(f"\n{describe_left_out(without)}")
    return 0


def _check(values) -> None:
    """Raises `UserError` for flags that cannot be used."""
    if values.split is not None:
        check_split(values.split)
    if values.dataset is not None:
        find_source(values.dataset)
    elif values.data_dir is not None:
        raise UserError(
            f"--data_dir={values.data_dir} needs --dataset; a run records "
            "where its own data are."
        )


def _own(found: list[Run], values) -> None:
    """Evaluates runs on the data that they were trained with."""
    with stderr.hold():
        from zoo.evaluation import evaluate

        results = evaluate.evaluate_runs(
            found, values.split or "val", values.runs_dir
        )
    rows = summarize_seeds(found, results)
    many = len(found) > 1
    if values.json:
        told = {"runs": results, "configs": rows} if many else results[0]
        print(json.dumps(told, indent=1))
    else:
        print(
            format_results(results, rows) if many else format_result(results[0])
        )


def _external(found: list[Run], values) -> None:
    """Evaluates runs on another data set than their own."""
    with stderr.hold():
        from zoo.evaluation import external

        results = external.evaluate_external(
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
        print(external.format_results(results))
