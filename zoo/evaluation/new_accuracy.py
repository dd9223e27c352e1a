"""Original against new accuracy of many runs, as a table and as a plot.

The figure of Recht, Roelofs, Schmidt and Shankar 2019, "Do ImageNet classifiers
generalize to ImageNet?", arXiv:1902.10811: one point a run with its
Clopper-Pearson intervals, the line y = x of no drop, and two least-squares
fits of new on original accuracy, one of the accuracies and one of their
probits, the quantiles of the standard normal distribution. The slope says
whether better models lose more: above 1 their accuracies come closer to y = x.

Slopes and the band have 95% intervals by a bootstrap over the runs, which needs
several. Where the runs differ little, the chance of the examples in the
original accuracies pulls the slope towards 0, which no interval shows.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.console import format_interval, format_percent, format_table
from zoo.evaluation.statistics import BOOTSTRAP_SEED, NUM_RESAMPLES
from zoo.io import atomic_write
from zoo.metrics import CONFIDENCE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIN_RUNS = 3  # with different original accuracies, for a fit
MIN_RUNS_OF_INTERVAL = 6  # a bootstrap of fewer is far too narrow
MIN_RELIABILITY = 0.9  # below it the slope is pulled down by more than 10%
GRID = 200  # points of a line in the plot


@dataclasses.dataclass(frozen=True)
class Fit:
    """A least-squares line of new on original accuracy.

    Attributes:
        scale: `linear`, or `probit` where both accuracies are transformed.
        slope: Slope of the line, on that scale.
        intercept: Its value at 0 of that scale.
        slope_low: Lower end of the 95% bootstrap interval of the slope; `None`
            for fewer than `MIN_RUNS_OF_INTERVAL` runs.
        slope_high: Upper end of it.
        r: Correlation of both accuracies, on that scale.
        reliability: The part of the variance of the original accuracies that
            the chance of independent examples does not explain, 0..1. A slope
            is pulled towards 0 by this factor.
        resampled: Slope and intercept of each resample, `[R, 2]`.
    """

    scale: str
    slope: float
    intercept: float
    slope_low: float | None
    slope_high: float | None
    r: float
    reliability: float
    resampled: np.ndarray

    def predict(self, original: np.ndarray) -> np.ndarray:
        """Returns the new accuracy on the line, 0..1 or beyond."""
        x = _to_scale(original, self.scale)
        return _from_scale(self.slope * x + self.intercept, self.scale)

    def band(self, original: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the ends of the 95% band of the line at accuracies `[N]`."""
        x = _to_scale(original, self.scale)
        slopes, intercepts = self.resampled.T
        lines = slopes[:, None] * x + intercepts[:, None]
        low, high = np.percentile(lines, _percentiles(), axis=0)
        return _from_scale(low, self.scale), _from_scale(high, self.scale)

    def to_dict(self) -> dict[str, Any]:
        """Returns the numbers that are printed, fit for JSON."""
        values = dataclasses.asdict(self)
        del values["resampled"]
        return values


def fit_accuracies(results: Sequence[dict[str, Any]]) -> dict[str, Fit] | None:
    """Fits new on original accuracy, by `linear` and `probit`.

    Args:
        results: Of several runs on one dataset, as `evaluate_external` returns
            them: original accuracies are of one split.

    Returns:
        The fit of each scale; `None` for fewer than three runs with an
        original accuracy, or where all of these are equal.
    """
    found = [result for result in results if result["original"]]
    original = _proportions([result["original"] for result in found])
    new = _proportions(found)
    if len(set(original[0].tolist())) < MIN_RUNS:
        return None
    kept = reliability(*original)
    return {
        "linear": _fit("linear", original[0], new[0], kept),
        # Of 0 and 1 the probit is infinite: half an example is put there.
        "probit": _fit("probit", _inside(*original), _inside(*new), kept),
    }


def reliability(accuracies: np.ndarray, examples: np.ndarray) -> float:
    """Returns how much of a variance is not the chance of the examples, 0..1.

    Args:
        accuracies: of different runs, `[N]`.
        examples: their numbers, `[N]`, taken as independent between runs.
    """
    chance = np.mean(accuracies * (1 - accuracies) / examples)
    return float(max(0.0, 1 - chance / np.var(accuracies, ddof=1)))


def _proportions(
    results: Sequence[dict[str, Any]],
) -> tuple[np.ndarray, np.ndarray]:
    """Returns accuracies and numbers of examples, float `[N]` each."""
    pairs = [(each["accuracy"], each["examples"]) for each in results]
    accuracies, examples = np.array(pairs, float).reshape(-1, 2).T
    return accuracies, examples


def _inside(accuracies: np.ndarray, examples: np.ndarray) -> np.ndarray:
    return np.clip(accuracies, 0.5 / examples, 1 - 0.5 / examples)


def _fit(scale: str, original: np.ndarray, new: np.ndarray, kept: float) -> Fit:
    x, y = _to_scale(original, scale), _to_scale(new, scale)
    slope, intercept = _least_squares(x[None], y[None])[0]
    random = np.random.default_rng(BOOTSTRAP_SEED)
    drawn = random.integers(0, len(x), (NUM_RESAMPLES, len(x)))
    # A resample of one run over and over has no line.
    drawn = drawn[np.ptp(x[drawn], axis=1) > 0]
    resampled = _least_squares(x[drawn], y[drawn])
    low = high = None
    if len(x) >= MIN_RUNS_OF_INTERVAL:
        low, high = map(float, np.percentile(resampled[:, 0], _percentiles()))
    varies = np.ptp(y) > 0
    r = float(np.corrcoef(x, y)[0, 1]) if varies else 0.0
    return Fit(
        scale, float(slope), float(intercept), low, high, r, kept, resampled
    )  # fmt: skip


def _least_squares(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns slope and intercept of each row of `[R, N]`, as `[R, 2]`."""
    mean_x, mean_y = x.mean(axis=1), y.mean(axis=1)
    centered = x - mean_x[:, None]
    covariance = (centered * (y - mean_y[:, None])).sum(axis=1)
    slope = covariance / (centered**2).sum(axis=1)
    return np.stack([slope, mean_y - slope * mean_x], axis=1)


def _percentiles() -> tuple[float, float]:
    tail = 50 * (1 - CONFIDENCE)
    return tail, 100 - tail


def _to_scale(accuracy: np.ndarray, scale: str) -> np.ndarray:
    from scipy.special import ndtri

    return ndtri(accuracy) if scale == "probit" else accuracy


def _from_scale(values: np.ndarray, scale: str) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(values) if scale == "probit" else values


# Text.


def format_accuracies(results: Sequence[dict[str, Any]]) -> str:
    """Returns a table, a run in a row, and what the fits say in a sentence.

    Runs are numbered, as in the plot, in falling order of original accuracy.
    """
    rows = []
    for number, result in enumerate(by_original(results), 1):
        original, drop = result["original"], result["drop"]
        rows.append(
            (
                str(number),
                result["run"],
                *(_cells(original) if original else ("", "")),
                *_cells(result),
                format_percent(drop["value"]) if drop else "",
                format_interval(drop["low"], drop["high"]) if drop else "",
            )
        )
    splits = {r["original"]["split"] for r in results if r["original"]}
    original = " ".join(["original", *(f"({split})" for split in splits)])
    heads = ["#", "run"]
    for name in (original, "new", "drop"):
        heads += [name, "95% CI"]
    table = format_table(heads, rows, right=(0, 2, 3, 4, 5, 6, 7))
    fits = fit_accuracies(results)
    return f"{table}\n\n{describe_fits(results, fits)}"


def by_original(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns results by falling original accuracy, those without last."""
    return sorted(
        results,
        key=lambda r: -(r["original"]["accuracy"] if r["original"] else -1),
    )


def _cells(result: dict[str, Any]) -> tuple[str, str]:
    ends = format_interval(result["accuracy_low"], result["accuracy_high"])
    return format_percent(result["accuracy"]), ends


def describe_fits(
    results: Sequence[dict[str, Any]], fits: dict[str, Fit] | None
) -> str:
    """Returns in a sentence whether better runs lose more."""
    if fits is None:
        return (
            f"A line needs at least {MIN_RUNS} runs with different original "
            "accuracies."
        )
    count = sum(1 for result in results if result["original"])
    linear, probit = fits["linear"], fits["probit"]
    return (
        f"Over {count} runs the accuracy on {results[0]['dataset']} changes "
        f"by {_slope(linear)} points per point of the original accuracy, and "
        f"by {_slope(probit)} on the probit scale: {_meaning(linear)}."
    )


def _slope(fit: Fit) -> str:
    return f"{fit.slope:.2f}{_interval(fit, ' (95% CI ')}"


def _interval(fit: Fit, start: str) -> str:
    """Returns the interval of a slope in parentheses, if there is one."""
    if fit.slope_low is None:
        return ""
    return f"{start}{fit.slope_low:.2f} to {fit.slope_high:.2f})"


def _meaning(fit: Fit) -> str:
    if fit.slope_low is None:
        return (
            f"an interval takes {MIN_RUNS_OF_INTERVAL} runs, and nothing "
            "follows from fewer"
        )
    if fit.reliability < MIN_RELIABILITY:
        return (
            "the original accuracies differ by little more than the chance of "
            "their examples, which pulls a slope towards 0, so that nothing "
            "follows"
        )
    if fit.slope_low > 1:
        return "the better a run, the fewer points it loses"
    if fit.slope_high < 0:
        return "the better a run originally, the worse it is there"
    if fit.slope_low > 0 and fit.slope_high < 1:
        return "better runs remain better, but lose more points"
    if fit.slope_high < 1:
        return (
            "better runs lose more points, and whether they remain better is "
            "open"
        )
    if fit.slope_low > 0:
        return (
            "better runs remain better; whether they lose more or fewer "
            "points is open"
        )
    return "these runs do not say whether better ones remain better"


# The plot.

COLOR, FIT_COLOR = "#0072B2", "#D55E00"  # of Okabe and Ito
PADDING = 0.03


def save_plot(results: Sequence[dict[str, Any]], target: pathlib.Path) -> None:
    """Plots original against new accuracy into a PNG, replacing an old one."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(plot_accuracies(results))
    with atomic_write(target) as file:
        canvas.print_png(file)


def render_plot(results: Sequence[dict[str, Any]]) -> np.ndarray:
    """Returns the plot of `save_plot`, uint8 `[H, W, 3]`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(plot_accuracies(results))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def plot_accuracies(results: Sequence[dict[str, Any]]) -> Figure:
    """Returns a figure with one numbered point for each run, and the fits."""
    from matplotlib.figure import Figure

    numbered = [
        (number, result)
        for number, result in enumerate(by_original(results), 1)
        if result["original"]
    ]
    figure = Figure(figsize=(7.5, 5.5), dpi=110)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    for _, result in numbered:
        _plot_point(axes, result["original"], result)
    x_limits = _limits([result["original"] for _, result in numbered])
    y_limits = _limits([result for _, result in numbered])
    ends = np.array([0.0, 1.0])
    axes.plot(
        ends, ends, color="#777777", linestyle=":", label="y = x, no drop"
    )
    if fits := fit_accuracies(results):
        _plot_fits(axes, fits, np.linspace(*x_limits, GRID))
    for number, result in numbered:
        axes.annotate(
            str(number),
            (result["original"]["accuracy"], result["accuracy"]),
            xytext=(5, 4),
            textcoords="offset points",
            fontsize=9,
        )
    axes.set_xlim(x_limits)
    axes.set_ylim(y_limits)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    axes.grid(alpha=0.3)
    if numbered:
        _label(figure, axes, numbered)
    return figure


def _label(figure, axes, numbered: Sequence[tuple[int, dict]]) -> None:
    first = numbered[0][1]
    sources = dict.fromkeys(
        f"{result['original']['dataset']}, {result['original']['split']}"
        for _, result in numbered
    )
    axes.set_xlabel(f"original accuracy ({'; '.join(sources)})")
    axes.set_ylabel(f"new accuracy ({first['dataset']}, {first['split']})")
    axes.set_title("95% intervals", loc="left", fontsize=10)
    handles, labels = axes.get_legend_handles_labels()
    handles += [axes.plot([], [], " ")[0] for _ in numbered]
    names = _short_names([result["run"] for _, result in numbered])
    labels += [
        f"{number}  {name}"
        for (number, _), name in zip(numbered, names, strict=True)
    ]
    figure.legend(
        handles,
        labels,
        loc="outside right upper",
        fontsize=8,
        handlelength=1.5,
        frameon=False,
    )


def _short_names(names: list[str]) -> list[str]:
    """Returns the last parts of names, if these tell the runs apart."""
    short = [name.rpartition("/")[2] for name in names]
    return short if len(set(short)) == len(names) else names


def _plot_point(axes, original: dict[str, Any], new: dict[str, Any]) -> None:
    def errors(result):
        value = result["accuracy"]
        low, high = result["accuracy_low"], result["accuracy_high"]
        return [[value - low], [high - value]]

    axes.errorbar(
        original["accuracy"],
        new["accuracy"],
        xerr=errors(original),
        yerr=errors(new),
        fmt="o",
        markersize=4,
        color=COLOR,
        elinewidth=0.8,
    )


def _plot_fits(axes, fits: dict[str, Fit], x: np.ndarray) -> None:
    linear, probit = fits["linear"], fits["probit"]
    if linear.slope_low is not None:
        axes.fill_between(
            x, *linear.band(x), color=FIT_COLOR, alpha=0.15, linewidth=0
        )
    ends = _interval(linear, "\n(")
    axes.plot(
        x,
        linear.predict(x),
        color=FIT_COLOR,
        label=f"linear fit, slope {linear.slope:.2f}{ends}",
    )
    inside = x[(x > 0) & (x < 1)]
    axes.plot(
        inside,
        probit.predict(inside),
        color=FIT_COLOR,
        linestyle="--",
        label=f"probit fit, slope {probit.slope:.2f}",
    )


def _limits(results: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Returns the range of all intervals, with some padding, within 0..1."""
    if not results:
        return 0.0, 1.0
    low = min(result["accuracy_low"] for result in results) - PADDING
    high = max(result["accuracy_high"] for result in results) + PADDING
    return max(low, 0.0), min(high, 1.0)
