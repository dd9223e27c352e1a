"""The epochs of a run: one `fit` each.

`fit` gets a finite data set made for that epoch, so that batches depend on
(seed, epoch, index) alone and epochs end where they should, whatever number
of updates runs between two looks at Python.
"""

from __future__ import annotations

import math

import keras

from zoo.data import pipeline
from zoo.training.distributed import data_parallel
from zoo.training.job import Job
from zoo.training.plan import Plan
from zoo.training.state import TrainState

EVAL_BATCH = 256  # images; scores do not depend on it


def batches(plan: Plan) -> pipeline.Batches:
    """Returns the training batches of every epoch."""
    return pipeline.Batches(
        plan.data.train,
        batch_size=plan.config.batch_size,
        seed=plan.seed,
        augment=plan.config.augment,
        crop_padding=plan.config.crop_padding,
    )


def fit(
    job: Job,
    state: TrainState,
    callback: keras.callbacks.Callback,
    batches: pipeline.Batches,
    until_epoch: int | None = None,
) -> None:
    """Fits epoch after epoch, from where a state stands.

    Args:
        job: what is trained.
        state: how far it came; the callback brings it forward.
        callback: is told of every update.
        batches: as `batches` returns.
        until_epoch: where to pause, if that comes before the end.
    """
    plan, validation = job.plan, None
    if len(plan.data.val):
        validation = pipeline.eval_batches(plan.data.val, EVAL_BATCH)
    end = math.inf if until_epoch is None else until_epoch
    with data_parallel.distributed_model(job) as (model, divided):
        if validation is not None:
            validation = divided(validation)
        while not plan.is_done(state) and state.epoch < end:
            epoch, done = state.epoch, state.batch
            left = plan.steps_in(epoch) - done
            model.fit(
                divided(batches.epoch(epoch, done, left)),
                initial_epoch=epoch,
                epochs=epoch + 1,
                validation_data=validation,
                callbacks=[callback],
                shuffle=False,
                verbose=0,
            )
