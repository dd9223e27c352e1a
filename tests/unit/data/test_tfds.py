"""tensorflow-datasets: prepared datasets are read, others downloaded."""

import contextlib
import http.server
import shutil
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from tests.unit.data.conftest import sizes
from zoo.data import arrays, load_dataset, tfds
from zoo.data.cache import resolve_data_dir
from zoo.data.datasets import find_dataset
from zoo.data.loading import download
from zoo.data.tfds import prepared_builder
from zoo.errors import UserError
from zoo.evaluation.test_set import load_test_split

SVHN, _ = find_dataset("svhn")
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


def fetch(folder, files, log=lambda line: None):
    """Prepares SVHN by the genuine builder from another source of downloads."""

    def make_builder(name, folder):
        import tensorflow_datasets as tfds

        builder = tfds.builder(name, data_dir=folder)
        builder._make_download_manager = lambda **_: Downloads(files)
        return builder

    prepared_builder(
        SVHN,
        str(folder),
        log=log,
        is_online=lambda _: True,
        make_builder=make_builder,
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder that holds a small SVHN, and what was said on the way."""
    root = tmp_path_factory.mktemp("tfds")
    lines = []
    fetch(root / "data", write_original(root / "original"), lines.append)
    return root, lines


def test_a_download_is_announced_with_its_size_and_result(prepared):
    root, lines = prepared
    assert lines[0] == f"downloading svhn (1,500 MiB) to {root / 'data'}"
    assert lines[1].startswith(f"prepared svhn in {root / 'data'}")
    assert "train 60" in lines[1]
    assert "test 20" in lines[1]


def test_a_download_leaves_the_prepared_data_alone(prepared):
    root, _ = prepared
    names = {path.name for path in (root / "data").iterdir()}
    assert names - {"zoo"} == {"svhn_cropped"}


def test_svhn_is_read_from_its_original_format(prepared):
    root, _ = prepared
    name, where = "svhn", {"data_dir": str(root / "data")}
    data, test = load_dataset(name, **where), load_test_split(name, **where)
    assert sizes(data) == (50, 10, 20)
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


def test_a_prepared_dataset_is_read_by_any_of_its_names(prepared):
    where = {"data_dir": str(prepared[0] / "data")}
    known = load_dataset("svhn", **where)
    named = load_dataset("tfds:svhn_cropped", **where)
    assert named.class_names == known.class_names
    assert named.fingerprint == known.fingerprint


def test_what_is_prepared_needs_no_internet(prepared):
    root, _ = prepared

    def unreachable(_):
        raise AssertionError("asked for the internet")

    prepared_builder(SVHN, str(root / "data"), is_online=unreachable)


def test_offline_one_sentence_says_so(tmp_path):
    folder = tmp_path / "data"
    with pytest.raises(UserError) as error:
        prepared_builder(SVHN, str(folder), is_online=lambda _: False)
    remedies = ("zoo download svhn", "--data_dir", "--dataset=street_digits")
    for words in (str(folder), *remedies):
        assert words in str(error.value)
    assert not folder.exists()


def test_a_download_that_breaks_off_leaves_nothing(tmp_path):
    with pytest.raises(UserError, match="the line went dead"):
        fetch(tmp_path / "some" / "data", None)
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_breaks_off_spares_what_was_there(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="could not be downloaded"):
        fetch(tmp_path, None)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def test_damaged_records_are_explained(prepared, tmp_path):
    root, _ = prepared
    shutil.copytree(root / "data", tmp_path / "data")
    for path in (tmp_path / "data").rglob("*train*tfrecord*"):
        path.write_bytes(path.read_bytes()[:5_000])
    with pytest.raises(UserError, match="cannot be read .*zoo download svhn"):
        load_dataset("svhn", data_dir=str(tmp_path / "data"))


def test_the_folder_is_given_or_of_the_environment_or_the_default(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", "/environment")
    assert resolve_data_dir("/given") == Path("/given")
    assert resolve_data_dir(None) == Path("/environment")
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert resolve_data_dir(None) == Path.home() / "tensorflow_datasets"
    assert resolve_data_dir("~/data") == Path.home() / "data"


@pytest.fixture
def copied(prepared, tmp_path):
    """The same folder, for this test alone and without arrays."""
    root, _ = prepared
    ignore = shutil.ignore_patterns("zoo")
    return shutil.copytree(root / "data", tmp_path / "data", ignore=ignore)


def splits_kept(folder):
    return {
        path.parent.name for path in folder.glob("zoo/svhn/*/*/metadata.json")
    }


def test_training_keeps_its_split_as_arrays_and_reads_no_other(copied):
    for path in copied.rglob("*test.tfrecord*"):
        path.write_bytes(b"sealed")
    load_dataset("svhn", data_dir=str(copied))
    assert splits_kept(copied) == {"train"}


def test_arrays_are_read_without_tensorflow_datasets(copied, monkeypatch):
    first = load_dataset("svhn", data_dir=str(copied))
    shutil.rmtree(copied / "svhn_cropped")
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    again = load_dataset("svhn", data_dir=str(copied))
    assert again.fingerprint == first.fingerprint
    assert again.class_names == first.class_names
    assert again.num_test_examples == 20


def test_download_caches_all_splits_and_repairs_a_flipped_bit(copied, capsys):
    download("svhn", data_dir=str(copied))
    assert splits_kept(copied) == {"train", "test"}
    images = next(copied.glob("zoo/svhn/*/train/images.npy"))
    sound = images.read_bytes()
    images.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    download("svhn", data_dir=str(copied))
    assert images.read_bytes() == sound
    assert f"{images} is corrupt; rebuilding" in capsys.readouterr().out


@pytest.mark.parametrize("read", [load_dataset, download])
def test_damaged_arrays_that_are_all_there_is_are_named(copied, read):
    load_dataset("svhn", data_dir=str(copied))
    shutil.rmtree(copied / "svhn_cropped")
    images = next(copied.glob("zoo/svhn/*/train/images.npy"))
    images.write_bytes(images.read_bytes()[:1000])
    with pytest.raises(UserError) as error:
        read("svhn", data_dir=str(copied))
    assert str(error.value).startswith(f"{images} has 1,000 bytes instead")
    again = f"{images.parent} and run `zoo download svhn --data_dir={copied}`."
    assert str(error.value).endswith(f"delete the folder {again}")


def test_arrays_of_other_records_are_made_anew(copied):
    load_dataset("svhn", data_dir=str(copied))
    about = next(copied.glob("zoo/svhn/*/train/metadata.json"))
    before = about.stat().st_ino
    (records,) = copied.rglob("*train.tfrecord*")
    records.with_name("svhn_cropped-train.more").write_text("more")
    load_dataset("svhn", data_dir=str(copied))
    assert about.stat().st_ino != before


def test_where_arrays_cannot_be_kept_images_are_read_each_time(copied, capsys):
    (copied / "zoo").write_text("in the way")
    data = load_dataset("svhn", data_dir=str(copied))
    assert len(data.train) == 50
    assert "cannot be written: Not a directory" in capsys.readouterr().out


def test_images_too_large_for_memory_when_resized_are_kept_so(
    copied, monkeypatch
):
    where = {"data_dir": str(copied), "image_size": (20, 24)}
    in_memory = load_dataset("svhn", **where)
    monkeypatch.setattr(arrays, "MAX_IN_MEMORY_BYTES", 60 * 20 * 24 * 3 - 1)
    monkeypatch.setattr(arrays, "CHUNK_BYTES", 10_000)
    for _ in range(2):
        data = load_dataset("svhn", **where)
        assert isinstance(data.train.images, arrays.MemmapView)
        assert data.fingerprint == in_memory.fingerprint
    assert len(list(copied.glob("zoo/svhn/*-20x24-*/train/images.npy"))) == 1


@contextlib.contextmanager
def serving(status=200):
    """A host that answers every request with a status; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [200, 403, 404])
def test_a_host_that_answers_is_online(monkeypatch, status):
    monkeypatch.delenv("http_proxy", raising=False)
    with serving(status) as address:
        assert tfds._is_online(f"http://{address}/data")


def test_a_host_that_does_not_answer_is_offline(monkeypatch):
    monkeypatch.delenv("http_proxy", raising=False)
    with serving() as address:
        pass
    assert not tfds._is_online(f"http://{address}/data")


def test_an_unknown_name_is_offline(monkeypatch):
    monkeypatch.delenv("https_proxy", raising=False)
    assert not tfds._is_online("https://no-such-host.invalid")


@pytest.mark.parametrize("status, expected", [(200, True), (502, False)])
def test_behind_a_proxy_its_answer_decides(monkeypatch, status, expected):
    with serving(status) as address:
        monkeypatch.setenv("http_proxy", f"http://{address}")
        assert tfds._is_online("http://no-such-host.invalid") == expected
