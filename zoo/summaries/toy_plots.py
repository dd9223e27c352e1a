"""Plots of 2-D and 1-D data: decision boundary, hidden units, fitted function.

Of data with two numbers an example: `decision_boundary`, the predicted class
at every point; `hidden_units`, the output of each hidden unit at every point;
`feature_plane`, the examples as the last layer, a linear classifier, gets
them.

Of a regression on one number: `function`, the fitted function, which is a sum
of the outputs of the last hidden layer times their weights. With one hidden
layer of ReLUs each term is a straight line with one kink, and the function is
piecewise linear with a kink for each unit.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image

from zoo import metrics
from zoo.summaries import drawing
from zoo.summaries.drawing import (
    GAP,
    LIGHT,
    LINE_HEIGHT,
    SUPERSAMPLING,
    TEXT,
    Axes,
    Chart,
    Color,
)
from zoo.summaries.events import EventWriter
from zoo.summaries.images import PERCENTILE, evenly_spaced
from zoo.summaries.inspector import ModelInspector, Snapshot

DECISION_BOUNDARY = (
    "Predicted class at every point of the plane, the paler the less "
    "confident, with the boundaries between classes. Misclassified points are "
    "larger and ringed. A boundary that winds around single points is "
    "overfitting."
)
FEATURE_PLANE = (
    "The same points before the last layer: its inputs, or their first two "
    "principal components. The last layer is linear, so the classes should "
    "come to lie where straight lines can separate them."
)
HIDDEN_UNITS = (
    "Output of each hidden unit at every point of the plane, white at 0. Units "
    "of the first layer are straight cuts, later ones combine them; a unit "
    "that is white everywhere is dead."
)
FUNCTION = (
    "Examples and the fitted function, with its kinks; below, the terms of "
    "which it is the sum, one for each unit of the last hidden layer."
)

SIDE = 400  # pixels of a chart of the plane
GRID = 80  # points in each direction at which the model is evaluated
COLOR_STRENGTH = 0.5  # of a class's color where the confidence is 1
CLASS_COLORS: tuple[Color, ...] = (
    (31, 110, 180),
    (225, 110, 20),
    (40, 140, 60),
    (200, 40, 50),
    (125, 85, 175),
    (130, 80, 65),
    (215, 95, 175),
    (110, 110, 110),
    (155, 155, 30),
    (20, 160, 180),
)  # and again from the first
WHITE: Color = (255, 255, 255)
LEGEND_SQUARE = 11  # pixels
MAP_SIDE = 60  # points in each direction, and pixels, of a unit's map
MAX_UNITS = 32  # of a layer
NUM_LAYERS = 4
NUM_COLUMNS = 8


def write_decision_boundary(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the three images; those of hidden layers only if there are any."""
    inspector, inputs, step = snapshot.inspector, snapshot.inputs, snapshot.step
    logits = inspector.logits(inputs)
    axes = Axes.around(inputs, SIDE, SIDE)
    image = draw_decision_boundary(snapshot, axes, logits)
    writer.image("decision_boundary", image, step, DECISION_BOUNDARY)
    features = inspector.features(inputs)
    if features is not None and (inspector.hidden or features.shape[1] != 2):
        image = draw_feature_plane(snapshot, features, logits)
        writer.image("feature_plane", image, step, FEATURE_PLANE)
    outputs = inspector.activations(axes.grid(MAP_SIDE, MAP_SIDE))
    if outputs:
        image = draw_hidden_units(outputs)
        writer.image("hidden_units", image, step, HIDDEN_UNITS)


def draw_decision_boundary(
    snapshot: Snapshot, axes: Axes, logits: np.ndarray
) -> np.ndarray:
    """Returns the predicted class at every point, and the examples.

    Args:
        logits: `[B, K]` of the snapshot's inputs.
    """
    maps = logits_on_grid(snapshot.inspector, axes)
    if not (np.isfinite(maps).all() and np.isfinite(logits).all()):
        return drawing.nonfinite_placeholder()
    chart = Chart(axes, draw_regions(maps, axes))
    correct = logits.argmax(axis=1) == snapshot.labels
    draw_points(chart, snapshot.inputs, snapshot.labels, correct)
    image = chart.render(("first number", "second number"))
    legend = draw_legend(snapshot.class_names, image.shape[1])
    rest = "" if correct.all() else "; the others are larger and ringed"
    return drawing.with_title(
        np.concatenate([legend, image]),
        "Predicted class, the paler the less confident. "
        f"{correct.sum()} of {len(correct)} points are correct{rest}.",
    )


def draw_feature_plane(
    snapshot: Snapshot, features: np.ndarray, logits: np.ndarray
) -> np.ndarray:
    """Returns the examples as the last layer gets them.

    Args:
        features: `[B, F]` of the snapshot's inputs.
        logits: `[B, K]` of the same.
    """
    if not (np.isfinite(features).all() and np.isfinite(logits).all()):
        return drawing.nonfinite_placeholder()
    points, description, labels = project_to_plane(features)
    axes = Axes.around(points, SIDE, SIDE)
    maps = linear_logits(snapshot.inspector.linear_classifier(), axes)
    cut = "" if maps is None else ", and the regions of the last layer"
    background = None if maps is None else draw_regions(maps, axes)
    chart = Chart(axes, background)
    correct = logits.argmax(axis=1) == snapshot.labels
    draw_points(chart, points, snapshot.labels, correct)
    image = chart.render(labels)
    legend = draw_legend(snapshot.class_names, image.shape[1])
    return drawing.with_title(
        np.concatenate([legend, image]),
        f"The same points before the last layer: {description}{cut}.",
    )


def project_to_plane(
    features: np.ndarray,
) -> tuple[np.ndarray, str, tuple[str, str]]:
    """Returns features as points `[N, 2]`, a description, and axis labels.

    Two features are shown as they are; of more, the first two principal
    components; one on a line.
    """
    number = features.shape[1]
    if number == 2:
        return features, "two features", ("feature 1", "feature 2")
    if number == 1:
        points = np.concatenate([features, np.zeros_like(features)], axis=1)
        return points, "one feature, on a line", ("feature 1", "")
    points, fraction = principal_plane(features)
    description = (
        f"the first two principal components of {number:,} features, with "
        f"{100 * fraction:.0f}% of the variance"
    )
    return points, description, ("component 1", "component 2")


def principal_plane(features: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns the first two principal components, and explained variance.

    Args:
        features: `[N, F]`, F at least 2.

    Returns:
        Points `[N, 2]`, and the fraction of the variance, 0..1.
    """
    centered = features.astype(np.float64) - features.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centered, full_matrices=False)
    plane = directions[:2].T
    # The sign is arbitrary; fixed, it does not jump between logging steps.
    largest = np.abs(plane).argmax(axis=0)
    plane = plane * np.sign(plane[largest, [0, 1]])
    variances = np.square(sizes)
    total = variances.sum()
    explained = float(variances[:2].sum() / total) if total else 1.0
    return centered @ plane, explained


def linear_logits(
    classifier: tuple[np.ndarray, np.ndarray] | None, axes: Axes
) -> np.ndarray | None:
    """Returns the logits of a linear classifier of two features on a grid.

    Args:
        classifier: kernel `[F, K]` and bias `[K]`.

    Returns:
        Logits `[GRID, GRID, K]`; `None` unless there are two features.
    """
    if classifier is None or len(classifier[0]) != 2:
        return None
    kernel, bias = classifier
    logits = axes.grid(GRID, GRID) @ kernel + bias
    return relative_logits(logits).reshape(GRID, GRID, -1)


def draw_hidden_units(outputs: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the maps of some layers, one layer below the other.

    Args:
        outputs: by layer, float `[MAP_SIDE * MAP_SIDE, units]`.
    """
    layers = evenly_spaced(list(outputs), NUM_LAYERS)
    images = [draw_unit_maps(outputs[layer], layer) for layer in layers]
    return np.concatenate(drawing.pad_to_widest(images, align=0))


def draw_unit_maps(outputs: np.ndarray, layer: str) -> np.ndarray:
    """Returns the units of a layer, each as its output over the plane.

    Args:
        outputs: float `[MAP_SIDE * MAP_SIDE, units]`, by rows from the top
            left.
    """
    if not np.isfinite(outputs).all():
        return drawing.nonfinite_placeholder()
    units = most_active(outputs)
    maps = outputs[:, units].T.reshape(-1, MAP_SIDE, MAP_SIDE)
    limit = float(np.percentile(np.abs(maps), PERCENTILE)) or np.abs(maps).max()
    tiles = drawing.diverging_colors(maps, limit)
    tiles[:, [0, -1]] = tiles[:, :, [0, -1]] = LIGHT
    total = outputs.shape[1]
    which = f"{total:,} units"
    if len(units) < total:
        which = f"the {len(units)} most active of {which}"
    below = f", blue -{limit:.2g}" if maps.min() < 0 else ""
    return drawing.with_title(
        drawing.image_grid(tiles, columns=NUM_COLUMNS),
        f"{layer.removesuffix('_activation')}: {which}, over the plane; white "
        f"is 0{below}, red {limit:.2g}.",
    )


def most_active(outputs: np.ndarray) -> np.ndarray:
    """Returns the units to show, in order: those that vary most."""
    order = np.argsort(-outputs.std(axis=0), kind="stable")
    return np.sort(order[:MAX_UNITS])


# Regions of a plane. The model is evaluated on a grid; between its points
# logits are interpolated, which change more evenly than probabilities, so that
# the boundary is exact within a small fraction of a cell.


def class_color(label: int) -> Color:
    """Returns the color of a class."""
    return CLASS_COLORS[int(label) % len(CLASS_COLORS)]


def logits_on_grid(inspector: ModelInspector, axes: Axes) -> np.ndarray:
    """Returns relative logits on a grid, float32 `[GRID, GRID, K]`.

    Args:
        inspector: or anything with a method `logits(inputs)`.
    """
    logits = inspector.logits(axes.grid(GRID, GRID))
    return relative_logits(logits).reshape(GRID, GRID, -1)


def relative_logits(logits: np.ndarray) -> np.ndarray:
    """Returns logits shifted so that the largest of each row is 0."""
    return logits - logits.max(axis=-1, keepdims=True)


def relative_confidence(logits: np.ndarray) -> np.ndarray:
    """Returns the confidence, scaled from 0 at chance level to 1."""
    rows = logits.reshape(-1, logits.shape[-1])
    probabilities = np.exp(metrics.log_softmax(rows)).reshape(logits.shape)
    chance = 1 / logits.shape[-1]
    return (probabilities.max(axis=-1) - chance) / (1 - chance)


def draw_regions(maps: np.ndarray, axes: Axes) -> np.ndarray:
    """Returns a chart's background: the color of the predicted class.

    Args:
        maps: finite logits `[rows, columns, K]`, as pixels of an image.
    """
    size = (SUPERSAMPLING * axes.width, SUPERSAMPLING * axes.height)
    classes = maps.argmax(axis=-1)
    ends = np.array(CLASS_COLORS)[classes % len(CLASS_COLORS)]
    strength = COLOR_STRENGTH * relative_confidence(maps)[..., None]
    colors = (255 + (ends - 255) * strength).round().astype(np.uint8)
    image = Image.fromarray(colors).resize(size, Image.Resampling.BILINEAR)
    background = np.array(image)
    background[boundary_mask(predicted_classes(maps, size))] = TEXT
    return background


def predicted_classes(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns the class at each pixel, int `[height, width]`.

    Args:
        maps: logits `[rows, columns, K]`.
        size: width and height.
    """
    classes = np.unique(maps.argmax(axis=-1))
    layers = [
        Image.fromarray(np.ascontiguousarray(maps[..., k], np.float32))
        for k in classes
    ]
    resized = [x.resize(size, Image.Resampling.BILINEAR) for x in layers]
    return classes[np.argmax([np.asarray(x) for x in resized], axis=0)]


def boundary_mask(classes: np.ndarray) -> np.ndarray:
    """Returns the pixels beside another class, bool, two or three wide."""
    edge = np.zeros(classes.shape, bool)
    right = classes[:, 1:] != classes[:, :-1]
    down = classes[1:] != classes[:-1]
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    edge[1:] |= down
    edge[:-1] |= down
    return edge


def draw_points(
    chart: Chart, points: np.ndarray, labels: np.ndarray, correct: np.ndarray
) -> None:
    """Draws points in the colors of their classes, misclassified ones larger.

    Args:
        points: float `[N, 2]`.
        labels: int `[N]`.
        correct: bool `[N]`, whether the prediction is correct.
    """
    for mask, radius, edge in ((correct, 3.5, WHITE), (~correct, 4.5, TEXT)):
        colors = [class_color(label) for label in labels[mask]]
        chart.scatter(points[mask], colors, radius, edge)


def draw_legend(names: tuple[str, ...], width: int) -> np.ndarray:
    """Returns the names of the classes beside their colors, in rows."""
    square = LEGEND_SQUARE
    rows, x = [drawing.blank(LINE_HEIGHT + 3, width)], 0
    for label, name in enumerate(names[: len(CLASS_COLORS)]):
        name = drawing.truncate(name, width // 2)
        if x + square + GAP + drawing.text_width(name) > width:
            rows.append(drawing.blank(LINE_HEIGHT + 3, width))
            x = 0
        rows[-1][2 : 2 + square, x : x + square] = class_color(label)
        drawing.draw_text(rows[-1], name, x + square + GAP // 2, 0)
        x += square + 2 * GAP + drawing.text_width(name)
    return np.concatenate(rows)


# A fitted function of one number.

NUM_INPUTS = 601  # at which the model is evaluated
FUNCTION_WIDTH, FUNCTION_HEIGHT, TERMS_HEIGHT = 430, 250, 170  # pixels
RANGE_PADDING = 0.03  # fraction of the range of the inputs, at each side
KINKED = ("relu", "leaky_relu", "relu6")
POINT_COLOR: Color = (150, 180, 215)
CURVE_COLOR: Color = (178, 24, 43)


@dataclasses.dataclass(frozen=True)
class FittedFunction:
    """The function of a model of one number.

    Attributes:
        x: Inputs, float32 `[N]`, rising.
        y: Outputs, float32 `[N]`.
        terms: Terms of the units, float64 `[N, U]`; with `bias` they add up
            to y. No units if the output is not a weighted sum.
        bias: Constant term.
        kinks: Inputs `[M]` at which a unit of any hidden layer crosses zero.
    """

    x: np.ndarray
    y: np.ndarray
    terms: np.ndarray
    bias: float
    kinks: np.ndarray


def write_function(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the image `function`."""
    function = evaluate_function(snapshot.inspector, snapshot.inputs)
    image = draw_function(function, snapshot.inputs, snapshot.labels)
    writer.image("function", image, snapshot.step, FUNCTION)


def evaluate_function(
    inspector: ModelInspector, inputs: np.ndarray
) -> FittedFunction:
    """Evaluates a model over the range of inputs `[B, 1]`."""
    x = input_range(inputs)
    y = inspector.logits(x)[:, 0]
    classifier, features = inspector.linear_classifier(), inspector.features(x)
    terms, bias = np.zeros((NUM_INPUTS, 0)), 0.0
    if classifier is not None and features is not None:
        terms = features.astype(np.float64) * classifier[0][:, 0]
        bias = float(classifier[1][0])
    kinks = [
        zero_crossings(x[:, 0], outputs)
        for name, outputs in inspector.activations(x).items()
        if inspector.activation_names[name] in KINKED and len(outputs) == len(x)
    ]
    return FittedFunction(x[:, 0], y, terms, bias, np.concatenate([[], *kinks]))


def input_range(inputs: np.ndarray) -> np.ndarray:
    """Returns numbers over the range of inputs, with padding, `[N, 1]`."""
    low, high = float(inputs.min()), float(inputs.max())
    padding = RANGE_PADDING * (high - low) or 1.0
    ends = low - padding, high + padding
    return np.linspace(*ends, NUM_INPUTS, dtype=np.float32)[:, None]


def zero_crossings(x: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Returns where units `[N, U]` rise above zero or return to it.

    One number for each crossing of each unit. A unit is zero on one side, so
    that its line is extended from the two points on the other; within half a
    step of the grid where there are none.
    """
    cells, units = np.nonzero(np.diff(outputs > 0, axis=0))
    middle = (x[cells] + x[cells + 1]) / 2
    rises = outputs[cells + 1, units] > 0
    near = np.where(rises, cells + 1, cells)
    far = np.clip(np.where(rises, near + 1, near - 1), 0, len(x) - 1)
    low, high = outputs[near, units], outputs[far, units]
    with np.errstate(divide="ignore", invalid="ignore"):
        at = x[near] - low * (x[far] - x[near]) / (high - low)
    inside = (x[cells] <= at) & (at <= x[cells + 1])
    return np.where(inside, at, middle)


def draw_function(
    function: FittedFunction, inputs: np.ndarray, targets: np.ndarray
) -> np.ndarray:
    """Returns points and curve, and below them the terms of the units."""
    if not (
        np.isfinite(function.y).all() and np.isfinite(function.terms).all()
    ):
        return drawing.nonfinite_placeholder()
    kinks = f"; {len(function.kinks)} kinks" if len(function.kinks) else ""
    within = np.append(function.y, targets)
    charts = [draw_curve(function, inputs, targets, within)]
    titles = [f"Examples and the fitted function{kinks}."]
    if function.terms.shape[1]:
        shown = function.terms[:, largest_terms(function.terms)]
        charts.append(draw_terms(function, shown))
        titles.append(_terms_title(function))
    charts = drawing.pad_to_widest(charts, align=1)
    return np.concatenate(list(map(drawing.with_title, charts, titles)))


def draw_curve(
    function: FittedFunction,
    inputs: np.ndarray,
    targets: np.ndarray,
    within: np.ndarray,
) -> np.ndarray:
    """Returns examples `[B, 1]` with targets `[B]`, the curve, its kinks.

    Args:
        within: numbers that the range of the chart contains.
    """
    points = _points(inputs[:, 0], targets)
    chart = Chart(_axes(function.x, within, FUNCTION_HEIGHT))
    chart.scatter(points, [POINT_COLOR] * len(points), 2.5)
    chart.line(_points(function.x, function.y), CURVE_COLOR, 1.5)
    at = np.interp(function.kinks, function.x, function.y)
    chart.scatter(_points(function.kinks, at), [TEXT] * len(at), 2.5)
    return chart.render()


def draw_terms(function: FittedFunction, within: np.ndarray) -> np.ndarray:
    """Returns the terms of the largest units as thin lines.

    Args:
        within: numbers that the range of the chart contains.
    """
    shown = function.terms[:, largest_terms(function.terms)]
    chart = Chart(_axes(function.x, np.append(within, 0.0), TERMS_HEIGHT))
    chart.line(_points(function.x[[0, -1]], np.zeros(2)), LIGHT)
    for number, term in enumerate(shown.T):
        chart.line(_points(function.x, term), class_color(number))
    return chart.render()


def largest_terms(terms: np.ndarray) -> np.ndarray:
    """Returns the units that change the function most, in their order."""
    order = np.argsort(-np.ptp(terms, axis=0), kind="stable")
    return np.sort(order[:MAX_UNITS])


def _terms_title(function: FittedFunction) -> str:
    total = function.terms.shape[1]
    which = f"{total:,}" if total <= MAX_UNITS else f"{MAX_UNITS} of {total:,}"
    return (
        f"Terms of {which} units; all terms and the bias {function.bias:.2g} "
        "add up to the function."
    )


def _points(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.stack([x, y], axis=1)


def _axes(x: np.ndarray, values: np.ndarray, height: int) -> Axes:
    """Returns axes exactly as wide as x, with padding around the values."""
    corners = np.array([[x[0], values.min()], [x[-1], values.max()]])
    axes = Axes.around(corners, FUNCTION_WIDTH, height)
    return dataclasses.replace(
        axes,
        low=(float(x[0]), axes.low[1]),
        high=(float(x[-1]), axes.high[1]),
    )
