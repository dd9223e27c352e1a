"""Recording a run whose network is shared among devices."""

from __future__ import annotations

import keras

from zoo.training.distribution import replica
from zoo.training.distribution.sharing import apart
from zoo.training.job import Job
from zoo.training.recorder import Recorder


class SharedRecorder(Recorder):
    """Records with the job's own network, and fetches values when it looks.

    `fit` trains the shared one, and makes it known by `set_model`.
    """

    def __init__(self, job: Job, *rest):
        self._whole = job.model
        super().__init__(job, *rest)

    @property
    def model(self) -> keras.Model:
        """The job's own network."""
        return self._whole

    def on_epoch_begin(self, epoch, logs=None):
        with apart():
            super().on_epoch_begin(epoch, logs)
        if self.state.batch:
            replica.give(self._whole, self._shared, ["metrics"])

    def on_train_batch_end(self, batch, logs=None):
        with apart():
            super().on_train_batch_end(batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        with apart():
            self._attach()
            super().on_epoch_end(epoch, logs)

    def _save(self) -> None:
        if self.state.batch:
            self._attach()
        super()._save()

    def _attach(self) -> None:
        """Fetches the values that the shared network has now."""
        replica.fetch(self._shared, self._whole)

    @property
    def _shared(self) -> keras.Model:
        # Keras brings the variables back when a callback asks for the model.
        return super().model
