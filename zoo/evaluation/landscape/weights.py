"""The weights of a run that have a name, each as the network's own list."""

from __future__ import annotations

import numpy as np

from zoo.errors import UserError
from zoo.evaluation.landscape.request import PLACES
from zoo.run_store import RunStore
from zoo.runs import Run
from zoo.training.checkpoints import Checkpoints
from zoo.training.model import backbone_of, inference_model
from zoo.training.setup import TrainSetup

# What must be the same for the weights of two runs to mean the same.
SAME = (
    "model", "model_arg", "activation", "norm", "dataset", "image_size",
    "mean_subtraction", "scale",
)  # fmt: skip

Weights = list[np.ndarray]


class Places:
    """Finds weights by name: one of `PLACES`, or another run.

    Args:
        run: finished.
        setup: rebuilt from the run's config, and not trained: its weights are
            the initial ones.
        runs_dir: where other runs are looked for.
    """

    def __init__(self, run: Run, setup: TrainSetup, runs_dir: str):
        self.run = run
        self._setup = setup
        self._runs_dir = runs_dir
        self.model = inference_model(
            setup.model, setup.config, setup.dataset, setup.statistics
        )
        self._initial = self._now()

    def __getitem__(self, name: str) -> Weights:
        """Returns the weights of a place.

        Raises:
            UserError: there is no such place or run, or its weights are not
                those of the same network.
        """
        if name == "initial":
            return self._initial
        if name == "final":
            return final_weights(self.run)
        if name in PLACES:
            return self._restored(name)
        other = RunStore(self._runs_dir).find(name)
        _check_same(self.run, other)
        return final_weights(other)

    def _now(self) -> Weights:
        return backbone_of(self.model).get_weights()

    def _restored(self, name: str) -> Weights:
        checkpoints = Checkpoints(self.run.path / "checkpoints")
        state = checkpoints.load_state()
        if state is None:
            raise UserError(
                f"{self.run.name} has no checkpoint; use initial and final."
            )
        if name == "last":
            checkpoints.restore_last(self._setup.model)
        elif state.best.epoch:
            checkpoints.restore_best(self._setup.model, state.best.epoch)
        else:
            raise UserError(
                f"{self.run.name} held nothing out to find its best epoch by; "
                "use last."
            )
        return self._now()


def final_weights(run: Run) -> Weights:
    """Returns the weights of a run's result."""
    return backbone_of(run.load_model()).get_weights()


def _check_same(run: Run, other: Run) -> None:
    ours, theirs = run.resolved, other.resolved
    for name in SAME:
        one, two = ours["config"].get(name), theirs["config"].get(name)
        if one != two:
            raise UserError(
                f"no path leads from {run.name} to {other.name}: --{name} is "
                f"{one} here and {two} there; compare runs of one network."
            )
    if ours["statistics"] != theirs["statistics"]:
        raise UserError(
            f"no path leads from {run.name} to {other.name}: they subtract "
            "and scale differently, having seen other training examples."
        )
