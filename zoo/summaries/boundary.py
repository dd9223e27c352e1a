"""Kind `boundary`: how a network cuts the plane, and how it came to do so.

Three pictures of data with two numbers an example. `decision_boundary`: the
answer at every point. `hidden_units`: what each hidden unit makes of every
point. `feature_plane`: where the last hidden layer puts the examples, for
the linear classifier behind it to cut.
"""

from __future__ import annotations

import numpy as np

from zoo import drawing
from zoo.summaries import plane
from zoo.summaries.chart import Axes, Chart
from zoo.summaries.events import EventLog
from zoo.summaries.maps import spread
from zoo.summaries.snapshot import Snapshot

SIDE = 400  # pixels of a chart
MAP = 60  # points in each direction, and pixels, of a unit's map
UNITS = 32  # of a layer
LAYERS = 4
COLUMNS = 8
SHARE = 99.5  # percent of the values that are told apart by their colour


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes the three pictures, of hidden layers only where there are."""
    logits = snapshot.view.logits(snapshot.inputs)
    axes = Axes.around(snapshot.inputs, SIDE, SIDE)
    picture = decision_boundary(snapshot, axes, logits)
    log.image("decision_boundary", picture, snapshot.step)
    features = snapshot.view.features(snapshot.inputs)
    if features is not None and (
        snapshot.view.hidden or features.shape[1] != 2
    ):
        picture = feature_plane(snapshot, features, logits)
        log.image("feature_plane", picture, snapshot.step)
    outputs = snapshot.view.activations(axes.grid(MAP, MAP))
    if outputs:
        log.image("hidden_units", hidden_units(outputs), snapshot.step)


def decision_boundary(
    snapshot: Snapshot, axes: Axes, logits: np.ndarray
) -> np.ndarray:
    """Returns the answer at every point of the plane, and the examples.

    Args:
        logits: `[B, K]` of the snapshot's inputs.
    """
    maps = plane.scores_on(snapshot.view, axes)
    if not (np.isfinite(maps).all() and np.isfinite(logits).all()):
        return drawing.not_numbers()
    chart = Chart(axes, plane.painted(maps, axes))
    right = logits.argmax(axis=1) == snapshot.labels
    plane.mark_points(chart, snapshot.inputs, snapshot.labels, right)
    picture = chart.picture(("first number", "second number"))
    names = plane.legend(snapshot.class_names, picture.shape[1])
    others = "" if right.all() else "; the others are larger and ringed"
    return drawing.titled(
        np.concatenate([names, picture]),
        f"The answer at every point, the paler the less sure. {right.sum()} "
        f"of {len(right)} points are right{others}.",
    )


def feature_plane(
    snapshot: Snapshot, features: np.ndarray, logits: np.ndarray
) -> np.ndarray:
    """Returns the examples as the classifier sees them.

    Args:
        features: `[B, F]` of the snapshot's inputs.
        logits: `[B, K]` of the same.
    """
    if not (np.isfinite(features).all() and np.isfinite(logits).all()):
        return drawing.not_numbers()
    points, what, names = in_plane(features)
    axes = Axes.around(points, SIDE, SIDE)
    maps = classified(snapshot.view.classifier(), axes)
    cut = "" if maps is None else ", and how the linear classifier cuts it"
    background = None if maps is None else plane.painted(maps, axes)
    chart = Chart(axes, background)
    right = logits.argmax(axis=1) == snapshot.labels
    plane.mark_points(chart, points, snapshot.labels, right)
    picture = chart.picture(names)
    words = plane.legend(snapshot.class_names, picture.shape[1])
    return drawing.titled(
        np.concatenate([words, picture]),
        f"The same points before the last layer: {what}{cut}.",
    )


def in_plane(
    features: np.ndarray,
) -> tuple[np.ndarray, str, tuple[str, str]]:
    """Returns features as points `[N, 2]`, what they are, and the axes' names.

    Two features are shown as they are; of more, the first two principal
    components; one lies on a line.
    """
    number = features.shape[1]
    if number == 2:
        return features, "two features", ("feature 1", "feature 2")
    if number == 1:
        points = np.concatenate([features, np.zeros_like(features)], axis=1)
        return points, "one feature, on a line", ("feature 1", "")
    points, share = principal(features)
    what = (
        f"the first two principal components of {number:,} features, with "
        f"{100 * share:.0f} % of the variance"
    )
    return points, what, ("component 1", "component 2")


def principal(features: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns the first two principal components, and their share.

    Args:
        features: `[N, F]`, F at least 2.

    Returns:
        Points `[N, 2]`, and how much of the variance they hold, 0..1.
    """
    centred = features.astype(np.float64) - features.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    two = directions[:2].T
    # The sign means nothing; fixed, it does not jump from look to look.
    largest = np.abs(two).argmax(axis=0)
    two = two * np.sign(two[largest, [0, 1]])
    variances = np.square(sizes)
    total = variances.sum()
    return centred @ two, float(variances[:2].sum() / total) if total else 1.0


def classified(
    classifier: tuple[np.ndarray, np.ndarray] | None, axes: Axes
) -> np.ndarray | None:
    """Returns what a linear classifier of two features says everywhere.

    Args:
        classifier: kernel `[F, K]` and bias `[K]`.

    Returns:
        Logits `[GRID, GRID, K]`; `None` unless there are two features.
    """
    if classifier is None or len(classifier[0]) != 2:
        return None
    kernel, bias = classifier
    logits = axes.grid(plane.GRID, plane.GRID) @ kernel + bias
    return plane.lowered(logits).reshape(plane.GRID, plane.GRID, -1)


def hidden_units(outputs: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the maps of some layers, one layer below the other.

    Args:
        outputs: by layer, float `[MAP * MAP, units]`.
    """
    shown = [unit_maps(outputs[n], n) for n in spread(list(outputs), LAYERS)]
    return np.concatenate(drawing.as_wide(shown, align=0))


def unit_maps(outputs: np.ndarray, layer: str) -> np.ndarray:
    """Returns the units of a layer, each as its output over the plane.

    Args:
        outputs: float `[MAP * MAP, units]`, row by row from the top left.
    """
    if not np.isfinite(outputs).all():
        return drawing.not_numbers()
    units = liveliest(outputs)
    maps = outputs[:, units].T.reshape(-1, MAP, MAP)
    limit = float(np.percentile(np.abs(maps), SHARE)) or np.abs(maps).max()
    tiles = drawing.diverging(maps, limit)
    tiles[:, [0, -1]] = tiles[:, :, [0, -1]] = drawing.LINES
    total = outputs.shape[1]
    which = f"its {total:,} units"
    if len(units) < total:
        which = f"the {len(units)} of {which} that vary most"
    below = f", blue -{limit:.2g}" if maps.min() < 0 else ""
    return drawing.titled(
        drawing.sheet(tiles, columns=COLUMNS),
        f"{layer.removesuffix('_activation')}: {which}, over the plane; white "
        f"is 0{below}, red {limit:.2g}.",
    )


def liveliest(outputs: np.ndarray) -> np.ndarray:
    """Returns which units to show, in order: those that vary most."""
    order = np.argsort(-outputs.std(axis=0), kind="stable")
    return np.sort(order[:UNITS])
