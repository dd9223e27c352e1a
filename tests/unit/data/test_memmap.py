"""Arrays that stay in their file are used as those in memory are."""

import dataclasses

import numpy as np
import pytest

from zoo.data import Dataset, Split, arrays
from zoo.data.arrays import MemmapView
from zoo.data.pipeline import TrainingBatches, eval_batches
from zoo.data.preprocess import fit_statistics
from zoo.data.transforms import randomize_labels, select_classes, subsample
from zoo.features.extractor import key


@pytest.fixture
def mapped(tmp_path, monkeypatch):
    """Uint8 images `[57, 6, 5, 3]`: in memory, and in a file too large."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (57, 6, 5, 3), np.uint8)
    np.save(tmp_path / "x.npy", images)
    monkeypatch.setattr(arrays, "MAX_IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr(arrays, "CHUNK_BYTES", 1000)
    return images, np.load(tmp_path / "x.npy", mmap_mode="r")


def both(mapped):
    """The same dataset in memory and in its file."""
    labels = np.arange(57) % 3
    return [Dataset.from_arrays(x, labels, name="same") for x in mapped]


KEYS = [3, -1, slice(4, 30), slice(None), np.array([5, 2, 2, 40]), [7, 1]]
KEYS += [np.arange(0), (np.array([[4], [1]]), np.array([[0, 2]])), (2, 1)]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_rows_are_asked_for_as_those_of_an_array(mapped, key):
    images, file = mapped
    order = np.random.default_rng(1).permutation(57)
    np.testing.assert_array_equal(MemmapView(file)[key], images[key])
    np.testing.assert_array_equal(
        MemmapView(file, order)[key], images[order][key]
    )


def test_rows_of_rows_and_going_through_them(mapped):
    images, file = mapped
    some = MemmapView(file).take(np.arange(50)[::-2]).take(np.array([3, 0, 9]))
    np.testing.assert_array_equal(np.asarray(some), images[[43, 49, 31]])
    np.testing.assert_array_equal(np.stack(list(some)), images[[43, 49, 31]])
    assert (some.shape, some.nbytes) == ((3, 6, 5, 3), 270)


def test_what_is_large_stays_in_its_file_and_what_is_small_does_not(mapped):
    images, file = mapped
    assert isinstance(Split(file, np.zeros(57)).images, MemmapView)
    small = Split(file[:5], np.zeros(5)).images
    assert type(small) is np.ndarray
    assert not np.may_share_memory(small, file)
    assert Split(images, np.zeros(57)).images is images


def test_every_cut_of_a_large_split_stays_in_its_file(mapped):
    data = subsample(select_classes(both(mapped)[1], ["0", "2"]), 20)
    data, _ = randomize_labels(data, 0.5, seed=1)
    for split in (data.train, data.val):
        assert isinstance(split.images, MemmapView)
        assert split.images._base.base is not None


def test_cuts_fingerprint_and_drawn_labels_are_those_in_memory(mapped):
    found = []
    for data in both(mapped):
        data = subsample(select_classes(data, ["0", "2"]), 20)
        data, drawn = randomize_labels(data, 0.5, seed=1)
        found.append((data.fingerprint, drawn))
    assert found[0] == found[1]


@pytest.mark.parametrize("scale", ["none", "std"])
@pytest.mark.parametrize("mean", ["none", "channel", "pixel", "image"])
def test_statistics_are_those_in_memory_to_the_bit(mapped, mean, scale):
    one, other = (
        fit_statistics(d.train.images, mean, scale) for d in both(mapped)
    )
    assert one.to_json() == other.to_json()


def test_features_of_both_have_one_name_in_the_cache(mapped):
    extractor = dataclasses.make_dataclass("E", ["fingerprint"])("e")
    one, other = both(mapped)
    assert key(one.train, extractor) == key(other.train, extractor)


@pytest.mark.parametrize("kind", ["none", "flip", "crop_flip"])
def test_batches_are_those_in_memory_bit_for_bit(mapped, kind):
    one, other = (TrainingBatches(d.train, 8, 3, kind) for d in both(mapped))
    for epoch in (0, 1):
        pairs = zip(one.epoch(epoch, 1), other.epoch(epoch, 1), strict=True)
        for (x, y), (file_x, file_y) in pairs:
            np.testing.assert_array_equal(x, file_x)
            np.testing.assert_array_equal(y, file_y)
    assert one.epoch(0).element_spec == other.epoch(0).element_spec


def test_batches_to_score_are_those_in_memory(mapped):
    one, other = (eval_batches(d.val, 4) for d in both(mapped))
    for (x, y), (file_x, file_y) in zip(one, other, strict=True):
        np.testing.assert_array_equal(x, file_x)
        np.testing.assert_array_equal(y, file_y)
