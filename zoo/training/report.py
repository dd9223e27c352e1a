"""The words around a run: what is about to happen, and what came of it."""

from __future__ import annotations

import numpy as np

from zoo import program, scores
from zoo.config import TrainConfig
from zoo.errors import Diverged
from zoo.runs import Run
from zoo.training import expected
from zoo.training.checkpoints import Checkpoints
from zoo.training.console import Console, duration, many
from zoo.training.network import enlarged_size
from zoo.training.plan import Plan
from zoo.training.probe import Probe

MODEST_RATE = 0.01  # with which hardly any recipe diverges
IN_WORDS = (
    "schedule", "schedule_epochs", "schedule_factor", "warmup_epochs",
    "momentum", "weight_decay", "clip_norm", "loss", "label_smoothing",
    "dropout", "norm", "activation", "initializer", "l1", "l2", "augment",
    "mean_subtraction", "scale", "early_stopping_patience",
)  # fmt: skip
UNTOUCHED = {  # options that leave a default recipe what it is
    "model", "dataset", "data_dir", "seed", "runs_dir", "run_name",
    "summaries", "summary_every", "debug_every", "checkpoint_every",
    "deterministic",
}  # fmt: skip


def before(console: Console, plan: Plan, resolved: dict, run: Run) -> None:
    """Says what will be trained, on what, how and where."""
    machine = resolved["machine"]
    console.table(
        {
            "data": _data_in_words(plan),
            "model": _model_in_words(plan, resolved),
            "recipe": _recipe_in_words(plan),
            "machine": f"{machine['device']}, {machine['cores']} cores, "
            f"{resolved['precision']}, Keras {machine['keras']} on "
            f"{machine['backend']}",
            "run": str(run.path),
            "watch": f"{program.typed('tensorboard')} --logdir "
            f"{plan.config.runs_dir}",
        }
    )


def _data_in_words(plan: Plan) -> str:
    data = plan.data
    val = f"{len(data.val):,} validation" if len(data.val) else "no validation"
    text = (
        f"{data.name}: {len(data.train):,} training + {val} images "
        f"{_sides(data.input_shape)}, {data.num_classes} classes"
    )
    if data.test_examples:
        text += f"; {data.test_examples:,} test images stay sealed"
    return text


def _model_in_words(plan: Plan, resolved: dict) -> str:
    text = (
        f"{plan.config.model}: {resolved['parameters']['trainable']:,} "
        f"parameters, {short_number(resolved['multiply_adds'])} multiply-adds "
        "an image"
    )
    shape = plan.data.input_shape
    seen = enlarged_size(shape, plan.entry.smallest)
    if seen != shape[:2]:
        text += f"; images are enlarged to {_sides(seen)}, its smallest"
    return text


def _recipe_in_words(plan: Plan) -> str:
    config = plan.config
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


def _sides(shape: tuple) -> str:
    return "x".join(map(str, shape))


def untrained(console: Console, logits: np.ndarray, probe: Probe) -> None:
    """Says how the network does before the first update, beside guessing."""
    classes = logits.shape[1]
    guess, share = scores.guessing(probe.labels, classes)
    loss = scores.cross_entropy(logits, probe.labels)
    right = scores.count_correct(logits, probe.labels) / len(probe.labels)
    console.table(
        {
            "untrained": f"loss {loss:.3f} (guessing: ln {classes} = "
            f"{guess:.3f}), accuracy {right:.3f} (always the largest "
            f"class: {share:.3f})"
        }
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
    words = "trained"
    if metrics["status"] == "stopped_early":
        patience = many(plan.config.early_stopping_patience, "epoch")
        words = f"stopped early, {patience} without a better validation loss"
    span = duration(metrics["wall_seconds"])
    rate = metrics["examples_per_second"]
    pace = f", {rate:,.0f} images/s" if rate else ""
    console.say(
        f"{words}: {many(metrics['epochs'], 'epoch')}, "
        f"{many(metrics['steps'], 'update')} "
        f"in {span}{pace}"
    )
    console.table(_result_in_words(plan, metrics))
    zoo = program.typed("zoo")
    lower = f"{plan.config.learning_rate / 3:.1g}"
    console.table(
        {
            "next": f"{zoo} evaluate {run.argument}",
            "": f"{zoo} train --like={run.argument} --learning_rate={lower}",
            " ": f"{zoo} evaluate {run.argument} --split=test  (unseals it)",
        }
    )


def _result_in_words(plan: Plan, metrics: dict) -> dict[str, str]:
    if metrics["best_epoch"] is None:
        return {"result": "the last weights; no validation images were kept"}
    count = len(plan.data.val)
    right = round(metrics["best_val_accuracy"] * count)
    rows = {
        "result": f"epoch {metrics['best_epoch']}, validation images: "
        f"{scores.proportion(right, count)}"
    }
    if not set(plan.asked.asked()) - UNTOUCHED:
        rows["expected"] = expected.verdict(
            plan.config.model, plan.data.name, metrics["best_val_accuracy"]
        )
    return {label: text for label, text in rows.items() if text}


def short_number(count: int) -> str:
    """Returns a count in three digits or so: `417 k`, `5.24 G`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return str(count)
