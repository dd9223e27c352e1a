"""From a finished run and a request to the numbers of its loss surface."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from zoo import backend
from zoo.config import DEFAULTS
from zoo.data import Split
from zoo.errors import UserError
from zoo.evaluation import scoring
from zoo.evaluation.landscape.directions import (
    between,
    moved,
    random_direction,
)
from zoo.evaluation.landscape.request import Request
from zoo.evaluation.landscape.shape import is_convex
from zoo.evaluation.landscape.surface import Surface, batch_norms
from zoo.evaluation.landscape.weights import Places, Weights
from zoo.runs import Run, RunWriter
from zoo.training import losses
from zoo.training.model import backbone_of
from zoo.training.setup import TrainSetup, prepare

Progress = Callable[[int, int], None]

STREAM = 6  # keeps the choice of examples apart from the directions
BATCH_NORM = {
    "none": "no batch norm",
    "kept": "batch norm: running averages kept; on the path, mixed as weights",
    "measured": "batch norm: statistics measured at each point",
}


@backend.fixed_settings()
def measure(
    run: Run,
    request: Request,
    runs_dir: str = DEFAULTS["runs_dir"],
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measures what was asked for; changes nothing in the run's folder.

    Args:
        run: a finished run.
        request: what to measure.
        runs_dir: where a run that the path leads to is looked for.
        progress: told how many of how many points are done.

    Returns:
        What `landscape.json` holds. Losses are those that the run minimized,
        without penalty; NaN where they are not finite. `convex` is about loss
        and penalty together.

    Raises:
        UserError: the run is not finished, is in use, or cannot be rebuilt.
    """
    with RunWriter(run).lock():
        pass  # in use, it must not be told that it has no model
    run.load_model()
    scoring.check_reachable(run)
    setup = prepare(run.config.replace(run_name=None, precision="float32"))
    scoring.check_same_data(run, setup.source)
    if not setup.config.uses_gradients:
        raise UserError(
            f"{run.name} has no loss surface: {setup.config.model} "
            "remembers the training images and has no weights to move."
        )
    places = Places(run, setup, runs_dir)
    tour = _Tour(places, _surface(places, setup, request), request, progress)
    found = {part: getattr(tour, part)() for part in request.parts}
    return {**_facts(run, setup, tour, request), **found}


def sample(part: Split, most: int, seed: int) -> Split:
    """Draws examples, in their own order; all of them if they are few."""
    generator = np.random.default_rng([seed, len(part), STREAM])
    return part.take(np.sort(generator.permutation(len(part))[:most]))


def _surface(places: Places, setup: TrainSetup, request: Request) -> Surface:
    data = setup.dataset
    samples = {
        name: sample(part, request.examples, request.seed)
        for name, part in (("train", data.train), ("val", data.val))
        if len(part)
    }
    return Surface(
        places.model,
        backbone_of(places.model),
        losses.data_loss(setup.config),
        samples,
        measures=request.batch_norm == "measured",
    )


def _facts(
    run: Run, setup: TrainSetup, tour: _Tour, request: Request
) -> dict[str, Any]:
    """Returns what was measured, and how."""
    norms = batch_norms(backbone_of(tour.places.model))
    batch_norm = request.batch_norm if norms else "none"
    return {
        "run": run.name,
        "model": setup.config.model,
        "dataset": setup.dataset.name,
        "noun": setup.source.noun,
        "loss": setup.config.loss,
        "examples": tour.surface.sizes,
        "batch_norm": batch_norm,
        "about_batch_norm": BATCH_NORM[batch_norm],
        "seed": request.seed,
    }


class _Tour:
    """Goes from point to point, and says how many are left."""

    def __init__(
        self,
        places: Places,
        surface: Surface,
        request: Request,
        progress: Progress | None,
    ):
        self.places = places
        self.surface = surface
        self._request = request
        self._progress = progress or (lambda done, total: None)
        costs = {"path": 1, "line": 1, "plane": request.points}
        self._total = request.points * sum(costs[p] for p in request.parts)
        self._done = 0

    def path(self) -> dict[str, Any]:
        """Measures the way between two places."""
        request = self._request
        start, end = self.places[request.start], self.places[request.end]
        shares = np.linspace(0, 1, request.points)
        found = self._visit(
            (between(start, end, share) for share in shares),
            self.surface.sizes,
        )
        return {
            "start": request.start,
            "end": request.end,
            "share": shares,
            **_summed(found),
        }

    def line(self) -> dict[str, Any]:
        """Measures along the first random direction, both ways."""
        centre, steps = self.places[self._request.centre], self._steps()
        direction = random_direction(centre, self._request.seed, 0)
        found = self._visit(
            (moved(centre, [step], [direction]) for step in steps),
            self.surface.sizes,
        )
        return {
            "centre": self._request.centre,
            "step": steps,
            **_summed(found),
        }

    def plane(self) -> dict[str, Any]:
        """Measures over the first two; rows go along the second of them.

        On the training sample alone, since there are many points.
        """
        centre, steps = self.places[self._request.centre], self._steps()
        both = [random_direction(centre, self._request.seed, i) for i in (0, 1)]
        found = self._visit(
            (moved(centre, [x, y], both) for y in steps for x in steps),
            ("train",),
        )
        return {
            "centre": self._request.centre,
            "step": steps,
            **_summed(found, (len(steps), len(steps))),
        }

    def _steps(self) -> np.ndarray:
        half = self._request.points // 2
        # Not linspace over both sides: the centre must be 0 to the bit.
        return np.arange(-half, half + 1) * (self._request.span / half)

    def _visit(self, stops: Iterator[Weights], names) -> dict[str, list]:
        found = {"penalty": [], **{name: [] for name in names}}
        for weights in stops:
            self.surface.move_to(weights)
            found["penalty"].append(self.surface.penalty())
            for name in names:
                found[name].append(self.surface.score(name))
            self._done += 1
            self._progress(self._done, self._total)
        return found


def _summed(
    found: dict[str, list], shape: tuple[int, ...] = (-1,)
) -> dict[str, Any]:
    """Returns scores as arrays, and what shape they make."""
    penalty = np.reshape(found.pop("penalty"), shape)
    curves = {
        name: {
            "loss": np.reshape([s.loss for s in scores], shape),
            "accuracy": None
            if scores[0].accuracy is None
            else np.reshape([s.accuracy for s in scores], shape),
        }
        for name, scores in found.items()
    }
    convex = is_convex(curves["train"]["loss"] + penalty)
    return {"convex": convex, "penalty": penalty, **curves}
