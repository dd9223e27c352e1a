"""Proposals of trials by keras-tuner's oracles, which only this file knows.

An oracle only proposes. Its files go to a temporary folder and are never read
back: a sweep that is resumed repeats every call of a fresh oracle in the same
order, and gets the same proposals.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

from zoo.tuning.space import HyperParameter, SearchSpace

TUNERS = ("random", "grid", "bayesian", "hyperband")
NEVER = 2**31 - 1  # failures in a row are counted by the sweep
IDLE = "idle"  # in place of a proposal: a result must be known first


@dataclasses.dataclass(frozen=True)
class Proposal:
    """Values of the hyperparameters to try.

    Attributes:
        number: Number of the proposal, from 0.
        trial: Number of the trial, from 0. Only Hyperband proposes a trial
            more than once, to train it further.
        values: Values by name of the hyperparameter.
        until_epoch: Epoch after which training pauses; `None` is the last.
    """

    number: int
    trial: int
    values: dict[str, Any]
    until_epoch: int | None = None


class Oracle:
    """Proposes trials and learns from their scores.

    Args:
        tuner: One of `TUNERS`.
        space: The search space; finite for a grid.
        trials: Maximum number of trials; `None` for Hyperband.
        direction: `max` or `min` of the score.
        seed: Seed of the proposals.
        epochs: Number of epochs of a whole run, for Hyperband.
        factor: Reduction factor of Hyperband: one trial of so many is
            trained further.
    """

    def __init__(
        self,
        tuner: str,
        space: SearchSpace,
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
        self._tuner_trials: list[Any] = []  # keras-tuner's, by proposal
        self._trials: dict[str, int] = {}  # numbers by keras-tuner's names

    def create_trial(self) -> Proposal | str | None:
        """Returns the next proposal, `IDLE`, or `None` if none is left."""
        number = len(self._tuner_trials)
        with _quiet():
            tuner_trial = self._oracle.create_trial(f"proposal-{number}")
        if tuner_trial.status == "IDLE":
            return IDLE
        if tuner_trial.status == "STOPPED":
            return None
        self._tuner_trials.append(tuner_trial)
        drawn = tuner_trial.hyperparameters.values
        previous_id = drawn.get("tuner/trial_id")
        trial = len(set(self._trials.values()))
        if previous_id is not None:
            trial = self._trials[previous_id]
        self._trials[tuner_trial.trial_id] = trial
        is_active = tuner_trial.hyperparameters.is_active
        values = {
            hp.name: _decode(hp, drawn[hp.name])
            for hp in self._space.hyperparameters
            if hp.name in drawn and is_active(hp.name)
        }
        until = drawn.get("tuner/epochs")
        return Proposal(number, trial, values, until)

    def end_trial(self, number: int, score: float | None) -> None:
        """Reports the score of a proposal; `None` if it failed."""
        tuner_trial = self._tuner_trials[number]
        with _quiet():
            if score is None:
                tuner_trial.status = "FAILED"
            else:
                self._oracle.update_trial(
                    tuner_trial.trial_id, {"score": score}
                )
                tuner_trial.status = "COMPLETED"
            self._oracle.end_trial(tuner_trial)

    def close(self) -> None:
        """Removes the temporary folder."""
        self._folder.cleanup()


def hyperband_plan(epochs: int, factor: int) -> tuple[int, int, int]:
    """Counts the trainings of Hyperband if no trial fails.

    Args:
        epochs: Number of epochs of a whole run.
        factor: One trial of so many is trained further.

    Returns:
        Trials, trainings (a trial that is trained further counts again), and
        epochs in all.
    """
    with _quiet():
        oracle = _make(
            "hyperband", SearchSpace(()), None, "max", 1, epochs, factor
        )
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


def keras_tuner_version() -> str:
    """Returns the version of keras-tuner."""
    import importlib.metadata

    return importlib.metadata.version("keras-tuner")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppresses warnings, and threads: they slow small matrices down.

    keras-tuner calls what Python deprecates. Its Bayesian search takes
    seconds a proposal, and minutes if its threads fight for cores.
    """
    with warnings.catch_warnings(), _threads().limit(limits=1):
        warnings.simplefilter("ignore")
        yield


@functools.cache
def _threads() -> Any:
    """Finds the libraries that have threads, once; that takes a while."""
    import keras_tuner  # noqa: F401  loads them
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _make(
    tuner: str,
    space: SearchSpace,
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


def _hyperparameters(space: SearchSpace) -> Any:
    from keras_tuner import HyperParameters

    hyperparameters = HyperParameters()
    for hp in space.hyperparameters:
        condition = space.condition(hp)
        if condition is None:
            _add(hyperparameters, hp)
            continue
        name, values = condition
        with hyperparameters.conditional_scope(name, list(values)):
            _add(hyperparameters, hp)
    return hyperparameters


def _add(hyperparameters: Any, hp: HyperParameter) -> None:
    if hp.values:
        hyperparameters.Choice(hp.name, _codes(hp))
        return
    add = hyperparameters.Int if hp.is_int else hyperparameters.Float
    add(hp.name, hp.low, hp.high, sampling="log" if hp.log else "linear")


def _codes(hp: HyperParameter) -> list[Any]:
    """Returns the values as keras-tuner takes them: of one simple type.

    Numbers stay numbers, since Bayesian search makes use of their order.
    """
    kinds = {type(value) for value in hp.values}
    if kinds in ({int}, {float}):
        return list(hp.values)
    return [str(value) for value in hp.values]


def _decode(hp: HyperParameter, drawn: Any) -> Any:
    if hp.values:
        return hp.values[_codes(hp).index(drawn)]
    # keras-tuner may round beyond an end of a range.
    return hp.nearest(drawn)
