"""Who proposes the next trial: keras-tuner's oracles, in this file alone.

An oracle only proposes. What it writes goes to a temporary folder and is
never read back: a sweep that goes on tells a fresh oracle everything again,
in the same order, and hears the same proposals.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

from zoo.tuning.dimension import Dimension
from zoo.tuning.space import Space

TUNERS = ("random", "grid", "bayesian", "hyperband")
NEVER = 2**31 - 1  # failures in a row are counted by the sweep
WAIT = "wait"  # in place of a proposal: an outcome must be known first


@dataclasses.dataclass(frozen=True)
class Proposal:
    """A point of the space to try.

    Attributes:
        number: of the proposal, from 0.
        trial: number of the trial, from 0. Only Hyperband proposes one more
            than once, to train it further.
        values: by name of the dimension.
        until_epoch: where training pauses; the end of it if `None`.
    """

    number: int
    trial: int
    values: dict[str, Any]
    until_epoch: int | None = None


class Oracle:
    """Proposes trials and is told what came of them.

    Args:
        tuner: one of `TUNERS`.
        space: where to look; finite for a grid.
        trials: how many to propose at most; `None` for Hyperband.
        direction: `max` or `min` of the score.
        seed: fixes what is proposed.
        epochs: of a whole run, for Hyperband.
        factor: of Hyperband: one trial of so many is trained further.
    """

    def __init__(
        self,
        tuner: str,
        space: Space,
        *,
        trials: int | None,
        direction: str,
        seed: int,
        epochs: int | None = None,
        factor: int = 3,
    ):
        self._space = space
        self._epochs = epochs
        self._folder = tempfile.TemporaryDirectory(prefix="zoo-oracle-")
        with _quiet():
            self._oracle = _make(
                tuner, space, trials, direction, seed, epochs, factor
            )
        self._oracle._set_project_dir(self._folder.name, "oracle")
        self._oracle.verbose = 0
        self._theirs: list[Any] = []  # keras-tuner's trial of each proposal
        self._trials: dict[str, int] = {}  # number of the trial, by their name

    def propose(self) -> Proposal | str | None:
        """Returns the next trial, `WAIT`, or `None` when there is none left."""
        number = len(self._theirs)
        with _quiet():
            theirs = self._oracle.create_trial(f"proposal-{number}")
        if theirs.status == "IDLE":
            return WAIT
        if theirs.status == "STOPPED":
            return None
        self._theirs.append(theirs)
        drawn = theirs.hyperparameters.values
        begun = drawn.get("tuner/trial_id")
        trial = len(set(self._trials.values()))
        if begun is not None:
            trial = self._trials[begun]
        self._trials[theirs.trial_id] = trial
        values = {
            one.name: _decode(one, drawn[one.name])
            for one in self._space.dimensions
            if one.name in drawn and theirs.hyperparameters.is_active(one.name)
        }
        until = drawn.get("tuner/epochs")
        return Proposal(number, trial, values, until)

    def tell(self, number: int, score: float | None) -> None:
        """Tells what came of a proposal; `None` if it failed."""
        theirs = self._theirs[number]
        with _quiet():
            if score is None:
                theirs.status = "FAILED"
            else:
                self._oracle.update_trial(theirs.trial_id, {"score": score})
                theirs.status = "COMPLETED"
            self._oracle.end_trial(theirs)

    def close(self) -> None:
        """Removes the temporary folder."""
        self._folder.cleanup()


def hyperband_plan(epochs: int, factor: int) -> tuple[int, int, int]:
    """Counts what Hyperband will do if no trial fails.

    Args:
        epochs: of a whole run.
        factor: one trial of so many is trained further.

    Returns:
        Trials, trainings (a trial that is trained further counts again), and
        epochs in all.
    """
    with _quiet():
        oracle = _make("hyperband", Space(()), None, "max", 1, epochs, factor)
    trials = trainings = total = 0
    for bracket in range(oracle._get_num_brackets()):
        trials += oracle._get_size(bracket, 0)
        before = 0
        for rung in range(oracle._get_num_rounds(bracket)):
            size = oracle._get_size(bracket, rung)
            until = oracle._get_epochs(bracket, rung)
            trainings += size
            total += size * (until - before)
            before = until
    return trials, trainings, total


def version() -> str:
    """Returns the version of keras-tuner."""
    import importlib.metadata

    return importlib.metadata.version("keras-tuner")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps warnings away, and threads: they slow small matrices down.

    keras-tuner calls what Python deprecates. Its Bayesian search takes
    seconds a proposal, and minutes if its threads fight for cores.
    """
    with warnings.catch_warnings(), _threads().limit(limits=1):
        warnings.simplefilter("ignore")
        yield


@functools.cache
def _threads() -> Any:
    """Looks once which libraries have threads; that takes a while."""
    import keras_tuner  # noqa: F401  loads them
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _make(
    tuner: str,
    space: Space,
    trials: int | None,
    direction: str,
    seed: int,
    epochs: int | None,
    factor: int,
) -> Any:
    """Builds keras-tuner's oracle."""
    from keras_tuner import Objective, oracles

    kinds = {
        "random": oracles.RandomSearchOracle,
        "grid": oracles.GridSearchOracle,
        "bayesian": oracles.BayesianOptimizationOracle,
        "hyperband": oracles.HyperbandOracle,
    }
    if tuner == "hyperband":
        more = {"max_epochs": epochs, "factor": factor}
    else:
        more = {"max_trials": trials}
    return kinds[tuner](
        objective=Objective("score", direction),
        hyperparameters=_hyperparameters(space),
        allow_new_entries=False,
        tune_new_entries=False,
        # It takes 0 for no seed at all.
        seed=seed + 1,
        max_consecutive_failed_trials=NEVER,
        **more,
    )


def _hyperparameters(space: Space) -> Any:
    from keras_tuner import HyperParameters

    found = HyperParameters()
    for one in space.dimensions:
        needs = space.condition(one)
        if needs is None:
            _add(found, one)
        else:
            with found.conditional_scope(needs[0], list(needs[1])):
                _add(found, one)
    return found


def _add(found: Any, one: Dimension) -> None:
    if one.values:
        found.Choice(one.name, _codes(one))
    elif one.whole:
        sampling = "log" if one.log else "linear"
        found.Int(one.name, one.low, one.high, sampling=sampling)
    else:
        sampling = "log" if one.log else "linear"
        found.Float(one.name, one.low, one.high, sampling=sampling)


def _codes(one: Dimension) -> list[Any]:
    """Returns the values as keras-tuner takes them: of one simple type.

    Numbers stay numbers, since Bayesian search makes use of their order.
    """
    kinds = {type(value) for value in one.values}
    if kinds in ({int}, {float}):
        return list(one.values)
    return [str(value) for value in one.values]


def _decode(one: Dimension, drawn: Any) -> Any:
    if one.values:
        return one.values[_codes(one).index(drawn)]
    # keras-tuner may round beyond an end of a range.
    return one.nearest(drawn)
