"""What a run recorded, and findings on it: as text and as JSON, with advice.

A rule lists its proposals in the order in which they are likely to help. The
first one that applies to the run becomes a command.
"""

from __future__ import annotations

import dataclasses
import statistics
import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

from zoo import metrics
from zoo.commands import Target
from zoo.config import OPTIONS
from zoo.console import expand_commands, pluralize
from zoo.data.augment import mixes_labels
from zoo.errors import join_and
from zoo.runs import Run
from zoo.summaries import registry

# Of the way from the majority baseline to perfect accuracy: a run below the
# first is failing, one above the second has learned.
FAILING_PROGRESS, LEARNED_PROGRESS = 0.5, 0.9
DECAYED_FRACTION = 0.02  # of the peak learning rate


@dataclasses.dataclass(frozen=True)
class RunStats:
    """What the files of a run recorded.

    Attributes:
        run: Name of the run, as commands take it.
        status: Status in `metrics.json`, or running, or killed.
        config: Value that each option had.
        data: Entry `data` of `resolved.json`: sizes of splits, class names.
        history: Rows of `history.csv`; cells may be `None`.
        layer_stats: Statistics by layer at a few steps; empty where none were
            measured.
        model_options: Options of the model's builder with their values;
            `None` where the run did not record them.
        target: The run in printed commands; `None` is a run of this name in
            the default folder.
        own_preprocessing: Names of layers by which the model rescales its
            inputs itself.
    """

    run: str
    status: str
    config: dict[str, Any]
    data: dict[str, Any]
    history: list[dict[str, float | None]]
    layer_stats: list[dict[str, Any]]
    model_options: dict[str, Any] | None = None
    target: Target | None = None
    own_preprocessing: tuple[str, ...] = ()

    @classmethod
    def of(cls, run: Run) -> RunStats:
        """Reads the files of a run, finished or not.

        Raises:
            UserError: one of them is corrupt.
        """
        resolved, _ = run.resolved, run.metrics
        return cls(
            run.argument,
            run.status,
            resolved["config"],
            resolved["data"],
            run.history,
            run.layer_stats,
            resolved.get("model_options"),
            Target.of(run),
            tuple(resolved.get("own_preprocessing", ())),
        )

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 for regression."""
        return len(self.data["class_names"])

    @property
    def num_val(self) -> int:
        """Number of validation examples."""
        return self.data["val"]

    @property
    def is_nonparametric(self) -> bool:
        """Whether the model stores examples and trains no weights."""
        return self.config.get("optimizer") is None

    @property
    def sees_images(self) -> bool:
        """Whether the inputs of the network are images, not vectors."""
        is_image = len(self.data["input_shape"]) == 3
        return is_image and not self.config.get("features")

    @property
    def random_labels(self) -> dict[str, Any] | None:
        """What --randomize_labels did to the training labels, if anything."""
        return self.data.get("random_labels")

    @property
    def start(self) -> dict[str, Any] | None:
        """Layer statistics at initialization."""
        rows = [row for row in self.layer_stats if row["step"] == 0]
        return rows[0] if rows else None

    @property
    def later(self) -> list[dict[str, Any]]:
        """Layer statistics during training, first to last."""
        return [row for row in self.layer_stats if row["step"]]

    @property
    def end(self) -> dict[str, Any] | None:
        """Last layer statistics during training."""
        return self.later[-1] if self.later else None

    @cached_property
    def train_baseline(self) -> float | None:
        """Accuracy on the training set of predicting its largest class."""
        return self._baseline("train")

    @cached_property
    def val_baseline(self) -> float | None:
        """Accuracy on the validation set of predicting its largest class."""
        return self._baseline("val")

    def _baseline(self, split: str) -> float | None:
        """Returns the majority baseline over all labels of a split.

        For a run that did not record it 1 / K, which is close to it where
        classes are balanced.
        """
        if not self.num_classes:
            return None
        recorded = self.data.get("majority", {}).get(split)
        return 1 / self.num_classes if recorded is None else recorded

    @cached_property
    def train_accuracy(self) -> float | None:
        """Running mean over the last epoch, with dropout on."""
        return self._last("accuracy")

    @cached_property
    def val_accuracy(self) -> float | None:
        """Validation accuracy after the last epoch."""
        return self._last("val_accuracy")

    @cached_property
    def is_failing(self) -> bool:
        """Whether it is less than half of the way above the baseline."""
        return self.progress is not None and self.progress < FAILING_PROGRESS

    @cached_property
    def has_learned(self) -> bool:
        """Whether it is most of the way above it, or that is unknown."""
        return self.progress is None or self.progress >= LEARNED_PROGRESS

    @property
    def steps(self) -> float:
        """Number of training steps."""
        return (self.history[-1].get("step") or 0) if self.history else 0

    @property
    def steps_per_epoch(self) -> float:
        """Number of training steps in an epoch."""
        return self.history[0].get("step") or 0 if self.history else 0

    @property
    def progress(self) -> float | None:
        """Accuracy from the majority baseline, 0, to perfect, 1."""
        if self.train_accuracy is None or self.train_baseline is None:
            return None
        values = [progress_above(self.train_accuracy, self.train_baseline)]
        # Dropout and augmentation keep the former low in a healthy run.
        if self.val_accuracy is not None and self.num_val:
            values.append(progress_above(self.val_accuracy, self.val_baseline))
        return max(values)

    @cached_property
    def margin_of_error(self) -> float | None:
        """Half the width of the 95% interval of the validation accuracy."""
        if self.val_accuracy is None or not self.num_val:
            return None
        correct = round(self.val_accuracy * self.num_val)
        ci = metrics.binomial_ci(correct, self.num_val)
        return (ci.high - ci.low) / 2

    @cached_property
    def update_ratio(self) -> float | None:
        """Largest ratio of a step to the weights, median over layers."""
        medians = map(_median_update_ratio, self.later)
        return max((m for m in medians if m is not None), default=None)

    @cached_property
    def peak_update_ratio(self) -> float | None:
        """What `update_ratio` is at the peak of the learning rate.

        Where a schedule has lowered the rate, steps are smaller in proportion.
        `None` where it was lowered to almost nothing whenever it was measured.
        """
        peak = self.config.get("learning_rate")
        rates = {row["epoch"]: row.get("learning_rate") for row in self.history}
        ratios = []
        for row in self.later:
            rate = rates.get(row["epoch"])
            fraction = rate / peak if rate is not None and peak else 1.0
            ratio = _median_update_ratio(row)
            if ratio is not None and fraction > DECAYED_FRACTION:
                ratios.append(ratio / min(fraction, 1.0))
        return max(ratios, default=None)

    @property
    def capabilities(self) -> set[str]:
        """Properties of the data, as in `SummarySpec.requires`."""
        shape = tuple(self.data["input_shape"])
        holds = {
            "classes": bool(self.num_classes),
            "images": self.sees_images,
            "plane": shape == (2,),
            "line": shape == (1,) and not self.num_classes,
        }
        return {word for word in holds if holds[word]}

    def writes_summary(self, kind: str) -> bool:
        """Whether a kind of summary is in the run's event files."""
        return kind in self._summaries(self.config.get("summaries", ()))

    def can_write_summary(self, kind: str) -> bool:
        """Whether a kind of summary suits the kind of data."""
        return kind in self._summaries([kind])

    def _summaries(self, names: Iterable[str]) -> set[str]:
        chosen = registry.select(names, self.capabilities)
        return {spec.name for spec in chosen}

    def _last(self, column: str) -> float | None:
        return self.history[-1].get(column) if self.history else None


def _median_update_ratio(row: dict[str, Any]) -> float | None:
    """Returns the median of a row of layer statistics over its layers."""
    ratios = [layer["update_ratio"] for layer in row["layers"].values()]
    ratios = [ratio for ratio in ratios if ratio is not None]
    return statistics.median(ratios) if ratios else None


def progress_above(accuracy: float, baseline: float) -> float:
    """Returns an accuracy on a scale from the baseline, 0, to perfect, 1."""
    if baseline >= 1:
        return float(accuracy >= 1)  # a single class leaves nothing to learn
    return (accuracy - baseline) / (1 - baseline)


ERROR, WARNING, INFO = 3, 2, 1

# Options without an effect on vectors and features, and in regression.
IMAGE_OPTIONS = ("augment", "image_size")
CLASSIFICATION_OPTIONS = ("label_smoothing", "class_weight", "loss")
# Options that --weights takes from the run that it starts from.
INHERITED_OPTIONS = (
    "mean_subtraction", "scale", "activation", "norm", "initializer",
    "extra_features",
)  # fmt: skip

Changes = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Finding:
    """A problem of a run, or a way to improve it.

    Attributes:
        name: Name of the rule.
        severity: `ERROR`, to be fixed before anything else; `WARNING`, costs
            a good part of the possible accuracy; or `INFO`, leaves room for
            improvement.
        text: A clause with the number that the rule is based on.
        tag: Tag in TensorBoard that shows it; empty if there is none.
        advice: What to try next; a command stands between backquotes.
    """

    name: str
    severity: int
    text: str
    tag: str
    advice: str

    @property
    def command(self) -> str:
        """Command in the advice, without backquotes; empty if none."""
        _, _, rest = self.advice.partition("`")
        return rest.rpartition("`")[0]


Rule = Callable[[RunStats], Finding | None]


def tag(stats: RunStats, kind: str, name: str) -> str:
    """Returns a tag, with the flag that writes it if this run did not.

    Empty where the kind of data has no such summary.
    """
    if not stats.can_write_summary(kind):
        return ""
    if stats.writes_summary(kind):
        return name
    return f"{name} (of a run with --summaries=default,{kind})"


def propose(
    stats: RunStats, *proposals: tuple[str, Changes], otherwise: str = ""
) -> str:
    """Returns the first proposal that applies to a run, with its command.

    Args:
        stats: Of the run.
        proposals: Each a phrase and the options to change.
        otherwise: The advice where none of them applies.

    Returns:
        "a lower learning rate: `zoo train --like=RUN --learning_rate=0.001`".
        The command stands between backquotes. Where data or the
        model were passed in Python, which no command can load, the options
        are listed instead.
    """
    for phrase, changes in proposals:
        changes = {n: v for n, v in changes.items() if applies(stats, n, v)}
        if not changes:
            continue
        if target(stats).from_python:
            values = ", ".join(f"{name}={v!r}" for name, v in changes.items())
            return (
                f"{phrase}: zoo.train with {values} on the same model and data"
            )
        return f"{phrase}: `{target(stats).again(**changes)}`"
    return otherwise


def applies(stats: RunStats, name: str, value: Any) -> bool:
    """Whether setting an option would change a run."""
    config = stats.config
    if value is None or option_value(stats, name) == value:
        return False
    if stats.own_preprocessing and name in ("mean_subtraction", "scale"):
        return False
    if stats.is_nonparametric and name in config:
        return False
    if OPTIONS[name].is_model_arg and stats.model_options is not None:
        if name not in stats.model_options:
            return False
    if name in IMAGE_OPTIONS and not stats.sees_images:
        return False
    if name == "mean_subtraction" and value != "channel":
        if not stats.sees_images:
            return False
    if name in CLASSIFICATION_OPTIONS and not stats.num_classes:
        return False
    if name in INHERITED_OPTIONS and config.get("weights"):
        return False
    if name == "early_stopping_patience" and not stats.num_val:
        return False
    augment = config.get("augment") or "none"
    if name == "class_weight" and mixes_labels(augment):
        return False
    needs = OPTIONS[name].depends_on
    return not needs or OPTIONS[name].has_effect(config.get(needs[0]))


def option_value(stats: RunStats, name: str) -> Any:
    """Returns the value that an option had, its own or its model's."""
    value = stats.config.get(name)
    if value is None and stats.model_options:
        value = stats.model_options.get(name)
    return tuple(value) if isinstance(value, list) else value


def target(stats: RunStats) -> Target:
    """Returns the run as printed commands name it."""
    return stats.target or Target(stats.run)


def one_digit(value: float) -> float:
    """Returns a number rounded to one significant digit."""
    return float(f"{value:.1g}")


def longer(stats: RunStats, factor: float = 2) -> tuple[str, Changes]:
    """Returns the proposal to train longer."""
    if stats.status == "stopped_early":
        return "longer training", {}  # early stopping would end it again
    option = "steps" if stats.config.get("steps") else "epochs"
    length = stats.config.get(option)
    return "longer training", {option: length and round(factor * length)}


MAX_LEARNING_RATE = 1.0  # more is not proposed
SAFE_LEARNING_RATE = 0.01  # hardly any recipe diverges with it


def scaled_learning_rate(stats: RunStats, factor: float) -> Changes:
    """Returns the change of the learning rate by a factor, up to a limit.

    There is none where the limit is not above a rate that is to rise.
    """
    value = stats.config.get("learning_rate")
    if not value:
        return {"learning_rate": value}
    scaled = one_digit(min(value * factor, MAX_LEARNING_RATE))
    if factor > 1 and scaled <= value:
        return {}
    return {"learning_rate": scaled}


def safer_learning_rate(rate: float) -> float:
    """Returns a lower learning rate for a training that diverged."""
    # A tenth of an absurd rate is absurd still.
    return one_digit(min(rate / 10, SAFE_LEARNING_RATE))


COLUMNS = 80


def format_findings(stats: RunStats, findings: Sequence[Finding]) -> str:
    """Returns what `zoo diagnose` prints."""
    lines = [f"{stats.run}: {status_line(stats)}", ""]
    if all(f.severity <= INFO for f in findings):
        lines += [*_wrapped(no_problems(stats, findings)), ""]
    for number, finding in enumerate(findings, start=1):
        lines += _entry(number, finding)
    for note in notes(stats):
        lines += _wrapped(note)
    return "\n".join(lines)


def headline(stats: RunStats, findings: Sequence[Finding]) -> str:
    """Returns the most severe finding in a sentence or two."""
    if not findings:
        return no_problems(stats, findings)
    first = findings[0]
    return expand_commands(f"{first.text}; try {first.advice}.")


def no_problems(stats: RunStats, findings: Sequence[Finding]) -> str:
    """Returns the sentence on a run without findings above `INFO`."""
    if stats.is_failing:
        return (
            f"Training accuracy is only {100 * stats.train_accuracy:.1f}%, and "
            "the metrics of this run do not show why."
        )
    if not findings:
        return "No problems found in this run's metrics."
    return "No problems found in this run's metrics; possible improvements:"


def status_line(stats: RunStats) -> str:
    """Returns status, epochs and the last accuracy of a run."""
    parts = [stats.status, pluralize(len(stats.history), "epoch")]
    if stats.val_accuracy is not None:
        parts.append(f"validation accuracy {stats.val_accuracy:.4f} at the end")
    elif stats.train_accuracy is not None:
        parts.append(f"training accuracy {stats.train_accuracy:.4f} at the end")
    return ", ".join(parts)


def notes(stats: RunStats) -> list[str]:
    """Returns the margin of error, and what could not be checked."""
    lines = []
    if stats.margin_of_error is not None:
        lines.append(
            f"With {stats.num_val:,} validation examples the margin of error "
            f"of the accuracy is +/-{100 * stats.margin_of_error:.1f} points "
            "(95% CI)."
        )
    if not stats.layer_stats:
        lines.append(
            "This run has no layer_stats.json, so its inputs, layers, steps "
            "and confidence could not be checked."
        )
    elif not stats.later:
        lines.append(
            "This run was not measured after its first step, so its layers "
            "could hardly be checked."
        )
    elif unmeasured := stats.end.get("unmeasured"):
        lines.append(
            f"The hidden layers inside {join_and(unmeasured)} could not be "
            "measured, so dead or equal units there would not be found."
        )
    if not stats.history:
        lines.append("No epoch was finished, so there are no learning curves.")
    elif not stats.num_val:
        lines.append(
            "No validation examples were held out, so overfitting could not be "
            "checked."
        )
    return lines


def as_json(stats: RunStats, findings: Sequence[Finding]) -> dict[str, Any]:
    """Returns the findings in JSON's types."""
    return {
        "run": stats.run,
        "status": stats.status,
        "findings": [
            {
                "name": f.name,
                "severity": f.severity,
                "text": f.text,
                "tag": f.tag,
                "advice": expand_commands(f.advice),
            }
            for f in findings
        ],
        "margin_of_error": stats.margin_of_error,
        "notes": notes(stats),
    }


def _entry(number: int, finding: Finding) -> list[str]:
    indent = " " * 3
    rows = [f"{number}. {finding.text[:1].upper()}{finding.text[1:]}."]
    if finding.tag:
        rows.append(f"{indent}See {finding.tag} in TensorBoard.")
    lines = [line for row in rows for line in _wrapped(row, indent)]
    # A command is not wrapped, so that it can be pasted.
    advice, _, command = expand_commands(finding.advice).partition("`")
    lines += _wrapped(
        f"{indent}Try {advice.rstrip(' :')}{':' * bool(command)}", indent
    )
    if command:
        lines.append(f"{indent}  {command.rstrip('`')}")
    return [*lines, ""]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, COLUMNS, subsequent_indent=indent, break_on_hyphens=False
    )
