"""Inside a worker process: one ordinary run after another.

A worker lives as long as its pool, so that TensorFlow is imported once. What
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
from multiprocessing.connection import Connection
from typing import Any

from zoo.config import TrainConfig
from zoo.errors import (
    Diverged,
    Interrupted,
    Locked,
    UserError,
    is_out_of_memory,
)
from zoo.runs import Run
from zoo.training.signals import NUMBERS, StopRequest

DONE = ("completed", "stopped_early")
PAUSE = 0.2  # seconds between two looks at a run that is locked

_is_busy = False  # a job is under way
_is_stopped = False  # a signal came while none was


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
        status: completed, stopped_early, paused, diverged, failed, or lost
            if its worker died in every try.
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


def serve(
    connection: Connection, environment: dict[str, str], log: str | None
) -> None:
    """Does the jobs that come over a connection, until it is closed.

    Args:
        connection: gives jobs and takes their outcomes.
        environment: variables to set, such as the GPUs to use.
        log: where libraries print; `None` is nowhere.
    """
    _begin(environment, log)
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        outcome = run(job)
        try:
            connection.send(outcome)
        except OSError:
            return  # nobody waits for it any more


def _begin(environment: dict[str, str], log: str | None) -> None:
    """Prepares a worker, before anything imports TensorFlow."""
    os.environ.update(environment)
    target = os.open(
        log or os.devnull, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644
    )
    os.dup2(target, 1)
    os.dup2(target, 2)
    for number in NUMBERS:
        signal.signal(number, _stop)
    if hasattr(signal, "pthread_sigmask"):  # the pool blocked them
        signal.pthread_sigmask(signal.SIG_UNBLOCK, NUMBERS)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _stop(number, frame) -> None:
    """Ends what is under way, or the next job before it has begun.

    Once training itself has begun, it handles the signals, and saves.
    """
    global _is_stopped
    if _is_busy:
        raise Interrupted("stopped before its training began")
    _is_stopped = True


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def run(job: Job, stop: StopRequest | None = None) -> Outcome:
    """Does a job; whatever goes wrong is reported in the outcome.

    Args:
        job: to do.
        stop: asks for an end from another thread, where no signals come.
    """
    global _is_busy, _is_stopped
    began = time.monotonic()

    def outcome(status: str, **more: Any) -> Outcome:
        seconds = round(time.monotonic() - began, 3)
        return Outcome(job, status, seconds=seconds, **more)

    _is_busy = True
    try:
        if _is_stopped:
            raise Interrupted("stopped before it began")
        made = _make(job, stop or StopRequest())
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
        _is_busy = _is_stopped = False


def _make(job: Job, stop: StopRequest) -> Run:
    """Makes a run, as soon as no other process works on it.

    That may be a worker that is dying or was cut off from the network, or
    somebody who resumes the run by hand; what has come of it then counts.
    """
    while not stop.requested:
        try:
            return _train(job, stop)
        except Locked:
            time.sleep(PAUSE)
    raise Interrupted("stopped before it began")


def _train(job: Job, stop: StopRequest) -> Run:
    """Trains a run, or finishes one that is there, or finds it finished."""
    import keras

    from zoo.training.console import TrainingConsole
    from zoo.training.resume import resume
    from zoo.training.train import train

    keras.backend.clear_session()
    config, quiet = job.config, TrainingConsole(quiet=True)
    folder = pathlib.Path(config.runs_dir, config.run_name)
    if not (folder / "config.json").exists():
        return train(
            config,
            console=quiet,
            parent=job.parent,
            until_epoch=job.until_epoch,
            stop=stop,
        )
    found = Run(folder, config.run_name)
    if found.is_locked():
        raise Locked(f"{found.name} is running in another process.")
    metrics = found.metrics
    status = metrics.get("status")
    if status == "diverged":
        raise Diverged("the loss or the weights were no longer numbers")
    if status in DONE or _is_far_enough(job, status, metrics):
        return found
    return resume(found, console=quiet, until_epoch=job.until_epoch, stop=stop)


def _is_far_enough(job: Job, status: str | None, metrics: dict) -> bool:
    until = job.until_epoch
    return until is not None and (
        status == "paused" and metrics["epochs"] >= until
    )


def _first_clause(error: Exception) -> str:
    return str(error).partition(";")[0].rstrip(".")


def _in_words(error: Exception) -> str:
    """Says what an error is that is no mistake of the user."""
    if is_out_of_memory(error):
        return "there was not enough memory"
    kind = type(error).__name__
    text = " ".join(str(error).split())
    return f"{kind}: {text[:200]}".rstrip(".")
