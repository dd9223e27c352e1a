"""Batches: every example, in an order that (seed, epoch) alone decide."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.data import augment
from zoo.data.arrays import MemmapView
from zoo.data.augment import gather
from zoo.data.batches_tensorflow import TensorFlowStore
from zoo.data.dataset import Split
from zoo.data.pipeline import TrainingBatches, epoch_order, eval_batches


def make_split(count=23, shape=(9, 8, 2)):
    """Images whose label is their own number."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, *shape), np.uint8)
    return Split(images, np.arange(count, dtype=np.int32))


def read(batches):
    return [(np.asarray(x), np.asarray(y)) for x, y in batches]


def assert_same(some, others):
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        for array, twin in zip(one, other, strict=True):
            assert array.dtype == twin.dtype
            np.testing.assert_array_equal(array, twin)


@given(st.integers(0, 2**31 - 1), st.integers(0, 500), st.integers(1, 99))
def test_an_order_is_a_permutation_and_repeatable(seed, epoch, count):
    order = epoch_order(seed, epoch, count)
    assert sorted(order) == list(range(count))
    np.testing.assert_array_equal(order, epoch_order(seed, epoch, count))


def test_seeds_and_epochs_have_orders_of_their_own():
    orders = {tuple(epoch_order(s, e, 50)) for s in range(3) for e in range(3)}
    assert len(orders) == 9


def test_an_epoch_has_every_example_once_and_ends_with_the_rest():
    read_batches = read(TrainingBatches(make_split(), 5, seed=1).epoch(0))
    assert [len(y) for _, y in read_batches] == [5, 5, 5, 5, 3]
    seen = np.concatenate([y for _, y in read_batches])
    np.testing.assert_array_equal(seen, epoch_order(1, 0, 23))


def test_images_stay_with_their_labels_and_keep_their_pixels():
    split = make_split()
    for images, labels in read(TrainingBatches(split, 5, seed=1).epoch(2)):
        assert images.dtype == np.float32
        assert labels.dtype == np.int32
        np.testing.assert_array_equal(images, split.images[labels])


@pytest.mark.parametrize("kind", augment.AUGMENTATIONS)
def test_the_same_epoch_has_the_same_batches(kind):
    one = TrainingBatches(make_split(), 5, 1, kind).epoch(4)
    other = TrainingBatches(make_split(), 5, 1, kind).epoch(4)
    assert_same(read(one), read(other))


def test_a_data_set_of_batches_can_be_read_twice():
    batches = TrainingBatches(make_split(), 5, 1, "crop_flip").epoch(4)
    assert_same(read(batches), read(batches))


@pytest.mark.parametrize("kind", ["none", "crop_flip"])
def test_skipped_batches_leave_the_tail_of_the_epoch_bit_for_bit(kind):
    batches = TrainingBatches(make_split(), 5, 1, kind)
    whole = read(batches.epoch(3))
    for skip in range(6):
        assert_same(read(batches.epoch(3, skip)), whole[skip:])


def test_a_stretch_of_an_epoch_can_be_asked_for():
    batches = TrainingBatches(make_split(), 5, 1)
    whole = read(batches.epoch(3))
    assert_same(read(batches.epoch(3, 1, 2)), whole[1:3])
    assert_same(read(batches.epoch(3, 4, 9)), whole[4:])


def test_all_epochs_have_one_element_spec():
    batches = TrainingBatches(make_split(), 5, 1, "crop_flip")
    spec = batches.epoch(0).element_spec
    assert spec[0].shape == (None, 9, 8, 2)
    assert spec == batches.epoch(1, 4).element_spec
    assert spec == eval_batches(make_split(), 7).element_spec


def test_the_number_of_batches_is_known():
    batches = TrainingBatches(make_split(), 5, 1)
    assert batches.batches_per_epoch == 5
    assert batches.epoch(0, 2).cardinality() == 3


def in_numpy(images, draws):
    """Augments images `[N, 16, 24, 3]` by windows of a padded copy."""
    padded = np.pad(images, ((0, 0), (2, 2), (3, 3), (0, 0)), mode="reflect")
    found = np.empty_like(images)
    for i in range(len(images)):
        top, left = draws.dy[i] + 2, draws.dx[i] + 3
        window = padded[i, top : top + 16, left : left + 24]
        found[i] = window[:, ::-1] if draws.flip[i] else window
    return found


@pytest.mark.parametrize("kind", augment.AUGMENTATIONS)
def test_tensors_and_numpy_augment_alike(kind):
    split = make_split(shape=(16, 24, 3))
    draws = augment.draw_params(kind, 1, 2, 23, (16, 24, 3))
    expected = in_numpy(split.images, draws)
    for images, labels in read(TrainingBatches(split, 5, 1, kind).epoch(2)):
        np.testing.assert_array_equal(images, expected[labels])


@pytest.mark.parametrize("batch_size", [1, 7, 23, 50])
def test_scoring_sees_every_example_once_in_order(batch_size):
    split = make_split()
    batches = read(eval_batches(split, batch_size))
    np.testing.assert_array_equal(
        np.concatenate([x for x, _ in batches]), split.images
    )
    np.testing.assert_array_equal(
        np.concatenate([y for _, y in batches]), split.labels
    )


def test_an_empty_split_has_no_batches():
    assert read(eval_batches(make_split().take(np.arange(0)), 4)) == []


KINDS = st.sampled_from(augment.AUGMENTATIONS)
BATCH = 10


@functools.cache
def some_images(shape):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (53, *shape), np.uint8)
    return Split(images, random.integers(0, 9, 53).astype(np.int32))


def drawn(kind, seed, shape):
    if kind == "none":
        return None
    return augment.draw_params(kind, seed, 2, 53, shape)


@pytest.fixture(scope="module", params=["device", "memory", "file"])
def stores(request):
    """Returns what keeps images for JAX: there, too large for it, mapped."""
    pytest.importorskip(
        "jax", reason="JAX is not installed; `pip install jax` does it"
    )
    from zoo.data import batches_jax

    @functools.cache
    def make(shape):
        split, room = some_images(shape), None
        if request.param == "memory":
            room = split.images.nbytes
        if request.param == "file":
            split = Split(MemmapView(split.images), split.labels)
        store = batches_jax.JaxStore(split, BATCH, room)
        assert store.on_device == (request.param == "device")
        return store

    return make


@settings(max_examples=12)  # JAX compiles for each shape
@given(
    kind=KINDS,
    seed=st.integers(0, 9),
    shape=st.sampled_from([(16, 24, 3), (9, 8, 2)]),
    first=st.integers(0, 6),
)
def test_jax_reads_what_tf_data_reads_bit_for_bit(
    stores, kind, seed, shape, first
):
    order = np.random.default_rng(seed).permutation(53)
    asked = order, drawn(kind, seed, shape), range(first, 6)
    expected = read(TensorFlowStore(some_images(shape), BATCH).batches(*asked))
    assert_same(read(stores(shape).batches(*asked)), expected)


def test_vectors_and_targets_that_are_numbers_stay_what_they_are():
    pytest.importorskip("jax")
    from zoo.data import batches_jax

    random = np.random.default_rng(0)
    inputs = random.normal(size=(7, 2)).astype(np.float32)
    split = Split(inputs, inputs[:, 0])
    batches = batches_jax.JaxStore(split, 4).batches(
        np.arange(7), None, range(2)
    )
    (x, y), (rest, _) = read(batches)
    np.testing.assert_array_equal(np.concatenate([x, rest]), inputs)
    assert y.dtype == np.float32


def test_batches_for_jax_can_be_counted_and_read_twice(stores):
    batches = stores((9, 8, 2)).batches(np.arange(53), None, range(1, 6))
    assert batches.num_batches == 5
    assert_same(read(batches), read(batches))


@given(kind=KINDS, seed=st.integers(0, 9))
def test_gathering_by_numpy_moves_pixels_as_a_padded_copy_does(kind, seed):
    shape = (16, 24, 3)
    images = some_images(shape).images
    draws = augment.draw_params(kind, seed, 0, 53, shape)
    indices = np.random.default_rng(seed).permutation(53)[:5]
    found = gather(images, indices, draws.take(indices))
    np.testing.assert_array_equal(found, in_numpy(images, draws)[indices])
