"""The words around a run: what is about to happen, and what came of it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from zoo import metrics
from zoo.commands import Target
from zoo.config import TrainConfig
from zoo.console import (
    expand_command,
    expand_commands,
    pluralize,
    tensorboard_command,
)
from zoo.data import Dataset
from zoo.data.pixel_range import dark
from zoo.diagnostics import diagnose
from zoo.diagnostics.findings import INFO, Finding
from zoo.diagnostics.run_stats import RunStats
from zoo.diagnostics.text import headline
from zoo.errors import Diverged, join_and
from zoo.runs import Run
from zoo.training import balance, precision, result, transfer
from zoo.training.checkpoints import Checkpoints
from zoo.training.console import Console
from zoo.training.distributed import devices
from zoo.training.network import enlarged_size
from zoo.training.plan import Plan
from zoo.training.probe import Probe

MODEST_RATE = 0.01  # with which hardly any recipe diverges
IN_WORDS = (
    "schedule", "schedule_epochs", "schedule_factor", "warmup_epochs",
    "momentum", "weight_decay", "clip_norm", "loss", "label_smoothing",
    "class_weight", "dropout", "norm", "activation", "initializer", "l1", "l2",
    "augment", "mean_subtraction", "scale", "early_stopping_patience",
    "recompute_batch_norm",
)  # fmt: skip


def before(console: Console, plan: Plan, resolved: dict, run: Run) -> None:
    """Says what will be trained, on what, how and where."""
    machine = resolved["machine"]
    shared = devices.describe(machine, plan.config.batch_size)
    console.print_fields(
        {
            "data": _data_in_words(plan),
            **_notes_in_words(plan.source),
            **_labels_in_words(plan),
            **balance.in_words(plan.source, plan.config.class_weight),
            **_features_in_words(resolved),
            "model": _model_in_words(plan, resolved),
            **_own_in_words(resolved),
            **transfer.in_words(resolved),
            "recipe": _recipe_in_words(plan),
            "machine": f"{machine['device']}, {machine['cores']} cores, "
            f"{shared}{precision.in_words(resolved)}, "
            f"Keras {machine['keras']} on {machine['backend']}",
            "run": str(run.path),
            "watch": tensorboard_command(plan.config.runs_dir),
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


def _notes_in_words(data: Dataset) -> dict[str, str]:
    """Tells of files that were left out, and of pixels far below 255."""
    notes = [*data.notes, dark(data.pixel_range)]
    # Labels of lines are keys: spaces tell several notes apart.
    told = [expand_commands(note.rstrip(".")) for note in notes if note]
    return {"note" + " " * i: note for i, note in enumerate(told)}


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
    size = pluralize(found["size"], "number")
    return {"features": f"{found['name']}: {size}, {found['about']}"}


def _model_in_words(plan: Plan, resolved: dict) -> str:
    text = (
        f"{plan.config.model}: {resolved['parameters']['trainable']:,} "
        f"parameters, {short_number(resolved['multiply_adds'])} multiply-adds "
        f"{'a vector' if plan.data.has_vectors else 'an image'}"
    )
    shape = plan.data.input_shape
    seen = enlarged_size(shape, plan.entry.min_size)
    if seen != shape[:2]:
        text += f"; images are enlarged to {_sides(seen)}, its smallest"
    return text


def _own_in_words(resolved: dict) -> dict[str, str]:
    """Says what a user's own model brings along, a line each."""
    lines = {}
    if own := resolved["own_preprocessing"]:
        lines["inputs"] = (
            f"raw pixels, scaled by the model's own {join_and(own)}; "
            "mean_subtraction and scale are off"
        )
    if resolved["softmax_removed"]:
        lines["outputs"] = (
            "logits: the softmax at the end is left to the loss, and to "
            "whatever asks for probabilities"
        )
    return lines


def _recipe_in_words(plan: Plan) -> str:
    config = plan.config
    if plan.entry.is_nonparametric:
        return "every training example is remembered; no weight is learned"
    span = pluralize(plan.total_steps, "update")
    if not config.steps:
        span = f"{pluralize(config.epochs, 'epoch')} = {span}"
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
    return f"of {pluralize(shape[0], 'number')}"


def _sides(shape: tuple) -> str:
    return "x".join(map(str, shape))


def untrained(
    console: Console, logits: np.ndarray, probe: Probe, plan: Plan
) -> None:
    """Prints the scores at initialization, beside those of guessing.

    Args:
        logits: of the probe, `[B, K]`.
        probe: a sample of a split; what guessing scores is counted over all
            examples of that split.
    """
    part = plan.data.val if probe.split == "val" else plan.data.train
    text = _start_in_words(logits, probe.labels, part.labels)
    split = "validation" if probe.split == "val" else "training"
    console.print_fields(
        {
            "untrained": f"{text}, on {len(probe.labels):,} {split} "
            f"{plan.source.noun}"
        }
    )


def _start_in_words(
    outputs: np.ndarray, labels: np.ndarray, all_labels: np.ndarray
) -> str:
    if labels.dtype.kind == "f":
        loss = metrics.mean_squared_error(outputs, labels)
        return f"loss {loss:.3f} (always the mean: {all_labels.var():.3f})"
    classes = outputs.shape[1]
    loss = metrics.cross_entropy(outputs, labels)
    correct = metrics.count_correct(outputs, labels) / len(labels)
    return (
        f"loss {loss:.3f} (chance: ln {classes} = {math.log(classes):.3f}), "
        f"accuracy {correct:.3f} (majority baseline: "
        f"{metrics.majority_baseline(all_labels):.3f})"
    )


def divergence(error: Diverged, run: Run, rate: float) -> str:
    """Returns what diverged, what is kept, and the next thing to try."""
    kept = "there was no checkpoint yet"
    if saved := Checkpoints(run.path / "checkpoints").load_state():
        kept = f"the checkpoint after update {saved.step:,} is kept"
    # A tenth of an absurd rate is absurd still.
    lower = float(f"{min(rate / 10, MODEST_RATE):.1g}")
    target = Target.of(run)
    advice = f"learning_rate={lower} on the same arrays"
    if not target.from_arrays:
        advice = f"`{target.again(learning_rate=lower)}`"
    return (
        f"{run.name} diverged: {error}; {kept}. A lower learning rate often "
        f"helps: {advice}."
    )


def after(console: Console, plan: Plan, run: Run, metrics: dict) -> None:
    """Prints what came of it, and up to three commands to run next."""
    if metrics["status"] == "paused":
        done = pluralize(metrics["epochs"], "epoch")
        resume = expand_commands(Target.of(run).resume())
        console.print(f"paused after {done}; {resume} resumes it")
        return
    console.print(result.work(plan, metrics))
    console.print_fields(result.table(plan, metrics))
    # The run is still held here, and would call itself running.
    stats = dataclasses.replace(RunStats.of(run), status=metrics["status"])
    findings = diagnose(stats)
    console.print_fields({"finding": headline(stats, findings)})
    commands = next_commands(stats, findings)
    console.print_fields({k: expand_command(c) for k, c in commands.items()})


def next_commands(stats: RunStats, findings: list[Finding]) -> dict[str, str]:
    """Returns what to type next, from what was found in a run.

    Args:
        stats: of the run.
        findings: the most severe first.

    Returns:
        Up to three commands, by the labels before them: scores by class;
        the first proposal that is a command, or where there is none the same
        with more seeds; and the test set, if there is one and the run has no
        trouble. No command reads data again that were passed as arrays.
    """
    target = Target(stats.run) if stats.target is None else stats.target
    if target.from_arrays:
        export = target.typed("export", format="keras")
        return {"next": target.typed("diagnose"), "": export}
    has_val = bool(stats.num_val)
    split = None if has_val else "train"
    commands = {"next": target.typed("evaluate", split=split)}
    proposals = [f.command for f in findings if f.command]
    if proposals:
        commands[""] = proposals[0]
    elif has_val and not stats.is_nonparametric:
        commands[""] = target.again(seeds=5)
    is_sound = all(f.severity <= INFO for f in findings)
    if stats.data["test"] and is_sound and not stats.is_failing:
        commands["test set"] = target.typed("evaluate", split="test")
    return commands


def short_number(count: int) -> str:
    """Returns a count in three digits or so: `417 k`, `5.24 G`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return str(count)
