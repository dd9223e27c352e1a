"""What is printed about a sweep: its budget, progress and results."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable
from typing import Any

from zoo.commands import Target, command
from zoo.console import (
    expand_command,
    format_duration,
    format_table,
    pluralize,
    tensorboard_command,
)
from zoo.errors import join_and
from zoo.evaluation.test_set import describe_count
from zoo.runs import Run, RunGroup, SweepFolder
from zoo.training.console import TrainingConsole
from zoo.tuning.jobs import RunResult
from zoo.tuning.oracle import hyperband_plan
from zoo.tuning.plots import PLOT_FILE
from zoo.tuning.retrain import (
    BEST_TRIAL,
    DEFAULT_RECIPE,
    FLAGS_FILE,
    RetrainedRun,
    format_retraining,
    format_score_ci,
    has_interval,
    recipe_names,
)
from zoo.tuning.space import format_values
from zoo.tuning.sweep_config import NUM_KEPT, SweepConfig
from zoo.tuning.trials import CSV_FILE, Search, Trial, rank_trials, trial_name

NUM_SHOWN = 10  # trials in the table at the end

Rows = list[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Budget:
    """Number of models that a sweep trains, if no trial fails.

    Attributes:
        searched: Number of models that the search trains.
        retrained: Number of models that are trained after it, with new seeds.
        epochs: Number of epochs of all models; `None` if it is not known.
    """

    searched: int
    retrained: int
    epochs: int | None

    @property
    def models(self) -> int:
        """Number of models in all."""
        return self.searched + self.retrained

    @property
    def at_once(self) -> int:
        """Number of workers that can have something to do."""
        return max(self.searched, self.retrained)

    @classmethod
    def of(cls, settings: SweepConfig) -> Budget:
        """Returns the budget of a sweep."""
        retrained = settings.retrain_seeds * len(recipe_names(settings))
        if settings.tuner == "hyperband":
            trials, _, epochs = hyperband_plan(settings.epochs, settings.factor)
            epochs *= settings.executions
        else:
            trials = settings.trials
            epochs = (settings.epochs or 0) * trials * settings.executions
        if settings.epochs:
            epochs += settings.epochs * retrained
        return cls(trials * settings.executions, retrained, epochs or None)


def describe_budget(settings: SweepConfig) -> str:
    """Returns how many models a sweep trains, and for how long."""
    budget = Budget.of(settings)
    text = pluralize(budget.models, "model")
    if budget.retrained:
        seeds = pluralize(settings.retrain_seeds, "new seed")
        names = recipe_names(settings)
        which = join_and(f"the {name.replace('_', ' ')}" for name in names)
        each = " each" if len(names) > 1 else ""
        text += f": {budget.searched} in the search, then {which} with "
        text += f"{seeds}{each}"
    return text + _describe_length(settings, budget)


def _describe_length(settings: SweepConfig, budget: Budget) -> str:
    if settings.epochs is None:
        steps = settings.config.steps
        return f"; {pluralize(steps, 'step')} each" if steps else ""
    varies = settings.config.early_stopping_patience or any(
        hp.name in ("epochs", "early_stopping_patience")
        for hp in settings.search_space.hyperparameters
    )
    up_to = "up to " if varies or settings.tuner == "hyperband" else ""
    in_all = f"up to {budget.epochs:,}" if varies else f"{budget.epochs:,}"
    return (
        f"; {up_to}{pluralize(settings.epochs, 'epoch')} each, {in_all} in all"
    )


class TimeLeft:
    """Estimates how long the rest of a sweep takes.

    Hyperband counts epochs, since its trials differ in length; the other
    tuners count models.

    Args:
        settings: Options of the sweep.
        num_workers: Number of runs that are trained at once.
        done: Run and number of epochs of each finished training, in order.
    """

    def __init__(
        self,
        settings: SweepConfig,
        num_workers: int,
        done: Iterable[tuple[str, int]],
    ):
        budget = Budget.of(settings)
        self._epochs = settings.epochs
        self._by_epochs = settings.tuner == "hyperband"
        self._num_workers = num_workers
        self._total = budget.epochs if self._by_epochs else budget.models
        self._trained: dict[str, int] = {}  # epochs of each run so far
        self._done = sum(self._amount(run, epochs) for run, epochs in done)
        self._measured, self._seconds = 0, 0.0  # in this session

    def add(self, result: RunResult) -> None:
        """Counts a training that has ended."""
        request = result.request
        amount = self._amount(
            request.config.run_name, request.until_epoch or self._epochs or 0
        )
        self._done += amount
        self._measured += amount
        self._seconds += result.seconds

    @property
    def is_measured(self) -> bool:
        """Whether the time of a training is known."""
        return self._measured > 0

    def format(self) -> str:
        """Returns the estimate; empty where there is none, or none is left."""
        left = self._total - self._done
        if not self._measured or left <= 0:
            return ""
        at_once = (
            self._num_workers
            if self._by_epochs
            else min(self._num_workers, left)
        )
        seconds = self._seconds / self._measured * left / at_once
        noun = "epoch" if self._by_epochs else "model"
        span = format_duration(seconds)
        return f"about {span} left, for {pluralize(left, noun)}"

    def _amount(self, run: str, epochs: int) -> int:
        before = self._trained.get(run, 0)
        self._trained[run] = epochs
        return max(epochs - before, 0) if self._by_epochs else 1


class SweepProgress:
    """Prints the progress and the results of a sweep.

    Args:
        console: Where to print.
        folder: Folder of the sweep.
        settings: Options of the sweep.
        num_workers: Number of runs that are trained at once.
    """

    def __init__(
        self,
        console: TrainingConsole,
        folder: SweepFolder,
        settings: SweepConfig,
        num_workers: int,
    ):
        self._console = console
        self._folder = folder
        self._settings = settings
        self._num_workers = num_workers
        self._began = time.monotonic()
        self._time_left: TimeLeft | None = None
        self._bar: tuple[str, int, int | None, str] | None = None
        self._num_retrained = 0
        self._has_ended = folder.result.get("status") == "completed"

    def begin(self, search: Search, retrained: list[RetrainedRun]) -> None:
        """Prints what will be trained, and what exists already."""
        settings = self._settings
        done = [(run.run, run.epochs) for run in search.executions]
        done += [(run.run, run.epochs) for run in retrained]
        self._time_left = TimeLeft(settings, self._num_workers, done)
        self._console.log_to(self._folder.path / "log.txt")
        self._console.print_fields(
            {
                "sweep": self._describe_plan(),
                "train": describe_budget(settings),
                "space": " ".join(settings.space),
                "objective": self._describe_objective(),
                "keep": self._describe_kept(),
                "folder": str(self._folder.path),
                "tensorboard": tensorboard_command(self._folder.path),
            }
        )
        if self._has_ended:
            self._console.print("this sweep is complete; its results:")
        elif trials := search.trials():
            self._console.print(
                f"resuming after {pluralize(len(trials), 'trial')}"
            )
        self._num_retrained = len(retrained)
        if not self._has_ended:
            self._show_trials(search.trials())

    def trained(self, result: RunResult) -> None:
        """Counts a training; after the first one, prints the time left."""
        is_first = not self._time_left.is_measured
        self._time_left.add(result)
        if is_first and (text := self._time_left.format()):
            self._console.print_fields({"time": text})
            self._show_bar()

    def trial(self, trial: Trial, trials: list[Trial]) -> None:
        """Prints the result of a trial, and the progress of the sweep."""
        failure = trial.failure
        if failure:
            text = f"{failure.status}: {failure.reason}"
        else:
            text = f"{self._settings.objective} {trial.score:.4f}"
            if rank_trials(trials, self._settings)[0].number == trial.number:
                text += "  best"
        if self._settings.tuner == "hyperband":
            text = f"{pluralize(trial.epochs, 'epoch')}, {text}"
        self._console.print(
            f"{trial_name(trial.number)}  {format_values(trial.values)}  {text}"
        )
        self._show_trials(trials)

    def retrain(self, best: Trial) -> None:
        """Prints which runs follow the last trial."""
        settings = self._settings
        seeds = list(map(str, settings.new_seeds()))
        noun = "new seed" if len(seeds) == 1 else "new seeds"
        text = f"{trial_name(best.number)} with the {noun} "
        text += join_and(seeds)
        if settings.retrains_default:
            text += f"; the default recipe of {settings.config.model} with "
            text += "the same"
        self._console.print_fields({"retrain": text})
        self._show_retrained()

    def retrained(self, run: RetrainedRun) -> None:
        """Prints the result of a retrained run."""
        text = f"{run.status}: {run.reason}"
        if run.score is not None:
            text = f"{self._settings.objective} {run.score:.4f}"
        name = run.run.removeprefix(f"{self._folder.name}/")
        self._console.print(f"{name}  {text}")
        self._num_retrained += 1
        self._show_retrained()

    def end(self, trials: list[Trial], result: dict[str, Any]) -> None:
        """Prints the best trials, the failed ones, and what to do next.

        Args:
            trials: All trials.
            result: Contents of `result.json`.
        """
        settings = self._settings
        best = rank_trials(trials, settings)
        if not self._has_ended:
            span = format_duration(time.monotonic() - self._began)
            word = "incomplete" if result["lost"] else "done"
            self._console.print(
                f"{word}: {pluralize(len(trials), 'trial')} in {span}"
            )
        wanted, lost = settings.trials, result["lost"]
        if wanted is not None and len(trials) < wanted and not lost:
            self._console.print(
                f"the tuner found no further values to try, of {wanted} trials"
            )
        if best:
            self._console.print(self._table(best[:NUM_SHOWN]))
        for trial in trials:
            if failure := trial.failure:
                self._console.print(
                    f"{trial_name(trial.number)} {failure.status}: "
                    f"{format_values(trial.values)}: {failure.reason}"
                )
        text = format_results(self._folder, settings, best[:1], result)
        self._console.print(text)

    def _show_trials(self, trials: list[Trial]) -> None:
        details = self._details(trials)
        self._bar = "trials", len(trials), self._settings.trials, details
        self._show_bar()

    def _show_retrained(self) -> None:
        total = Budget.of(self._settings).retrained
        details = self._time_left.format()
        self._bar = "retrained", self._num_retrained, total, details
        self._show_bar()

    def _show_bar(self) -> None:
        """Shows the bar again, which every line removes."""
        if self._bar:
            self._console.show_progress(*self._bar, force=True)

    def _details(self, trials: list[Trial]) -> str:
        """Returns the best trial so far and the time left."""
        details = [self._time_left.format()]
        if best := rank_trials(trials, self._settings)[:1]:
            name, score = trial_name(best[0].number), best[0].score
            details.insert(0, f"best {score:.4f} ({name})")
        return "  ".join(filter(None, details))

    def _describe_plan(self) -> str:
        settings = self._settings
        config = settings.config
        if settings.tuner == "hyperband":
            trials = hyperband_plan(settings.epochs, settings.factor)[0]
            number = (
                f"{pluralize(trials, 'trial')}, which follows from --epochs="
                f"{settings.epochs} and --factor={settings.factor}"
            )
        else:
            number = pluralize(settings.trials, "trial")
        text = f"{config.model} on {config.dataset}, {settings.tuner}: {number}"
        if settings.executions > 1:
            text += f", each with {settings.executions} seeds"
        if self._num_workers > 1:
            text += f"; {self._num_workers} at once"
        return text

    def _describe_objective(self) -> str:
        settings = self._settings
        word = "highest" if settings.direction == "max" else "lowest"
        epoch = {"best": "its best epoch", "last": "its last epoch"}
        return (
            f"the {word} {settings.objective}, of each run by "
            f"{epoch[settings.select_epoch]} "
            f"(--select_epoch={settings.select_epoch})"
        )

    def _describe_kept(self) -> str:
        if self._settings.keep == "all":
            return "models and checkpoints of all trials (--keep=all)"
        return (
            "curves of all trials, models and checkpoints of the "
            f"{NUM_KEPT} best (--keep=best)"
        )

    def _table(self, best: list[Trial]) -> str:
        settings = self._settings
        heads = ["trial", settings.objective, "epoch", "hyperparameters"]
        rows = [
            [
                trial_name(trial.number),
                _score(trial),
                _epoch(trial),
                format_values(trial.values),
            ]
            for trial in best
        ]
        return format_table(heads, rows)


def _score(trial: Trial) -> str:
    text = f"{trial.score:.4f}"
    if len(trial.executions) > 1:
        scores = [execution.score for execution in trial.executions]
        text += f" ({min(scores):.4f} to {max(scores):.4f})"
    return text


def _epoch(trial: Trial) -> str:
    return ", ".join(
        f"{execution.epoch} of {execution.epochs}"
        for execution in trial.executions
    )


def format_results(
    folder: SweepFolder,
    settings: SweepConfig,
    best: list[Trial],
    result: dict[str, Any],
) -> str:
    """Returns the results below the table of the best trials.

    Args:
        folder: Folder of the sweep.
        settings: Options of the sweep.
        best: The best trial, if there is one.
        result: Contents of `result.json`.
    """
    retrained, blocks = result["retrained"], []
    if not best:
        blocks.append("no trial has a score, so there is no best trial")
    for trial in best:
        blocks += _kept(settings, trial, result["best"][0]["kept"])
    if retrained and retrained[BEST_TRIAL]:
        blocks.append(
            "\n" + format_retraining(retrained, settings.config.model)
        )
    if settings.open_test and retrained:
        blocks.append(_format_test(result["test"]))
    rows = _files(folder)
    if result["lost"]:
        blocks += _lost(result["lost"])
    elif best:
        rows += _next(folder, best[0], result)
    lines = [f"{label:<11} {line}" for label, line in rows]
    return "\n".join([*blocks, "", *lines] if blocks else lines)


def _kept(
    settings: SweepConfig, best: Trial, rows: list[dict[str, Any]]
) -> list[str]:
    """Returns a line for each saved model that is of another epoch."""
    lines = []
    for execution, row in zip(best.executions, rows, strict=True):
        epoch, score = row["epoch"], row[settings.objective]
        if epoch not in (None, execution.epoch) and score is not None:
            lines.append(
                f"{row['run']} keeps the weights of epoch {epoch}, its best, "
                f"with {settings.objective} {score:.4f}"
            )
    return lines


def _lost(rows: list[dict[str, str]]) -> list[str]:
    """Returns which trainings are missing, and why."""
    lines = [f"lost: {row['run']}: {row['reason']}" for row in rows]
    return ["", *lines, "the best trial is retrained after them"]


def _files(folder: SweepFolder) -> Rows:
    return [
        ("table", str(folder.path / CSV_FILE)),
        ("plot", str(folder.path / PLOT_FILE)),
    ]


def _next(folder: SweepFolder, best: Trial, result: dict[str, Any]) -> Rows:
    """Returns the commands that may follow."""
    retrained = result["retrained"]
    flags = str(folder.path / FLAGS_FILE)
    rows = [("best trial", expand_command(command("train", flagfile=flags)))]
    if not (
        retrained and retrained[BEST_TRIAL] and retrained[BEST_TRIAL]["scores"]
    ):
        run = Run(folder.run_path(best.runs[0]), best.runs[0])
        return [
            *rows,
            ("next", expand_command(Target.of(run).typed("evaluate"))),
        ]
    group = _group(folder, BEST_TRIAL)
    if retrained[DEFAULT_RECIPE] and retrained[DEFAULT_RECIPE]["scores"]:
        pair = (_group(folder, DEFAULT_RECIPE).name, group.name)
        runs_dir = group.runs_dir
        compare = command("compare", *pair, runs_dir=runs_dir)
        rows.append(("next", expand_command(compare)))
    run = Run(folder.run_path(best.runs[0]), best.runs[0])
    if result["test"] or not _has_test(run):
        return rows
    test = expand_command(group.typed("evaluate", split="test"))
    return [*rows, ("test set", test)]


def _has_test(run: Run) -> bool:
    """Whether a run has test examples; yes where it is elsewhere."""
    is_here = (run.path / "resolved.json").is_file()
    return not is_here or bool(run.resolved["data"]["test"])


def _group(folder: SweepFolder, name: str) -> Target:
    """Returns what to type for a group of runs."""
    return Target.of(RunGroup(folder.path / name, f"{folder.name}/{name}"))


def _format_test(test: dict[str, Any] | None) -> str:
    """Returns the score on the test set, in words."""
    if test is None:
        return (
            "the test set was not evaluated: no model of the best trial is on "
            "this machine"
        )
    ends = format_score_ci(test)
    score = test["score"].replace("_", " ")
    values = ", ".join(f"{value:.4f}" for value in test["values"])
    line = f"test {score} {test['mean']:.4f}"
    if has_interval(test):
        line += f", 95% CI over seeds {ends}"
    return (
        f"{line} ({values}) on {test['examples']:,} examples; "
        f"{describe_count(test['test_evaluations'])}"
    )
