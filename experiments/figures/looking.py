"""A run's network as its last update left it, and what it was trained on."""

from __future__ import annotations

import dataclasses

import numpy as np

from zoo.runs import Run
from zoo.summaries.view import View
from zoo.training import losses, network
from zoo.training.checkpoints import Checkpoints
from zoo.training.job import prepare
from zoo.training.plan import Plan


@dataclasses.dataclass(frozen=True)
class Look:
    """What a picture is drawn of.

    Attributes:
        plan: what the run did, with its data.
        view: looks into the network.
    """

    plan: Plan
    view: View

    @property
    def inputs(self) -> np.ndarray:
        """The training examples, `[N, ...]`."""
        return self.plan.data.train.images

    @property
    def labels(self) -> np.ndarray:
        """What the network was told of them: int32 `[N]`, or float32."""
        return self.plan.data.train.labels

    @property
    def is_wrong(self) -> np.ndarray:
        """Which labels are not the true ones, bool `[N]`."""
        return self.labels != self.plan.source.train.labels


def look(run: Run) -> Look:
    """Makes a finished run's network anew, with its last weights.

    Those of `model.keras` are of the best epoch: where a network learns by
    heart, that is before it did.

    Raises:
        UserError: the data are not there, or the checkpoint is damaged.
    """
    job = prepare(run.config.replace(run_name=None), None)
    Checkpoints(run.path / "checkpoints").restore_last(job.model)
    body = network.body_of(job.model)
    view = View(job.model, body, losses.data_loss(job.plan.config))
    return Look(job.plan, view)
