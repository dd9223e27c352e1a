"""THE TABLE of summaries: every kind that `--summaries` can name.

A kind is one file with one function `write(log, snapshot)`. To add one, write
the file and give it a line here. Reading the table imports nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

# What can stand in `--summaries` for several kinds at once.
GROUPS = ("default", "all", "none")


@dataclasses.dataclass(frozen=True)
class Kind:
    """One line of the table.

    Attributes:
        about: what it shows, in a few words.
        module: where its `write` is; none for the curves, which are written
            as training goes on.
        default: whether it is written unless told otherwise. Those that are
            add at most a few hundredths to the time of an epoch.
        once: whether it is written at the start or the end of a run alone.
        picture: whether it is drawn. TensorBoard keeps ten pictures of a tag,
            so that not every look needs one: see `is_due`.
        needs: what the data must be, of these words one: `classes`, `images`,
            `plane` (two numbers an example) or `line` (one number, one
            target); any data if empty.
        whole: whether it is about the whole run, and is written into its own
            folder in place of that of a split.
    """

    name: str
    about: str
    module: str = ""
    default: bool = False
    once: bool = False
    picture: bool = False
    needs: str = ""
    whole: bool = False


# fmt: off
KINDS = (
    Kind("scalars", "curves of loss, accuracy, rate, penalty and speed",
         default=True),
    Kind("logits", "logits on the probe; margins of right and wrong answers",
         "zoo.summaries.logits", default=True),
    Kind("weights", "weights by layer",
         "zoo.summaries.weights", default=True),
    Kind("gradients", "gradients by layer, and the size of an update beside "
         "that of the weights",
         "zoo.summaries.gradients"),
    Kind("activations", "outputs of the hidden layers, and units that are dead",
         "zoo.summaries.activations"),
    Kind("inputs", "images as the network sees them",
         "zoo.summaries.inputs", once=True, needs="images"),
    Kind("mistakes", "misclassified images, the most confident first",
         "zoo.summaries.mistakes", default=True, picture=True, needs="images"),
    Kind("confusion", "what is taken for what; right answers by class",
         "zoo.summaries.confusion", default=True, picture=True,
         needs="classes"),
    Kind("calibration", "how often it is right when it is how sure",
         "zoo.summaries.calibration", picture=True, needs="classes"),
    Kind("templates", "first-layer weights of lr and mlp as images",
         "zoo.summaries.templates", picture=True, needs="images"),
    Kind("filters", "filters of the first convolution as images",
         "zoo.summaries.filters", picture=True, needs="images"),
    Kind("maps", "what hidden layers make of a few images",
         "zoo.summaries.maps", picture=True, needs="images"),
    Kind("boundary", "decision boundary in the plane, hidden units, features",
         "zoo.summaries.boundary", default=True, picture=True, needs="plane"),
    Kind("function", "a fitted function of one number, as a sum of its units",
         "zoo.summaries.function", default=True, picture=True, needs="line"),
    Kind("film", "boundary.gif: boundary or function as training goes on",
         "zoo.summaries.film", default=True, needs="plane line"),
    Kind("projector", "features of held-out examples as a cloud to turn",
         "zoo.summaries.projector", once=True, needs="classes"),
    Kind("graph", "the model as a graph of layers",
         "zoo.summaries.graph", once=True),
    Kind("hparams", "options and result in TensorBoard's table of runs",
         "zoo.summaries.hparams", default=True, once=True, whole=True),
    Kind("config", "every option as a text",
         "zoo.summaries.config", default=True, once=True),
)
# fmt: on

NAMES = tuple(kind.name for kind in KINDS)


def is_due(kind: Kind, look: int, last: bool) -> bool:
    """Whether a kind is written at a look at the network.

    Pictures are at looks 1, 2, 4, 8, ... and at both ends of a run: most
    changes early, and 500 looks still make ten.

    Args:
        look: how many there were before; 0 is that before training.
        last: whether training ends here.
    """
    if look == 0 or last:
        return True
    is_power_of_two = look & (look - 1) == 0
    return not kind.once and (not kind.picture or is_power_of_two)


def chosen(names: Iterable[str], has: Iterable[str]) -> list[Kind]:
    """Returns the kinds that names of `--summaries` stand for, in order.

    Args:
        names: of kinds or groups.
        has: what the data is, of the words in `Kind.needs`; kinds that need
            something else are left out.
    """
    names, has = set(names), set(has)
    return [
        kind
        for kind in KINDS
        if (kind.name in names or "all" in names)
        or (kind.default and "default" in names)
        if not kind.needs or has.intersection(kind.needs.split())
    ]
