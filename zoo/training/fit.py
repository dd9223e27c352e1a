"""`model.fit` for a run: one call an epoch, one training for its callbacks.

Each `fit` is given a finite dataset made for its epoch, so that batches
depend on (seed, epoch, index) alone and epochs end where they should, whatever
number of steps a compiled call makes. Keras's callbacks act as in one `fit`
over all epochs: `on_train_begin` and `on_train_end` are called once a run.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Sequence
from typing import Any

import keras

from zoo.data import Dataset, pipeline
from zoo.errors import UserError
from zoo.models.inference import images_at_once
from zoo.resolve import ResolvedConfig
from zoo.training import data_parallel, fused
from zoo.training.checkpoints import TrainState
from zoo.training.data_parallel import no_distribution
from zoo.training.model import inference_model
from zoo.training.setup import TrainSetup, attach_extractor
from zoo.training.user_callbacks import UserCallbacks


def training_batches(
    config: ResolvedConfig, dataset: Dataset
) -> pipeline.TrainingBatches:
    """Returns the training batches of every epoch."""
    return pipeline.TrainingBatches(
        dataset.train,
        batch_size=config.batch_size,
        seed=config.seed,
        augment=config.augment,
        crop_padding=config.crop_padding,
        num_classes=dataset.num_classes,
    )


def fit(
    setup: TrainSetup,
    state: TrainState,
    callbacks: Sequence[keras.callbacks.Callback],
    batches: pipeline.TrainingBatches,
    until_epoch: int | None = None,
    user_callbacks: UserCallbacks | None = None,
) -> None:
    """Fits epoch after epoch, from where a state stands.

    Args:
        setup: what is trained.
        state: how far it has come; the first callback brings it forward.
        callbacks: in the order in which they are called.
        batches: as `training_batches` returns.
        until_epoch: where to pause, if that comes before the end.
        user_callbacks: those of `callbacks` that the user passed.
    """
    config, validation = setup.config, None
    if len(setup.dataset.val):
        size = images_at_once(setup.dataset.input_shape)
        validation = pipeline.eval_batches(setup.dataset.val, size)
    end = math.inf if until_epoch is None else until_epoch
    with data_parallel.distributed_model(setup) as (model, divided):
        if validation is not None:
            validation = divided(validation)
        training = RunCallbackList(setup, callbacks, model)
        training.begin()
        if user_callbacks:
            user_callbacks.restore()
            if state.batch:
                training.inside_epoch = user_callbacks.continued
        while not state.is_done(config) and state.epoch < end:
            epoch, done = state.epoch, state.batch
            left = config.steps_in(epoch) - done
            model.fit(
                divided(batches.epoch(epoch, done, left)),
                initial_epoch=epoch,
                epochs=epoch + 1,
                validation_data=validation,
                callbacks=training,
                shuffle=False,
                verbose=0,
            )
            if (state.epoch, state.batch) == (epoch, done):
                raise UserError(
                    f"fit made no step in epoch {epoch + 1}, as a callback "
                    "changes where training begins; leave it out, and continue "
                    "a run by zoo.resume."
                )
        if state.is_done(config):
            training.end()


class RunCallbackList(keras.callbacks.CallbackList):
    """Callbacks whose training is the run, and not one call of `fit`.

    Args:
        setup: what is trained.
        callbacks: in the order in which they are called.
        model: that `fit` is called on.

    Attributes:
        inside_epoch: Callbacks that were told of the beginning of the first
            epoch already, before the run was resumed in its middle.
    """

    def __init__(self, setup: TrainSetup, callbacks, model: keras.Model):
        config = setup.config
        self.inside_epoch: Sequence[keras.callbacks.Callback] = ()
        self._is_distributed = setup.devices.is_distributed
        self._logs = None
        super().__init__(
            list(callbacks),
            add_history=True,
            model=model,
            epochs=config.num_epochs,
            steps=config.steps_per_epoch,
            verbose=0,
        )
        for callback in self.callbacks:
            # A subclass may do more with its model than to save it.
            is_stock = type(callback) is keras.callbacks.ModelCheckpoint
            if is_stock and not self._is_distributed:
                callback.set_model(SavedPlainly(setup, model))

    def begin(self) -> None:
        """Begins the training of the run."""
        with self._single_device():
            super().on_train_begin()

    def end(self) -> None:
        """Ends the training of the run."""
        with self._single_device():
            super().on_train_end(self._logs)

    def on_train_begin(self, logs=None):
        """Is called by each `fit`, and not passed on."""

    def on_train_end(self, logs=None):
        """Is called by each `fit`, and not passed on."""
        self._logs = logs

    def on_epoch_begin(self, epoch, logs=None):
        """Passes on the beginning of an epoch."""
        started, self.inside_epoch = self.inside_epoch, ()
        every = self.callbacks
        self.callbacks = [c for c in every if c not in started]
        with self._single_device():
            super().on_epoch_begin(epoch, logs)
        self.callbacks = every

    def on_train_batch_end(self, batch, logs=None):
        """Passes on the end of an execution of steps."""
        with self._single_device():
            super().on_train_batch_end(batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        """Passes on the end of an epoch."""
        with self._single_device():
            super().on_epoch_end(epoch, logs)

    def _single_device(self) -> contextlib.AbstractContextManager:
        """Lets callbacks use ordinary models while several devices train."""
        return (
            no_distribution()
            if self._is_distributed
            else contextlib.nullcontext()
        )


class SavedPlainly:
    """A model in training that is saved as the run's own, `model.keras`.

    The model itself has layers and functions of zoo, and would not load where
    zoo is not installed.

    Args:
        setup: what is trained.
        model: that `fit` is called on.
    """

    def __init__(self, setup: TrainSetup, model: keras.Model):
        self._setup, self._model = setup, model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    @functools.cached_property
    def _uncompiled(self) -> keras.Model:
        """From raw pixels to logits, with the layers that are trained."""
        setup = self._setup
        model = inference_model(
            self._model, setup.config, setup.dataset, setup.statistics
        )
        if setup.extractor:
            model = attach_extractor(setup.extractor, model)
        return keras.Model(model.input, model.output, name=model.name)

    def save(self, filepath: str, overwrite: bool = True) -> None:
        """Saves it without loss and optimizer."""
        plain = fused.unfuse(self._uncompiled)
        plain.save(filepath, overwrite=overwrite)
