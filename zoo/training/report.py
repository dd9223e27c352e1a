"""The words around a run: what is about to happen, and what came of it."""

from __future__ import annotations

import dataclasses

import numpy as np

from zoo import program, scores
from zoo.config import TrainConfig
from zoo.data import Dataset
from zoo.errors import Diverged
from zoo.explaining import explain
from zoo.explaining.facts import Facts
from zoo.explaining.words import headline
from zoo.runs import Run
from zoo.training import balance, precision, result, transfer
from zoo.training.checkpoints import Checkpoints
from zoo.training.console import Console, many
from zoo.training.distribution import sharing
from zoo.training.network import enlarged_size
from zoo.training.plan import Plan
from zoo.training.probe import Probe

MODEST_RATE = 0.01  # with which hardly any recipe diverges
IN_WORDS = (
    "schedule", "schedule_epochs", "schedule_factor", "warmup_epochs",
    "momentum", "weight_decay", "clip_norm", "loss", "label_smoothing",
    "class_weight", "dropout", "norm", "activation", "initializer", "l1", "l2",
    "augment", "mean_subtraction", "scale", "early_stopping_patience",
)  # fmt: skip


def before(console: Console, plan: Plan, resolved: dict, run: Run) -> None:
    """Says what will be trained, on what, how and where."""
    machine = resolved["machine"]
    shared = sharing.in_words(machine, plan.config.batch_size)
    console.table(
        {
            "data": _data_in_words(plan),
            **_labels_in_words(plan),
            **balance.in_words(plan.source, plan.config.class_weight),
            **_features_in_words(resolved),
            "model": _model_in_words(plan, resolved),
            **transfer.in_words(resolved),
            "recipe": _recipe_in_words(plan),
            "machine": f"{machine['device']}, {machine['cores']} cores, "
            f"{shared}{precision.in_words(resolved)}, "
            f"Keras {machine['keras']} on {machine['backend']}",
            "run": str(run.path),
            "watch": f"{program.typed('tensorboard')} --logdir "
            f"{plan.config.runs_dir}",
        }
    )


def _data_in_words(plan: Plan) -> str:
    data = plan.source
    val = f"{len(data.val):,} validation" if len(data.val) else "no validation"
    text = (
        f"{data.name}: {len(data.train):,} training + {val} {data.noun} "
        f"{_shape_in_words(data.input_shape)}, "
        f"{_task_in_words(data)}"
    )
    if data.test_examples:
        text += f"; {data.test_examples:,} test {data.noun} stay sealed"
    return text


def _labels_in_words(plan: Plan) -> dict[str, str]:
    """Warns of training labels that are not the true ones."""
    found = plan.random_labels
    if found is None:
        return {}
    val = "validation and " if len(plan.data.val) else ""
    return {
        "WARNING": f"{found.changed:,} of {len(plan.data.train):,} training "
        f"labels are wrong: --randomize_labels={found.share:g} drew "
        f"{found.replaced:,} of them at random, by --seed={plan.seed}; "
        f"{val}test labels are true"
    }


def _features_in_words(resolved: dict) -> dict[str, str]:
    found = resolved["features"]
    if found is None:
        return {}
    size = many(found["size"], "number")
    return {"features": f"{found['name']}: {size}, {found['about']}"}


def _model_in_words(plan: Plan, resolved: dict) -> str:
    text = (
        f"{plan.config.model}: {resolved['parameters']['trainable']:,} "
        f"parameters, {short_number(resolved['multiply_adds'])} multiply-adds "
        f"{'a vector' if plan.data.has_vectors else 'an image'}"
    )
    shape = plan.data.input_shape
    seen = enlarged_size(shape, plan.entry.smallest)
    if seen != shape[:2]:
        text += f"; images are enlarged to {_sides(seen)}, its smallest"
    return text


def _recipe_in_words(plan: Plan) -> str:
    config = plan.config
    if plan.entry.memorize:
        return "every training example is remembered; no weight is learned"
    span = many(plan.total_steps, "update")
    if not config.steps:
        span = f"{many(config.epochs, 'epoch')} = {span}"
    return (
        f"{config.optimizer}, rate {config.learning_rate:g}, batch "
        f"{config.batch_size}, {span}; {_options_in_words(config)}"
    )


def _options_in_words(config: TrainConfig) -> str:
    words = []
    for name in IN_WORDS:
        value = getattr(config, name)
        if value in (None, "none", 0, ()):
            continue
        if isinstance(value, tuple):
            value = ",".join(f"{v:g}" for v in value)
        words.append(f"{name} {value}")
    return ", ".join(words)


def _task_in_words(data: Dataset) -> str:
    if data.task == "numbers":
        return "a number to predict"
    return f"{data.num_classes} classes"


def _shape_in_words(shape: tuple[int, ...]) -> str:
    """Returns `28x28x1` for images, `of 2 numbers` for vectors."""
    if len(shape) > 1:
        return _sides(shape)
    return f"of {many(shape[0], 'number')}"


def _sides(shape: tuple) -> str:
    return "x".join(map(str, shape))


def untrained(console: Console, logits: np.ndarray, probe: Probe) -> None:
    """Says how the network does before the first update, beside guessing."""
    console.table({"untrained": _start_in_words(logits, probe.labels)})


def _start_in_words(outputs: np.ndarray, labels: np.ndarray) -> str:
    if labels.dtype.kind == "f":
        loss = scores.mean_squared_error(outputs, labels)
        return f"loss {loss:.3f} (always the mean: {labels.var():.3f})"
    classes = outputs.shape[1]
    guess, share = scores.guessing(labels, classes)
    loss = scores.cross_entropy(outputs, labels)
    right = scores.count_correct(outputs, labels) / len(labels)
    return (
        f"loss {loss:.3f} (guessing: ln {classes} = {guess:.3f}), accuracy "
        f"{right:.3f} (always the largest class: {share:.3f})"
    )


def divergence(error: Diverged, run: Run, rate: float) -> str:
    """Returns what diverged, what is kept, and the next thing to try."""
    kept = "there was no checkpoint yet"
    if saved := Checkpoints(run.path / "checkpoints").load_state():
        kept = f"the checkpoint after update {saved.step:,} is kept"
    # A tenth of an absurd rate is absurd still.
    lower = f"{min(rate / 10, MODEST_RATE):.1g}"
    return (
        f"{run.name} diverged: {error}; {kept}. A lower rate often helps: "
        f"`zoo train --like={run.argument} --learning_rate={lower}`."
    )


def after(console: Console, plan: Plan, run: Run, metrics: dict) -> None:
    """Says what came of it, and three things to do next."""
    if metrics["status"] == "paused":
        done = many(metrics["epochs"], "epoch")
        console.say(f"paused after {done}; `zoo resume {run.argument}` goes on")
        return
    console.say(result.work(plan, metrics))
    console.table(result.table(plan, metrics))
    console.table({"finding": _finding_in_words(run, metrics)})
    zoo = program.typed("zoo")
    change = f"--train_examples={len(plan.data.train) // 2}"
    if not plan.entry.memorize:
        change = f"--learning_rate={plan.config.learning_rate / 3:.1g}"
    console.table(
        {
            "next": f"{zoo} evaluate {run.argument}",
            "": f"{zoo} train --like={run.argument} {change}",
            " ": f"{zoo} evaluate {run.argument} --split=test  (unseals it)",
        }
    )


def _finding_in_words(run: Run, metrics: dict) -> str:
    """Returns the most useful of what `zoo explain` says of a run."""
    # The run is still held here, and would call itself running.
    facts = dataclasses.replace(Facts.of(run), status=metrics["status"])
    return headline(facts, explain(facts))


def short_number(count: int) -> str:
    """Returns a count in three digits or so: `417 k`, `5.24 G`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return str(count)
