"""tensorflow-datasets: prepared sets are read, others fetched or explained."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from zoo.data import load_dataset
from zoo.data.seal import open_test
from zoo.data.sources import find_source
from zoo.data.tfds import fetch, find_dir
from zoo.errors import UserError

SVHN, _ = find_source("svhn")
SIZES = {"train": 60, "test": 20, "extra": 5}


def write_original(folder):
    """Writes SVHN's own format: X `[32, 32, 3, N]`, y with 10 for zero."""
    random = np.random.default_rng(0)
    folder.mkdir()
    files = {}
    for part, count in SIZES.items():
        files[part] = str(folder / f"{part}_32x32.mat")
        images = random.integers(0, 256, (32, 32, 3, count), np.uint8)
        labels = (np.arange(count) % 10 + 1).astype(np.uint8)[:, None]
        scipy.io.savemat(files[part], {"X": images, "y": labels})
    return files


class Downloads:
    """Answers a builder's request for downloads with files on disk."""

    downloaded_size = 0

    def __init__(self, files):
        self._files = files

    def download(self, _):
        if self._files is None:
            raise ConnectionError("the line went dead")
        return self._files


def builder_with(files):
    """Makes the genuine builder, with another source of downloads."""

    def make(name, folder):
        import tensorflow_datasets as tfds

        builder = tfds.builder(name, data_dir=folder)
        builder._make_download_manager = lambda **_: Downloads(files)
        return builder

    return make


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder that holds a small SVHN, and what was said on the way."""
    root = tmp_path_factory.mktemp("tfds")
    lines = []
    fetch(
        SVHN,
        str(root / "data"),
        say=lines.append,
        reachable=lambda _: True,
        make_builder=builder_with(write_original(root / "original")),
    )
    return root, lines


def test_a_download_is_announced_with_its_size_and_result(prepared):
    root, lines = prepared
    assert lines[0] == f"fetching svhn (1,500 MiB) into {root / 'data'}"
    assert lines[1].startswith(f"prepared svhn in {root / 'data'}")
    assert "train 60" in lines[1]
    assert "test 20" in lines[1]


def test_a_download_leaves_the_prepared_data_alone(prepared):
    root, _ = prepared
    assert [p.name for p in (root / "data").iterdir()] == ["svhn_cropped"]


def test_svhn_is_read_from_its_original_format(prepared):
    root, _ = prepared
    name, where = "svhn", {"data_dir": str(root / "data")}
    data, test = load_dataset(name, **where), open_test(name, **where)
    assert (len(data.train), len(data.val), data.test_examples) == (50, 10, 20)
    assert data.class_names == tuple("0123456789")
    for part, splits in (("train", (data.train, data.val)), ("test", (test,))):
        raw = scipy.io.loadmat(root / "original" / f"{part}_32x32.mat")
        truth = {
            image.tobytes(): label % 10
            for image, label in zip(
                raw["X"].transpose(3, 0, 1, 2), raw["y"][:, 0], strict=True
            )
        }
        for split in splits:
            for image, label in zip(split.images, split.labels, strict=True):
                assert truth.pop(image.tobytes()) == label
        assert not truth


def test_reading_is_repeatable(prepared):
    root, _ = prepared
    one, other = (
        load_dataset("svhn", data_dir=str(root / "data")) for _ in range(2)
    )
    assert one.fingerprint == other.fingerprint


def test_what_is_prepared_needs_no_network(prepared):
    root, _ = prepared

    def unreachable(_):
        raise AssertionError("asked for the network")

    fetch(SVHN, str(root / "data"), reachable=unreachable)


def test_without_a_network_one_sentence_says_so(tmp_path):
    with pytest.raises(UserError) as error:
        fetch(SVHN, str(tmp_path / "data"), reachable=lambda _: False)
    for words in ("svhn", str(tmp_path), "zoo prepare svhn", "--data_dir",
                  "--dataset=street_digits"):  # fmt: skip
        assert words in str(error.value)
    assert not (tmp_path / "data").exists()


def test_a_download_that_breaks_off_leaves_nothing(tmp_path):
    with pytest.raises(UserError, match="the line went dead"):
        fetch(
            SVHN,
            str(tmp_path / "some" / "data"),
            say=lambda _: None,
            reachable=lambda _: True,
            make_builder=builder_with(None),
        )
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_breaks_off_spares_what_was_there(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="could not be fetched"):
        fetch(
            SVHN,
            str(tmp_path),
            say=lambda _: None,
            reachable=lambda _: True,
            make_builder=builder_with(None),
        )
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def test_damaged_records_are_explained(prepared, tmp_path):
    import shutil

    root, _ = prepared
    shutil.copytree(root / "data", tmp_path / "data")
    for path in (tmp_path / "data").rglob("*train*tfrecord*"):
        path.write_bytes(path.read_bytes()[:5_000])
    with pytest.raises(UserError, match="cannot be read .*zoo prepare svhn"):
        load_dataset("svhn", data_dir=str(tmp_path / "data"))


def test_the_folder_is_given_or_of_the_environment_or_the_default(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", "/environment")
    assert find_dir("/given") == Path("/given")
    assert find_dir(None) == Path("/environment")
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert find_dir(None) == Path.home() / "tensorflow_datasets"
    assert find_dir("~/data") == Path.home() / "data"
