"""Sweeps whose trials are no trainings: a function of the values instead."""

import functools
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


def result_of(request):
    """Returns what a training would: more accurate every epoch."""
    last = request.until_epoch or EPOCHS
    # Best at a rate of 0.01. The model's own rate is none that was searched,
    # and a little worse.
    far = abs(math.log10(request.config.learning_rate or 0.02) + 2)
    accuracy = 1 - far / 10 - request.config.seed / 1000
    rows = [
        {
            "epoch": float(epoch),
            "val_accuracy": accuracy * epoch / EPOCHS,
            "val_loss": 1 - accuracy * epoch / EPOCHS,
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


def answering(answer):
    """Returns what does jobs as a function answers them."""
    return functools.partial(run_jobs, answer=answer)


def failing(*numbers):
    """Returns what does jobs, of which those of some trials fail."""

    def answer(request):
        if request.key[0].number in numbers:
            return RunResult(request, "failed", reason="it rained, hard")
        return result_of(request)

    return answering(answer)


def begin(asked, name="s"):
    """Makes the folder of a sweep."""
    return open_folder(asked, name)


def resume(folder, num_workers=1, run_jobs=run_jobs, console=None):
    """Runs the sweep of a folder to its end, as `zoo resume` does."""
    console = console or TrainingConsole(quiet=True)
    asked = read_settings(folder)
    progress = SweepProgress(console, folder, asked, num_workers)
    return run_sweep(
        folder, asked, progress, num_workers=num_workers, run_jobs=run_jobs
    )


def trial_log(folder: SweepFolder):
    """Returns every execution and every proposal."""
    log = TrialLog(folder.path)
    return log.executions(), log.proposals()
