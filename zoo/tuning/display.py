"""What a person sees of a sweep: a line a trial, and a table in the end."""

from __future__ import annotations

import time
from typing import Any

from zoo.console import (
    format_duration,
    format_table,
    pluralize,
    tensorboard_command,
)
from zoo.errors import join_and
from zoo.runs import SweepFolder
from zoo.training.console import TrainingConsole
from zoo.tuning import budget, closing
from zoo.tuning.budget import TimeLeft
from zoo.tuning.confirming.ledger import Confirmation
from zoo.tuning.confirming.recipes import is_compared, new_seeds
from zoo.tuning.oracles import hyperband_plan
from zoo.tuning.pool import Outcome
from zoo.tuning.results import Trial, ranked, trial_name
from zoo.tuning.search import Search
from zoo.tuning.settings import KEPT, SweepConfig
from zoo.tuning.space import in_words

SHOWN = 10  # trials in the table at the end


class Display:
    """Tells of one sweep.

    Args:
        console: where to print.
        folder: of the sweep.
        settings: of the sweep.
        workers: processes at once.
    """

    def __init__(
        self,
        console: TrainingConsole,
        folder: SweepFolder,
        settings: SweepConfig,
        workers: int,
    ):
        self._console = console
        self._folder = folder
        self._settings = settings
        self._workers = workers
        self._began = time.monotonic()
        self._time_left: TimeLeft | None = None
        self._has_ended = folder.result.get("status") == "completed"

    def begin(self, search: Search, confirmed: list[Confirmation]) -> None:
        """Says what will be done, and what is there already."""
        settings = self._settings
        done = [(one.run, one.epochs) for one in search.executions]
        done += [(one.run, one.epochs) for one in confirmed]
        self._time_left = TimeLeft(settings, self._workers, done)
        self._console.log_to(self._folder.path / "log.txt")
        self._console.print_fields(
            {
                "sweep": self._plan_in_words(),
                "train": budget.in_words(settings),
                "space": " ".join(settings.space),
                "judged by": self._objective_in_words(),
                "kept": self._kept_in_words(),
                "folder": str(self._folder.path),
                "watch": tensorboard_command(self._folder.path),
            }
        )
        if self._has_ended:
            self._console.print("it has ended before; this is what there is")
        elif trials := search.trials():
            self._console.print(
                f"going on after {pluralize(len(trials), 'trial')}"
            )

    def trained(self, outcome: Outcome) -> None:
        """Counts a training; after the first one, says what the rest takes."""
        is_first = not self._time_left.is_measured
        self._time_left.add(outcome)
        if is_first and (text := self._time_left.in_words()):
            self._console.print_fields({"time": text})

    def trial(self, trial: Trial, trials: list[Trial]) -> None:
        """Says what came of a trial, and how far the sweep is."""
        failure = trial.failure
        if failure:
            text = f"{failure.status}: {failure.reason}"
        else:
            text = f"{self._settings.objective} {trial.score:.4f}"
            if ranked(trials, self._settings)[0].number == trial.number:
                text += "  best"
        if self._settings.tuner == "hyperband":
            text = f"{pluralize(trial.epochs, 'epoch')}, {text}"
        self._console.print(
            f"{trial_name(trial.number)}  {in_words(trial.values)}  {text}"
        )
        total, details = self._settings.trials, self._details(trials)
        self._console.show_progress("trials", len(trials), total, details, True)

    def confirm(self, best: Trial) -> None:
        """Says which runs come after the last trial."""
        settings = self._settings
        seeds = list(map(str, new_seeds(settings)))
        noun = "new seed" if len(seeds) == 1 else "new seeds"
        text = f"{trial_name(best.number)} with the {noun} "
        text += join_and(seeds)
        if is_compared(settings):
            text += f"; the default recipe of {settings.config.model} with "
            text += "the same"
        self._console.print_fields({"confirm": text})

    def confirmed(self, one: Confirmation) -> None:
        """Says what came of a new seed."""
        text = f"{one.status}: {one.reason}"
        if one.score is not None:
            text = f"{self._settings.objective} {one.score:.4f}"
        name = one.run.removeprefix(f"{self._folder.name}/")
        self._console.print(f"{name}  {text}")

    def end(self, trials: list[Trial], result: dict[str, Any]) -> None:
        """Prints the best trials, the failed ones, and what to do next.

        Args:
            trials: all of them.
            result: what `result.json` holds.
        """
        settings = self._settings
        best = ranked(trials, settings)
        if not self._has_ended:
            span = format_duration(time.monotonic() - self._began)
            word = "incomplete" if result["lost"] else "done"
            self._console.print(
                f"{word}: {pluralize(len(trials), 'trial')} in {span}"
            )
        wanted, lost = settings.trials, result["lost"]
        if wanted is not None and len(trials) < wanted and not lost:
            self._console.print(
                f"the tuner found no other point after these, of {wanted}"
            )
        if best:
            self._console.print(self._table(best[:SHOWN]))
        for trial in trials:
            if failure := trial.failure:
                self._console.print(
                    f"{trial_name(trial.number)} {failure.status}: "
                    f"{in_words(trial.values)}: {failure.reason}"
                )
        text = closing.text(self._folder, settings, best[:1], result)
        self._console.print(text)

    def _details(self, trials: list[Trial]) -> str:
        """Returns the best trial so far and the time left."""
        details = [self._time_left.in_words()]
        if best := ranked(trials, self._settings)[:1]:
            name, score = trial_name(best[0].number), best[0].score
            details.insert(0, f"best {score:.4f} ({name})")
        return "  ".join(filter(None, details))

    def _plan_in_words(self) -> str:
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
        if self._workers > 1:
            text += f"; {self._workers} at once"
        return text

    def _objective_in_words(self) -> str:
        settings = self._settings
        word = "highest" if settings.direction == "max" else "lowest"
        epoch = {"best": "its best epoch", "last": "its last epoch"}
        return (
            f"the {word} {settings.objective}, of each run by "
            f"{epoch[settings.select_epoch]} "
            f"(--select_epoch={settings.select_epoch})"
        )

    def _kept_in_words(self) -> str:
        if self._settings.keep == "all":
            return "models and checkpoints of all trials (--keep=all)"
        return (
            f"curves of all trials, models and checkpoints of the {KEPT} best "
            "(--keep=best)"
        )

    def _table(self, best: list[Trial]) -> str:
        settings = self._settings
        heads = ["trial", settings.objective, "epoch", "hyperparameters"]
        rows = [
            [
                trial_name(trial.number),
                _score(trial),
                _epoch(trial),
                in_words(trial.values),
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
