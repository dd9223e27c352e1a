"""Figures of the lectures, each made by one command from runs of recipes.

    python -m experiments.figures                    lists them
    python -m experiments.figures folding            trains what is missing
    python -m experiments.figures folding --keep     and stores it here

This file has the table of figures, `__main__.py` the command; `toy.py` draws
networks on 2-D points and curves, `learning.py` those on images.
"""

from __future__ import annotations

import dataclasses
import pathlib
import textwrap
from collections.abc import Mapping

from zoo.console import format_table
from zoo.errors import unknown_name_error
from zoo.tuning import suites

HERE = pathlib.Path(__file__).parent
PAGE = HERE / "README.md"
COMMAND = "python -m experiments.figures"
HEAD = """\
# Figures of the lectures

Written by `make results`. The command below each figure trains the runs that
are missing and draws it; `make figure` lists them all.
"""


@dataclasses.dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: Name on the command line.
        title: Title in the list of figures.
        caption: What it shows, in whole sentences.
        function: Function of this package that draws it, `module.function`.
        suite_name: Suite of its recipes, in whose folder the runs are.
        titles: For each of its recipes the title in the figure.
        time: Time to train its runs and draw it.
        size: Width and height in inches.
        seeds: Number of runs of each recipe.
    """

    name: str
    title: str
    caption: str
    function: str
    suite_name: str
    titles: Mapping[str, str]
    time: str
    size: tuple[float, float]
    seeds: int = 1

    @property
    def command(self) -> str:
        """The command that makes it."""
        return f"{COMMAND} {self.name}"

    @property
    def path(self) -> pathlib.Path:
        """Path of the PNG in this package."""
        return HERE / f"{self.name}.png"

    @property
    def suite(self) -> suites.Suite:
        """Its recipes, a part of their suite."""
        whole = suites.find_suite(self.suite_name)
        return dataclasses.replace(whole, labels=tuple(self.titles))


FIGURES = (
    Figure(
        "boundaries_units",
        "decision boundaries of 3, 6 and 20 hidden units",
        "Sixty points of two moons, and the prediction everywhere of "
        "networks with 3, 6 and 20 hidden ReLUs at the end of training. "
        "Four in ten labels were drawn at random; the wrong ones are "
        "ringed. The more units, the more the boundary bends around these "
        "points.",
        "toy.draw_boundaries",
        "regularization",
        {
            "units_3": "3 hidden units",
            "units_6": "6 hidden units",
            "units_20": "20 hidden units",
        },
        "three minutes",
        (9.0, 3.1),
    ),
    Figure(
        "boundaries_l2",
        "decision boundaries at an L2 of 0.001, 0.01 and 0.1",
        "The same points, and 20 hidden ReLUs in each plot: the stronger "
        "the L2, the straighter the boundary, and the paler, that is less "
        "confident, the predictions. A network need not be small to be "
        "smooth.",
        "toy.draw_boundaries",
        "regularization",
        {
            "l2_0001": "L2 of 0.001",
            "l2_001": "L2 of 0.01",
            "l2_01": "L2 of 0.1",
        },
        "three minutes",
        (9.0, 3.1),
    ),
    Figure(
        "svm",
        "margin of a linear support vector machine by its L2",
        "Two moons and a linear support vector machine: the boundary, and the "
        "margin between the dashed lines, where the logits of the two classes "
        "differ by less than 1. The stronger the L2, the smaller the weights "
        "and the wider the margin, and the more points lie inside it.",
        "toy.draw_margins",
        "svm",
        {
            "svm_l2_0001": "L2 of 0.001",
            "svm_l2_001": "L2 of 0.01",
            "svm_l2_01": "L2 of 0.1",
        },
        "half a minute",
        (9.0, 3.5),
    ),
    Figure(
        "folding",
        "a linear map and ReLU fold the plane until a line separates it",
        "A layer of four ReLUs folds the plane along the dashed lines, and "
        "the gray grid with it. Opposite squares come to lie on each other, "
        "and the boundary, bent on the left, is a straight line on the "
        "right. The axes there are the two sums that the linear classifier "
        "behind the ReLUs compares, so nothing is lost.",
        "toy.draw_folding",
        "plane",
        {"xor_relu": "xor"},
        "half a minute",
        (9.0, 4.6),
    ),
    Figure(
        "bumps",
        "a function as a sum of shifted and scaled ReLUs",
        "Three bumps as a sum of shifted and scaled ReLUs. Four make a "
        "bump, with a kink at each of its corners, so 4K units make K bumps "
        "exactly (left). Gradient descent from random weights finds another "
        "sum of as many units (right): some kinks coincide, and flat parts "
        "are cut short.",
        "toy.draw_bumps",
        "plane",
        {"bumps_relu": "bumps"},
        "half a minute",
        (9.0, 6.0),
    ),
    Figure(
        "sgd",
        "training loss by images: batch sizes of 4, 64 and all of MNIST",
        "A network of 784, 256 and 10 units on MNIST, at one learning rate. "
        "By the number of training images, to which the cost is "
        "proportional, small batches are far ahead: five epochs of the full "
        "batch are five steps. The price is noise. Each point is the mean "
        "loss of the batches since the last one.",
        "learning.draw_sgd",
        "sgd",
        {
            "batch_4": "batches of 4",
            "batch_64": "batches of 64",
            "batch_full": "all images at once",
        },
        "four minutes",
        (8.0, 4.8),
    ),
    Figure(
        "optimizers",
        "training loss by step of four optimizers on MNIST",
        "A network of 784, 256 and 10 units on MNIST, in batches of 64, with "
        "the learning rate that was the best of a search for each optimizer, "
        "which the header of its recipe has.",
        "learning.draw_optimizers",
        "optimizers",
        {
            "mnist_sgd": "SGD",
            "mnist_momentum": "momentum",
            "mnist_rmsprop": "RMSProp",
            "mnist_adam": "Adam",
        },
        "a minute",
        (8.0, 4.8),
    ),
    Figure(
        "random_labels",
        "epochs until labels are fitted, by how many of them are random",
        "Digits, a network of 512 hidden units, and from none to all of the "
        "training labels drawn at random. Fitted is a training accuracy of "
        "99%.",
        "learning.draw_random_labels",
        "random_labels",
        {
            "random_labels_0": "0%",
            "random_labels_25": "25%",
            "random_labels_50": "50%",
            "random_labels_75": "75%",
            "random_labels_100": "100%",
        },
        "two minutes",
        (9.6, 4.2),
    ),
    Figure(
        "activations",
        "activation functions and their derivatives",
        "Six activation functions, and their derivatives by automatic "
        "differentiation. That of the sigmoid is at most a quarter, so that "
        "eight layers leave at most 1/65,536 of a gradient; that of ReLU is 1 "
        "for half of the inputs.",
        "toy.draw_activations",
        "plane",
        {},
        "seconds",
        (9.0, 3.6),
    ),
    Figure(
        "gradients",
        "norm of the gradient by layer: sigmoid, ReLU, residual",
        "The norm of the gradient of each layer before the first step. Behind "
        "eight layers of sigmoids hardly anything arrives at the first one, "
        "and nothing is learned; with ReLUs and He initialization, and with "
        "shortcuts and batch norm, all layers get about as much.",
        "learning.draw_gradients",
        "lecture",
        {
            "pitfalls/deep_sigmoid": "8 layers of sigmoids",
            "pitfalls/baseline_deep": "8 layers of ReLUs",
            "deep_residual": "20 residual layers",
        },
        "half a minute",
        (8.0, 4.4),
    ),
    Figure(
        "surface",
        "the loss over a plane of weights: convex, and not convex",
        "The training loss over the plane through the results of three "
        "trainings from different initial weights. That of the linear "
        "classifier is convex, and the three lie near its minimum. Between "
        "those of the network, with three hidden layers, there are "
        "barriers. The plane on the left is shown five times as wide, and "
        "each has its own scale.",
        "learning.draw_surface",
        "lecture",
        {
            "loss_surface_linear": "linear classifier",
            "loss_surface_mlp": "network of four layers",
        },
        "a minute",
        (9.0, 4.6),
        seeds=3,
    ),
    Figure(
        "cost",
        "accuracy against multiply-adds of the models, on two datasets",
        "Each recorded recipe on MNIST and on CIFAR-10: accuracy on the images "
        "held out for validation, with its interval, against the "
        "multiply-adds of one image. On digits a linear classifier leaves "
        "little to be gained, and LeNet-5 gains it at a fiftieth of the cost "
        "of 64 maps; on photographs more is gained, and paid for. Each model "
        "is trained as its recipe says, for minutes: the Wide ResNet is far "
        "from its end there.",
        "learning.draw_cost",
        "mnist",
        {},
        "seconds",
        (10.0, 4.6),
    ),
    Figure(
        "suite",
        "training and validation accuracy, one change at a time",
        "Synthetic house numbers, and the runs of the lecture in its order: "
        "one thing is changed at a time. Below, the ends of the curves beside "
        "the lecture's own figures, which are of photographs (SVHN) and of "
        "20,000 steps. The learning rate of each linear classifier is the best "
        "of a search, which the header of its recipe has. Times are of a "
        "machine that was shared.",
        "learning.draw_suite",
        "street_digits",
        {
            "street_lr_sgd": "lr, raw pixels, SGD",
            "street_lr_rmsprop": "lr, raw pixels, RMSProp",
            "street_lr_adam": "lr, raw pixels, Adam",
            "street_lr_sgd_ms1": "lr, mean subtracted, SGD",
            "street_lr_adam_ms1": "lr, mean subtracted, Adam",
            "street_cnn_cf_adam_ms1": "cnn_cf",
            "street_cnn_cnf_adam_ms1": "cnn_cnf",
            "street_cnn_cpncpnff_adam_ms1": "cnn_cpncpnff",
            "street_cnn_cpncpnfdf_adam_ms1": "cnn_cpncpnfdf",
        },
        "twenty minutes",
        (12.0, 9.5),
    ),
    Figure(
        "means",
        "two by two: optimizer and mean subtraction, three seeds",
        "Synthetic house numbers and a linear classifier: two optimizers, with "
        "and without the mean of each image subtracted, each at the best "
        "learning rate of a search. Points are means of three seeds, bars "
        "Student's 95% confidence intervals. Each effect is averaged over the "
        "other choice, seed by seed.",
        "learning.draw_means",
        "street_digits",
        {
            "street_lr_sgd": "SGD, raw pixels",
            "street_lr_adam": "Adam, raw pixels",
            "street_lr_sgd_ms1": "SGD, mean subtracted",
            "street_lr_adam_ms1": "Adam, mean subtracted",
        },
        "three minutes",
        (8.0, 4.6),
        seeds=3,
    ),
    Figure(
        "logits",
        "histograms of the logits of six networks during training",
        "Synthetic house numbers, and the logits of 256 validation images: "
        "light before training, at the top, dark after it. SGD on raw "
        "pixels drives them to the hundred thousands, by the brightness of "
        "whole images, and nothing is learned. With the mean subtracted "
        "they stay small, since a linear classifier of pixels is never "
        "confident. Behind convolutions most are negative, and those of the "
        "true classes reach out to the right.",
        "learning.draw_logits",
        "street_digits",
        {
            "street_lr_sgd": "lr, raw pixels, SGD",
            "street_lr_adam_ms1": "lr, mean subtracted, Adam",
            "street_cnn_cf_adam_ms1": "cnn_cf",
            "street_cnn_cnf_adam_ms1": "cnn_cnf",
            "street_cnn_cpncpnff_adam_ms1": "cnn_cpncpnff",
            "street_cnn_cpncpnfdf_adam_ms1": "cnn_cpncpnfdf",
        },
        "seven minutes",
        (9.6, 5.6),
    ),
    Figure(
        "templates",
        "first-layer weights of a linear classifier and a perceptron",
        "First-layer weights of networks trained on MNIST; red is evidence "
        "for a class, blue against it. The linear classifier has one "
        "template per class, with shades of the digits and large weights "
        "along the edge, where few images have ink. A perceptron has a bank "
        "of them, here those with the largest weights: short strokes and "
        "gaps.",
        "learning.draw_templates",
        "mnist",
        {"lr": "softmax regression", "mlp": "perceptron"},
        "two minutes",
        (9.0, 3.5),
    ),
)


def find(name: str) -> Figure:
    """Returns a figure by its name.

    Raises:
        UserError: There is no figure of this name.
    """
    known = {figure.name: figure for figure in FIGURES}
    if name not in known:
        raise unknown_name_error("figure", name, known, COMMAND)
    return known[name]


def listing() -> str:
    """Returns the figures as text, a line each."""
    rows = [(one.name, one.time, one.title) for one in FIGURES]
    return format_table(("figure", "time", "title"), rows)


def page() -> str:
    """Returns the text of `README.md`: a section per figure."""
    return "\n".join([HEAD, *map(_section, FIGURES)])


def _section(figure: Figure) -> str:
    recipes = (figure.suite.recipe(label) for label in figure.titles)
    made = f"`{figure.command}`"
    if figure.titles:
        made += ", of " + ", ".join(f"`{recipe}`" for recipe in recipes)
    return "\n".join(
        [
            f"## {figure.name}\n",
            f"![{figure.title}]({figure.path.name})\n",
            f"{textwrap.fill(figure.caption, 80)}\n",
            f"{textwrap.fill(made, 80, break_on_hyphens=False)}\n",
        ]
    )
