"""Inside a worker process: one ordinary run after another.

A worker lives as long as its sweep, so that TensorFlow is imported once. What
libraries print goes to a file; each run has its own log.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import pathlib
import signal
import threading
import time
import traceback
from typing import Any

from zoo.config import TrainConfig
from zoo.errors import Diverged, Interrupted, UserError
from zoo.runs import Run

DONE = ("completed", "stopped_early")
PATIENCE = 20.0  # seconds for the worker of a killed sweep to let a run go
NAP = 0.2

_is_busy = False


@dataclasses.dataclass(frozen=True)
class Job:
    """A run to make, or to go on with if its folder is there already.

    Attributes:
        config: of the run; it has a `run_name`.
        until_epoch: where to pause, if that comes before the end.
        tag: whatever the one who wants the run needs to know it by.
        parent: the run that this one repeats, and what was changed.
    """

    config: TrainConfig
    until_epoch: int | None = None
    tag: Any = None
    parent: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        status: completed, stopped_early, paused, diverged or failed.
        metrics: of the run's `metrics.json`.
        history: one row an epoch, up to the end of the job.
        reason: one sentence, without its full stop, where there is no result.
        seconds: the job took.
    """

    job: Job
    status: str
    metrics: dict[str, Any] = dataclasses.field(default_factory=dict)
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    reason: str = ""
    seconds: float = 0.0


def begin(environment: dict[str, str], log: str | None) -> None:
    """Prepares a worker, before anything imports TensorFlow."""
    os.environ.update(environment)
    target = os.open(
        log or os.devnull, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644
    )
    os.dup2(target, 1)
    os.dup2(target, 2)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _stop(number, frame) -> None:
    """Ends what is under way; an idle worker waits for its parent's word.

    Once training itself has begun, it listens on its own, and saves.
    """
    if _is_busy:
        raise Interrupted("stopped before its training began")


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def run(job: Job) -> Outcome:
    """Does a job; whatever goes wrong is told in the outcome."""
    global _is_busy
    began = time.monotonic()

    def outcome(status: str, **more: Any) -> Outcome:
        seconds = round(time.monotonic() - began, 3)
        return Outcome(job, status, seconds=seconds, **more)

    _is_busy = True
    try:
        made = _make(job)
        rows = made.history
        if job.until_epoch is not None:
            rows = rows[: job.until_epoch]
        metrics = made.metrics
        return outcome(metrics["status"], metrics=metrics, history=rows)
    except Diverged as error:
        return outcome("diverged", reason=_first_clause(error))
    except Interrupted as error:
        return outcome("interrupted", reason=_first_clause(error))
    except UserError as error:
        return outcome("failed", reason=str(error).rstrip("."))
    except Exception as error:
        traceback.print_exc()
        return outcome("failed", reason=_in_words(error))
    finally:
        _is_busy = False


def _make(job: Job) -> Run:
    """Trains a run, or finishes one that is there, or finds it finished."""
    import keras

    from zoo.training.console import Console
    from zoo.training.loop import resume, train

    keras.backend.clear_session()
    config, quiet = job.config, Console(quiet=True)
    folder = pathlib.Path(config.runs_dir, config.run_name)
    if not (folder / "config.json").exists():
        return train(
            config,
            console=quiet,
            parent=job.parent,
            until_epoch=job.until_epoch,
        )
    found = Run(folder, config.run_name)
    _wait_for(found)
    metrics = found.metrics
    status = metrics.get("status")
    if status == "diverged":
        raise Diverged("the loss or the weights were no longer numbers")
    if status in DONE or _is_far_enough(job, status, metrics):
        return found
    return resume(found, console=quiet, until_epoch=job.until_epoch)


def _is_far_enough(job: Job, status: str | None, metrics: dict) -> bool:
    until = job.until_epoch
    return until is not None and (
        status == "paused" and metrics["epochs"] >= until
    )


def _wait_for(found: Run) -> None:
    """Gives the worker of a killed sweep the time to notice."""
    end = time.monotonic() + PATIENCE
    while found.is_locked() and time.monotonic() < end:
        time.sleep(NAP)


def _first_clause(error: Exception) -> str:
    return str(error).partition(";")[0].rstrip(".")


def _in_words(error: Exception) -> str:
    """Says what an error is that is no mistake of the user."""
    kind = type(error).__name__
    if kind in ("MemoryError", "ResourceExhaustedError"):
        return "there was not enough memory"
    text = " ".join(str(error).split())
    return f"{kind}: {text[:200]}".rstrip(".")
