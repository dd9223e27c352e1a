"""Rules that find problems in the images of a dataset.

A rule is a function from `DatasetStats` to findings. To add one, write it
here and add it to `RULES`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from zoo import metrics
from zoo.console import pluralize
from zoo.data import image_files
from zoo.data.arrays import dark_pixels_warning
from zoo.data.image_files import changes_aspect_ratio
from zoo.data.near_duplicates import Pair
from zoo.data_checks.stats import DatasetStats, ImageStats, count_values
from zoo.errors import join_and

# CRITICAL: training is impossible. ERROR: labels or metrics would be wrong.
# WARNING: costs a good part of the possible accuracy. INFO: good to know.
CRITICAL, ERROR, WARNING, INFO = 4, 3, 2, 1
SEVERITIES = {
    CRITICAL: "critical",
    ERROR: "error",
    WARNING: "warning",
    INFO: "info",
}

COMMON_SIDES = (224, 128, 96, 64, 32)  # pixels
MAX_ASPECT_RATIO = 1.2  # of one shape to another, when all are resized

# With more near-duplicates than this many, and this fraction of all images,
# similarity is the nature of the data.
NEAR_DUPLICATE_COUNT, NEAR_DUPLICATE_FRACTION = 50, 0.02

# Between the lowest and the highest value of a channel; an image with less is
# a single color, of which JPEG changes some pixels by a level or two.
MIN_SPREAD = 4

MIN_VAL_IMAGES = 100  # an accuracy of 80% is then known to 8 points or so
MIN_VAL_IMAGES_PER_CLASS = 5
IMBALANCE_RATIO, STRONG_IMBALANCE_RATIO = 2.0, 5.0  # largest over smallest

MIN_SHORTCUT_IMAGES = 10  # of a class, and of all others together
MAX_SHORTCUT_IMAGES = 5_000  # sampled
SHORTCUT_ACCURACY = 0.9  # balanced accuracy from one property
NUM_FOLDS = 5
SHORTCUT_REMEDIES = {
    "brightness": "photograph all classes in the same light, or subtract each "
    "image's own mean with --mean_subtraction=image",
    "size": "resize all images from originals of the same kind",
    "format": "save all images in one format",
    "mode": "save all images in one mode, gray or color",
}


@dataclasses.dataclass(frozen=True)
class DataFinding:
    """A problem of a dataset, or something to know before training.

    Attributes:
        name: Name of the check.
        severity: `CRITICAL`, `ERROR`, `WARNING` or `INFO`.
        text: What was found, with its number.
        remedy: What to do; a command stands between backquotes.
        effect: Why it matters; empty where that is obvious.
        images: Lines about the images concerned, worst first.
    """

    name: str
    severity: int
    text: str
    remedy: str
    effect: str = ""
    images: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Finding, effect and remedy in one sentence."""
        text = "; ".join(filter(None, (self.text, self.effect, self.remedy)))
        return f"{text[0].upper()}{text[1:]}."


Rule = Callable[[DatasetStats], Iterable[DataFinding]]


def inspect(stats: DatasetStats) -> list[DataFinding]:
    """Returns all findings, the most severe first."""
    findings = [finding for rule in RULES for finding in rule(stats)]
    return sorted(findings, key=lambda finding: -finding.severity)


# Files.


def unreadable_files(stats: DatasetStats) -> Iterator[DataFinding]:
    """Image files that cannot be decoded."""
    if stats.unreadable:
        total = len(stats.unreadable) + len(stats.images)
        yield DataFinding(
            "unreadable_files",
            CRITICAL,
            f"{len(stats.unreadable):,} of {pluralize(total, 'file')} cannot "
            "be read as an image",
            "replace or remove them, or skip them with --skip_unreadable",
            "`zoo train` refuses them",
            tuple(f"{file.name}: {file.reason}" for file in stats.unreadable),
        )


def empty_classes(stats: DatasetStats) -> Iterator[DataFinding]:
    """Classes without a readable training image."""
    labels = {image.label for image in stats.images if image.split == "train"}
    names = [n for k, n in enumerate(stats.class_names) if k not in labels]
    if names:
        classes, have = ("classes", "have")
        if len(names) == 1:
            classes, have = ("class", "has")
        yield DataFinding(
            "empty_classes",
            CRITICAL,
            f"the {classes} {join_and(names)} {have} no image to train on",
            "add images, or remove the folder",
            "`zoo train` refuses empty classes",
        )


def unused_files(stats: DatasetStats) -> Iterator[DataFinding]:
    """Folders and images that are in no split or class."""
    if stats.notes:
        yield DataFinding(
            "unused_files",
            WARNING,
            "some folders or images are not used",
            "check that this is intended",
            images=stats.notes,
        )


def skipped_files(stats: DatasetStats) -> Iterator[DataFinding]:
    """Files of formats that are not read, and images among them."""
    text = image_files.describe_skipped(stats.skipped)
    if text is None:
        return
    images = (
        image_files.UNSUPPORTED_SUFFIXES | image_files.HEIC_SUFFIXES
    ).intersection(stats.skipped)
    yield DataFinding(
        "skipped_files",
        WARNING if images else INFO,
        text.rstrip("."),
        "convert those that are images to JPEG or PNG",
    )


def scaled_pixels(stats: DatasetStats) -> Iterator[DataFinding]:
    """Pixels that are all far below 255."""
    text = dark_pixels_warning(
        (0, max(image.highest for image in stats.images))
    )
    if text:
        what, _, remedy = text.rstrip(".").partition(": ")
        yield DataFinding(
            "scaled_pixels",
            WARNING,
            what,
            remedy,
            "a model trained on them works only for images of that scale",
        )


def blank_images(stats: DatasetStats) -> Iterator[DataFinding]:
    """Images of a single color."""
    names = [image.name for image in stats.images if image.spread < MIN_SPREAD]
    if names:
        images = "image is" if len(names) == 1 else "images are"
        yield DataFinding(
            "blank_images",
            WARNING,
            f"{len(names):,} {images} a single solid color",
            f"check and remove {'it' if len(names) == 1 else 'them'}",
            images=tuple(names),
        )


def multiple_frames(stats: DatasetStats) -> Iterator[DataFinding]:
    """Files that hold several frames."""
    lines = tuple(
        f"{image.name}: {image.frames} frames"
        for image in stats.images
        if image.frames > 1
    )
    if lines:
        files = "file holds" if len(lines) == 1 else "files hold"
        yield DataFinding(
            "multiple_frames",
            INFO,
            f"{len(lines):,} {files} several frames, such as animations",
            "save other frames as files of their own if they matter",
            "only the first frame is used",
            lines,
        )


# Sizes.


def different_sizes(stats: DatasetStats) -> Iterator[DataFinding]:
    """Image files that are not all of one size."""
    sizes = count_values(image.size for image in stats.images)
    if len(sizes) == 1 or not stats.images[0].format:
        return
    (most, count), *_ = sizes.items()
    small, large = size_range(stats)
    effect = "`zoo train` needs images of one size"
    ratios = [height / width for height, width in sizes]
    if max(ratios) > MAX_ASPECT_RATIO * min(ratios):
        effect += (
            ", and --resize=crop, the default, cuts off edges where the aspect "
            "ratio differs"
        )
    yield DataFinding(
        "different_sizes",
        CRITICAL,
        f"{pluralize(len(stats.images), 'image')} have {len(sizes)} different "
        f"sizes, {format_size(most)} in {count:,} of them, from "
        f"{format_size(small)} to {format_size(large)} pixels (height x width)",
        "choose a size to resize to, for example --image_size="
        f"{common_side(stats)}",
        effect,
    )


def not_square(stats: DatasetStats) -> Iterator[DataFinding]:
    """Photographs of one size that is not square."""
    sizes = {image.size for image in stats.images}
    if len(sizes) > 1 or not stats.images[0].format:
        return  # `different_sizes` reports several sizes
    (size,) = sizes
    if changes_aspect_ratio(size, (1, 1)) and min(size) >= COMMON_SIDES[-1]:
        yield DataFinding(
            "not_square",
            INFO,
            f"all images are {format_size(size)} pixels (height x width), not "
            "square",
            "--resize=pad keeps the edges, --image_size=HEIGHT,WIDTH the "
            "aspect ratio",
            "--image_size=N cuts off their longer edges",
        )


def format_size(size: tuple[int, int]) -> str:
    """Returns a size as height x width, such as `480x640`."""
    return f"{size[0]}x{size[1]}"


def size_range(stats: DatasetStats) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns the sizes with the fewest and the most pixels."""
    sizes = [image.size for image in stats.images]
    areas = [height * width for height, width in sizes]
    return sizes[int(np.argmin(areas))], sizes[int(np.argmax(areas))]


def common_side(stats: DatasetStats) -> int:
    """Returns the largest common side that enlarges few images."""
    shorter = float(np.median([min(image.size) for image in stats.images]))
    fits = (side for side in COMMON_SIDES if side <= shorter)
    return next(fits, max(8, round(shorter)))


# Duplicates.


def conflicting_labels(stats: DatasetStats) -> Iterator[DataFinding]:
    """The same pixels under different labels."""
    groups = [g for g in stats.duplicates if len(_labels(stats, g)) > 1]
    if groups:
        yield DataFinding(
            "conflicting_labels",
            ERROR,
            f"{pluralize(sum(map(len, groups)), 'image')} with the same "
            "pixels have "
            f"different labels, in {pluralize(len(groups), 'group')}",
            "decide which label is correct, and remove the others",
            "in each group at least one label is wrong",
            _group_lines(stats, groups),
        )


def train_val_leakage(stats: DatasetStats) -> Iterator[DataFinding]:
    """Validation images that are training images too."""
    groups = [g for g in stats.duplicates if len(_splits(stats, g)) > 1]
    if groups:
        count = sum(stats.images[i].split == "val" for g in groups for i in g)
        yield DataFinding(
            "train_val_leakage",
            ERROR,
            f"{pluralize(count, 'validation image')} "
            f"{'is' if count == 1 else 'are'} among the training images too",
            "remove them from one of the two",
            "memorized images raise the validation accuracy",
            _group_lines(stats, groups),
        )


def test_leakage(stats: DatasetStats) -> Iterator[DataFinding]:
    """Test images that are training or validation images too."""
    copies = stats.test_copies
    if copies:
        found = {stats.images[i].split for _, same in copies for i in same}
        splits = {"train": "training", "val": "validation"}
        which = " or ".join(splits[name] for name in splits if name in found)
        are = f"are copies of {which} images"
        if len(copies) == 1:
            are = f"is a copy of a {which} image"
        yield DataFinding(
            "test_leakage",
            ERROR,
            f"{pluralize(len(copies), 'test image')} {are}",
            "remove them from one of the two",
            "memorized images raise the test accuracy",
            tuple(
                " = ".join([name, *(_image_name(stats, i) for i in same)])
                for name, same in copies
            ),
        )


def conflicting_near_duplicates(stats: DatasetStats) -> Iterator[DataFinding]:
    """Images that look nearly the same and have different labels."""
    pairs = [p for p in stats.near_duplicates if not _same_label(stats, p)]
    if pairs:
        yield DataFinding(
            "conflicting_near_duplicates",
            INFO if _is_typical(stats, pairs) else ERROR,
            f"{pluralize(len(pairs), 'pair')} of images look nearly the same "
            "and have different labels",
            "check them, the closest first",
            "one of the two labels may be wrong, as where an image was saved "
            "twice",
            tuple(_pair_line(stats, pair) for pair in pairs),
        )


def near_duplicates(stats: DatasetStats) -> Iterator[DataFinding]:
    """Images of one class that look nearly the same."""
    pairs = [p for p in stats.near_duplicates if _same_label(stats, p)]
    if not pairs:
        return
    remedy = "remove one of each"
    if _is_typical(stats, pairs):
        remedy = (
            "check some: so many may be similar by nature, as written digits "
            "are, and then nothing needs to be done"
        )
    elif stats.images[0].format:
        remedy += ", or keep them in one split with --group_by=near_duplicates"
    yield DataFinding(
        "near_duplicates",
        INFO if _is_typical(stats, pairs) else WARNING,
        f"{pluralize(len(pairs), 'pair')} of images of one class look nearly "
        "the same",
        remedy,
        "with one in training and the other in validation, validation "
        "accuracy is too high",
        tuple(_pair_line(stats, pair) for pair in pairs),
    )


def exact_duplicates(stats: DatasetStats) -> Iterator[DataFinding]:
    """The same pixels, under one label and in one split."""
    groups = [
        group
        for group in stats.duplicates
        if len(_labels(stats, group)) == 1 and len(_splits(stats, group)) == 1
    ]
    if groups:
        extra = sum(map(len, groups)) - len(groups)
        images = "image is an exact duplicate"
        if extra > 1:
            images = "images are exact duplicates"
        yield DataFinding(
            "exact_duplicates",
            INFO,
            f"{extra:,} {images} of another of its class",
            "keep one of each",
            "duplicates stay in one split, so that metrics are not biased, "
            "but each counts in the loss",
            _group_lines(stats, groups),
        )


def _is_typical(stats: DatasetStats, pairs: list[Pair]) -> bool:
    """Whether so many are similar that it is the nature of the data."""
    images = {i for pair in pairs for i in (pair.first, pair.second)}
    limit = NEAR_DUPLICATE_FRACTION * len(stats.images) + NEAR_DUPLICATE_COUNT
    return len(images) > limit


def _labels(stats: DatasetStats, group: list[int]) -> set[int]:
    return {stats.images[i].label for i in group}


def _splits(stats: DatasetStats, group: list[int]) -> set[str]:
    return {stats.images[i].split for i in group}


def _same_label(stats: DatasetStats, pair: Pair) -> bool:
    return len(_labels(stats, [pair.first, pair.second])) == 1


def _group_lines(
    stats: DatasetStats, groups: list[list[int]]
) -> tuple[str, ...]:
    return tuple(
        " = ".join(_image_name(stats, index) for index in group)
        for group in groups
    )


def _pair_line(stats: DatasetStats, pair: Pair) -> str:
    first, second = (_image_name(stats, i) for i in (pair.first, pair.second))
    return (
        f"{first} ~ {second} ({pair.bits} of 64 bits differ, correlation "
        f"{pair.correlation:.3f})"
    )


def _image_name(stats: DatasetStats, index: int) -> str:
    image = stats.images[index]
    if image.format:
        return image.name  # its folder is the class
    return f"{image.name} ({stats.class_of(index)})"


# Number of images.


def small_validation_set(stats: DatasetStats) -> Iterator[DataFinding]:
    """A validation split that is too small to select a model."""
    if not stats.counts.all():
        return  # `empty_classes` reports it; splitting needs every class
    val = stats.splits["val"]
    counts = np.bincount(stats.labels[val], minlength=len(stats.class_names))
    if not counts.all():
        names = _class_list(stats, counts == 0)
        yield DataFinding(
            "small_validation_set",
            WARNING,
            f"the validation split would have no image of {names}",
            "add images, at least 30 of each class",
            "their accuracy is unknown before the test",
        )
    elif len(val) < MIN_VAL_IMAGES:
        # The interval of a fair model, of 80% accuracy.
        ci = metrics.binomial_ci(round(0.8 * len(val)), len(val))
        remedy = "add images, or hold out more with --val_fraction=0.3"
        if stats.has_own_val:  # which --val_fraction does not change
            remedy = "add images to it"
        yield DataFinding(
            "small_validation_set",
            WARNING if len(val) < MIN_VAL_IMAGES / 2 else INFO,
            f"the validation split would have {pluralize(len(val), 'image')}",
            remedy,
            f"the 95% CI of {ci.correct} correct of {ci.examples} is "
            f"{ci.low:.2f} to {ci.high:.2f}, too wide to compare models",
        )
    elif counts.min() < MIN_VAL_IMAGES_PER_CLASS:
        names = _class_list(stats, counts < MIN_VAL_IMAGES_PER_CLASS)
        yield DataFinding(
            "small_validation_set",
            INFO,
            "the validation split would have fewer than "
            f"{MIN_VAL_IMAGES_PER_CLASS} images of {names}",
            "add images of these classes",
            "each of them changes the accuracy of its class by over 20 points",
        )


def class_imbalance(stats: DatasetStats) -> Iterator[DataFinding]:
    """A class with many more images than another."""
    counts = stats.counts
    most, least = int(counts.argmax()), int(counts.argmin())
    if not counts.all() or counts[most] <= IMBALANCE_RATIO * counts[least]:
        return
    ratio = counts[most] / counts[least]
    names = stats.class_names
    baseline = 100 * counts[most] / counts.sum()
    yield DataFinding(
        "class_imbalance",
        WARNING if ratio > STRONG_IMBALANCE_RATIO else INFO,
        f"the class {names[most]} has {pluralize(int(counts[most]), 'image')}, "
        f"{ratio:.1f} times as many as {names[least]} with {counts[least]:,}",
        "use balanced accuracy, try --class_weight=balanced, or add images of "
        f"{names[least]}",
        f"always predicting {names[most]} has an accuracy of {baseline:.0f}%",
    )


def _class_list(stats: DatasetStats, mask: np.ndarray) -> str:
    names = [stats.class_names[k] for k in np.flatnonzero(mask)]
    shown = names[:3] + [f"{len(names) - 3} more"] * (len(names) > 3)
    return join_and(shown)


# Shortcuts (Geirhos et al. 2020, "Shortcut learning in deep neural networks",
# arXiv 2004.07780): cows stand on grass and ships on water. Simple ones can be
# found without a network: a class photographed in the dark, with another
# camera, or saved in another format.


def spurious_features(stats: DatasetStats) -> Iterator[DataFinding]:
    """Classes that one property separates from all others.

    A decision tree of three leaves sees that property alone. It can learn
    "darker than" and "between"; at chance level its cross-validated balanced
    accuracy is 0.5.
    """
    sample = _sample(stats)
    labels = stats.labels[sample]
    properties = _properties([stats.images[i] for i in sample])
    present = np.unique(labels).tolist()
    names = [stats.class_names[k] for k in present]
    # Two classes are separated from each other by the same property.
    for label in present if len(present) > 2 else present[:1]:
        is_class = labels == label
        if min(is_class.sum(), (~is_class).sum()) < MIN_SHORTCUT_IMAGES:
            continue
        accuracies = {
            name: separability(values, is_class)
            for name, values in properties.items()
        }
        accuracies = {
            name: accuracy
            for name, accuracy in accuracies.items()
            if accuracy >= SHORTCUT_ACCURACY
        }
        if accuracies:
            rest = names[1] if len(names) == 2 else "all other classes"
            yield _shortcut(stats.class_names[label], rest, accuracies)


def _shortcut(
    name: str, rest: str, accuracies: dict[str, float]
) -> DataFinding:
    """Returns one finding on all properties that separate one class."""
    properties = [f"{p} ({100 * a:.0f}%)" for p, a in accuracies.items()]
    separates = "separates" if len(accuracies) == 1 else "each separate"
    return DataFinding(
        "spurious_features",
        WARNING,
        f"{join_and(properties)} alone {separates} {name} from "
        f"{rest} (balanced accuracy; chance: 50%)",
        ", and ".join(SHORTCUT_REMEDIES[p] for p in accuracies),
        "a model may learn this shortcut, and fail on images from elsewhere",
    )


def separability(values: np.ndarray, is_class: np.ndarray) -> float:
    """Returns how well values separate one class from the rest, 0..1.

    Args:
        values: Float `[N, P]`.
        is_class: Bool `[N]`, at least `MIN_SHORTCUT_IMAGES` of both kinds.

    Returns:
        Cross-validated balanced accuracy of a decision tree of three leaves.
    """
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(
        max_leaf_nodes=3, class_weight="balanced", random_state=0
    )
    folds = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=0)
    predicted = cross_val_predict(tree, values, is_class, cv=folds)
    return float(balanced_accuracy_score(is_class, predicted))


def _sample(stats: DatasetStats) -> np.ndarray:
    order = np.random.default_rng(0).permutation(len(stats.images))
    return np.sort(order[:MAX_SHORTCUT_IMAGES])


def _properties(images: list[ImageStats]) -> dict[str, np.ndarray]:
    """Returns float `[N, P]` of each property in which images differ."""
    properties = {
        "brightness": np.array([[image.brightness] for image in images]),
        "size": np.array(
            [(*image.size, image.size[0] / image.size[1]) for image in images]
        ),
        "format": _one_hot([image.format for image in images]),
        "mode": _one_hot([image.mode for image in images]),
    }
    return {
        name: values
        for name, values in properties.items()
        if (values != values[0]).any()
    }


def _one_hot(values: list[str]) -> np.ndarray:
    known = sorted(set(values))
    return np.array([[value == k for k in known] for value in values], float)


# The order of equally severe findings.
RULES: tuple[Rule, ...] = (
    unreadable_files,
    empty_classes,
    different_sizes,
    not_square,
    conflicting_labels,
    train_val_leakage,
    test_leakage,
    conflicting_near_duplicates,
    spurious_features,
    unused_files,
    skipped_files,
    scaled_pixels,
    blank_images,
    small_validation_set,
    class_imbalance,
    near_duplicates,
    exact_duplicates,
    multiple_frames,
)
