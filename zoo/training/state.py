"""What a run remembers between epochs, besides the variables of its model.

It travels inside every checkpoint, so that a resumed run has the same best
epoch, the same patience left and the same curves as one never stopped.
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any


@dataclasses.dataclass
class Best:
    """The epoch whose weights are the result so far; higher accuracy first.

    Equal accuracies, common on small validation sets, are told apart by the
    loss. Penalties play no part.
    """

    epoch: int = 0
    accuracy: float | None = -math.inf
    loss: float = math.inf

    @property
    def is_known(self) -> bool:
        """Whether any epoch was judged yet."""
        return math.isfinite(self.loss)

    def is_beaten_by(self, accuracy: float | None, loss: float) -> bool:
        """Whether an epoch with these validation scores is better.

        Where numbers are predicted there is no accuracy: the loss decides.
        """
        if accuracy is None:
            return loss < self.loss
        return (accuracy, -loss) > (self.accuracy, -self.loss)


@dataclasses.dataclass
class TrainState:
    """Where training stands.

    Attributes:
        epoch: epochs that are finished.
        batch: updates made in the epoch after those; 0 at its start.
        step: updates made in all.
        best: the best epoch so far.
        lowest_val_loss: for early stopping.
        epochs_without_better: since `lowest_val_loss`.
        seconds: spent training, over all sittings.
        window: sums since the last point of the training curves: examples,
            and loss and accuracy times examples.
        rows: of `history.csv`.
        vitals: rows of `vitals.json`.
        event_files: name and length in bytes of each event file, by split.
        run_id: of the run, see `zoo.run_store.new_id`.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: Best = dataclasses.field(default_factory=Best)
    lowest_val_loss: float = math.inf
    epochs_without_better: int = 0
    seconds: float = 0.0
    window: dict[str, float] = dataclasses.field(default_factory=dict)
    rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    vitals: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    event_files: dict[str, list] = dataclasses.field(default_factory=dict)
    run_id: str = ""

    def count_epoch(self, val_loss: float) -> None:
        """Counts an epoch, for early stopping, by its validation loss."""
        self.epochs_without_better += 1
        if val_loss < self.lowest_val_loss:
            self.lowest_val_loss, self.epochs_without_better = val_loss, 0

    def to_json(self) -> str:
        """Returns the state as JSON; infinities as Python writes them."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> TrainState:
        """Reads back what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        values = json.loads(text)
        state = cls(**{**values, "best": Best(**values["best"])})
        counts = (state.epoch, state.batch, state.step, state.best.epoch)
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ValueError("a count is none")
        if not isinstance(state.event_files, dict):
            raise TypeError("event files have no places")
        for place, (name, length) in state.event_files.items():
            if (type(place), type(name), type(length)) != (str, str, int):
                raise ValueError("an event file is none")
        return state
