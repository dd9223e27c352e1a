"""A sweep: asks the tuner, trains what it proposes, tells what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from zoo.commands import Target
from zoo.console import pluralize
from zoo.errors import Interrupted, Lost, UserError
from zoo.runs import SweepFolder
from zoo.tuning import ending, pool, pruning, table
from zoo.tuning.confirming.running import Confirming
from zoo.tuning.display import Display
from zoo.tuning.oracles import Oracle
from zoo.tuning.pool import Outcome
from zoo.tuning.results import Trial
from zoo.tuning.search import Search
from zoo.tuning.settings import SweepConfig

FAILURES = 3  # trials in a row that fail, and end a sweep
NO_FLAGS: Mapping[str, Any] = MappingProxyType({})
Work = Callable[..., Iterator[Outcome]]


def make_oracle(settings: SweepConfig) -> Oracle:
    """Returns the fresh tuner of a sweep."""
    space = settings.dimensions
    if settings.tuner == "grid":
        space = space.stepped()
    return Oracle(
        settings.tuner,
        space,
        trials=settings.trials,
        direction=settings.direction,
        seed=settings.config.seed,
        epochs=settings.epochs,
        factor=settings.factor,
    )


def run_sweep(
    folder: SweepFolder,
    settings: SweepConfig,
    display: Display,
    *,
    workers: int = 1,
    work: Work = pool.work,
    resume_flags: Mapping[str, Any] = NO_FLAGS,
) -> list[Trial]:
    """Runs a sweep to its end, from its start or from where it stands.

    Args:
        folder: that holds `sweep.json`; nobody else may hold it.
        settings: what `sweep.json` says.
        display: where to print.
        workers: processes at once.
        work: does the jobs, as `pool.work` does.
        resume_flags: Flags of `zoo resume` that train the rest there again.

    Returns:
        All trials, by number.

    Raises:
        UserError: three trials in a row failed, or nothing can be written.
        Lost: trainings, or three trials in a row, lost their worker in every
            try; the sweep can be resumed.
        Interrupted: a signal asked for an end; the sweep can be resumed.
    """
    resume = f"`{Target.of(folder).typed('resume', **resume_flags)}`"
    oracle = make_oracle(settings)
    try:
        search = Search(folder, settings, oracle)
        confirming = Confirming(folder, settings, search, display.confirm)
        display.begin(search, confirming.done)
        _declare(folder, settings)
        _prune(search, settings, folder)
        outcomes = work(confirming.jobs(), workers, folder.path / "workers.log")
        _take(outcomes, folder, settings, search, confirming, display, resume)
    except Interrupted:
        done = len(search.trials())
        raise Interrupted(
            f"stopped after {done} trial{'' if done == 1 else 's'}, and saved "
            f"what was under way; {resume} goes on."
        ) from None
    finally:
        oracle.close()
    trials = search.trials()
    if not search.lost:  # Hyperband may train any trial further
        pruning.prune(trials, settings, folder)
    result = ending.conclude(folder, settings, search, confirming)
    display.end(trials, result)
    _check_lost(result, folder, resume)
    return trials


def _take(
    outcomes: Iterator[Outcome],
    folder: SweepFolder,
    settings: SweepConfig,
    search: Search,
    confirming: Confirming,
    display: Display,
    resume: str,
) -> None:
    """Writes down and prints what comes of each training."""
    failures = 0
    for outcome in outcomes:
        confirmed = confirming.take(outcome)
        if confirmed is not None:
            display.trained(outcome)
            display.confirmed(confirmed)
            continue
        trial = search.take(outcome)
        table.write(folder, search.executions + search.lost, settings)
        display.trained(outcome)
        if trial is None:
            continue
        display.trial(trial, search.trials())
        _prune(search, settings, folder)
        failures = failures + 1 if _has_failed(trial) else 0
        if failures == FAILURES:
            _give_up(trial, resume)


def _check_lost(
    result: dict[str, Any], folder: SweepFolder, resume: str
) -> None:
    """Raises `Lost` if trainings of a sweep are missing."""
    if lost := result["lost"]:
        raise Lost(
            f"{pluralize(len(lost), 'training')} of {folder.name} lost "
            f"{'its worker' if len(lost) == 1 else 'their workers'}; "
            f"{resume} tries again."
        )


def _has_failed(trial: Trial) -> bool:
    return bool(trial.failure) and trial.failure.status in ("failed", "lost")


def _give_up(trial: Trial, resume: str) -> None:
    """Ends a sweep whose trials fail one after the other."""
    kind = Lost if trial.failure.status == "lost" else UserError
    raise kind(
        f"{FAILURES} trials in a row failed, the last one since "
        f"{trial.failure.reason}; mend that, then "
        f"{resume} goes on."
    )


def _declare(folder: SweepFolder, settings: SweepConfig) -> None:
    """Tells TensorBoard what the columns of its table are."""
    from zoo.tuning import board

    board.declare(folder, settings)


def _prune(search: Search, settings: SweepConfig, folder: SweepFolder) -> None:
    """Removes weights while the sweep runs, where no trial is continued."""
    if settings.tuner != "hyperband":
        pruning.prune(search.trials(), settings, folder)
