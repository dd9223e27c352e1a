"""Images for TensorBoard: inputs, misclassified, confusion, filters and others.

Each writer puts one image under its tag, or one for a layer; where values are
not finite, a placeholder says so.
"""

from __future__ import annotations

import math

import numpy as np

from zoo import metrics
from zoo.summaries import drawing
from zoo.summaries.drawing import (
    CORRECT,
    GAP,
    INCORRECT,
    LIGHT,
    LINE_HEIGHT,
    MUTED,
    TEXT,
)
from zoo.summaries.events import EventWriter
from zoo.summaries.inspector import ScoredExamples, Snapshot

PERCENTILE = 99.5  # of values that are distinguished by their color

INPUTS = (
    "Training images as the network gets them, augmented and preprocessed. "
    "Look for a mean that was not subtracted, crops that cut off the object, "
    "and flips that change the class."
)
MISCLASSIFIED = (
    "Misclassified validation images, the most confident first; at the end of "
    "training of up to 10,000 of them, fewer of large ones. Red: the predicted "
    "class and its probability; green: the label. Look for wrong labels and "
    "for what the training set lacks."
)
CONFUSION = (
    "Confusion matrix on validation images; at the end of training on up to "
    "10,000 of them, fewer of large ones. Rows: the label; columns: the "
    "prediction; at the right the recall of each class. Blue: correct; orange: "
    "errors, such as a pair of classes that the model confuses. Of more than "
    "ten classes those with most errors."
)
CALIBRATION = (
    "Reliability diagram (Guo et al. 2017). Blue: accuracy of the predictions "
    "with this confidence; red: the gap to the confidence. Bars below the "
    "diagonal: overconfident. The lower bars count predictions."
)
TEMPLATES = (
    "Weights of the first layer as images, one for each of its units. They "
    "turn from noise into patterns as the layer learns; noise that stays says "
    "that there is too little regularization or data."
)
FILTERS = (
    "Filters of the first convolution as images. Trained ones show edges and "
    "colors; noise that stays says that the network learns too little, or "
    "from too few images."
)
FEATURE_MAPS = (
    "Feature maps of this layer for a few validation images, one image in a "
    "row. Channels that stay black for every image are dead; equal channels "
    "have learned the same."
)


# Training images after augmentation and preprocessing.

MAX_INPUTS = 24
INPUT_SIDE = 88  # pixels, about, of each


def write_inputs(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the image `inputs`, once, before the first step."""
    if snapshot.step == 0:
        batch = snapshot.load_training_batch()[:MAX_INPUTS]
        inputs = snapshot.inspector.preprocess(batch)
        writer.image("inputs", draw_inputs(inputs), 0, INPUTS)


def draw_inputs(inputs: np.ndarray) -> np.ndarray:
    """Returns a grid of preprocessed images, float `[N, H, W, C]`."""
    low, high = float(inputs.min()), float(inputs.max())
    if not np.isfinite(low + high):
        return drawing.nonfinite_placeholder()
    pixels = drawing.to_rgb(drawing.to_pixels(inputs, low, high))
    height, width, channels = inputs.shape[1:]
    return drawing.with_title(
        drawing.image_grid(drawing.resize(pixels, INPUT_SIDE)),
        f"{len(inputs)} training images, {height} x {width} x {channels}, "
        f"augmented and preprocessed: black is {low:.3g}, white {high:.3g}.",
    )


# Misclassified images.

# Two rows of five, so that captions can be read where TensorBoard reduces the
# image to the size of a card, about 380 x 215 pixels.
MAX_MISCLASSIFIED = 10
MISCLASSIFIED_COLUMNS = 5
MISCLASSIFIED_SIDE = 72  # pixels, about, of each


def write_misclassified(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the image `misclassified`."""
    scored = snapshot.scored
    if np.isfinite(scored.logits).all():
        image = draw_misclassified(scored, snapshot.class_names)
    else:
        image = drawing.nonfinite_placeholder()
    writer.image(
        "misclassified", image, snapshot.step, snapshot.describe(MISCLASSIFIED)
    )


def draw_misclassified(
    scored: ScoredExamples, names: tuple[str, ...]
) -> np.ndarray:
    """Returns a grid of the most confident of the incorrect predictions."""
    probabilities = np.exp(metrics.log_softmax(scored.logits))
    incorrect = most_confident_first(probabilities, scored.labels)
    total = f"{len(scored.labels):,} images"
    if not len(incorrect):
        return drawing.placeholder(f"None of {total} is misclassified.")
    shown = incorrect[:MAX_MISCLASSIFIED]
    pixels = drawing.to_pixels(scored.inputs[shown], 0, 255)
    tiles = drawing.resize(drawing.to_rgb(pixels), MISCLASSIFIED_SIDE)
    captions = [
        [
            _prediction(names, probabilities[index], tiles.shape[2]),
            (f"is {names[scored.labels[index]]}", CORRECT),
        ]
        for index in shown
    ]
    rest = "; the most confident" * (len(shown) < len(incorrect))
    return drawing.with_title(
        drawing.image_grid(tiles, captions, MISCLASSIFIED_COLUMNS),
        f"{len(incorrect):,} of {total} misclassified{rest}. Red: prediction; "
        "green: label.",
    )


def most_confident_first(
    probabilities: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Returns the indices of incorrect predictions, by falling confidence.

    Args:
        probabilities: float `[N, K]`.
        labels: int `[N]`.
    """
    incorrect = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    confidence = probabilities[incorrect].max(axis=1)
    return incorrect[np.argsort(-confidence, kind="stable")]


def _prediction(
    names: tuple[str, ...], probabilities: np.ndarray, width: int
) -> drawing.CaptionLine:
    """Returns predicted class and probability as a line that fits a tile."""
    predicted = int(probabilities.argmax())
    percent = f": {format_percent(probabilities[predicted])}"
    name_width = width - drawing.text_width(percent)
    return drawing.truncate(names[predicted], name_width) + percent, INCORRECT


def format_percent(probability: float) -> str:
    """Formats a probability as `98%`; never above `99.9%`."""
    # A model is never certain, even where rounding says so.
    text = f"{min(99.9, 100 * probability):.1f}" if probability > 0.99 else ""
    return f"{text or round(100 * probability)}%"


# The confusion matrix.

MAX_CLASSES = 20  # in a report
# TensorBoard shows an image on a card of about 380 x 215 pixels: so many
# classes can be read there.
MAX_CARD_CLASSES = 10
MAX_ROW_NAME_WIDTH = 84  # pixels
MAX_COLUMN_NAME_WIDTH = 66  # pixels, of names that are turned
CELL_HEIGHT = LINE_HEIGHT + 2  # pixels
MIN_CELL_WIDTH = 24  # pixels
RECALL_WIDTH = 48  # pixels, of the column at the right
# Blue and orange of Okabe and Ito 2008, which people who do not tell red from
# green can tell apart.
CORRECT_CELL: drawing.Color = (0, 114, 178)
ERROR_CELL: drawing.Color = (213, 94, 0)


def write_confusion(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the image `confusion`."""
    scored, names = snapshot.scored, snapshot.class_names
    if np.isfinite(scored.logits).all():
        predictions = scored.logits.argmax(axis=1)
        counts = metrics.confusion_matrix(
            scored.labels, predictions, len(names)
        )
        image = draw_confusion(counts, names)
    else:
        image = drawing.nonfinite_placeholder()
    writer.image(
        "confusion", image, snapshot.step, snapshot.describe(CONFUSION)
    )


def most_confused(counts: np.ndarray, number: int = MAX_CLASSES) -> np.ndarray:
    """Returns the classes to show, in order: all, or those with most errors.

    Args:
        counts: int `[K, K]`, true by predicted. An error counts for both the
            true and the predicted class.
        number: of classes to show.
    """
    errors = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    return np.sort(np.argsort(-errors, kind="stable")[:number])


def draw_confusion(counts: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Returns the matrix, true classes in rows, and the recall of each.

    A class without examples has no recall.
    """
    shown = most_confused(counts, MAX_CARD_CLASSES)
    part = counts[np.ix_(shown, shown)]
    widest = max(drawing.text_width(f"{count:,}") for count in part.flat)
    width = max(MIN_CELL_WIDTH, widest + 6)
    cells = _color_cells(
        _row_fractions(counts)[np.ix_(shown, shown)], CELL_HEIGHT, width
    )
    for row, true in enumerate(shown):
        y = row * CELL_HEIGHT + (CELL_HEIGHT - LINE_HEIGHT) // 2
        for column, predicted in enumerate(shown):
            if count := counts[true, predicted]:
                x = column * width + width // 2
                drawing.draw_text(cells, f"{count:,}", x, y, align=0.5)
    left = _row_names(names, shown)
    below = _column_names(names, shown, width)
    right = _recall_column(counts, shown)
    middle = np.concatenate([below, cells, _axis_label(cells.shape[1])])
    matrix = np.concatenate(
        [
            _below(left, len(below), len(middle)),
            middle,
            _below(right, len(below), len(middle), "recall"),
        ],
        axis=1,
    )
    correct, total = np.trace(counts), counts.sum()
    title = f"{correct:,} of {total:,} correct (blue), errors orange"
    if len(shown) < len(counts):
        title += (
            f"; the {len(shown)} of {len(counts):,} classes with most errors"
        )
    return drawing.with_title(matrix, f"{title}.")


def _below(
    strip: np.ndarray, above: int, height: int, head: str = ""
) -> np.ndarray:
    """Returns a strip beside the cells, padded to the height of the middle."""
    top = drawing.blank(above, strip.shape[1])
    if head:
        y = above - LINE_HEIGHT
        drawing.draw_text(top, head, strip.shape[1], y, MUTED, align=1)
    rest = drawing.blank(height - above - len(strip), strip.shape[1])
    return np.concatenate([top, strip, rest])


def _axis_label(width: int) -> np.ndarray:
    strip = drawing.blank(LINE_HEIGHT, width)
    drawing.draw_text(strip, "prediction", width // 2, 0, MUTED, align=0.5)
    return strip


def _row_fractions(counts: np.ndarray) -> np.ndarray:
    """Returns each count as a fraction of its row; 0 in empty rows."""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _color_cells(fractions: np.ndarray, height: int, width: int) -> np.ndarray:
    """Colors cells: correct predictions blue, errors orange, none white."""
    # The root makes rare errors visible beside frequent correct predictions.
    strength = np.sqrt(fractions)[..., None]
    is_correct = np.eye(len(fractions), dtype=bool)[..., None]
    color = np.where(is_correct, np.array(CORRECT_CELL), np.array(ERROR_CELL))
    # Blue is pale enough for the dark numbers on it.
    strength = strength * np.where(is_correct, 0.6, 0.9)
    cells = 255 + (color - 255) * strength
    image = cells.round().astype(np.uint8)
    image = image.repeat(height, axis=0).repeat(width, axis=1)
    image[::height], image[:, ::width] = LIGHT, LIGHT
    return image


def _row_names(names: tuple[str, ...], shown: np.ndarray) -> np.ndarray:
    """Returns the names of the rows, flush right, and the label beside them."""
    width = _names_width(names, shown, MAX_ROW_NAME_WIDTH)
    strip = drawing.blank(CELL_HEIGHT * len(shown), width)
    for row, k in enumerate(shown):
        name = drawing.truncate(names[k], width - GAP)
        y = row * CELL_HEIGHT + (CELL_HEIGHT - LINE_HEIGHT) // 2
        drawing.draw_text(strip, name, width - GAP // 2, y, align=1)
    turned = drawing.blank(LINE_HEIGHT, len(strip))
    drawing.draw_text(turned, "label", len(strip) // 2, 0, MUTED, align=0.5)
    return np.concatenate([np.rot90(turned), strip], axis=1)


def _column_names(
    names: tuple[str, ...], shown: np.ndarray, width: int
) -> np.ndarray:
    """Returns the names above the columns, turned if they are long."""
    needed = _names_width(names, shown, MAX_COLUMN_NAME_WIDTH)
    if needed <= width:
        strip = drawing.blank(LINE_HEIGHT, width * len(shown))
        for column, k in enumerate(shown):
            x = column * width + width // 2
            drawing.draw_text(strip, names[k], x, 0, align=0.5)
        return strip
    turned = drawing.blank(width * len(shown), needed)
    for column, k in enumerate(shown):
        name = drawing.truncate(names[k], needed - GAP // 2)
        y = column * width + (width - LINE_HEIGHT) // 2
        drawing.draw_text(turned, name, GAP // 2, y)
    return np.rot90(turned)


def _recall_column(counts: np.ndarray, shown: np.ndarray) -> np.ndarray:
    strip = drawing.blank(CELL_HEIGHT * len(shown), RECALL_WIDTH)
    for row, k in enumerate(shown):
        total = counts[k].sum()
        text = f"{100 * counts[k, k] / total:.0f}%" if total else "-"
        y = row * CELL_HEIGHT + (CELL_HEIGHT - LINE_HEIGHT) // 2
        drawing.draw_text(strip, text, RECALL_WIDTH, y, MUTED, align=1)
    return strip


def _names_width(names: tuple[str, ...], shown: np.ndarray, limit: int) -> int:
    widest = max(drawing.text_width(names[k]) for k in shown)
    return min(widest, limit) + GAP


# The reliability diagram.

DIAGRAM_SIDE = 300  # pixels
COUNTS_HEIGHT = 60  # pixels of the bars that count examples
NUM_BINS = 15
AXIS_WIDTH = 46  # pixels, for the numbers beside the axis
ACCURACY: drawing.Color = (67, 147, 195)
OVERCONFIDENCE: drawing.Color = (244, 165, 130)


def write_calibration(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the image `calibration`."""
    logits, labels = snapshot.scored.logits, snapshot.scored.labels
    if np.isfinite(logits).all():
        image = draw_calibration(logits, labels)
    else:
        image = drawing.nonfinite_placeholder()
    writer.image("calibration", image, snapshot.step, CALIBRATION)


def draw_calibration(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the reliability diagram, and a histogram of confidence below.

    Guo et al. 2017, "On Calibration of Modern Neural Networks",
    arXiv:1706.04599: bars below the diagonal are overconfidence.
    """
    bins = metrics.calibration_bins(logits, labels, NUM_BINS)
    error = metrics.expected_calibration_error(logits, labels, NUM_BINS)
    image = drawing.blank(
        DIAGRAM_SIDE + GAP + COUNTS_HEIGHT + 2 * LINE_HEIGHT + GAP,
        AXIS_WIDTH + DIAGRAM_SIDE + AXIS_WIDTH,
    )
    _draw_accuracy(image, bins)
    _draw_counts(image[DIAGRAM_SIDE + GAP :], bins)
    _draw_axes(image)
    return drawing.with_title(
        image,
        "Blue: accuracy by confidence; red: overconfidence. Expected "
        f"calibration error {100 * error:.1f}% on {len(labels):,} examples.",
    )


def _bin_columns(index: int) -> slice:
    """Returns the pixel columns of a bin, with a white one at its right."""
    width = DIAGRAM_SIDE // NUM_BINS
    return slice(
        AXIS_WIDTH + index * width, AXIS_WIDTH + (index + 1) * width - 1
    )


def _draw_accuracy(image: np.ndarray, bins: list) -> None:
    right = AXIS_WIDTH + DIAGRAM_SIDE
    for tenth in range(0, 11, 2):
        y = DIAGRAM_SIDE - round(DIAGRAM_SIDE * tenth / 10)
        image[min(y, DIAGRAM_SIDE - 1), AXIS_WIDTH:right] = LIGHT
    for index, part in enumerate(bins):
        if not part.examples:
            continue
        accuracy = round(DIAGRAM_SIDE * part.accuracy)
        top = max(round(DIAGRAM_SIDE * part.confidence), accuracy)
        columns = _bin_columns(index)
        image[DIAGRAM_SIDE - accuracy : DIAGRAM_SIDE, columns] = ACCURACY
        # Red fills the gap up to the confidence where that is higher.
        gap = slice(DIAGRAM_SIDE - top, DIAGRAM_SIDE - accuracy)
        image[gap, columns] = OVERCONFIDENCE
    for x in range(DIAGRAM_SIDE):
        image[DIAGRAM_SIDE - 1 - x, AXIS_WIDTH + x] = TEXT


def _draw_counts(image: np.ndarray, bins: list) -> None:
    largest = max(part.examples for part in bins)
    for index, part in enumerate(bins):
        height = -(-COUNTS_HEIGHT * part.examples // largest)  # at least one
        rows = slice(COUNTS_HEIGHT - height, COUNTS_HEIGHT)
        image[rows, _bin_columns(index)] = MUTED


def _draw_axes(image: np.ndarray) -> None:
    below = DIAGRAM_SIDE + GAP + COUNTS_HEIGHT + 2
    for percent in (0, 50, 100):
        offset = round(DIAGRAM_SIDE * percent / 100)
        y = DIAGRAM_SIDE - offset - LINE_HEIGHT // 2
        y = min(max(0, y), DIAGRAM_SIDE - LINE_HEIGHT)
        drawing.draw_text(image, f"{percent}%", AXIS_WIDTH - 4, y, align=1)
        x = AXIS_WIDTH + offset
        drawing.draw_text(image, f"{percent}%", x, below, align=0.5)
    middle = DIAGRAM_SIDE + GAP + (COUNTS_HEIGHT - LINE_HEIGHT) // 2
    drawing.draw_text(image, "count", AXIS_WIDTH - 4, middle, align=1)
    x, y = AXIS_WIDTH + DIAGRAM_SIDE // 2, below + LINE_HEIGHT
    drawing.draw_text(image, "confidence", x, y, align=0.5)


# Weights of a first layer as images.

MAX_TILES = 64  # templates or filters
FEW_TILES = 20  # so many are drawn larger


def write_templates(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the image `templates`, if the first layer is a dense one.

    The logits of `lr` compare an image with one template for each class; the
    first layer of `mlp` has one for each hidden unit.
    """
    shape = tuple(snapshot.inspector.network.input_shape[1:])
    found = first_dense(snapshot.weights, shape)
    if found is not None:
        layer, templates = found
        names = snapshot.class_names if layer == "logits" else ()
        image = draw_templates(templates, layer, names)
        writer.image("templates", image, snapshot.step, TEMPLATES)


def first_dense(
    weights: dict[str, np.ndarray], shape: tuple[int, ...]
) -> tuple[str, np.ndarray] | None:
    """Returns the first layer's name and its kernel as images.

    Args:
        weights: by layer, in the order of the network.
        shape: `(H, W, C)` of the inputs of the network.

    Returns:
        The kernel as `[units, H, W, C]`; `None` if the first layer with a
        kernel is not a dense one on all pixels.
    """
    kernels = [(n, w) for n, w in weights.items() if w.ndim > 1]
    if not kernels:
        return None
    name, kernel = kernels[0]
    if kernel.ndim != 2 or len(kernel) != math.prod(shape):
        return None
    return name, kernel.T.reshape(-1, *shape)


def draw_templates(
    templates: np.ndarray, layer: str, names: tuple[str, ...]
) -> np.ndarray:
    """Returns templates side by side, all on one scale around 0.

    Args:
        templates: float `[units, H, W, C]`.
        names: of the classes, if the units are these.
    """
    total, shown = len(templates), templates[:MAX_TILES]
    if not np.isfinite(shown).all():
        return drawing.nonfinite_placeholder()
    limit = float(np.percentile(np.abs(shown), PERCENTILE))
    if shown.shape[-1] == 3:
        pixels = drawing.to_pixels(shown, -limit, limit)
        scale = f"gray is 0, black -{limit:.2g} or less, white {limit:.2g}"
    else:
        pixels = drawing.diverging_colors(shown.mean(axis=-1), limit)
        scale = f"white is 0, blue -{limit:.2g} or less, red {limit:.2g}"
    is_few = len(shown) <= FEW_TILES
    tiles = drawing.resize(pixels, 100 if is_few else 64)
    captions = [[(name, TEXT)] for name in names[: len(shown)]]
    first = f"first {MAX_TILES} of " * (len(shown) < total)
    unit = "class" if names else "hidden unit"
    return drawing.with_title(
        drawing.image_grid(tiles, captions, columns=5 if is_few else 8),
        f"Weights of {layer}: {first}{total:,} templates, one for each {unit}; "
        f"{scale} or more.",
    )


# Filters of the first convolution.


def write_filters(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the image `filters/<layer>` of the first convolution."""
    for layer, kernel in snapshot.weights.items():
        if kernel.ndim == 4:
            image = draw_filters(kernel, layer)
            writer.image(f"filters/{layer}", image, snapshot.step, FILTERS)
            return


def draw_filters(kernel: np.ndarray, layer: str) -> np.ndarray:
    """Returns filters side by side, all on one scale around 0.

    Args:
        kernel: float `[h, w, C, filters]`.
    """
    filters = np.moveaxis(kernel, -1, 0)
    total, shown = len(filters), filters[:MAX_TILES]
    if not np.isfinite(shown).all():
        return drawing.nonfinite_placeholder()
    limit = float(np.abs(shown).max())
    pixels = drawing.to_pixels(shown, -limit, limit)
    height, width, channels = filters.shape[1:]
    is_few = len(shown) <= FEW_TILES
    tiles = drawing.resize(drawing.to_rgb(pixels), 84 if is_few else 56)
    over = "1 channel" if channels == 1 else f"{channels} channels"
    mean = "" if channels in (1, 3) else " (mean shown)"
    first = f"first {MAX_TILES} of " * (len(shown) < total)
    return drawing.with_title(
        drawing.image_grid(tiles, columns=5 if is_few else 8),
        f"{layer}: {first}{total:,} filters, {height} x {width} on "
        f"{over}{mean}; gray is 0, black -{limit:.2g}, white {limit:.2g}.",
    )


# Feature maps of hidden layers.

NUM_IMAGES = 4
NUM_CHANNELS = 7
NUM_LAYERS = 4
MAP_SIDE = 66  # pixels, about, of each map


def write_feature_maps(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the images `feature_maps/<layer>` of some layers."""
    images = snapshot.inputs[one_of_each_class(snapshot.labels, NUM_IMAGES)]
    outputs = snapshot.inspector.activations(images)
    maps = {n: x for n, x in outputs.items() if x.ndim == 4 and x[0].size}
    for layer in evenly_spaced(list(maps), NUM_LAYERS):
        image = draw_feature_maps(images, maps[layer], layer)
        tag = f"feature_maps/{layer}"
        writer.image(tag, image, snapshot.step, snapshot.describe(FEATURE_MAPS))


def one_of_each_class(labels: np.ndarray, number: int) -> np.ndarray:
    """Returns indices of examples, of different classes where possible."""
    _, first = np.unique(labels, return_index=True)
    order = [*sorted(first), *range(len(labels))]
    return np.array(list(dict.fromkeys(order))[:number], np.int64)


def evenly_spaced(names: list[str], number: int) -> list[str]:
    """Returns some names from the first to the last, evenly spaced."""
    at = np.linspace(0, len(names) - 1, min(number, len(names)))
    return [names[round(index)] for index in at]


def draw_feature_maps(
    images: np.ndarray, outputs: np.ndarray, layer: str
) -> np.ndarray:
    """Returns images, and beside each its feature maps in a layer.

    Args:
        images: raw, 0..255, `[N, H, W, C]`.
        outputs: float `[N, h, w, channels]`; all are shown on one scale.
    """
    if not np.isfinite(outputs).all():
        return drawing.nonfinite_placeholder()
    height, width, channels = outputs.shape[1:]
    shown = outputs[..., :NUM_CHANNELS]
    low, high = float(shown.min()), float(np.percentile(shown, PERCENTILE))
    maps = drawing.to_pixels(np.moveaxis(shown, -1, 1), low, high)
    maps = maps.reshape(-1, height, width, 1)
    maps = drawing.resize(drawing.to_rgb(maps), MAP_SIDE)
    maps = maps.reshape(len(images), shown.shape[-1], *maps.shape[1:])
    pixels = drawing.to_rgb(drawing.to_pixels(images, 0, 255))
    first = _crop_or_pad(drawing.resize(pixels, MAP_SIDE), maps.shape[2:4])
    tiles = np.concatenate([first[:, None], maps], axis=1)
    grid = drawing.image_grid(
        tiles.reshape(-1, *tiles.shape[2:]), (), tiles.shape[1]
    )
    return drawing.with_title(
        grid,
        f"{layer}: an image, then the first {shown.shape[-1]} of "
        f"{channels:,} channels, {height} x {width} each; black is "
        f"{low:.2g}, white {high:.2g}.",
    )


def _crop_or_pad(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns images cropped, or padded with white, to a size (H, W)."""
    frame = np.full((len(images), *size, 3), 255, np.uint8)
    height, width = map(min, size, images.shape[1:3])
    frame[:, :height, :width] = images[:, :height, :width]
    return frame
