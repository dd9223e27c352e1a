"""Public data sets through tensorflow-datasets.

This file alone knows tensorflow-datasets, and imports it when images are
wanted: what can be told without it, that a data set is missing and cannot be
fetched, is told at once.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from zoo.commands import command
from zoo.data.array_store import Piece
from zoo.data.network import is_reachable
from zoo.data.parts import TEST, TRAIN
from zoo.data.sources import Source
from zoo.data.splits import digests
from zoo.errors import UserError

DEFAULT_DIR = "~/tensorflow_datasets"
PIECE = 1024  # images that are decoded at a time

# tensorflow-datasets has only numbers for these.
CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"
CLASS_NAMES = {"cifar10_1": tuple(CIFAR10.split())}


def describe(source: Source, builder) -> dict[str, Any]:
    """Returns version, class names, sizes of splits and shape of images."""
    names = tuple(builder.info.features["label"].names)
    return {
        "version": str(builder.info.version),
        "class_names": list(CLASS_NAMES.get(source.name, names)),
        "sizes": {
            name: builder.info.splits[name].num_examples
            for name in (TRAIN, TEST)
            if name in builder.info.splits
        },
        "shape": list(builder.info.features["image"].shape),
    }


def fetch(
    source: Source,
    data_dir: str | None,
    *,
    say: Callable[[str], None] = print,
    reachable: Callable[[str], bool] = is_reachable,
    make_builder: Callable | None = None,
):
    """Returns the builder of a data set that is on disk, if need be now.

    Args:
        source: a data set that comes from tensorflow-datasets.
        data_dir: its folder; else TFDS_DATA_DIR, else `DEFAULT_DIR`.
        say: takes lines about a download.
        reachable: whether an address answers.
        make_builder: from a name and a folder to a builder.

    Raises:
        UserError: it is not on disk and cannot be fetched.
    """
    folder = find_dir(data_dir)
    if not is_prepared(source, folder):
        _check_network(source, folder, reachable)
    builder = (make_builder or _builder)(source.builder, str(folder))
    if not builder.is_prepared():
        _check_network(source, folder, reachable)
        _download(source, builder, folder, say)
    return builder


def find_dir(data_dir: str | None) -> Path:
    """Returns the folder that tensorflow-datasets keeps its data in."""
    given = data_dir or os.environ.get("TFDS_DATA_DIR") or DEFAULT_DIR
    return Path(given).expanduser().absolute()


def is_prepared(source: Source, folder: Path) -> bool:
    """Says whether some version of the data set lies below a folder."""
    return any(
        re.fullmatch(r"[0-9.]+", info.parent.name)
        for info in (folder / source.builder).glob("*/dataset_info.json")
    )


def _check_network(
    source: Source, folder: Path, reachable: Callable[[str], bool]
) -> None:
    if reachable(source.address):
        return
    raise UserError(
        f"{source.name} is not in {folder}, and there is no connection to "
        f"{source.address} to fetch it from; run "
        f"`{command('download', source.name)}` where "
        "there is one, or give the folder that has it as --data_dir, or "
        f"take --dataset={source.stand_in}, which needs neither."
    )


def _builder(name: str, folder: str):
    try:
        import tensorflow_datasets as tfds
    except ModuleNotFoundError as error:
        # On Python 3.12 and later it may lack importlib_resources, which it
        # uses and does not ask for.
        raise UserError(
            f"tensorflow-datasets, which reads {name}, needs the package "
            f"{error.name}, which is not installed; run `pip install "
            f"{error.name}`."
        ) from None
    return tfds.builder(name, data_dir=folder)


def _download(
    source: Source, builder, folder: Path, say: Callable[[str], None]
) -> None:
    """Downloads and prepares; leaves nothing behind if that fails."""
    import tensorflow_datasets as tfds

    say(f"fetching {source.name} ({source.download:,} MiB) into {folder}")
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    made = [p for p in Path(builder.data_dir).parents if not p.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(".zoo", "download-", folder) as here:
            builder.download_and_prepare(download_dir=here)
    except (OSError, *_download_errors()) as error:
        raise UserError(
            f"{source.name} could not be fetched into {folder} "
            f"({_first_line(error)}); try again, or give a folder that has it "
            "as --data_dir."
        ) from error
    finally:
        for path in made:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
    sizes = [
        f"{name} {split.num_examples:,}"
        for name, split in builder.info.splits.items()
    ]
    say(f"prepared {source.name} in {builder.data_dir}: {', '.join(sizes)}")


def _download_errors() -> tuple[type[Exception], ...]:
    from tensorflow_datasets.core.download import (
        download_manager,
        extractor,
        util,
    )

    return (
        download_manager.NonMatchingChecksumError,
        extractor.ExtractError,
        util.DownloadError,
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0].rstrip(".") if text else type(error).__name__


def pieces(builder, source: Source, name: str) -> Iterator[Piece]:
    """Decodes one split in the order in which it lies on disk."""
    import tensorflow as tf

    left = builder.info.splits[name].num_examples
    try:
        batches = builder.as_dataset(
            split=name, batch_size=PIECE, shuffle_files=False
        )
        for batch in batches.as_numpy_iterator():
            images = batch["image"]
            yield images, batch["label"], digests(images)
            left -= len(images)
        if left:
            raise ValueError(f"{left:,} images are missing")
    except (tf.errors.OpError, OSError, ValueError) as error:
        raise UserError(
            f"{source.name} in {builder.data_dir} cannot be read "
            f"({_first_line(error)}); remove that folder and run "
            f"`{command('download', source.name)}`."
        ) from error
