"""Kind `function`: a fitted function of one number, and what it is made of.

The output is a sum: each unit of the last hidden layer adds its output times
its weight. With one hidden layer of ReLUs each share is a straight line with
one kink, and the whole a chain of straight lines with a kink for each unit.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from zoo import drawing
from zoo.drawing import INK, LINES
from zoo.summaries import plane
from zoo.summaries.chart import Axes, Chart
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot
from zoo.summaries.view import View

PLACES = 601  # numbers at which the network is asked
WIDTH, HEIGHT, SHARES_HEIGHT = 430, 250, 170  # pixels
AROUND = 0.03  # share of the range of the inputs, at each side
UNITS = 32  # whose shares are drawn
KINKED = ("relu", "leaky_relu", "relu6")
POINT = (150, 180, 215)
CURVE = (178, 24, 43)


@dataclasses.dataclass(frozen=True)
class Fit:
    """A network's function over a line.

    Attributes:
        x: float32 `[N]`, rising.
        y: float32 `[N]`, its outputs.
        shares: float64 `[N, U]`; with `bias` they add up to y. No units
            where the output is no weighted sum.
        bias: what is added for every x.
        kinks: where a unit of any hidden layer starts or ceases, `[M]`.
    """

    x: np.ndarray
    y: np.ndarray
    shares: np.ndarray
    bias: float
    kinks: np.ndarray


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes the picture `function`."""
    fit = fitted(snapshot.view, snapshot.inputs)
    picture = drawn(fit, snapshot.inputs, snapshot.labels)
    log.image("function", picture, snapshot.step)


def fitted(view: View, inputs: np.ndarray) -> Fit:
    """Asks a network along the range of inputs `[B, 1]`."""
    x = places(inputs)
    y = view.logits(x)[:, 0]
    classifier, features = view.classifier(), view.features(x)
    shares, bias = np.zeros((PLACES, 0)), 0.0
    if classifier is not None and features is not None:
        shares = features.astype(np.float64) * classifier[0][:, 0]
        bias = float(classifier[1][0])
    kinks = [
        where_turned(x[:, 0], outputs)
        for name, outputs in view.activations(x).items()
        if view.functions[name] in KINKED and len(outputs) == len(x)
    ]
    return Fit(x[:, 0], y, shares, bias, np.concatenate([[], *kinks]))


def places(inputs: np.ndarray) -> np.ndarray:
    """Returns numbers over the range of inputs and a little more, `[N, 1]`."""
    low, high = float(inputs.min()), float(inputs.max())
    free = AROUND * (high - low) or 1.0
    ends = low - free, high + free
    return np.linspace(*ends, PLACES, dtype=np.float32)[:, None]


def where_turned(x: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Returns where units `[N, U]` start or cease to be above zero."""
    turned = np.diff(outputs > 0, axis=0).any(axis=1)
    return ((x[1:] + x[:-1]) / 2)[turned]


def drawn(fit: Fit, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns points and curve, and below them the shares of the units."""
    if not (np.isfinite(fit.y).all() and np.isfinite(fit.shares).all()):
        return drawing.not_numbers()
    kinks = f"; {len(fit.kinks)} kinks" if len(fit.kinks) else ""
    charts = [curve(fit, inputs, targets, np.append(fit.y, targets))]
    titles = [f"Examples and the fitted function{kinks}."]
    if fit.shares.shape[1]:
        shown = fit.shares[:, largest(fit.shares)]
        charts.append(shares(fit, shown))
        titles.append(_title(fit))
    charts = drawing.as_wide(charts, align=1)
    return np.concatenate(list(map(drawing.titled, charts, titles)))


def curve(
    fit: Fit, inputs: np.ndarray, targets: np.ndarray, within: np.ndarray
) -> np.ndarray:
    """Returns examples `[B, 1]` with targets `[B]`, the curve, its kinks.

    Args:
        within: numbers that have room in the chart; more may not.
    """
    line, points = _points(fit.x, fit.y), _points(inputs[:, 0], targets)
    chart = Chart(_axes(fit.x, within, HEIGHT))
    chart.dots(points, [POINT] * len(points), 2.5)
    chart.line(line, CURVE, 1.5)
    at = np.interp(fit.kinks, fit.x, fit.y)
    chart.dots(_points(fit.kinks, at), [INK] * len(at), 2.5)
    return chart.picture()


def shares(fit: Fit, within: np.ndarray) -> np.ndarray:
    """Returns the shares of the largest units as thin lines.

    Args:
        within: numbers that have room in the chart.
    """
    shown = fit.shares[:, largest(fit.shares)]
    chart = Chart(_axes(fit.x, np.append(within, 0.0), SHARES_HEIGHT))
    ends = fit.x[[0, -1]]
    chart.line(_points(ends, np.zeros(2)), LINES)
    for number, share in enumerate(shown.T):
        chart.line(_points(fit.x, share), plane.colour_of(number))
    return chart.picture()


def largest(shares: np.ndarray) -> np.ndarray:
    """Returns which units change the function most, in their order."""
    order = np.argsort(-np.ptp(shares, axis=0), kind="stable")
    return np.sort(order[:UNITS])


def _title(fit: Fit) -> str:
    total = fit.shares.shape[1]
    which = "each of its" if total <= UNITS else f"the {UNITS} largest of"
    return (
        f"The share of {which} {total:,} units; all shares and "
        f"{fit.bias:.2g} add up to the function."
    )


def _points(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.stack([x, y], axis=1)


def _axes(x: np.ndarray, values: np.ndarray, height: int) -> Axes:
    """Returns axes exactly as wide as x, with room above and below values."""
    corners = np.array([[x[0], values.min()], [x[-1], values.max()]])
    axes = Axes.around(corners, WIDTH, height)
    return dataclasses.replace(
        axes,
        low=(float(x[0]), axes.low[1]),
        high=(float(x[-1]), axes.high[1]),
    )
