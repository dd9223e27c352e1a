"""Cuts are exact, stratified, and blind to order; twins never part."""

import collections

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.data.splits import _sums, cut, digest, digests


def random_images(count, seed=0):
    return np.random.default_rng(seed).integers(
        0, 256, (count, 4, 4, 1), np.uint8
    )


def test_a_digest_sees_pixels_and_shape():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    assert digest(image) == digest(image.copy())
    assert digest(image) != digest(image.reshape(4, 3, 1))
    assert digest(image) != digest(image + np.uint8(1))


def test_digests_are_the_same_on_every_machine():
    image = np.zeros((1, 1, 1), np.uint8)
    # b2sum -l 128 of the bytes "|u1 (1, 1, 1) \0".
    assert digest(image).hex() == "7a464883957c8ed337138542c8d3984f"


@given(
    st.lists(st.integers(3, 40), min_size=2, max_size=8),
    st.floats(0, 0.7),
    st.integers(1, 2),
)
def test_sizes_are_exact_where_images_are_distinct(counts, fraction, leave):
    labels = np.repeat(np.arange(len(counts)), counts)
    size = round(fraction * len(labels))
    kept, held = cut(
        digests(random_images(len(labels))), labels, size, leave=leave
    )
    # Each class gives one at least, and keeps `leave`.
    least, most = len(counts), len(labels) - leave * len(counts)
    assert len(held) == np.clip(size, least, most)
    assert sorted([*kept, *held]) == list(range(len(labels)))


@given(
    st.lists(st.integers(3, 40), min_size=2, max_size=8), st.floats(0.2, 0.7)
)
def test_classes_are_cut_alike(counts, fraction):
    labels = np.repeat(np.arange(len(counts)), counts)
    size = round(fraction * len(labels))
    _, held = cut(digests(random_images(len(labels))), labels, size)
    taken = np.bincount(labels[held], minlength=len(counts))
    # Largest remainders round each quota up or down, one further at the
    # bounds.
    assert (abs(taken - size * np.array(counts) / len(labels)) < 2).all()


def test_ten_classes_of_twenty_have_three_of_each_held_out():
    labels = np.repeat(np.arange(10), 20)
    _, held = cut(digests(random_images(200)), labels, 30)
    assert np.bincount(labels[held]).tolist() == [3] * 10


def test_a_small_class_is_not_crowded_out_by_a_large_one():
    labels = np.array([0] * 95 + [1] * 5 + [2] * 5)
    _, held = cut(digests(random_images(105)), labels, 10)
    assert np.bincount(labels[held]).tolist() == [8, 1, 1]


@pytest.mark.parametrize(
    ("units", "leave", "held"), [(1, 1, 0), (2, 1, 1), (2, 2, 0), (3, 2, 1)]
)
def test_a_class_gives_only_what_leaves_enough(units, leave, held):
    labels = np.array([0] * 50 + [1] * units)
    hashes = digests(random_images(len(labels)))
    _, taken = cut(hashes, labels, 25, leave=leave)
    assert np.sum(labels[taken] == 1) == held


def draw_images_with_twins(data, max_size=40):
    kinds = data.draw(
        st.lists(st.integers(0, 15), min_size=8, max_size=max_size)
    )
    return random_images(16)[kinds], np.array(kinds)


@given(st.data(), st.floats(0, 0.9))
def test_equal_images_never_cross_even_between_classes(data, fraction):
    images, kinds = draw_images_with_twins(data)
    labels = np.array(
        data.draw(
            st.lists(
                st.integers(0, 2), min_size=len(images), max_size=len(images)
            )
        )
    )
    kept, held = cut(digests(images), labels, round(fraction * len(images)))
    assert not set(kinds[kept]) & set(kinds[held])


@given(st.data(), st.floats(0, 0.9))
def test_groups_and_twins_stay_together_through_each_other(data, fraction):
    images, kinds = draw_images_with_twins(data)
    groups = np.array(
        data.draw(
            st.lists(
                st.integers(0, 9), min_size=len(images), max_size=len(images)
            )
        )
    )
    labels = np.zeros(len(images), int)
    kept, held = cut(
        digests(images),
        labels,
        round(fraction * len(images)),
        groups=groups.tolist(),
    )
    assert not set(kinds[kept]) & set(kinds[held])
    assert not set(groups[kept]) & set(groups[held])


@given(st.data(), st.floats(0, 0.9), st.randoms(use_true_random=False))
def test_the_cut_does_not_depend_on_the_order_of_files(data, fraction, random):
    images, kinds = draw_images_with_twins(data)
    labels, groups = kinds % 3, kinds // 2
    size = round(fraction * len(images))
    _, held = cut(digests(images), labels, size, groups=groups.tolist())
    order = list(range(len(images)))
    random.shuffle(order)
    _, again = cut(
        digests(images[order]),
        labels[order],
        size,
        groups=groups[order].tolist(),
    )
    assert collections.Counter(kinds[held]) == collections.Counter(
        kinds[order][again]
    )


def test_an_exact_size_is_found_among_unequal_units():
    # In class 0 the units have 4, 3, 3, 2 and 2 images; 7 = 4 + 3 = 3 + 2 + 2.
    groups = np.repeat(np.arange(5), [4, 3, 3, 2, 2])
    labels = np.zeros(len(groups), int)
    for seed in range(5):
        hashes = digests(random_images(len(groups), seed))
        _, held = cut(hashes, labels, 7, groups=groups.tolist())
        assert len(held) == 7


@pytest.mark.parametrize("size", [1, 5, 9, 10])
def test_no_class_is_taken_as_a_whole_where_it_has_large_units(size):
    groups = np.repeat(np.arange(3), [4, 3, 3])
    labels = np.zeros(len(groups), int)
    hashes = digests(random_images(len(groups)))
    kept, held = cut(hashes, labels, size, groups=groups.tolist())
    assert len(set(groups[kept])) >= 1
    assert len(set(groups[held])) >= 1


@given(st.lists(st.integers(1, 6), max_size=8))
def test_sums_are_those_of_all_choices(sizes):
    found = _sums(sizes)
    for first, sums in enumerate(found):
        some = [0]
        for size in sizes[first:]:
            some += [total + size for total in some]
        reached = [s for s in range(-3, sum(sizes) + 9) if s in sums]
        assert reached == sorted(set(some))


def test_sums_of_many_images_take_no_memory():
    assert all(isinstance(sums, range) for sums in _sums([3, 7, *[1] * 9_999]))
