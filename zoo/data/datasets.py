"""The table of datasets.

Importing it loads the standard library alone. The function that reads a
dataset is named by a string, "package.module:function", and imported when its
images are needed.
"""

from __future__ import annotations

import dataclasses
import importlib
import shlex
from collections.abc import Callable
from pathlib import Path

from zoo import errors
from zoo.config import WITH_PATH
from zoo.errors import UserError, unknown_name_error


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """One row of the table.

    Attributes:
        name: Name of the dataset; ends with `:` where a path follows.
        description: Short description.
        reader: Where its reader is: a function from a
            `loading.ReadRequest` to a `loading.DatasetReader`.
        num_classes: Number of classes; `None` where the data decides, 0 for
            a regression.
        input_shape: `(H, W, C)`, or `(D,)` of vectors; `None` where the data
            decides.
        num_train: Number of images in its training split; 0 if it has none,
            `None` where the data decides.
        num_test: The same of its test split.
        hflip_safe: Whether a horizontal flip preserves the class.
        authors: Authors and year.
        license: License of the data.
        tfds_name: Name in tensorflow-datasets, if it is loaded from there.
        url: First address of the download.
        download_mib: Size of the download in MiB.
        fallback: Dataset to suggest where this one cannot be downloaded.
        example_path: Example of a path behind the colon.
    """

    name: str
    description: str
    reader: str
    num_classes: int | None = None
    input_shape: tuple[int, ...] | None = None
    num_train: int | None = None
    num_test: int | None = None
    hflip_safe: bool = False
    authors: str = ""
    license: str = ""
    tfds_name: str = ""
    url: str = ""
    download_mib: int = 0
    fallback: str = "digits"
    example_path: str = ""

    @property
    def title(self) -> str:
        """Its name, with a word for what follows the colon."""
        words = {"tfds:": "NAME", "arrays:": "DIGEST"}
        if not self.name.endswith(":"):
            return self.name
        return self.name + words.get(self.name, "PATH")

    @property
    def has_vectors(self) -> bool:
        """Whether its examples are vectors rather than images."""
        return self.name == "points:" or len(self.input_shape or ()) == 1

    def load_reader(self) -> Callable:
        """Imports and returns the reader."""
        module, _, function = self.reader.partition(":")
        return getattr(importlib.import_module(module), function)


TFDS = "zoo.data.tfds:read"
POINTS = "zoo.data.toy_datasets:read_points"
CURVE = "zoo.data.toy_datasets:read_curve"

# fmt: off
DATASETS = (
    DatasetInfo(
        "digits", "handwritten digits, included in scikit-learn: no download",
        "zoo.data.toy_datasets:read_digits", 10, (8, 8, 1), 1_437, 360,
        authors="Alpaydin and Kaynak, 1998", license="CC BY 4.0"),
    DatasetInfo(
        "low_contrast_digits",
        "the same at low contrast, on backgrounds of varying brightness",
        "zoo.data.toy_datasets:read_low_contrast_digits",
        10, (8, 8, 1), 1_437, 360,
        authors="Alpaydin and Kaynak, 1998", license="CC BY 4.0"),
    DatasetInfo(
        "shifted_digits",
        "the test images of digits, moved a little, for `evaluate` only",
        "zoo.data.toy_datasets:read_shifted_digits",
        10, (8, 8, 1), 0, 360,
        authors="Alpaydin and Kaynak, 1998", license="CC BY 4.0"),
    DatasetInfo(
        "mnist", "handwritten digits", TFDS,
        10, (28, 28, 1), 60_000, 10_000,
        authors="LeCun, Cortes and Burges, 1998", license="CC BY-SA 3.0",
        tfds_name="mnist", download_mib=11,
        url="https://storage.googleapis.com"),
    DatasetInfo(
        "fashion_mnist", "clothing, harder than mnist", TFDS,
        10, (28, 28, 1), 60_000, 10_000, hflip_safe=True,
        authors="Xiao, Rasul and Vollgraf, 2017", license="MIT",
        tfds_name="fashion_mnist", download_mib=30,
        url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"),
    DatasetInfo(
        "svhn", "house numbers, cropped to one digit (without `extra`)", TFDS,
        10, (32, 32, 3), 73_257, 26_032,
        authors="Netzer et al., 2011", license="non-commercial use only",
        tfds_name="svhn_cropped", download_mib=1_500,
        fallback="street_digits", url="http://ufldl.stanford.edu"),
    DatasetInfo(
        "street_digits", "synthetic house numbers, rendered here: no download",
        "zoo.data.street_digits:read", 10, (32, 32, 3), 20_000, 6_000,
        authors="rendered by this package", license="Apache-2.0"),
    DatasetInfo(
        "cifar10", "small color photographs of animals and vehicles", TFDS,
        10, (32, 32, 3), 50_000, 10_000, hflip_safe=True,
        authors="Krizhevsky, 2009", license="none stated; cite the report",
        tfds_name="cifar10", download_mib=163,
        url="https://www.cs.toronto.edu"),
    DatasetInfo(
        "cifar100", "the same with 100 fine classes", TFDS,
        100, (32, 32, 3), 50_000, 10_000, hflip_safe=True,
        authors="Krizhevsky, 2009", license="none stated; cite the report",
        tfds_name="cifar100", download_mib=161,
        url="https://www.cs.toronto.edu"),
    DatasetInfo(
        "cifar10_1", "a new test set for cifar10 (v6), for `evaluate` only",
        TFDS, 10, (32, 32, 3), 0, 2_000, hflip_safe=True,
        authors="Recht et al., 2018", license="MIT",
        tfds_name="cifar10_1/v6", download_mib=6,
        url="https://github.com"),
    DatasetInfo(
        "folder:", "your images: sub-folders of PATH are the classes",
        "zoo.data.folder:read", example_path="photos"),
    DatasetInfo(
        "npz:", "your arrays x and y, in a NumPy file at PATH",
        "zoo.data.npz:read", example_path="data.npz"),
    DatasetInfo(
        "csv:", "your images: a CSV file at PATH with columns path and label",
        "zoo.data.image_table:read", example_path="images.csv"),
    DatasetInfo(
        "tfds:", "any images of tensorflow-datasets, by their name there",
        "zoo.data.tfds:read_by_name", example_path="kmnist",
        url="https://storage.googleapis.com"),
    DatasetInfo(
        "arrays:", "data that `zoo.train` was given in Python, in the cache",
        "zoo.data.user_data:read", example_path="0123456789abcdef"),
    DatasetInfo(
        "moons", "two interleaving half circles of points", POINTS,
        2, (2,), 850, 150),
    DatasetInfo(
        "circles", "points of a disc and of a ring around it", POINTS,
        2, (2,), 850, 150),
    DatasetInfo(
        "spiral", "points on two arms of a spiral", POINTS,
        2, (2,), 850, 150),
    DatasetInfo(
        "xor", "points in four squares, opposite ones of the same class",
        POINTS, 2, (2,), 850, 150),
    DatasetInfo(
        "points:", "your points: a CSV file at PATH, class in the last column",
        "zoo.data.toy_datasets:read_points_file", example_path="points.csv"),
    DatasetInfo(
        "sine", "regression: a sine wave with noise", CURVE,
        0, (1,), 850, 150),
    DatasetInfo(
        "step", "regression: a step function with noise", CURVE,
        0, (1,), 850, 150),
    DatasetInfo(
        "bumps", "regression: three bumps with noise", CURVE,
        0, (1,), 850, 150),
)
# fmt: on


def list_datasets() -> list[DatasetInfo]:
    """Returns the rows of the table, in the order of the lectures."""
    return list(DATASETS)


def check_path(name: str) -> None:
    """Raises `UserError` if a dataset's file or folder is not there.

    Args:
        name: of a dataset, with a path where it ends in a colon.
    """
    info, place = find_dataset(name)
    if info.name.removesuffix(":") not in WITH_PATH:
        return
    path = Path(place).expanduser()
    if info.name == "folder:":
        remedy = "give the path of a folder whose sub-folders are the classes."
        if not path.exists():
            raise UserError(f"folder:{path} does not exist; {remedy}")
        if not path.is_dir():
            raise UserError(f"folder:{path} is a file; {remedy}")
    elif not path.is_file():
        kind = "NumPy .npz" if info.name == "npz:" else "CSV"
        raise UserError(
            f"{info.name}{path} is not a file; give the path of a {kind} file."
        )


def find_dataset(name: str) -> tuple[DatasetInfo, str]:
    """Returns the row of a dataset and the path behind its colon, if any.

    Raises:
        UserError: there is no such dataset, or its path is missing.
    """
    kind, colon, path = name.partition(":")
    for info in DATASETS:
        if info.name == kind + colon:
            if colon and not path:
                raise UserError(
                    f"{name} needs a path; write for example "
                    f"{name}{info.example_path}."
                )
            return info, path
        if info.name == kind + ":":
            raise UserError(
                f"{name} needs a path behind a colon; write {kind}:PATH."
            )
    if suggestion := errors.dataset_at(name):
        raise UserError(
            f"there is no dataset {name!r}, but a path; did you mean "
            f"--dataset={shlex.quote(suggestion)}?"
        )
    if name.lower().startswith(("imagenet", "ilsvrc")):
        raise UserError(
            f"there is no dataset {name!r}; give its folder as "
            "--dataset=folder:PATH, or start from its weights with "
            "--weights=imagenet."
        )
    known = [info.title for info in DATASETS]
    raise unknown_name_error("dataset", name, known, "zoo datasets")


def is_hflip_safe(name: str) -> bool:
    """Whether a horizontal flip is known to preserve the class of a dataset."""
    try:
        return find_dataset(name)[0].hflip_safe
    except UserError:
        return False  # a dataset of the user's, by another name
