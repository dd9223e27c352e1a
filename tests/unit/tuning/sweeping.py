"""Sweeps whose trials are no trainings: a function of the values instead."""

import math

from zoo.config import TrainConfig
from zoo.runs import SweepFolder
from zoo.training.console import TrainingConsole
from zoo.tuning.display import Display
from zoo.tuning.folder import open_folder, read_settings
from zoo.tuning.ledger import Ledger
from zoo.tuning.pool import Outcome
from zoo.tuning.settings import SweepConfig
from zoo.tuning.sweep import run_sweep

EPOCHS = 4  # of a whole run


class Killed(BaseException):
    """Stands for SIGKILL: no handler of the product knows it."""


def settings(runs_dir, **changes):
    """Returns a small sweep over a learning rate."""
    values = {
        "config": TrainConfig(model="lr", runs_dir=str(runs_dir)),
        "space": ("learning_rate=log:1e-4:1e-1",),
        "trials": 5,
    }
    values |= changes
    if values.get("tuner") == "hyperband":
        values |= {"trials": None, "epochs": EPOCHS, "factor": 2}
    if values.get("tuner") == "grid":
        values |= {"trials": 4}
    return SweepConfig(**values)


def goodness(config):
    """Returns the accuracy of a config: best at a rate of 0.01."""
    # The model's own rate is none that was searched, and a little worse.
    far = abs(math.log10(config.learning_rate or 0.02) + 2)
    return 1 - far / 10 - config.seed / 1000


def outcome(job):
    """Returns what a training would: more accurate every epoch."""
    last = job.until_epoch or EPOCHS
    rows = [
        {
            "epoch": float(epoch),
            "val_accuracy": goodness(job.config) * epoch / EPOCHS,
            "val_loss": 1 - goodness(job.config) * epoch / EPOCHS,
        }
        for epoch in range(1, last + 1)
    ]
    status = "completed" if last == EPOCHS else "paused"
    return Outcome(job, status, {"status": status}, rows, seconds=1.0)


def work(jobs, workers=1, log=None, answer=outcome):
    """Does jobs as `pool.work` does, those that are at work last one first."""
    jobs, at_work, more = iter(jobs), [], True
    while more or at_work:
        while more and len(at_work) < workers:
            job = next(jobs, StopIteration)
            more = job is not StopIteration
            if not more or job is None:
                break
            at_work.append(job)
        if at_work:
            yield answer(at_work.pop())


def sweep(folder, asked, workers=1, work=work):
    """Runs a sweep, or goes on with it."""
    display = Display(TrainingConsole(quiet=True), folder, asked, workers)
    return run_sweep(folder, asked, display, workers=workers, work=work)


def begin(asked, name="s"):
    """Makes the folder of a sweep."""
    return open_folder(asked, name)


def go_on(folder, workers=1, work=work):
    """Goes on with the sweep of a folder, as `zoo resume` does."""
    return sweep(folder, read_settings(folder), workers, work)


def ledger(folder: SweepFolder):
    """Returns every execution and every proposal."""
    book = Ledger(folder.path)
    return book.executions(), book.proposals()
