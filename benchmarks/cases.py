"""What is compared, and with whom: the table of `make bench`."""

from __future__ import annotations

import dataclasses

from zoo.config import TrainConfig
from zoo.errors import UserError, unknown

OURS = "benchmarks.ours"
# Peers by the name that the table shows: the module that trains as they do.
PEERS = {"keras": "benchmarks.keras_fit"}


@dataclasses.dataclass(frozen=True)
class Case:
    """One training that both sides do.

    Attributes:
        model: a name of the zoo.
        batch_size: images in an update.
        epochs: passes over MNIST; the first is not counted.
        expected: examples a second, ours over the peer's, that two cores
            should reach; `None` where no figure was set.
    """

    model: str
    batch_size: int
    epochs: int
    expected: float | None = None

    @property
    def name(self) -> str:
        """Model and batch size, such as `lr/128`."""
        return f"{self.model}/{self.batch_size}"

    def config(self, runs_dir: str) -> TrainConfig:
        """Returns the training; spelt out, so that a peer can do the same."""
        return TrainConfig(
            model=self.model,
            dataset="mnist",
            optimizer="adam",
            learning_rate=1e-3,
            schedule="cosine",
            augment="none",
            batch_size=self.batch_size,
            epochs=self.epochs,
            runs_dir=runs_dir,
        )


CASES = (
    Case("lr", 128, epochs=9, expected=3.0),
    Case("mlp", 128, epochs=4, expected=1.6),
    Case("lenet5", 128, epochs=4, expected=1.4),
    Case("lr", 32, epochs=4),
    Case("mlp", 32, epochs=3),
    Case("lenet5", 32, epochs=3),
)


def choose(names: str) -> list[Case]:
    """Returns the cases of some models, or single ones.

    Args:
        names: with commas, such as `lr,lenet5/128`.

    Raises:
        UserError: one of them is not in the table.
    """
    known = {case.name: [case] for case in CASES}
    for case in CASES:
        known.setdefault(case.model, []).append(case)
    chosen = []
    for name in filter(None, names.split(",")):
        if name not in known:
            raise unknown("case", name, known, "")
        chosen += [case for case in known[name] if case not in chosen]
    if not chosen:
        raise UserError("--cases names none; give for example --cases=lr,mlp.")
    return chosen
