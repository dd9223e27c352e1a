"""Plots as SVG in the page's own colors, and images as PNG.

Matplotlib draws in placeholder colors, which `svg` replaces by variables of
the style sheet, so that a plot follows the light or dark theme of the page.
"""

from __future__ import annotations

import base64
import contextlib
import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup, escape

from zoo import metrics
from zoo.evaluation import compare
from zoo.reporting.context import ReportContext
from zoo.summaries import drawing, images, toy_plots
from zoo.summaries import explanations as looks
from zoo.summaries.drawing import Axes, Chart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Placeholder colors, each for a variable of page.css.
TEXT, MUTED, BORDER, BACKGROUND = "#010101", "#020202", "#030303", "#040404"
ACCENT, ACCENT2, ERROR = "#050505", "#060606", "#070707"
CSS_VARIABLES = {
    TEXT: "text",
    MUTED: "muted",
    BORDER: "border",
    BACKGROUND: "background",
    ACCENT: "accent",
    ACCENT2: "accent2",
    ERROR: "error",
    "#000000": "text",
}
STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": TEXT,
    "text.parse_math": False,  # a dollar in a name starts no formula
    "axes.edgecolor": BORDER,
    "axes.facecolor": "none",
    "axes.labelcolor": MUTED,
    "axes.titlecolor": TEXT,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.prop_cycle": "cycler('color', ['#050505', '#060606'])",
    "figure.facecolor": "none",
    "grid.color": BORDER,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
}
PIXELS_PER_INCH = 100  # of a plot at its full width
# What a page does not need of matplotlib's SVG.
GENERATED_IDS = re.compile(r' id="[A-Za-z0-9_.]*_\d+"')
COMMENTS = re.compile(r"<!--.*?-->\s*", re.DOTALL)
SIZE_ATTRIBUTES = re.compile(r' (?:width|height)="[\d.]+pt"')
DEFAULT_STYLES = re.compile(
    r"<defs>\s*<style.*?</style>\s*</defs>\s*", re.DOTALL
)
FONT_STYLES = re.compile(r"font(-family)?: ([^;\"]*)")


CURVE_SIZE = (3.9, 2.5)  # inches
LOG_SCALE_RATIO = 50  # of the largest to the smallest loss
CURVES = (("", "training", ACCENT), ("val_", "validation", ACCENT2))
BOUNDARY_PIXELS = 420
MAX_IMAGE_PIXELS = 96  # side of an image in the page
CALIBRATION_BINS = 15


def learning_curves(run: ReportContext) -> list[Markup]:
    """Plots loss and accuracy by epoch; nothing before the first epoch."""
    if not run.stats.history or not run.stats.history[-1]["step"]:
        return []
    return [
        _learning_curve(run, column)
        for column in ("loss", "accuracy")
        if any(_points(run, prefix + column) for prefix, _, _ in CURVES)
    ]


def _learning_curve(run: ReportContext, column: str) -> Markup:
    points = {prefix: _points(run, prefix + column) for prefix, _, _ in CURVES}
    with theme():
        figure, axes = new(*CURVE_SIZE)
        for prefix, name, color in CURVES:
            if points[prefix]:
                epochs, values = zip(*points[prefix], strict=True)
                marker = "o" if len(epochs) == 1 else None
                axes.plot(
                    epochs, values, color=color, label=name, marker=marker
                )
        _mark_best(axes, run, points["val_"])
        if column == "loss" and _needs_log_scale(points):
            _set_log_scale(axes)
        loss = run.config["loss"].replace("_", " ")
        axes.set_title("Accuracy" if column == "accuracy" else f"Loss ({loss})")
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True, nbins=8)
        axes.margins(x=0.02)
        axes.legend(handlelength=1.2, borderaxespad=0.2)
        return svg(figure, _curve_alt(run, column, points))


def _points(run: ReportContext, column: str) -> list[tuple[float, float]]:
    return [
        (row["epoch"], row[column])
        for row in run.stats.history
        if row.get(column) is not None and math.isfinite(row[column])
    ]


def _mark_best(axes: Any, run: ReportContext, points: list) -> None:
    """Marks the epoch whose weights were saved as the result."""
    best = run.metrics.get("best_epoch")
    if not best:
        return
    axes.axvline(best, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    for epoch, value in points:
        if epoch == best:
            axes.plot(
                [epoch], [value], "o", markersize=6, color=BACKGROUND,
                markeredgecolor=TEXT, markeredgewidth=1.2,
                label=f"best epoch ({best})", linestyle="none", zorder=5,
            )  # fmt: skip


def _needs_log_scale(points: dict[str, list]) -> bool:
    values = [value for line in points.values() for _, value in line]
    return min(values) > 0 and max(values) > LOG_SCALE_RATIO * min(values)


def _set_log_scale(axes: Any) -> None:
    from matplotlib.ticker import FormatStrFormatter, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="y", which="minor", length=0)


def _curve_alt(run: ReportContext, column: str, points: dict) -> str:
    ends = [
        f"{name} {line[0][1]:.4g} to {line[-1][1]:.4g}"
        for prefix, name, _ in CURVES
        if (line := points[prefix])
    ]
    return f"Curves of {column} by epoch of {run.name}: {', '.join(ends)}"


def compared_curves(runs: Sequence[ReportContext]) -> Markup | None:
    """Plots validation loss and accuracy of several runs by epoch."""
    if not any(run.stats.history for run in runs):
        return None
    with theme():
        figure = compare.plot_learning_curves([run.run for run in runs])
        figure.set_size_inches(8.2, 3)
        return svg(figure, "Validation loss and accuracy by epoch")


def reliability_diagram(run: ReportContext) -> Markup:
    """Plots accuracy against confidence, on the validation examples."""
    bins = metrics.calibration_bins(
        run.scored.outputs, run.scored.part.labels, CALIBRATION_BINS
    )
    bins = [each for each in bins if each.examples]
    centers = [50 * (each.low + each.high) for each in bins]
    accuracy = [100 * each.accuracy for each in bins]
    gap = [100 * max(0, each.confidence - each.accuracy) for each in bins]
    with theme():
        figure, axes = new(3.4, 2.7)
        width = 100 / CALIBRATION_BINS * 0.86
        axes.bar(centers, accuracy, width, color=ACCENT, alpha=0.75)
        axes.bar(centers, gap, width, bottom=accuracy, color=ERROR, alpha=0.35)
        axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1)
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 102)
        axes.set_xlabel("confidence, %")
        axes.set_title("Accuracy, %")
        return svg(figure, f"Reliability diagram of {run.name}")


def decision_boundary(run: ReportContext) -> Markup | None:
    """Draws the prediction at every point; `None` if inputs are not 2-D."""
    if run.is_regression or tuple(run.data["input_shape"]) != (2,):
        return None
    if not _has_finite_outputs(run):
        return None
    scored, names = run.scored, run.class_names
    inputs, labels = scored.part.images, scored.part.labels
    axes = Axes.around(inputs, BOUNDARY_PIXELS, BOUNDARY_PIXELS)
    maps = toy_plots.logits_on_grid(_Predictor(scored.model), axes)
    chart = Chart(axes, toy_plots.draw_regions(maps, axes))
    correct = scored.outputs.argmax(axis=1) == labels
    toy_plots.draw_points(chart, inputs, labels, correct)
    image = chart.render(("x1", "x2"))
    legend = toy_plots.draw_legend(tuple(names), image.shape[1])
    pixels = np.concatenate([legend, image])
    return png(pixels, f"Decision boundary of {run.name}", class_="card")


def regression_plot(run: ReportContext) -> Markup | None:
    """Plots the fitted function of one input, else predictions by targets."""
    if not run.is_regression or not _has_finite_outputs(run):
        return None
    if tuple(run.data["input_shape"]) == (1,):
        return _fitted_function(run)
    return _predicted_by_target(run)


def _fitted_function(run: ReportContext) -> Markup:
    part = run.scored.part
    x = toy_plots.input_range(part.images)
    y = _Predictor(run.scored.model).logits(x)[:, 0]
    with theme():
        figure, axes = new(5.6, 3)
        axes.plot(
            part.images[:, 0], part.labels, "o", color=ACCENT,
            markersize=3, alpha=0.5, label="validation points",
        )  # fmt: skip
        axes.plot(x[:, 0], y, color=ACCENT2, linewidth=2, label="prediction")
        axes.legend()
        axes.set_xlabel("input")
        axes.set_title("Target")
        return svg(figure, f"Validation points and the fit of {run.name}")


def _predicted_by_target(run: ReportContext) -> Markup:
    labels, outputs = run.scored.part.labels, run.scored.outputs
    ends = [labels.min(), labels.max()]
    with theme():
        figure, axes = new(4, 3.4)
        axes.plot(ends, ends, color=MUTED, linewidth=1)
        axes.plot(
            labels, outputs[:, 0], "o", color=ACCENT, markersize=3, alpha=0.5
        )
        axes.set_xlabel("target")
        axes.set_title("Prediction")
        return svg(figure, f"Predictions of {run.name} against targets")


def _has_finite_outputs(run: ReportContext) -> bool:
    return run.scored is not None and bool(
        np.isfinite(run.scored.outputs).all()
    )


class _Predictor:
    """A model with the method that the plots of `zoo.summaries` call."""

    def __init__(self, model):
        self._model = model

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        return self._model.predict(inputs, batch_size=len(inputs), verbose=0)


def explanations(run: ReportContext) -> list[Markup]:
    """Returns Grad-CAM and the patches that excite maps; none without maps.

    Of the validation images: one of each class, and the first thousand.
    """
    if not _has_finite_outputs(run) or run.is_regression:
        return []
    network = run.scored.model.layers[-1]
    if not hasattr(network, "layers") or not _explained(network):
        return []
    part = run.scored.part
    preprocess = _preprocessing(run.scored.model)
    chosen = images.one_of_each_class(part.labels, looks.NUM_IMAGES)
    cam = looks.draw_grad_cam(
        network,
        preprocess,
        part.images[chosen].astype(np.float32),
        run.scored.outputs[chosen],
        part.labels[chosen],
        run.class_names,
    )
    found = looks.top_patches(
        network,
        preprocess,
        part.images[: looks.MAX_IMAGES].astype(np.float32),
        looks.low_middle_high(looks.convolutions(network)),
    )
    return [
        png(cam, f"Grad-CAM of {len(chosen)} validation images"),
        *(
            png(looks.draw_patches(each), f"Patches that excite {each.layer}")
            for each in found
        ),
    ]


def _explained(network) -> bool:
    """Whether a network has convolutions that can be looked into."""
    return bool(looks.convolutions(network)) and (
        looks.cam_layer(network) is not None
    )


def _preprocessing(model) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the layers before the network as a function of raw inputs."""
    import keras

    before = keras.Model(model.input, model.layers[-2].output)

    def preprocess(inputs: np.ndarray) -> np.ndarray:
        values = before(inputs, training=False)
        return keras.ops.convert_to_numpy(values)

    return preprocess


def example_image(run: ReportContext, index: int, alt: str) -> Markup:
    """Returns a validation image, scaled down if it is large."""
    return _image(run.scored.part.images[index], alt)


def training_images(run: ReportContext) -> list[tuple[Markup, str]]:
    """Returns some training images, each with the name of its class."""
    sample = run.training_sample
    if sample is None or run.unit_name != "images" or run.is_regression:
        return []
    names = [run.class_names[label] for label in sample.labels]
    return [
        (_image(image, f"training image of the class {name}"), name)
        for image, name in zip(sample.images, names, strict=True)
    ]


def _image(image: np.ndarray, alt: str) -> Markup:
    """Returns an image, raw pixels, scaled down if it is large."""
    pixels = drawing.to_pixels(image, 0, 255)
    pixels = drawing.to_rgb(pixels)
    if max(pixels.shape[:2]) > MAX_IMAGE_PIXELS:
        pixels = drawing.resize(pixels[None], MAX_IMAGE_PIXELS)[0]
    return png(pixels, alt)


# Matplotlib and Pillow to markup.


@contextlib.contextmanager
def theme() -> Iterator[None]:
    """Draws in the page's placeholder colors while the block runs."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        yield


def new(width: float, height: float) -> tuple[Figure, Any]:
    """Returns a figure of a size in inches, and its axes; use it in `theme`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    figure.set_layout_engine("constrained")
    return figure, figure.add_subplot()


def svg(figure: Figure, alt: str) -> Markup:
    """Returns a figure as an SVG element; use it in `theme`.

    Args:
        alt: Text for screen readers, unique in the page.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    # The ids of clip paths are hashes, which differ from plot to plot.
    with matplotlib.rc_context({"svg.hashsalt": alt}):
        FigureCanvasSVG(figure).print_svg(buffer, metadata=no_metadata)
    text = buffer.getvalue()
    start, _, rest = text[text.index("<svg") :].partition(">")
    width = PIXELS_PER_INCH * figure.get_figwidth()
    start = (
        SIZE_ATTRIBUTES.sub("", start) + f' style="max-width: {width:.0f}px"'
    )
    start += f' role="img" aria-label="{escape(alt)}">'
    for unwanted in (COMMENTS, GENERATED_IDS, DEFAULT_STYLES):
        rest = unwanted.sub("", rest)
    rest = FONT_STYLES.sub(_inherit_font, rest)
    for color, variable in CSS_VARIABLES.items():
        rest = rest.replace(f": {color}", f": var(--{variable})")
    rest = re.sub(r"\s*\n\s*", "\n", rest)
    # Matplotlib has escaped every text in it.
    return Markup(start + rest)


def _inherit_font(match: re.Match) -> str:
    """Takes the family from the page, and keeps the size."""
    if match[1]:
        return "font-family: inherit"
    size = re.search(r"[\d.]+px", match[2])
    return f"font-size: {size[0]}" if size else match[0]


def png(pixels: np.ndarray, alt: str, class_: str = "") -> Markup:
    """Returns uint8 `[H, W, 3]` as an image element."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    height, width = pixels.shape[:2]
    return Markup(
        '<img src="data:image/png;base64,{}" alt="{}" width="{}" height="{}"{}>'
    ).format(
        base64.b64encode(buffer.getvalue()).decode(),
        alt,
        width,
        height,
        Markup(' class="{}"').format(class_) if class_ else "",
    )
