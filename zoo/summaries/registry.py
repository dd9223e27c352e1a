"""The table of summaries: every kind that `--summaries` can name.

To add a kind, write a function `write_<name>(writer, snapshot)` in one of the
modules beside this one, and give it a row here. Reading the table does not
import Keras, TensorFlow or TensorBoard.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterable

# Words for several kinds at once.
GROUPS = ("default", "all", "none")


@dataclasses.dataclass(frozen=True)
class SummarySpec:
    """One row of the table.

    Attributes:
        name: Name in `--summaries`.
        description: Short description, one line.
        writer: Location of its function, "package.module:function"; empty for
            `scalars`, which the training loop writes.
        default: Whether it is written by default. The default kinds add at
            most a few percent to the time of an epoch.
        ends_only: Whether it is written only before the first step and after
            the last.
        is_image: Whether it draws images. TensorBoard keeps ten images of a
            tag, so that they are not drawn at every logging step.
        requires: Required properties of the data, separated by spaces, one
            suffices: `classes`, `images`, `plane` (two numbers an example) or
            `line` (one number, one target); empty for any data.
        run_level: Whether it is about the run as a whole, and is written to
            `train` whatever the split of the other summaries.
    """

    name: str
    description: str
    writer: str = ""
    default: bool = False
    ends_only: bool = False
    is_image: bool = False
    requires: str = ""
    run_level: bool = False

    def load(self) -> Callable:
        """Returns the function that writes it, imported if necessary."""
        module, _, function = self.writer.partition(":")
        return getattr(importlib.import_module(module), function)


# fmt: off
SUMMARIES = (
    SummarySpec(
        "scalars", "loss, accuracy, learning rate, throughput", default=True),
    SummarySpec(
        "logits", "histograms of logits and margins",
        "zoo.summaries.layer_stats:write_logits", default=True),
    SummarySpec(
        "weights", "histograms of the weights of each layer",
        "zoo.summaries.layer_stats:write_weights", default=True),
    SummarySpec(
        "gradients", "histograms of gradients, and update-to-weight ratios",
        "zoo.summaries.layer_stats:write_gradients"),
    SummarySpec(
        "activations", "histograms of hidden activations, and dead units",
        "zoo.summaries.layer_stats:write_activations"),
    SummarySpec(
        "inputs", "augmented and preprocessed training images",
        "zoo.summaries.images:write_inputs", ends_only=True,
        requires="images"),
    SummarySpec(
        "misclassified", "misclassified images, the most confident first",
        "zoo.summaries.images:write_misclassified", default=True,
        is_image=True, requires="images"),
    SummarySpec(
        "confusion", "confusion matrix, with the recall of each class",
        "zoo.summaries.images:write_confusion", default=True, is_image=True,
        requires="classes"),
    SummarySpec(
        "calibration", "reliability diagram: accuracy by confidence",
        "zoo.summaries.images:write_calibration", is_image=True,
        requires="classes"),
    SummarySpec(
        "templates", "first-layer weights of lr and mlp as images",
        "zoo.summaries.images:write_templates", default=True, is_image=True,
        requires="images"),
    SummarySpec(
        "filters", "filters of the first convolution as images",
        "zoo.summaries.images:write_filters", default=True, is_image=True,
        requires="images"),
    SummarySpec(
        "feature_maps", "feature maps of hidden layers for a few images",
        "zoo.summaries.images:write_feature_maps", is_image=True,
        requires="images"),
    SummarySpec(
        "patches", "parts of validation images that excite a map most",
        "zoo.summaries.explanations:write_patches", ends_only=True,
        is_image=True, requires="images"),
    SummarySpec(
        "grad_cam", "Grad-CAM: where the predicted class is found",
        "zoo.summaries.explanations:write_grad_cam", is_image=True,
        requires="images"),
    SummarySpec(
        "decision_boundary", "decision boundary, hidden units and features "
        "of 2-D data",
        "zoo.summaries.toy_plots:write_decision_boundary", default=True,
        is_image=True, requires="plane"),
    SummarySpec(
        "function", "fitted function of 1-D data, and the terms of its units",
        "zoo.summaries.toy_plots:write_function", default=True,
        is_image=True, requires="line"),
    SummarySpec(
        "animation", "boundary.gif: decision boundary or fitted function "
        "over training",
        "zoo.summaries.animation:write_animation", default=True,
        requires="plane line"),
    SummarySpec(
        "projector", "features of the validation set in the Projector tab",
        "zoo.summaries.tabs:write_projector", ends_only=True,
        requires="classes"),
    SummarySpec(
        "graph", "graph of the layers",
        "zoo.summaries.tabs:write_graph", default=True, ends_only=True),
    SummarySpec(
        "hparams", "options and results in the HParams tab",
        "zoo.summaries.tabs:write_hparams", default=True, ends_only=True,
        run_level=True),
    SummarySpec(
        "config", "all options as text",
        "zoo.summaries.tabs:write_config", default=True, ends_only=True),
)
# fmt: on

NAMES = tuple(spec.name for spec in SUMMARIES)


def select(
    names: Iterable[str], properties: Iterable[str]
) -> list[SummarySpec]:
    """Returns the kinds that `--summaries` selects, in order of the table.

    Args:
        names: names of kinds or groups.
        properties: properties of the data, as in `SummarySpec.requires`; kinds
            that require others are left out.
    """
    names, properties = set(names), set(properties)
    return [
        spec
        for spec in SUMMARIES
        if (spec.name in names or "all" in names)
        or (spec.default and "default" in names)
        if not spec.requires or properties.intersection(spec.requires.split())
    ]


def should_write(spec: SummarySpec, logging_step: int, last: bool) -> bool:
    """Whether a kind is written at a logging step.

    Images are written at logging steps 1, 2, 4, 8, ... and at both ends of a
    run: most changes early, and 500 logging steps make only ten images.

    Args:
        logging_step: number of logging steps before; 0 before training.
        last: whether training ends here.
    """
    if logging_step == 0 or last:
        return True
    is_power_of_two = logging_step & (logging_step - 1) == 0
    return not spec.ends_only and (not spec.is_image or is_power_of_two)
