"""What summaries get to see of a run: its network, and examples to try."""

from __future__ import annotations

import math

import numpy as np

from zoo.data import pipeline
from zoo.data.rows import rows_in
from zoo.runs import Run
from zoo.summaries.snapshot import Snapshot
from zoo.summaries.view import View
from zoo.training import network, probe
from zoo.training.job import Job
from zoo.training.state import TrainState

MOST_JUDGED = 10_000  # examples that are scored for the last pictures
MOST_BYTES = 2**27  # that these may have, as float32: 10,000 of 32x32x3


class Watch:
    """Takes snapshots of a run, all with the same probe.

    Args:
        batches: of the training, for a look at what a step is given.
    """

    def __init__(self, job: Job, run: Run, batches: pipeline.Batches):
        loss = network.minimized_loss(job.plan)
        self.view = View(
            job.model,
            network.body_of(job.model),
            loss,
            network.scaled_inputs(job.body),
        )
        self.probe = probe.choose(job.plan.data, job.plan.seed)
        self._plan = job.plan
        self._run = run
        self._batches = batches

    def snapshot(self, state: TrainState, last: bool = False) -> Snapshot:
        """Returns what can be seen now; nothing is computed yet."""
        return Snapshot(
            step=state.step,
            look=state.epoch // self._plan.config.summary_every,
            looks=math.ceil(
                self._plan.epochs / self._plan.config.summary_every
            ),
            last=last,
            view=self.view,
            inputs=self.probe.images,
            labels=self.probe.labels,
            class_names=self._plan.data.class_names,
            config=self._plan.config.as_dict(),
            folder=self._run.path,
            validation=self._validation,
            batch=self._batch,
        )

    def _validation(self) -> tuple[np.ndarray, np.ndarray]:
        shape = (0, *self._plan.data.input_shape)
        most = min(MOST_JUDGED, rows_in(MOST_BYTES, shape, item_bytes=4))
        chosen = probe.choose(self._plan.data, self._plan.seed, most)
        return chosen.images, chosen.labels

    def _batch(self) -> np.ndarray:
        inputs, _ = next(iter(self._batches.epoch(0, num_batches=1)))
        return np.asarray(inputs)
