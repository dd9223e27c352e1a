"""The test set: its images, and the log of evaluations on it.

Training, and all that it imports, never imports this module: test images are
loaded when the user asks for the test split, and never otherwise. `zoo inspect`
compares hashes of their pixels with those of other images, and keeps no more.

`test_evaluations.jsonl`, beside the runs, is the log of test-set evaluations.
A test set gives an unbiased estimate once. Who evaluates on it, changes
something and evaluates again starts to select by it, and part of a better
score is luck. So every evaluation on a test set is logged before its result
is shown, as one line of JSON:

    {"time": "2026-03-01T09:30:00+00:00",
     "dataset": "mnist", "test_set": SHA-256 of the test examples,
     "config": SHA-256 of the settings without the seed,
     "runs": [{"run": "lenet5-mnist", "config": SHA-256 of the settings,
               "seed": 0, "result": {"examples": 10000, "correct": 9921, ...}}]}

Evaluations are counted together if they are in one log, that is in one folder
of runs, and are on one dataset by name, or on the same examples by their
hash, whatever the models were; the same run again counts again. Seeds of one
config that are evaluated together are one evaluation.
"""

from __future__ import annotations

import datetime
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

from zoo.data.dataset import Split
from zoo.data.loading import (
    TEST,
    TRAIN,
    DatasetReader,
    find_groups,
    open_reader,
    train_test_indices,
)
from zoo.data.transforms import filter_split, find_labels
from zoo.evaluation.statistics import config_hash
from zoo.io import JsonlFile
from zoo.metrics import CONFIDENCE, binomial_ci
from zoo.pretrained import PretrainedRun
from zoo.runs import Run

FILE_NAME = "test_evaluations.jsonl"
# Entries of a result that are logged.
LOGGED = (
    "examples", "correct", "accuracy", "tta", "mean_squared_error", "r2",
)  # fmt: skip

Result = dict[str, Any]


class EvaluationLog:
    """The evaluations on test sets from one folder of runs.

    Args:
        runs_dir: The folder that holds the run folders.
    """

    def __init__(self, runs_dir: str | os.PathLike):
        self.path = pathlib.Path(runs_dir) / FILE_NAME
        self._lines = JsonlFile(
            self.path,
            lambda line: (line["dataset"], line["test_set"], line["runs"]),
            item="test-set evaluation",
            on_failure="no test-set evaluation goes unrecorded",
        )

    def read(self) -> list[dict[str, Any]]:
        """Returns every evaluation, oldest first.

        A last line that a kill has torn is left out: its result was never
        shown.

        Raises:
            UserError: another line cannot be read, or the file cannot.
        """
        return self._lines.read()

    def of_dataset(self, dataset: str) -> list[dict[str, Any]]:
        """Returns the evaluations on a dataset's test set, oldest first."""
        return _select(self.read(), dataset, None)

    def count(self, dataset: str, test_set: str | None = None) -> int:
        """Returns the number of evaluations on a test set.

        Args:
            dataset: Its name, as in `--dataset`.
            test_set: SHA-256 of the test examples, if they were read.
        """
        return len(_select(self.read(), dataset, test_set))

    def append(self, evaluations: Sequence[dict[str, Any]]) -> int:
        """Logs evaluations on one test set; returns how many it has now.

        On return the lines are on the disk. Several processes may append at
        once: none of their lines is lost, and no two get the same count.

        Args:
            evaluations: At least one, without `time`.

        Raises:
            UserError: the log is corrupt, cannot be written, or is locked.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with self._lines.locked():
            before = self.read()
            self._lines.append([{"time": now, **e} for e in evaluations])
        dataset, test_set = (
            evaluations[0]["dataset"],
            evaluations[0]["test_set"],
        )
        return len(_select(before, dataset, test_set)) + len(evaluations)


def _select(
    evaluations: list[dict[str, Any]], dataset: str, test_set: str | None
) -> list[dict[str, Any]]:
    """Returns the evaluations of a test set, under whichever name."""
    known = {e["test_set"] for e in evaluations if e["dataset"] == dataset}
    known |= {test_set}
    return [
        e
        for e in evaluations
        if e["dataset"] == dataset or e["test_set"] in known - {None}
    ]


def log_dir(run: Run, runs_dir: str) -> pathlib.Path:
    """Returns the folder whose log a run's evaluations belong in.

    Args:
        run: Whose model is evaluated.
        runs_dir: Folder of runs. A run that is elsewhere has its log in the
            folder that its name is relative to; one that ships with the zoo
            has none there.
    """
    root, path = pathlib.Path(runs_dir), run.path.resolve()
    if isinstance(run, PretrainedRun) or path.is_relative_to(root.resolve()):
        return root
    names = [
        pathlib.PurePath(n).parts for n in (run.name, run.config.run_name) if n
    ]
    fits = [n for n in names if path.parts[-len(n) :] == n]
    return path.parents[max(map(len, fits), default=1) - 1]


def check_readable(runs: Sequence[Run], runs_dir: str) -> None:
    """Raises `UserError` if a log that will be written cannot be read."""
    for folder in {log_dir(run, runs_dir) for run in runs}:
        EvaluationLog(folder).read()


def add_counts(
    runs: Sequence[Run],
    results: Sequence[Result],
    runs_dir: str,
    dataset: str | None = None,
) -> list[Result]:
    """Adds the number of evaluations so far on the test set of each run.

    Args:
        runs: The runs of the results.
        results: Metrics on another split than test.
        runs_dir: Folder of runs.
        dataset: The dataset, if not each run's own.
    """
    return [
        {
            **result,
            "test_evaluations": EvaluationLog(log_dir(run, runs_dir)).count(
                dataset or run.config.dataset
            ),
        }
        for run, result in zip(runs, results, strict=True)
    ]


def log_results(
    runs: Sequence[Run],
    results: Sequence[Result],
    test_sets: Sequence[str],
    runs_dir: str,
    dataset: str | None = None,
) -> list[Result]:
    """Logs test-set evaluations; adds their count and corrected intervals.

    Args:
        runs: What was evaluated; seeds of one config are one evaluation.
        results: Metrics of each on its test set.
        test_sets: SHA-256 of the test examples of each.
        runs_dir: Folder of runs.
        dataset: The dataset, if not each run's own.
    """
    groups: dict[tuple, list[int]] = {}
    for index, (run, test_set) in enumerate(zip(runs, test_sets, strict=True)):
        name = dataset or run.config.dataset
        key = log_dir(run, runs_dir), name, test_set
        groups.setdefault(key, []).append(index)
    logged = list(results)
    for (folder, name, test_set), indices in groups.items():
        evaluated = [(runs[i], results[i]) for i in indices]
        lines = _by_config(evaluated, name, test_set)
        count = EvaluationLog(folder).append(lines)
        for i in indices:
            logged[i] = {**results[i], "test_evaluations": count}
            if "correct" in results[i]:
                logged[i]["corrected"] = corrected_ci(results[i], count)
    return logged


def _by_config(
    evaluated: Sequence[tuple[Run, Result]], dataset: str, test_set: str
) -> list[dict]:
    """Returns one evaluation for each config."""
    lines: dict[str, dict] = {}
    for run, result in evaluated:
        config = config_hash(run)
        line = lines.setdefault(
            config,
            {
                "dataset": dataset,
                "test_set": test_set,
                "config": config,
                "runs": [],
            },
        )
        line["runs"].append(
            {
                "run": run.name,
                "config": config_hash(run, with_seed=True),
                "seed": run.resolved["config"]["seed"],
                "result": {k: result[k] for k in LOGGED if k in result},
            }
        )
    return list(lines.values())


def corrected_ci(result: Result, num_evaluations: int) -> dict[str, Any]:
    """Returns the interval of an accuracy that holds for all evaluations.

    Bonferroni's correction: of `m` intervals, each of which misses with a
    probability of at most 5% / m, any misses with at most 5%.
    """
    confidence = 1 - (1 - CONFIDENCE) / num_evaluations
    ci = binomial_ci(result["correct"], result["examples"], confidence)
    return {
        "test_evaluations": num_evaluations,
        "confidence": confidence,
        "accuracy_low": ci.low,
        "accuracy_high": ci.high,
    }


def recorded_test_result(run: Run, runs_dir: str) -> Result | None:
    """Returns the last logged result of a run on its own test set, if any."""
    log = EvaluationLog(log_dir(run, runs_dir))
    found = last_result(run, log.of_dataset(run.config.dataset))
    return found if found and "correct" in found else None


def last_result(run: Run, evaluations: Iterable[dict]) -> Result | None:
    """Returns the last result of a run in a log, with its time, if any.

    A run of the same name with other settings is another one.
    """
    result = None
    settings = config_hash(run, with_seed=True)
    for evaluation in evaluations:
        for entry in evaluation["runs"]:
            name = pathlib.PurePath(entry["run"]).name
            is_same = name == run.path.name and entry.get("config") == settings
            if is_same and entry.get("result"):
                result = {**entry["result"], "time": evaluation.get("time")}
    return result


def describe_count(num_evaluations: int) -> str:
    """Returns which evaluation on a test set this is, and what follows."""
    text = f"{ordinal(num_evaluations)} evaluation on this test set"
    return text + "; no longer an unbiased estimate" * (num_evaluations > 1)


def ordinal(number: int) -> str:
    """Returns 1 as 1st, 2 as 2nd, 11 as 11th."""
    is_teen = number % 100 in (11, 12, 13)
    suffixes = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if is_teen else suffixes.get(number % 10, 'th')}"


def load_test_split(
    name: str,
    *,
    data_dir: str | None = None,
    image_size: int | tuple[int, int] | None = None,
    resize: str = "crop",
    group_by: str | None = None,
    classes: Sequence[str] = (),
    skip_unreadable: bool = False,
) -> Split:
    """Loads the test split of a dataset.

    Args:
        name: one of `zoo datasets`, with a path where it ends in a colon.
        data_dir: as in `load_dataset`.
        image_size: as for the training images.
        resize: as for the training images.
        group_by: as for the training images.
        classes: names of the classes that were trained on; all by default.
        skip_unreadable: as in `load_dataset`.

    Raises:
        UserError: there is no such dataset, or it cannot be read.
    """
    _, reader = open_reader(name, data_dir, image_size, skip_unreadable, resize)
    split = _read_test_split(reader, group_by)
    if not classes:
        return split
    return filter_split(split, find_labels(classes, reader.class_names, name))


def _read_test_split(reader: DatasetReader, group_by: str | None) -> Split:
    if TEST in reader.split_sizes:
        return reader.read(TEST)[0]
    everything, hashes = reader.read(TRAIN)
    groups = find_groups(reader, everything, hashes, group_by)
    _, held_out = train_test_indices(reader, everything, hashes, groups)
    return everything.take(held_out)
