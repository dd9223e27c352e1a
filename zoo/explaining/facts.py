"""What a run folder tells about a run, read once for all rules."""

from __future__ import annotations

import dataclasses
import statistics
from functools import cached_property
from typing import Any

from zoo import kinds, scores
from zoo.runs import Run

EVERYTHING = ("classes", "images", "plane", "line")  # that kinds may need
FAILING = 0.5  # share of the way from guessing to perfect, below which


@dataclasses.dataclass(frozen=True)
class Facts:
    """The files of a run.

    Attributes:
        run: what to type for RUN.
        status: as in `metrics.json`, or running, or killed.
        config: every option, as used.
        data: of `resolved.json`: sizes of the splits, names of the classes.
        history: rows of `history.csv`; cells may be `None`.
        vitals: rows of `vitals.json`; empty in runs that measured none.
    """

    run: str
    status: str
    config: dict[str, Any]
    data: dict[str, Any]
    history: list[dict[str, float | None]]
    vitals: list[dict[str, Any]]

    @classmethod
    def of(cls, run: Run) -> Facts:
        """Reads a run, finished or not."""
        resolved = run.resolved
        return cls(
            run.argument,
            run.status,
            resolved["config"],
            resolved["data"],
            run.history,
            run.vitals,
        )

    @property
    def num_classes(self) -> int:
        """How many classes there are; 0 where numbers are predicted."""
        return len(self.data["class_names"])

    @property
    def num_val(self) -> int:
        """How many validation examples there are."""
        return self.data["val"]

    @property
    def drawn_labels(self) -> dict[str, Any] | None:
        """What --randomize_labels did to the training labels, if anything."""
        return self.data.get("random_labels")

    @property
    def start(self) -> dict[str, Any] | None:
        """Vitals of the untrained network."""
        rows = [row for row in self.vitals if row["step"] == 0]
        return rows[0] if rows else None

    @property
    def later(self) -> list[dict[str, Any]]:
        """Vitals of the network in training, first to last."""
        return [row for row in self.vitals if row["step"]]

    @property
    def end(self) -> dict[str, Any] | None:
        """The last vitals of the network in training."""
        return self.later[-1] if self.later else None

    @cached_property
    def guess(self) -> float | None:
        """Accuracy of always naming the largest class, or nearly so."""
        if not self.num_classes:
            return None
        rows = [row["classes"] for row in self.vitals if row["classes"]]
        return rows[0]["largest_class"] if rows else 1 / self.num_classes

    @cached_property
    def train_accuracy(self) -> float | None:
        """Running mean of the last epoch, as the network was in training."""
        return self._last("accuracy")

    @cached_property
    def val_accuracy(self) -> float | None:
        """Of the last epoch."""
        return self._last("val_accuracy")

    @cached_property
    def is_failing(self) -> bool:
        """Whether it comes less than half of the way from guessing."""
        return self.progress is not None and self.progress < FAILING

    @property
    def progress(self) -> float | None:
        """How far the way from guessing, 0, to perfect, 1, was gone."""
        if self.train_accuracy is None or self.guess is None:
            return None
        # Dropout and augmentation keep the former low in a healthy run.
        accuracy = max(self.train_accuracy, self.val_accuracy or 0)
        return (accuracy - self.guess) / max(1 - self.guess, 1e-9)

    @cached_property
    def noise(self) -> float | None:
        """Half the width of the 95 % interval of the validation accuracy."""
        if self.val_accuracy is None or not self.num_val:
            return None
        right = round(self.val_accuracy * self.num_val)
        share = scores.proportion(right, self.num_val)
        return (share.high - share.low) / 2

    @cached_property
    def update_ratio(self) -> float | None:
        """The highest of all moments in training, of the middle layer."""
        middles = []
        for row in self.later:
            found = [layer["update_ratio"] for layer in row["layers"].values()]
            found = [ratio for ratio in found if ratio is not None]
            middles += [statistics.median(found)] if found else []
        return max(middles, default=None)

    def is_written(self, kind: str) -> bool:
        """Whether a kind of summary is in the run's event files."""
        chosen = kinds.chosen(self.config.get("summaries", ()), EVERYTHING)
        return kind in {k.name for k in chosen}

    def _last(self, column: str) -> float | None:
        return self.history[-1].get(column) if self.history else None
