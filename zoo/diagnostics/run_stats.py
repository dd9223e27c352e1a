"""Metrics that a run recorded, and what the rules ask about them."""

from __future__ import annotations

import dataclasses
import statistics
from functools import cached_property
from typing import Any

from zoo import metrics
from zoo.commands import Target
from zoo.runs import Run
from zoo.summaries import registry

# Everything that a kind of summary may need of the data.
CAPABILITIES = ("classes", "images", "plane", "line")
# Of the way from the majority baseline to perfect accuracy: a run below the
# first is failing, one above the second has learned.
FAILING_PROGRESS, LEARNED_PROGRESS = 0.5, 0.9


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
        values = [_progress(self.train_accuracy, self.train_baseline)]
        # Dropout and augmentation keep the former low in a healthy run.
        if self.val_accuracy is not None and self.num_val:
            values.append(_progress(self.val_accuracy, self.val_baseline))
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
        medians = []
        for row in self.later:
            ratios = [layer["update_ratio"] for layer in row["layers"].values()]
            ratios = [ratio for ratio in ratios if ratio is not None]
            medians += [statistics.median(ratios)] if ratios else []
        return max(medians, default=None)

    def writes_summary(self, kind: str) -> bool:
        """Whether a kind of summary is in the run's event files."""
        chosen = registry.select(self.config.get("summaries", ()), CAPABILITIES)
        return kind in {k.name for k in chosen}

    def _last(self, column: str) -> float | None:
        return self.history[-1].get(column) if self.history else None


def _progress(accuracy: float, baseline: float) -> float:
    if baseline >= 1:
        return float(accuracy >= 1)  # a single class leaves nothing to learn
    return (accuracy - baseline) / (1 - baseline)
