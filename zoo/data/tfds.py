"""Public datasets, through tensorflow-datasets and the cache.

Only this file imports tensorflow-datasets, and only when its images are
needed: that a dataset is missing and cannot be downloaded is reported at once.
Its examples must be decoded each time, so the splits are cached as arrays in
`zoo/<name>/<version>/<split>` of the same folder; with these, tensorflow-
datasets is not needed any more.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import math
import re
import ssl
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from zoo.commands import command
from zoo.data import arrays, cache, image_files
from zoo.data.cache import CachedSplit, Chunk
from zoo.data.dataset import Split, hash_images
from zoo.data.datasets import DatasetInfo
from zoo.data.loading import (
    TEST,
    TRAIN,
    VAL,
    DatasetReader,
    ReadRequest,
    resize_split,
)
from zoo.errors import UserError, join_and

CACHE_DIR = "zoo"  # inside the folder of datasets
CHUNK_SIZE = 1024  # images that are decoded at a time
ONLINE_TIMEOUT_S = 5.0

# tensorflow-datasets has only numbers for these.
CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"
CLASS_NAMES = {"cifar10_1": tuple(CIFAR10.split())}


def read(request: ReadRequest) -> DatasetReader:
    """Finds a dataset on disk, or downloads it first."""
    reader = _TfdsReader(request)
    return DatasetReader(
        tuple(reader.metadata["class_names"]),
        reader.metadata["split_sizes"],
        reader.read,
        tuple(reader.metadata["shape"]),
        write_cache=reader.write_cache,
    )


def read_by_name(request: ReadRequest) -> DatasetReader:
    """Reads `tfds:NAME`: any images with one label each."""
    info = dataclasses.replace(
        request.info, name=f"tfds:{request.path}", tfds_name=request.path
    )
    return read(dataclasses.replace(request, info=info))


class _TfdsReader:
    """Reads the splits of one dataset.

    Attributes:
        metadata: Its version, class names, sizes of splits and image shape.
    """

    def __init__(self, request: ReadRequest):
        self._request = request
        self._data_dir = cache.resolve_data_dir(request.data_dir)
        name = re.sub(r"[:/]", "-", request.info.name)
        self._cache_dir = self._data_dir / CACHE_DIR / name
        self._builder = functools.cache(
            lambda: prepared_builder(request.info, request.data_dir)
        )
        self.metadata = self._cached_metadata() or _metadata(
            request.info, self._builder()
        )

    def _cached_metadata(self) -> dict[str, Any] | None:
        """Returns what is stored with the cache of the newest version."""
        folders = [
            path
            for path in self._cache_dir.glob("*/*")
            if path.name in (TRAIN, TEST)
        ]
        for folder in sorted(folders, key=_version, reverse=True):
            origin = self._origin(folder.parent.name, folder.name)
            # A corrupt cache is rebuilt when its images are needed.
            with contextlib.suppress(cache.CorruptCacheError):
                metadata = cache.load_metadata(folder, origin)
                if metadata is not None:
                    return metadata
        return None

    def read(self, split_name: str) -> tuple[Split, list[bytes]]:
        """Returns a split, in the requested size, and its hashes."""
        original = self._read_original(split_name)
        size = self._request.image_size
        if size is None or not self._is_large(split_name):
            resized = resize_split(original.split, size, self._request.resize)
            return resized, original.hashes
        height, width = image_files.height_and_width(size)
        resized = self._load_or_write(
            split_name,
            f"-{height}x{width}-{self._request.resize}",
            lambda: _resized_chunks(
                original, (height, width), self._request.resize
            ),
        )
        return resized.split, resized.hashes

    def write_cache(self, split_name: str) -> None:
        """Caches a split, unless a valid cache exists."""
        self._read_original(split_name)

    def _read_original(self, split_name: str) -> CachedSplit:
        info = self._request.info
        return self._load_or_write(
            split_name, "", lambda: _chunks(self._builder(), info, split_name)
        )

    def _load_or_write(
        self,
        split_name: str,
        suffix: str,
        read_chunks: Callable[[], Iterator[Chunk]],
    ) -> CachedSplit:
        version = self.metadata["version"]
        folder = self._cache_dir / f"{version}{suffix}" / split_name
        name = f"{self._request.info.name}/{split_name}"
        if self._origin(version, split_name) is None:
            # The cache cannot be rebuilt, and is used as it is.
            try:
                cached = cache.load(folder, None, name)
            except cache.CorruptCacheError as error:
                raise self._unrecoverable(error, folder) from error
            if cached is not None:
                return cached
            if not suffix:
                self._builder()  # downloads, or raises why it cannot
        return cache.load_or_write(
            folder,
            self._origin(version, split_name) or "",
            self.metadata,
            self.metadata["split_sizes"][split_name],
            read_chunks,
            name,
        )

    def _origin(self, version: str, split_name: str) -> str | None:
        """Returns the names and sizes of the files of tensorflow-datasets."""
        version = version.partition("-")[0]
        folder = self._data_dir / self._request.info.tfds_name / version
        sizes = {
            path.name: path.stat().st_size
            for path in sorted(folder.glob(f"*-{_tfds_split(split_name)}.*"))
        }
        return json.dumps(sizes) if sizes else None

    def _unrecoverable(self, error: UserError, folder: Path) -> UserError:
        """Builds the error for a corrupt cache without its source."""
        request = self._request
        again = command(
            "download", request.info.name, data_dir=request.data_dir
        )
        return UserError(
            f"{error}; delete the folder {folder} and run `{again}`."
        )

    def _is_large(self, split_name: str) -> bool:
        """Whether the resized images of a split are too many for memory."""
        size = image_files.height_and_width(self._request.image_size)
        *original, channels = self.metadata["shape"]
        if size == tuple(original):
            return False
        count = self.metadata["split_sizes"][split_name]
        num_bytes = count * math.prod(size) * channels
        return num_bytes > arrays.MAX_IN_MEMORY_BYTES


def _version(folder: Path) -> list[int]:
    """Returns the sort key of a version; those of other sizes come last."""
    numbers = folder.parent.name.split(".")
    return [int(n) if n.isdecimal() else -1 for n in numbers]


def _resized_chunks(
    original: CachedSplit, size: tuple[int, int], resize: str
) -> Iterator[Chunk]:
    done = 0
    for images in arrays.iter_chunks(original.split.images):
        rows = slice(done, done + len(images))
        done = rows.stop
        chunk = Split(images, original.split.labels[rows])
        chunk = resize_split(chunk, size, resize)
        yield chunk.images, chunk.labels, original.hashes[rows]


def _metadata(info: DatasetInfo, builder) -> dict[str, Any]:
    """Returns version, class names, sizes of splits and shape of images."""
    features = builder.info.features
    # A FeaturesDict has no `get`; other features have no keys.
    known = dict(features.items()) if hasattr(features, "items") else {}
    image, label = known.get("image"), known.get("label")
    names = tuple(getattr(label, "names", None) or ())
    shape = getattr(image, "shape", None)
    if not names or shape is None:
        raise UserError(
            f"{info.name} has the features {join_and(known)}; only an "
            "image with one label can be trained on."
        )
    if None in shape:
        raise UserError(
            f"{info.name} has images of different sizes; write them into "
            "folders of their classes, for folder:PATH with --image_size."
        )
    return {
        "version": str(builder.info.version),
        "class_names": list(CLASS_NAMES.get(info.name, names)),
        "split_sizes": {
            name: builder.info.splits[_tfds_split(name)].num_examples
            for name in (TRAIN, VAL, TEST)
            if _tfds_split(name) in builder.info.splits
        },
        "shape": list(shape),
    }


def _tfds_split(split_name: str) -> str:
    """Returns the name of a split in tensorflow-datasets."""
    return "validation" if split_name == VAL else split_name


def _chunks(builder, info: DatasetInfo, split_name: str) -> Iterator[Chunk]:
    """Decodes a split in the order of its files."""
    import tensorflow as tf

    tfds_split = _tfds_split(split_name)
    missing = builder.info.splits[tfds_split].num_examples
    try:
        batches = builder.as_dataset(
            split=tfds_split, batch_size=CHUNK_SIZE, shuffle_files=False
        )
        for batch in batches.as_numpy_iterator():
            images = batch["image"]
            yield images, batch["label"], hash_images(images)
            missing -= len(images)
        if missing:
            raise ValueError(f"{missing:,} images are missing")
    except (tf.errors.OpError, OSError, ValueError) as error:
        raise UserError(
            f"{info.name} in {builder.data_dir} cannot be read "
            f"({_first_line(error)}); delete that folder and run "
            f"`{command('download', info.name)}`."
        ) from error


def prepared_builder(
    info: DatasetInfo,
    data_dir: str | None,
    *,
    log: Callable[[str], None] = print,
    is_online: Callable[[str], bool] | None = None,
    make_builder: Callable | None = None,
):
    """Returns the builder of a dataset that is on disk; downloads it first.

    Args:
        info: a dataset of tensorflow-datasets.
        data_dir: its folder; TFDS_DATA_DIR or the default if not given.
        log: prints lines about a download.
        is_online: whether a URL can be reached.
        make_builder: function from a name and a folder to a builder.

    Raises:
        UserError: it is not on disk and cannot be downloaded.
    """
    folder = cache.resolve_data_dir(data_dir)
    is_online = is_online or _is_online
    if not is_prepared(info, folder):
        _check_online(info, folder, is_online)
    builder = (make_builder or _make_builder)(info.tfds_name, str(folder))
    if not builder.is_prepared():
        _check_online(info, folder, is_online)
        _download(info, builder, folder, log)
    return builder


def is_prepared(info: DatasetInfo, folder: Path) -> bool:
    """Whether some version of a dataset is in the folder of datasets."""
    return any(
        re.fullmatch(r"[0-9.]+", path.parent.name)
        for path in (folder / info.tfds_name).glob("*/dataset_info.json")
    )


def _check_online(
    info: DatasetInfo, folder: Path, is_online: Callable[[str], bool]
) -> None:
    if is_online(info.url):
        return
    raise UserError(
        f"{info.name} is not in {folder}, and {info.url} cannot be reached to "
        f"download it; run `{command('download', info.name)}` with an internet "
        "connection, give the folder that has it as --data_dir, or use "
        f"--dataset={info.fallback}, which needs no download."
    )


def _is_online(url: str) -> bool:
    """Whether the host of a URL answers within seconds, also by proxy."""
    answers: list[bool] = []
    # In a thread, since looking up a name has no timeout.
    thread = threading.Thread(
        target=lambda: answers.append(_answers(url)), daemon=True
    )
    thread.start()
    thread.join(ONLINE_TIMEOUT_S)
    return answers == [True]


def _answers(url: str) -> bool:
    request = urllib.request.Request(url, method="HEAD")
    try:
        # An opener of its own, which knows the proxies of this moment.
        opener = urllib.request.build_opener()
        opener.open(request, timeout=ONLINE_TIMEOUT_S).close()
    except urllib.error.HTTPError as error:
        # The host refused the request; 502 to 504 are a proxy without it.
        error.close()
        return error.code not in (502, 503, 504)
    except urllib.error.URLError as error:
        # tensorflow-datasets has certificates of its own.
        return isinstance(error.reason, ssl.SSLError)
    except OSError:
        return False
    return True


def _make_builder(name: str, folder: str):
    try:
        import tensorflow_datasets as tfds
    except ModuleNotFoundError as error:
        # On Python 3.12 and later it may lack importlib_resources, which it
        # uses without depending on it.
        raise UserError(
            f"tensorflow-datasets, which reads {name}, needs the package "
            f"{error.name}, which is not installed; run `pip install "
            f"{error.name}`."
        ) from None
    try:
        return tfds.builder(name, data_dir=folder)
    except (tfds.core.registered.DatasetNotFoundError, ValueError) as error:
        raise UserError(
            f"tensorflow-datasets has no dataset {name!r} "
            f"({_first_line(error)}); see "
            "https://www.tensorflow.org/datasets/catalog."
        ) from error


def _download(
    info: DatasetInfo, builder, folder: Path, log: Callable[[str], None]
) -> None:
    """Downloads and prepares; leaves nothing behind if that fails."""
    import tensorflow_datasets as tfds

    size = f" ({info.download_mib:,} MiB)" if info.download_mib else ""
    log(f"downloading {info.name}{size} to {folder}")
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    created = [p for p in Path(builder.data_dir).parents if not p.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(".zoo", "download-", folder) as path:
            builder.download_and_prepare(download_dir=path)
    except (OSError, *_download_errors()) as error:
        raise UserError(
            f"{info.name} could not be downloaded to {folder} "
            f"({_first_line(error)}); try again, or give a folder that has it "
            "as --data_dir."
        ) from error
    finally:
        for path in created:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
    sizes = [
        f"{name} {split.num_examples:,}"
        for name, split in builder.info.splits.items()
    ]
    log(f"prepared {info.name} in {builder.data_dir}: {', '.join(sizes)}")


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
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
