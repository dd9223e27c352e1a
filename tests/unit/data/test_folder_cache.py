"""Many images of a folder: decoded once, in parallel, then cached."""

import functools
import os

import numpy as np
import pytest
from PIL import Image

from tests.unit.data.conftest import save
from zoo.data import folder, image_files, load_dataset, parallel_decoding
from zoo.data.loading import download
from zoo.errors import UserError
from zoo.evaluation.test_set import load_test_split


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with 25 pictures of each of two classes, which is many."""
    monkeypatch.setattr(folder, "MIN_CACHED_FILES", 40)
    random = np.random.default_rng(0)
    for label in ("cat", "dog"):
        pictures = tmp_path / "pictures" / label
        for i in range(24):
            pixels = random.integers(0, 256, (6, 8, 3), np.uint8)
            save(pictures / f"{i}.png", pixels)
        # Of one size and time in both classes.
        save(pictures / "0.bmp", pixels)
        os.utime(pictures / "0.bmp", (1, 1))
    return tmp_path


def load(place, **options):
    where = {"data_dir": str(place / "kept"), **options}
    return load_dataset(f"folder:{place}/pictures", **where)


def kept(place):
    return sorted((place / "kept").rglob("metadata.json"))


def refuse(*_, **__):
    raise AssertionError("read again")


def test_many_pictures_are_decoded_once(place, monkeypatch):
    first = load(place)
    monkeypatch.setattr(image_files, "_open", refuse)
    again = load(place)
    assert again.fingerprint == first.fingerprint
    assert again.train.file_names == first.train.file_names


def test_what_is_kept_is_what_is_read_without(place, monkeypatch):
    with_arrays = load(place, image_size=5)
    monkeypatch.setattr(folder, "MIN_CACHED_FILES", 1000)
    without = load(place, image_size=5)
    assert with_arrays.fingerprint == without.fingerprint
    assert len(kept(place)) == 1


def test_few_pictures_are_not_kept(place, monkeypatch):
    monkeypatch.setattr(folder, "MIN_CACHED_FILES", 51)
    load(place)
    assert not (place / "kept").exists()


def exchange_two_files(cat, dog):
    (cat / "0.bmp").rename(cat.with_name("other"))
    (dog / "0.bmp").rename(cat / "0.bmp")
    cat.with_name("other").rename(dog / "0.bmp")


BLACK = Image.new("RGB", (8, 6))
CHANGES = {
    "other pixels": lambda cat, dog: BLACK.save(cat / "0.png"),
    "another time": lambda cat, dog: os.utime(cat / "0.png", (1, 1)),
    "one more": lambda cat, dog: BLACK.save(dog / "new.png"),
    "one less": lambda cat, dog: (dog / "3.png").unlink(),
    "one moved": lambda cat, dog: (dog / "3.png").rename(cat / "new.png"),
    "two exchanged": exchange_two_files,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_folder_that_changed_is_read_anew_and_kept_once(
    place, change, capsys, monkeypatch
):
    load(place)
    change(place / "pictures" / "cat", place / "pictures" / "dog")
    capsys.readouterr()
    found = load(place)
    assert "reading" in capsys.readouterr().out
    assert len(kept(place)) == 1
    monkeypatch.setattr(folder, "MIN_CACHED_FILES", 1000)
    assert found.fingerprint == load(place).fingerprint


def test_each_size_is_kept_for_itself(place, monkeypatch):
    sizes = [load(place, image_size=s).input_shape for s in (5, (4, 7))]
    assert sizes == [(5, 5, 3), (4, 7, 3)]
    assert len(kept(place)) == 2
    monkeypatch.setattr(image_files, "_open", refuse)
    assert load(place, image_size=5).input_shape == (5, 5, 3)


def test_a_damaged_array_is_named_and_made_anew(place, capsys):
    first = load(place)
    images = kept(place)[0].with_name("images.npy")
    images.write_bytes(images.read_bytes()[:1000])
    capsys.readouterr()
    assert load(place).fingerprint == first.fingerprint
    assert f"{images} has 1,000 bytes" in capsys.readouterr().out


def test_a_picture_that_cannot_be_read_leaves_nothing_kept(place):
    path = place / "pictures" / "dog" / "5.png"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(UserError, match=r"dog/5.png .*`zoo inspect"):
        load(place)
    assert kept(place) == []


def test_training_keeps_no_test_pictures(place):
    pictures = place / "pictures"
    pictures.rename(place / "train")
    pictures.mkdir()
    (place / "train").rename(pictures / "train")
    for label in ("cat", "dog"):
        for i in range(24):
            pixels = np.full((6, 8, 3), i, np.uint8)
            save(pictures / "test" / label / f"{i}.png", pixels)
    load(place)
    assert {path.parent.name for path in kept(place)} == {"train"}
    where = {"data_dir": str(place / "kept")}
    assert len(load_test_split(f"folder:{pictures}", **where)) == 48
    assert {path.parent.name for path in kept(place)} == {"train", "test"}


def test_prepare_keeps_all(place):
    where = {"data_dir": str(place / "kept")}
    assert download(f"folder:{place}/pictures", **where) == {"train": 50}
    assert len(kept(place)) == 1


def paths_of(place):
    return sorted((place / "pictures").rglob("*.png"))


@pytest.mark.parametrize("processes", [False, True])
def test_work_is_done_in_order_by_threads_and_by_processes(
    place, processes, monkeypatch
):
    monkeypatch.setattr(parallel_decoding, "CHUNK_SIZE", 5)
    monkeypatch.setattr(parallel_decoding, "_num_processors", lambda: 2)
    paths = paths_of(place)
    found = parallel_decoding.map_in_order(
        parallel_decoding._count_sizes, paths, processes
    )
    sizes = [tally[0].total() for tally in found]
    assert sizes == [5] * 9 + [3]


@pytest.mark.parametrize("processes", [False, True])
@pytest.mark.parametrize("damage", ["cut", "size"])
def test_a_mistake_in_a_worker_is_the_same_sentence(place, damage, processes):
    paths = paths_of(place)
    if damage == "cut":
        paths[7].write_bytes(paths[7].read_bytes()[:-30])
    else:
        Image.new("RGB", (3, 3)).save(paths[7])
    spec = image_files.ImageSpec((6, 8, 3), resize=None)
    job = functools.partial(parallel_decoding._decode, spec=spec)
    with pytest.raises(UserError) as alone:
        job(paths)
    with pytest.raises(UserError) as found:
        list(parallel_decoding.map_in_order(job, paths, processes))
    assert type(found.value) is type(alone.value)
    assert str(found.value) == str(alone.value)


def test_a_worker_that_ends_is_said(place):
    results = parallel_decoding.map_in_order(
        exit, paths_of(place), processes=True
    )
    with pytest.raises(UserError, match="was killed by the system"):
        list(results)
