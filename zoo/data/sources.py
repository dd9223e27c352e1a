"""THE TABLE: every data set of the zoo, in the order a student meets them.

Reading the table imports nothing; a data set's reader is named by a string,
"package.module:function", and imported when its images are wanted.
"""

from __future__ import annotations

import dataclasses
import importlib
import shlex
from collections.abc import Callable

from zoo import synonyms
from zoo.errors import UserError, unknown_name_error


@dataclasses.dataclass(frozen=True)
class Source:
    """One line of the table of data sets.

    Attributes:
        name: the data set's name; ends with `:` where a path follows it.
        about: a few words on what it shows.
        reader: where its reader is; takes a `parts.Request`, gives
            `parts.Parts`.
        classes: how many; `None` where the data decides, 0 where a number is
            to be predicted.
        shape: `(H, W, C)`, or `(D,)` of points; `None` where the data decides.
        train, test: images of its own splits; 0 where it has none.
        flips: whether an image keeps its class in the mirror.
        origin: who made it, and when.
        licence: on which terms.
        builder: its name in tensorflow-datasets, if it comes from there.
        address: the first address that a download goes to.
        download: size of the download in MiB.
        stand_in: what could be trained on where it cannot be fetched.
        example: a path as it may follow the colon.
    """

    name: str
    about: str
    reader: str
    classes: int | None = None
    shape: tuple[int, ...] | None = None
    train: int | None = None
    test: int | None = None
    flips: bool = False
    origin: str = ""
    licence: str = ""
    builder: str = ""
    address: str = ""
    download: int = 0
    stand_in: str = "digits"
    example: str = ""

    @property
    def has_vectors(self) -> bool:
        """Whether its examples are points, and not images."""
        return self.name == "points:" or len(self.shape or ()) == 1

    def load(self) -> Callable:
        """Imports the reader, if it is not there yet, and returns it."""
        module, _, function = self.reader.partition(":")
        return getattr(importlib.import_module(module), function)


TFDS = "zoo.data.public:read"
PLANES = "zoo.data.planes:read"
CURVES = "zoo.data.curves:read"

# fmt: off
SOURCES = (
    Source(
        "digits", "handwritten digits, inside scikit-learn: no download",
        "zoo.data.digits:read", 10, (8, 8, 1), 1_437, 360,
        origin="Alpaydin and Kaynak, 1998", licence="CC BY 4.0"),
    Source(
        "faint_digits", "the same, faint, on grounds of different brightness",
        "zoo.data.digits:read_faint", 10, (8, 8, 1), 1_437, 360,
        origin="Alpaydin and Kaynak, 1998", licence="CC BY 4.0"),
    Source(
        "mnist", "handwritten digits", TFDS,
        10, (28, 28, 1), 60_000, 10_000,
        origin="LeCun, Cortes and Burges, 1998", licence="CC BY-SA 3.0",
        builder="mnist", download=11,
        address="https://storage.googleapis.com"),
    Source(
        "fashion_mnist", "clothes, as hard to tell apart as they look", TFDS,
        10, (28, 28, 1), 60_000, 10_000, flips=True,
        origin="Xiao, Rasul and Vollgraf, 2017", licence="MIT",
        builder="fashion_mnist", download=30,
        address="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"),
    Source(
        "svhn", "house numbers, cropped to one digit (without `extra`)", TFDS,
        10, (32, 32, 3), 73_257, 26_032,
        origin="Netzer et al., 2011", licence="non-commercial use only",
        builder="svhn_cropped", download=1_500, stand_in="street_digits",
        address="http://ufldl.stanford.edu"),
    Source(
        "street_digits", "drawn house numbers, made here: no download",
        "zoo.data.street_digits:read", 10, (32, 32, 3), 20_000, 6_000,
        origin="drawn by this package", licence="Apache-2.0"),
    Source(
        "cifar10", "small colour photographs of animals and vehicles", TFDS,
        10, (32, 32, 3), 50_000, 10_000, flips=True,
        origin="Krizhevsky, 2009", licence="none stated; cite the report",
        builder="cifar10", download=163,
        address="https://www.cs.toronto.edu"),
    Source(
        "cifar100", "the same with a hundred fine classes", TFDS,
        100, (32, 32, 3), 50_000, 10_000, flips=True,
        origin="Krizhevsky, 2009", licence="none stated; cite the report",
        builder="cifar100", download=161,
        address="https://www.cs.toronto.edu"),
    Source(
        "cifar10_1", "a new test set for cifar10 (v6), for `evaluate` alone",
        TFDS, 10, (32, 32, 3), 0, 2_000, flips=True,
        origin="Recht et al., 2018", licence="MIT",
        builder="cifar10_1/v6", download=6,
        address="https://github.com"),
    Source(
        "folder:", "your images: sub-folders of PATH are the classes",
        "zoo.data.folder:read", example="pictures"),
    Source(
        "npz:", "your arrays x and y, of a NumPy file at PATH",
        "zoo.data.npz:read", example="data.npz"),
    Source(
        "moons", "two half circles of points, one inside the other", PLANES,
        2, (2,), 850, 150),
    Source(
        "circles", "points of a disc and of a ring around it", PLANES,
        2, (2,), 850, 150),
    Source(
        "spiral", "points on two arms of a spiral", PLANES,
        2, (2,), 850, 150),
    Source(
        "xor", "points in four squares, the opposite ones alike", PLANES,
        2, (2,), 850, 150),
    Source(
        "points:", "your points: a CSV file at PATH, the class last",
        "zoo.data.points:read", example="points.csv"),
    Source(
        "sine", "a wave with noise, to be predicted", CURVES,
        0, (1,), 850, 150),
    Source(
        "step", "a step with noise, to be predicted", CURVES,
        0, (1,), 850, 150),
    Source(
        "bumps", "three bumps with noise, to be predicted", CURVES,
        0, (1,), 850, 150),
)
# fmt: on


def list_datasets() -> list[Source]:
    """Returns the table of data sets, in order."""
    return list(SOURCES)


def find_source(name: str) -> tuple[Source, str]:
    """Returns the entry of a data set and the path behind its colon, if any.

    Raises:
        UserError: there is no such data set, or its path is missing.
    """
    kind, colon, path = name.partition(":")
    for source in SOURCES:
        if source.name == kind + colon:
            if colon and not path:
                raise UserError(
                    f"{name} names no path; write for example "
                    f"{name}{source.example}."
                )
            return source, path
        if source.name == kind + ":":
            raise UserError(
                f"{name} needs a path behind a colon; write {kind}:PATH."
            )
    if found := synonyms.dataset(name):
        raise UserError(
            f"there is no data set {name!r}, but a path; did you mean "
            f"--dataset={shlex.quote(found)}?"
        )
    known = [s.name + "PATH" * s.name.endswith(":") for s in SOURCES]
    raise unknown_name_error("data set", name, known, "zoo datasets")
