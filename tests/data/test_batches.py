"""Batches of both engines: the same numbers, bit for bit, in the same order."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.data import augment
from zoo.data.batches.gathering import gather
from zoo.data.batches.tf_data import Store
from zoo.data.dataset import Split
from zoo.data.rows import Rows

KINDS = st.sampled_from(augment.KINDS)
BATCH = 10


@functools.cache
def some_images(shape):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (53, *shape), np.uint8)
    return Split(images, random.integers(0, 9, 53).astype(np.int32))


def drawn(kind, seed, shape):
    if kind == "none":
        return None
    return augment.draw(kind, seed, 2, 53, shape)


def read(batches):
    return [(np.asarray(x), np.asarray(y)) for x, y in batches]


def assert_same(some, others):
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        for array, twin in zip(one, other, strict=True):
            assert array.dtype == twin.dtype
            np.testing.assert_array_equal(array, twin)


@pytest.fixture(scope="module", params=["device", "memory", "file"])
def stores(request):
    """Returns what keeps images for JAX: there, too large for it, mapped."""
    pytest.importorskip(
        "jax", reason="JAX is not installed; `pip install jax` does it"
    )
    from zoo.data.batches import jax_arrays

    @functools.cache
    def make(shape):
        split, room = some_images(shape), None
        if request.param == "memory":
            room = split.images.nbytes
        if request.param == "file":
            split = Split(Rows(split.images), split.labels)
        store = jax_arrays.Store(split, BATCH, room)
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
    expected = read(Store(some_images(shape), BATCH).batches(*asked))
    assert_same(read(stores(shape).batches(*asked)), expected)


def test_vectors_and_targets_that_are_numbers_stay_what_they_are():
    pytest.importorskip("jax")
    from zoo.data.batches import jax_arrays

    random = np.random.default_rng(0)
    inputs = random.normal(size=(7, 2)).astype(np.float32)
    split = Split(inputs, inputs[:, 0])
    batches = jax_arrays.Store(split, 4).batches(np.arange(7), None, range(2))
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
    draws = augment.draw(kind, seed, 0, 53, shape)
    indices = np.random.default_rng(seed).permutation(53)[:5]
    padded = np.pad(images, ((0, 0), (2, 2), (3, 3), (0, 0)), mode="reflect")
    found = gather(images, indices, draws.of(indices))
    for image, i in zip(found, indices, strict=True):
        top, left = draws.down[i] + 2, draws.right[i] + 3
        window = padded[i, top : top + 16, left : left + 24]
        if draws.mirrored[i]:
            window = window[:, ::-1]
        np.testing.assert_array_equal(image, window)
