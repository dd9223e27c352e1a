"""Jobs and their outcomes as JSON, on their way to a worker and back."""

from __future__ import annotations

import json
from typing import Any

from zoo.config import TrainConfig
from zoo.tuning.pool import Job, Outcome

RESULT = ("status", "metrics", "history", "reason", "seconds")


def from_job(job: Job, number: int) -> dict[str, Any]:
    """Returns what a worker needs to know of a job; its tag stays here."""
    return {
        "number": number,
        "config": job.config.as_dict(),
        "until_epoch": job.until_epoch,
        "parent": job.parent,
    }


def to_job(message: dict[str, Any], **own: Any) -> Job:
    """Returns the job of a message; its tag is its number.

    Args:
        own: options that are the worker's own, such as `runs_dir`.

    Raises:
        UserError: this side knows no such config.
    """
    config = TrainConfig.from_json(json.dumps(message["config"]))
    return Job(
        config.replace(**own),
        message["until_epoch"],
        message["number"],
        message["parent"],
    )


def from_outcome(outcome: Outcome) -> dict[str, Any]:
    """Returns what a chief needs to know of an outcome."""
    fields = {name: getattr(outcome, name) for name in RESULT}
    return {"number": outcome.job.tag, **fields}


def to_outcome(message: dict[str, Any], job: Job) -> Outcome:
    """Returns the outcome of a message, of the job that was handed out."""
    return Outcome(job, **{name: message[name] for name in RESULT})
