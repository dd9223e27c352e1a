"""A cached split is complete, verified and of the right origin, or missing."""

import errno
import multiprocessing
import os
import time

import numpy as np
import pytest

from zoo.data import cache
from zoo.data.dataset import hash_images

COUNT = 30
ABOUT = {"class_names": ["a", "b"]}
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, 4, 3, 1), np.uint8)
LABELS = np.arange(COUNT) % 2


def pieces(stop=COUNT, step=7):
    """All images, a few at a time."""
    for start in range(0, stop, step):
        images = IMAGES[start : start + step]
        yield images, LABELS[start : start + step], hash_images(images)


def keep(folder, origin="here", pieces=pieces):
    cache.write(folder, origin, ABOUT, COUNT, pieces)


def contents(folder):
    return {path.name for path in folder.iterdir()}


def test_what_is_kept_is_found(tmp_path):
    keep(tmp_path / "a" / "train")
    kept = cache.load(tmp_path / "a" / "train", "here")
    np.testing.assert_array_equal(kept.split.images, IMAGES)
    np.testing.assert_array_equal(kept.split.labels, LABELS)
    assert kept.split.labels.dtype == np.int32
    assert (kept.hashes, kept.metadata) == (hash_images(IMAGES), ABOUT)


def test_numpy_alone_reads_it(tmp_path):
    keep(tmp_path)
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    np.testing.assert_array_equal(images, IMAGES)


def test_another_origin_is_not_found_and_any_origin_is(tmp_path):
    keep(tmp_path)
    assert cache.load(tmp_path, "elsewhere") is None
    assert cache.load(tmp_path, None) is not None
    assert cache.load(tmp_path / "nothing", "here") is None


def test_another_origin_takes_the_place_of_the_first(tmp_path):
    keep(tmp_path, "first")
    keep(tmp_path, "second")
    assert cache.load(tmp_path, "first") is None
    assert cache.load(tmp_path, "second") is not None
    assert contents(tmp_path) == {*cache.FILES, "metadata.json", "lock"}


DAMAGES = {
    "cut off": lambda raw: raw[:-5],
    "longer": lambda raw: raw + b"x",
    "a flipped bit": lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
    "another head": lambda raw: b"x" * len(raw),
    "gone": lambda raw: None,
    "forgetful": lambda raw: b'{"format": 1}',
}


def damage(path, how):
    raw = DAMAGES[how](path.read_bytes())
    if raw is None:
        path.unlink()
    else:
        path.write_bytes(raw)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        *[(name, how) for name in cache.FILES for how in DAMAGES],
        *[("metadata.json", how) for how in ("cut off", "forgetful")],
    ],
)
def test_a_damaged_file_is_named_and_made_anew(tmp_path, capsys, name, how):
    keep(tmp_path)
    damage(tmp_path / name, how)
    with pytest.raises(cache.CorruptCacheError, match=f"/{name} (is|has)"):
        cache.load(tmp_path, "here")
    kept = cache.load_or_write(tmp_path, "here", ABOUT, COUNT, pieces, "mine")
    np.testing.assert_array_equal(kept.split.images, IMAGES)
    assert f"/{name} " in capsys.readouterr().out.splitlines()[0]
    again = cache.load(tmp_path, "here")
    np.testing.assert_array_equal(again.split.images, IMAGES)


def test_a_process_hashes_arrays_once_unless_they_were_written_to(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(cache, "MTIME_RESOLUTION_S", -1.0)
    keep(tmp_path)
    hashed, sha256 = [], cache._sha256

    def counting(path, watch):
        hashed.append(path.name)
        return sha256(path, watch)

    monkeypatch.setattr(cache, "_sha256", counting)
    cache.load(tmp_path, "here")
    assert hashed == list(cache.FILES)
    cache.load(tmp_path, "here")
    assert hashed == list(cache.FILES)
    path = tmp_path / "images.npy"
    before = path.stat()
    time.sleep(0.02)  # a tick of the clock of the file system
    damage(path, "a flipped bit")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(cache.CorruptCacheError, match="images.npy is corrupt"):
        cache.load(tmp_path, "here")


class Killed(BaseException):
    """No handler of the product knows it."""


def test_one_that_breaks_off_leaves_nothing(tmp_path):
    def dying():
        yield from pieces(stop=14)
        raise Killed

    with pytest.raises(Killed):
        keep(tmp_path, pieces=dying)
    assert contents(tmp_path) == {"lock"}


@pytest.mark.parametrize("moved", range(4))
def test_one_killed_while_files_are_moved_is_not_taken_for_whole(
    tmp_path, monkeypatch, moved
):
    keep(tmp_path, "old")
    replace, calls = os.replace, []

    def dying(source, target):
        calls.append(target)
        if len(calls) > moved:
            raise Killed
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", dying)
        with pytest.raises(Killed):
            keep(tmp_path, "new")
    assert cache.load(tmp_path, None) is None
    keep(tmp_path, "new")
    assert cache.load(tmp_path, "new") is not None


def test_what_a_killed_process_left_is_swept_away(tmp_path):
    (tmp_path / cache.PARTIAL).mkdir()
    (tmp_path / cache.PARTIAL / "images.npy").write_bytes(b"half")
    keep(tmp_path)
    assert contents(tmp_path) == {*cache.FILES, "metadata.json", "lock"}


def test_a_full_disk_is_said_and_images_are_read_all_the_same(
    tmp_path, monkeypatch, capsys
):
    def full(_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    kept = cache.load_or_write(tmp_path, "here", ABOUT, COUNT, pieces, "mine")
    np.testing.assert_array_equal(kept.split.images, IMAGES)
    np.testing.assert_array_equal(kept.split.labels, LABELS)
    assert kept.hashes == hash_images(IMAGES)
    said = capsys.readouterr().out.splitlines()[1]
    assert f"{tmp_path} cannot be written: No space left on device" in said
    assert contents(tmp_path) == {"lock"}


def test_a_folder_that_cannot_be_made_is_no_hindrance(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    kept = cache.load_or_write(
        tmp_path / "file" / "train", "here", ABOUT, COUNT, pieces, "mine"
    )
    np.testing.assert_array_equal(kept.split.images, IMAGES)
    assert "cannot be written: Not a directory" in capsys.readouterr().out


def _read_in_turn(folder, start, log):
    def counted():
        with open(log, "a", encoding="utf-8") as file:
            file.write("read\n")
        yield from pieces()

    start.wait()
    kept = cache.load_or_write(folder, "here", ABOUT, COUNT, counted, "mine")
    assert (kept.split.images == IMAGES).all()


def test_of_processes_at_once_one_writes_and_the_others_wait(tmp_path):
    context = multiprocessing.get_context("spawn")
    start, log = context.Barrier(3), tmp_path / "log"
    given = tmp_path / "kept", start, log
    others = [
        context.Process(target=_read_in_turn, args=given) for _ in range(3)
    ]
    for process in others:
        process.start()
    for process in others:
        process.join()
    assert [process.exitcode for process in others] == [0, 0, 0]
    assert log.read_text() == "read\n"
