"""What is left when training ends: the model, and the scores in a file."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

import keras

from zoo import about
from zoo.runs import Run, RunWriter
from zoo.training import balance, extracting, network, precision
from zoo.training.beginning import count
from zoo.training.checkpoints import Checkpoints
from zoo.training.job import Job
from zoo.training.state import TrainState


def save_result(
    job: Job, run: Run, state: TrainState
) -> dict[str, float | None]:
    """Writes `model.keras`: the best weights, uncompiled, in float32.

    Without validation images the last weights are the result. Auxiliary heads
    are left out.

    Returns:
        Balanced accuracies for `metrics.json`, of the last weights and of
        the best; `None` where classes are not unequal.
    """
    model, judge = job.model, _balanced_accuracy(job)
    last = judge(model)
    if state.best.epoch:
        checkpoints = Checkpoints(run.path / "checkpoints")
        checkpoints.restore_best(model, state.best.epoch)
    best = last if state.best.epoch == state.epoch else judge(model)
    if precision.is_mixed(job.precision):
        weights = model.get_weights()
        model = network.build_network(job.plan, job.statistics)
        model.set_weights(weights)
    told = about.describe(run, outputs=("logits",))
    save_model(_in_use(job, model), run.path / "model.keras", told)
    return {"val_balanced_accuracy": last, "best_val_balanced_accuracy": best}


def _balanced_accuracy(job: Job) -> Callable[[keras.Model], float | None]:
    """Returns what measures it; that gives `None` where it is not wanted."""
    val = job.plan.data.val
    if not len(val) or not balance.is_unequal(job.plan.data):
        return lambda model: None
    return lambda model: balance.balanced_accuracy(model, val)


def _in_use(job: Job, model: keras.Model) -> keras.Model:
    model = network.without_heads(model, job.plan, job.statistics)
    return extracting.joined(job.extractor, model) if job.extractor else model


def save_model(
    model: keras.Model, path: pathlib.Path, told: dict[str, Any]
) -> None:
    """Saves a model whole or not at all, without loss and optimizer.

    Args:
        model: trained.
        path: where to.
        told: what the file says of itself, class names among it.
    """
    # Compiled with functions of ours, it would not load where zoo is not.
    plain = keras.Model(model.input, model.output, name=model.name)
    temporary = path.with_name(f".new.{path.name}")
    temporary.unlink(missing_ok=True)  # it might be a link
    try:
        plain.save(temporary)
        about.put_into(temporary, told)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_metrics(
    job: Job,
    run: Run,
    state: TrainState,
    status: str,
    wall_seconds: float,
    balanced: dict[str, float | None],
) -> dict[str, Any]:
    """Writes `metrics.json` and returns what is in it.

    Args:
        job: what was run.
        run: where.
        state: how far it came.
        status: completed, stopped_early, diverged or interrupted.
        wall_seconds: of this sitting, validation and summaries included.
        balanced: what `save_result` returned; nothing if it was not reached.
    """
    last = state.rows[-1] if state.rows else {}
    best = state.best if state.best.is_known else None
    seen = sum(
        job.plan.examples_after(job.plan.steps_in(epoch))
        for epoch in range(state.epoch)
    )
    metrics = {
        "status": status,
        "epochs": state.epoch,
        "steps": state.step,
        "train_loss": last.get("loss"),
        "train_accuracy": last.get("accuracy"),
        "val_loss": last.get("val_loss"),
        "val_accuracy": last.get("val_accuracy"),
        "best_epoch": best and best.epoch,
        "best_val_accuracy": best and best.accuracy,
        "best_val_loss": best and best.loss,
        "val_balanced_accuracy": balanced.get("val_balanced_accuracy"),
        "best_val_balanced_accuracy": balanced.get(
            "best_val_balanced_accuracy"
        ),
        "examples_per_second": round(seen / state.seconds, 1) if seen else None,
        "wall_seconds": round(wall_seconds, 3),
        "parameters": count(_in_use(job, job.model).trainable_weights),
    }
    RunWriter(run).write("metrics.json", json.dumps(metrics, indent=1) + "\n")
    return metrics
