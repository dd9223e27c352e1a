"""Retraining of a sweep's best trial with new seeds.

The score of the best of many trials is optimistic. So the best trial is
trained again with seeds that no trial had, and beside it the model's default
recipe with the same seeds. Both are groups of ordinary runs,
`runs/SWEEP/best_trial` and `runs/SWEEP/default_recipe`; `retrained.jsonl` has
a line for each finished run.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import textwrap
from collections.abc import Sequence
from typing import Any

from zoo.config import TrainConfig
from zoo.console import format_table, pluralize
from zoo.errors import UserError, join_and
from zoo.evaluation import statistics
from zoo.evaluation.statistics import seed_stats
from zoo.io import JsonlFile
from zoo.runs import Run, RunGroup, SweepFolder
from zoo.tuning.jobs import RunRequest, RunResult
from zoo.tuning.multirun import Multirun, MultirunConfig
from zoo.tuning.space import ARGUMENT
from zoo.tuning.sweep_config import SweepConfig
from zoo.tuning.trials import (
    ON_FAILURE,
    LostRunLog,
    Score,
    Trial,
    trial_config,
    trial_name,
)

LOG_FILE = "retrained.jsonl"
FLAGS_FILE = "best_trial.flags"
BEST_TRIAL, DEFAULT_RECIPE = "best_trial", "default_recipe"
LENGTH = ("epochs", "steps")  # options that both recipes share
SIGNIFICANCE = 0.05  # largest p of a difference
LIMITS = {"val_accuracy": (0.0, 1.0), "val_loss": (0.0, math.inf)}
WIDTH = 80  # characters of a printed line


@dataclasses.dataclass(frozen=True)
class RunKey:
    """Identifies a retrained run.

    Attributes:
        recipe: `best_trial` or `default_recipe`.
        seed: Its seed.
    """

    recipe: str
    seed: int


@dataclasses.dataclass(frozen=True)
class RetrainedRun:
    """A finished run of the best trial, or of the default recipe.

    Attributes:
        recipe: `best_trial` or `default_recipe`.
        seed: Its seed.
        run: Its name.
        status: completed, stopped_early, diverged, failed or lost.
        score: Value of the objective; `None` without one.
        epoch: Epoch of the score.
        epochs: Number of epochs.
        seconds: Time from the start of the job to its end.
        reason: Why there is no score.
    """

    recipe: str
    seed: int
    run: str
    status: str
    score: float | None
    epoch: int | None
    epochs: int
    seconds: float
    reason: str = ""

    @property
    def key(self) -> RunKey:
        """The key of its request."""
        return RunKey(self.recipe, self.seed)


class RetrainLog:
    """`retrained.jsonl` of a sweep folder."""

    def __init__(self, folder: pathlib.Path):
        self._lines = JsonlFile(
            folder / LOG_FILE,
            lambda row: RetrainedRun(**row),
            item="finished run",
            on_failure=ON_FAILURE,
        )

    def read(self) -> list[RetrainedRun]:
        """Returns every finished run, in the order of finishing."""
        return [RetrainedRun(**row) for row in self._lines.read()]

    def add(self, run: RetrainedRun) -> None:
        """Appends a finished run, durably."""
        with self._lines.locked():
            self._lines.append([dataclasses.asdict(run)])


class Retraining:
    """Requests the runs with new seeds, and logs their results.

    Args:
        folder: Folder of the sweep.
        settings: Options of the sweep.
    """

    def __init__(self, folder: SweepFolder, settings: SweepConfig):
        self._folder = folder
        self._settings = settings
        self._log = RetrainLog(folder.path)
        self._lost_log = LostRunLog(folder.path)
        self.lost: list[RetrainedRun] = []  # left to the next `zoo resume`
        self.done: list[RetrainedRun] = self._log.read()

    def requests(self, best: Trial) -> list[RunRequest]:
        """Makes the groups, and returns requests for their missing runs."""
        done = {run.key for run in self.done}
        left = []
        for name in recipe_names(self._settings):
            group = recipe_group(name, self._settings, best, self._folder)
            keys = {RunKey(name, s.config.seed): s for s in group.specs}
            missing = {key: s for key, s in keys.items() if key not in done}
            if missing:
                group.write()
            for key, spec in missing.items():
                config = spec.config.replace(
                    run_name=group.run(spec).name,
                    runs_dir=self._folder.runs_dir,
                )
                left.append(RunRequest(config, key=key))
        return left

    def record(self, result: RunResult) -> RetrainedRun:
        """Logs the result of a retrained run."""
        key = result.request.key
        score = Score.of(result, self._settings)
        run = RetrainedRun(
            recipe=key.recipe,
            seed=key.seed,
            run=result.request.config.run_name,
            status=score.status,
            score=score.value,
            epoch=score.epoch,
            epochs=len(result.history),
            seconds=result.seconds,
            reason=score.reason,
        )
        if score.status == "lost" and not self._lost_log.add(result):
            self.lost.append(run)
            return run
        self._log.add(run)
        self.done.append(run)
        return run


def recipe_names(settings: SweepConfig) -> tuple[str, ...]:
    """Returns the recipes that are trained after the last trial."""
    if not settings.retrain_seeds:
        return ()
    if settings.retrains_default:
        return (BEST_TRIAL, DEFAULT_RECIPE)
    return (BEST_TRIAL,)


def recipe_config(
    name: str, settings: SweepConfig, best: Trial, folder: SweepFolder
) -> TrainConfig:
    """Returns the options of a recipe, without a seed.

    The default recipe has the options that all trials share, the model's own
    values of the hyperparameters, and as many epochs as the best trial.
    """
    if name == BEST_TRIAL:
        config = trial_config(settings, best)
    else:
        length = {n: v for n, v in best.values.items() if n in LENGTH}
        arguments = _default_arguments(settings)
        config = settings.config.replace(
            **length, model_arg={**settings.config.model_arg, **arguments}
        )
    return config.replace(
        runs_dir=folder.runs_dir, run_name=f"{folder.name}/{name}"
    )


def _default_arguments(settings: SweepConfig) -> dict[str, Any]:
    """Returns the model's own values of the arguments that were searched.

    They are set explicitly, so that TensorBoard shows them beside the trials.
    """
    from zoo.models import MODELS
    from zoo.models.options import builder_options

    defaults = builder_options(MODELS.find(settings.config.model))
    names = [
        hp.name.removeprefix(ARGUMENT)
        for hp in settings.search_space.hyperparameters
        if hp.name.startswith(ARGUMENT)
    ]
    return {n: defaults[n] for n in names if defaults.get(n) is not None}


def recipe_group(
    name: str, settings: SweepConfig, best: Trial, folder: SweepFolder
) -> Multirun:
    """Returns a recipe as the group of its runs; nothing is written."""
    config = MultirunConfig(
        recipe_config(name, settings, best, folder), settings.new_seeds()
    )
    group = RunGroup(folder.path / name, f"{folder.name}/{name}")
    return Multirun(group, config, tuple(config.run_specs()))


# Statistics over the new seeds.


def summarize_retraining(
    folder: SweepFolder,
    settings: SweepConfig,
    trials: Sequence[Trial],
    best: Trial,
    done: Sequence[RetrainedRun],
) -> dict[str, Any]:
    """Returns the scores of both recipes over the new seeds.

    Args:
        folder: Folder of the sweep.
        settings: Options of the sweep.
        trials: All trials.
        best: The best trial.
        done: The retrained runs.

    Returns:
        `search`: score of the best trial in the search, and the number of
        scores that it is the best of; `best_trial` and `default_recipe`:
        runs, seeds, scores, mean, std and interval, or `None`; `difference`:
        mean of the best trial minus that of the default recipe, or `None`;
        `examples`: number of validation examples, if a run exists.
    """
    rows = {
        name: _recipe_scores(name, settings, done)
        for name in (BEST_TRIAL, DEFAULT_RECIPE)
    }
    return {
        "objective": settings.objective,
        "select_epoch": settings.select_epoch,
        "trial": best.number,
        "values": best.values,
        "search": {
            "score": best.score,
            "of": sum(trial.score is not None for trial in trials),
            "seeds": [execution.seed for execution in best.executions],
        },
        **rows,
        "difference": _difference(rows, settings),
        "examples": _num_examples(folder, done),
    }


def _recipe_scores(
    name: str, settings: SweepConfig, done: Sequence[RetrainedRun]
) -> dict[str, Any] | None:
    runs = [run for run in done if run.recipe == name]
    if not runs:
        return None
    runs.sort(key=lambda run: run.seed)
    scored = [run for run in runs if run.score is not None]
    scores = [run.score for run in scored]
    stats = {"mean": None}
    if scores:
        limits = LIMITS[settings.objective]
        stats = dataclasses.asdict(seed_stats(scores, *limits))
    return {
        "runs": [run.run for run in scored],
        "seeds": [run.seed for run in scored],
        "scores": scores,
        "epochs": [run.epoch for run in scored],
        **stats,
        "failed": [
            {"run": run.run, "status": run.status, "reason": run.reason}
            for run in runs
            if run.score is None
        ],
    }


def _difference(
    rows: dict[str, dict | None], settings: SweepConfig
) -> dict[str, Any] | None:
    """Returns the difference of the means, with Welch's test."""
    if any(row is None or not row["scores"] for row in rows.values()):
        return None
    first, second = rows[BEST_TRIAL]["scores"], rows[DEFAULT_RECIPE]["scores"]
    value = rows[BEST_TRIAL]["mean"] - rows[DEFAULT_RECIPE]["mean"]
    low, high = statistics.welch_ci(first, second)
    p = statistics.welch_p_value(first, second)
    better = None
    if p is not None and p < SIGNIFICANCE:
        is_better = settings.is_better(value, 0.0)
        better = BEST_TRIAL if is_better else DEFAULT_RECIPE
    return {"value": value, "low": low, "high": high, "p": p, "better": better}


def _num_examples(
    folder: SweepFolder, done: Sequence[RetrainedRun]
) -> int | None:
    """Returns the number of validation examples, if a run exists."""
    for run in done:
        path = folder.run_path(run.run)
        try:
            return Run(path, run.run).resolved["data"]["val"]
        except UserError:
            continue
    return None


def format_retraining(summary: dict[str, Any], model: str) -> str:
    """Returns a table of the recipes, and its result in sentences.

    Args:
        summary: As `summarize_retraining` returns it, with scores of the best
            trial.
        model: Name of the model.
    """
    blocks = [_table(summary), *_failures(summary)]
    blocks.append(textwrap.fill(_describe_best_trial(summary), WIDTH))
    if summary[DEFAULT_RECIPE]:
        text = _describe_difference(summary, model)
        blocks.append(textwrap.fill(text, WIDTH))
    return "\n".join(blocks)


def has_interval(row: dict[str, Any]) -> bool:
    """Whether the scores of the seeds differ, so that there is an interval."""
    return row.get("low") is not None and row["low"] < row["high"]


def format_score_ci(row: dict[str, Any]) -> str:
    """Returns the ends of an interval: `0.9412 to 0.9939`."""
    if not has_interval(row):
        return "-"
    return f"{row['low']:.4f} to {row['high']:.4f}"


def _table(summary: dict) -> str:
    search = summary["search"]
    heads = ["recipe", "seeds", f"mean {summary['objective']}", "95% CI"]
    heads += ["std", "score of each seed"]
    rows = [
        (
            f"{trial_name(summary['trial'])}, in the search",
            ", ".join(map(str, search["seeds"])),
            f"{search['score']:.4f}",
            "",
            "",
            f"the best of {search['of']}",
        )
    ]
    for name in (BEST_TRIAL, DEFAULT_RECIPE):
        row = summary[name]
        if row and row["scores"]:
            rows.append(
                (
                    f"{name.replace('_', ' ')}, new seeds",
                    ", ".join(map(str, row["seeds"])),
                    f"{row['mean']:.4f}",
                    format_score_ci(row),
                    "-" if row["std"] is None else f"{row['std']:.4f}",
                    ", ".join(f"{score:.4f}" for score in row["scores"]),
                )
            )
    return format_table(heads, rows, (2, 4))


def _failures(summary: dict) -> list[str]:
    return [
        f"{run['run']} {run['status']}: {run['reason']}"
        for name in (BEST_TRIAL, DEFAULT_RECIPE)
        for run in (summary[name] or {}).get("failed", ())
    ]


def _describe_best_trial(summary: dict) -> str:
    """Compares the score of the search with those of the new seeds."""
    search, row = summary["search"], summary[BEST_TRIAL]
    start = f"Best search score {search['score']:.4f}"
    if search["of"] > 1:
        start += f" (selected from {search['of']} trials, so optimistic on "
        start += "average)"
    else:
        start += " (the only trial)"
    if not row["scores"]:
        return f"{start}. No run with a new seed has a score."
    seeds = pluralize(len(row["scores"]), "new seed")
    retrained = f"Retrained with {seeds}: {row['mean']:.4f}"
    if has_interval(row):
        retrained += f" (95% CI {format_score_ci(row)}, Student's t)"
    elif row["std"] is not None:
        retrained += ", the same with each"
    examples = "validation examples"
    if summary["examples"]:
        examples = f"{summary['examples']:,} {examples}"
        if summary["objective"] == "val_accuracy":
            examples += f" (one counts {1 / summary['examples']:.1g})"
    selected = "this trial and the epoch of each run were"
    if summary.get("select_epoch") == "last":
        selected = "this trial was"
    return (
        f"{start}. {retrained}. New seeds remove the selection bias of the "
        f"seed, but not that of the {examples}, by which {selected} selected."
    )


def _describe_difference(summary: dict, model: str) -> str:
    """Returns whether the best trial is better than the default recipe."""
    row, difference = summary[DEFAULT_RECIPE], summary["difference"]
    name = f"the default recipe of {model}"
    if difference is None:
        return f"There is no score to compare with {name}."
    value = f"{difference['value']:+.4f}"
    if difference["p"] is None:
        return (
            f"Best trial minus {name}: {value}. All seeds of a recipe have the "
            "same score, so the difference cannot be tested."
        )
    num_seeds = len(summary[BEST_TRIAL]["scores"])
    test = f"p {difference['p']:.3g}, Welch's test over {num_seeds} and "
    test += f"{len(row['scores'])} seeds"
    if difference["low"] is not None:
        low, high = f"{difference['low']:+.4f}", f"{difference['high']:+.4f}"
        test = f"95% CI {low} to {high}, {test}"
    start = f"Best trial minus {name}, with the same seeds and number of "
    start += f"epochs: {value} ({test})."
    if difference["better"] is None:
        return (
            f"{start} At 5% this is not evidence of a difference; few seeds "
            "can show large differences only."
        )
    if difference["better"] == BEST_TRIAL:
        return f"{start} The best trial is better."
    return f"{start} The default recipe is better; use it."


def format_seeds(row: dict[str, Any]) -> str:
    """Returns the seeds of a recipe: `seeds 1, 2 and 3`."""
    seeds = list(map(str, row["seeds"]))
    return f"seed{'s'[: len(seeds) - 1]} {join_and(seeds)}"
