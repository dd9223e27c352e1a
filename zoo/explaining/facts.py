"""What a run folder tells about a run, read once for all rules."""

from __future__ import annotations

import dataclasses
import statistics
from functools import cached_property
from typing import Any

from zoo import kinds, metrics
from zoo.commands import Target
from zoo.runs import Run

EVERYTHING = ("classes", "images", "plane", "line")  # that kinds may need
# Of the way from the majority baseline to perfect: below is failing, above
# learned.
FAILING, LEARNED = 0.5, 0.9


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
        model_options: what the model's builder takes, with the values used;
            `None` where a run did not keep them.
        target: what commands about the run need; `None` is a run of this
            name in the default folder.
        own_preprocessing: layers by which the model scales inputs itself.
    """

    run: str
    status: str
    config: dict[str, Any]
    data: dict[str, Any]
    history: list[dict[str, float | None]]
    vitals: list[dict[str, Any]]
    model_options: dict[str, Any] | None = None
    target: Target | None = None
    own_preprocessing: tuple[str, ...] = ()

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
            resolved.get("model_options"),
            Target.of(run),
            tuple(resolved.get("own_preprocessing", ())),
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
    def is_memorized(self) -> bool:
        """Whether it is a model that stores examples and learns no weight."""
        return self.config.get("optimizer") is None

    @property
    def sees_images(self) -> bool:
        """Whether the network is given images, not vectors or features."""
        is_image = len(self.data["input_shape"]) == 3
        return is_image and not self.config.get("features")

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
    def train_guess(self) -> float | None:
        """Accuracy of always naming the largest class of the training set."""
        return self._majority("train")

    @cached_property
    def val_guess(self) -> float | None:
        """The same of the validation set, with its own largest class."""
        return self._majority("val")

    def _majority(self, split: str) -> float | None:
        """Returns the majority baseline, counted over all labels of a split.

        Runs that did not keep it have 1 / K, from which it is not far where
        classes are balanced.
        """
        if not self.num_classes:
            return None
        kept = self.data.get("majority", {}).get(split)
        return 1 / self.num_classes if kept is None else kept

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

    @cached_property
    def has_learned(self) -> bool:
        """Whether it comes most of the way; also where that is not known."""
        return self.progress is None or self.progress >= LEARNED

    @property
    def steps(self) -> float:
        """How many steps of training were made."""
        return (self.history[-1].get("step") or 0) if self.history else 0

    @property
    def steps_an_epoch(self) -> float:
        """How many of them an epoch has."""
        return self.history[0].get("step") or 0 if self.history else 0

    @property
    def progress(self) -> float | None:
        """How far the way from guessing, 0, to perfect, 1, was gone."""
        if self.train_accuracy is None or self.train_guess is None:
            return None
        made = [_progress(self.train_accuracy, self.train_guess)]
        # Dropout and augmentation keep the former low in a healthy run.
        if self.val_accuracy is not None and self.num_val:
            made.append(_progress(self.val_accuracy, self.val_guess))
        return max(made)

    @cached_property
    def noise(self) -> float | None:
        """Half the width of the 95 % interval of the validation accuracy."""
        if self.val_accuracy is None or not self.num_val:
            return None
        right = round(self.val_accuracy * self.num_val)
        share = metrics.binomial_ci(right, self.num_val)
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


def _progress(accuracy: float, guess: float) -> float:
    if guess >= 1:
        return float(accuracy >= 1)  # a single class leaves nothing to learn
    return (accuracy - guess) / (1 - guess)
