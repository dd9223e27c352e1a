"""Sweeps whose trials are no trainings: a function of the values instead."""

import math

from zoo.config import TrainConfig
from zoo.runs import SweepFolder
from zoo.training.console import TrainingConsole
from zoo.tuning.jobs import RunResult
from zoo.tuning.progress import SweepProgress
from zoo.tuning.sweep import open_folder, read_settings, run_sweep
from zoo.tuning.sweep_config import SweepConfig
from zoo.tuning.trials import TrialLog

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


def accuracy_of(config):
    """Returns the accuracy of a config: best at a rate of 0.01."""
    # The model's own rate is none that was searched, and a little worse.
    far = abs(math.log10(config.learning_rate or 0.02) + 2)
    return 1 - far / 10 - config.seed / 1000


def result_of(request):
    """Returns what a training would: more accurate every epoch."""
    last = request.until_epoch or EPOCHS
    rows = [
        {
            "epoch": float(epoch),
            "val_accuracy": accuracy_of(request.config) * epoch / EPOCHS,
            "val_loss": 1 - accuracy_of(request.config) * epoch / EPOCHS,
        }
        for epoch in range(1, last + 1)
    ]
    status = "completed" if last == EPOCHS else "paused"
    return RunResult(request, status, {"status": status}, rows, seconds=1.0)


def run_jobs(requests, num_workers=1, log=None, answer=result_of):
    """Ends runs as `workers.run_jobs` does, the last started one first."""
    requests, at_work, more = iter(requests), [], True
    while more or at_work:
        while more and len(at_work) < num_workers:
            request = next(requests, StopIteration)
            more = request is not StopIteration
            if not more or request is None:
                break
            at_work.append(request)
        if at_work:
            yield answer(at_work.pop())


def sweep(folder, asked, num_workers=1, run_jobs=run_jobs):
    """Runs a sweep, or resumes it."""
    quiet = TrainingConsole(quiet=True)
    progress = SweepProgress(quiet, folder, asked, num_workers)
    return run_sweep(
        folder, asked, progress, num_workers=num_workers, run_jobs=run_jobs
    )


def begin(asked, name="s"):
    """Makes the folder of a sweep."""
    return open_folder(asked, name)


def resume(folder, num_workers=1, run_jobs=run_jobs):
    """Resumes the sweep of a folder, as `zoo resume` does."""
    return sweep(folder, read_settings(folder), num_workers, run_jobs)


def trial_log(folder: SweepFolder):
    """Returns every execution and every proposal."""
    log = TrialLog(folder.path)
    return log.executions(), log.proposals()
