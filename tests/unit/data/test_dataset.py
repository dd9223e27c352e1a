"""Datasets from arrays; exact and stratified splits, whatever the order."""

import collections
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.data.dataset import (
    Dataset,
    Split,
    _subset_sums,
    fold_split,
    group_keys,
    hash_image,
    hash_images,
    stratified_folds,
    stratified_split,
)
from zoo.errors import UserError


def random_images(count, seed=0, shape=(4, 4, 1)):
    return np.random.default_rng(seed).integers(
        0, 256, (count, *shape), np.uint8
    )


X, Y = random_images(60, shape=(6, 5, 3)), np.arange(60) % 3


def test_arrays_are_divided_exactly_and_keep_their_labels():
    data = Dataset.from_arrays(X, Y, val_fraction=0.2)
    assert (len(data.train), len(data.val)) == (48, 12)
    assert data.num_test_examples is None
    of_image = {
        image.tobytes(): label for image, label in zip(X, Y, strict=True)
    }
    for split in (data.train, data.val):
        for image, label in zip(split.images, split.labels, strict=True):
            assert of_image.pop(image.tobytes()) == label
    assert not of_image


def test_a_data_set_knows_its_shape_and_classes():
    data = Dataset.from_arrays(X, Y, class_names=["a", "b", "c"])
    assert data.input_shape == (6, 5, 3)
    assert data.num_classes == 3
    assert data.class_names == ("a", "b", "c")


def test_classes_without_names_are_numbered():
    assert Dataset.from_arrays(X, Y).class_names == ("0", "1", "2")


def test_grey_images_get_a_channel():
    assert Dataset.from_arrays(X[..., 0], Y).input_shape == (6, 5, 1)


def test_without_a_fraction_all_images_are_for_training():
    data = Dataset.from_arrays(X, Y, val_fraction=0)
    np.testing.assert_array_equal(data.train.images, X)
    assert len(data.val) == 0
    assert data.val.images.shape == (0, 6, 5, 3)


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64])
def test_pixels_of_other_types_are_taken_if_they_are_0_to_255(dtype):
    data = Dataset.from_arrays(X.astype(dtype), Y.astype(np.float32))
    assert data.train.images.dtype == np.uint8
    assert data.fingerprint == Dataset.from_arrays(X, Y).fingerprint


def with_value(array, value):
    array = array.astype(np.float64)
    array.flat[7] = value
    return array


BAD = {
    "unequal lengths": (X, Y[:-1], "60 images and y 59 labels"),
    "NaN": (with_value(X, np.nan), Y, "1 value that is NaN"),
    "infinite": (with_value(X, np.inf), Y, "infinite"),
    "negative pixel": (with_value(X, -1), Y, "between -1 and 255"),
    "too bright": (with_value(X, 256), Y, "between 0 and 256"),
    "unit pixels": (X / 255.0, Y, "multiply by 255"),
    "objects": (X.astype(object), Y, "holds Python objects"),
    "text": (X.astype(str), Y, "holds text"),
    "flat images": (X.reshape(60, -1), Y, r"shape \[60, 90\]"),
    "five channels": (np.zeros((60, 4, 4, 5)), Y, r"shape \[60, 4, 4, 5\]"),
    "no images": (X[:0], Y[:0], "at least one image"),
    "one class": (X, Y * 0, "only one class"),
    "negative label": (X, Y - 1, "the label -1"),
    "half a label": (X, Y + 0.5, "the label 0.5"),
    "NaN label": (X, with_value(Y, np.nan), "the label nan"),
    "a gap": (X, Y * 2, "none of class 1"),
    "label out of range": (X, with_value(Y, 2**30), "label 1073741824"),
    "label beyond int32": (X, with_value(Y, 2**40), "the label 1099511627776"),
    "text labels": (X, Y.astype(str), "y of arrays holds text"),
    "one-hot labels": (X, np.eye(3)[Y], r"shape \[60, 3\]"),
}


@pytest.mark.parametrize(("x", "y", "words"), BAD.values(), ids=BAD)
def test_what_makes_no_data_set_is_explained(x, y, words):
    with pytest.raises(UserError, match=words) as error:
        Dataset.from_arrays(x, y)
    assert str(error.value).endswith(".")


@pytest.mark.parametrize("fraction", [-0.1, 1, float("nan")])
def test_a_fraction_out_of_range_is_explained(fraction):
    with pytest.raises(UserError, match="from 0 to below 1"):
        Dataset.from_arrays(X, Y, val_fraction=fraction)


def test_another_number_of_names_is_explained():
    with pytest.raises(UserError, match="3 classes and 2 class names"):
        Dataset.from_arrays(X, Y, class_names=["a", "b"])


def test_a_fingerprint_sees_everything_that_matters():
    def swapped(array):
        return np.concatenate([array[1:2], array[:1], array[2:]])

    brighter = X.copy()
    brighter[0, 0, 0, 0] ^= 1
    relabelled = Y.copy()
    relabelled[0] = 2
    variants = [
        Dataset.from_arrays(X, Y),
        Dataset.from_arrays(brighter, Y),
        Dataset.from_arrays(X, relabelled),
        Dataset.from_arrays(swapped(X), swapped(Y)),
        Dataset.from_arrays(X, Y, val_fraction=0),
        Dataset.from_arrays(X, Y, class_names=["a", "b", "c"]),
        Dataset.from_arrays(X.reshape(60, 5, 6, 3), Y),
    ]
    assert len({data.fingerprint for data in variants}) == len(variants)


def test_the_name_is_no_part_of_the_fingerprint():
    one, other = (Dataset.from_arrays(X, Y, name=n) for n in ("one", "other"))
    assert one.fingerprint == other.fingerprint


def test_importing_the_room_costs_no_framework():
    code = (
        "import sys, zoo.data, zoo.data.datasets, zoo.data.dataset\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'PIL', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_digest_sees_pixels_and_shape():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    assert hash_image(image) == hash_image(image.copy())
    assert hash_image(image) != hash_image(image.reshape(4, 3, 1))
    assert hash_image(image) != hash_image(image + np.uint8(1))


def test_digests_are_the_same_on_every_machine():
    image = np.zeros((1, 1, 1), np.uint8)
    # b2sum -l 128 of the bytes "|u1 (1, 1, 1) \0".
    assert hash_image(image).hex() == "7a464883957c8ed337138542c8d3984f"


def cut(labels, size, seed=0, **options):
    """Divides images of which no two are equal."""
    hashes = hash_images(random_images(len(labels), seed))
    return stratified_split(hashes, labels, size, **options)


COUNTS = st.lists(st.integers(3, 40), min_size=2, max_size=8)


@given(COUNTS, st.floats(0, 0.7), st.integers(1, 2))
def test_sizes_are_exact_where_images_are_distinct(counts, fraction, leave):
    labels = np.repeat(np.arange(len(counts)), counts)
    size = round(fraction * len(labels))
    kept, held = cut(labels, size, min_first=leave)
    # Each class gives one at least, and keeps `leave`.
    least, most = len(counts), len(labels) - leave * len(counts)
    assert len(held) == np.clip(size, least, most)
    assert sorted([*kept, *held]) == list(range(len(labels)))


@given(COUNTS, st.floats(0.2, 0.7))
def test_classes_are_cut_alike(counts, fraction):
    labels = np.repeat(np.arange(len(counts)), counts)
    size = round(fraction * len(labels))
    _, held = cut(labels, size)
    taken = np.bincount(labels[held], minlength=len(counts))
    # Largest remainders round each quota up or down, one further at the
    # bounds.
    assert (abs(taken - size * np.array(counts) / len(labels)) < 2).all()


def test_ten_classes_of_twenty_have_three_of_each_held_out():
    labels = np.repeat(np.arange(10), 20)
    _, held = cut(labels, 30)
    assert np.bincount(labels[held]).tolist() == [3] * 10


def test_a_small_class_is_not_crowded_out_by_a_large_one():
    labels = np.array([0] * 95 + [1] * 5 + [2] * 5)
    _, held = cut(labels, 10)
    assert np.bincount(labels[held]).tolist() == [8, 1, 1]


@pytest.mark.parametrize(
    ("units", "leave", "held"), [(1, 1, 0), (2, 1, 1), (2, 2, 0), (3, 2, 1)]
)
def test_a_class_gives_only_what_leaves_enough(units, leave, held):
    labels = np.array([0] * 50 + [1] * units)
    _, taken = cut(labels, 25, min_first=leave)
    assert np.sum(labels[taken] == 1) == held


def draw_images_with_twins(data):
    kinds = data.draw(st.lists(st.integers(0, 15), min_size=8, max_size=40))
    return random_images(16)[kinds], np.array(kinds)


def draw_numbers(data, count, highest):
    numbers = st.integers(0, highest)
    return np.array(
        data.draw(st.lists(numbers, min_size=count, max_size=count))
    )


@given(st.data(), st.floats(0, 0.9))
def test_equal_images_never_cross_even_between_classes(data, fraction):
    images, kinds = draw_images_with_twins(data)
    labels = draw_numbers(data, len(images), 2)
    size = round(fraction * len(images))
    kept, held = stratified_split(hash_images(images), labels, size)
    assert not set(kinds[kept]) & set(kinds[held])


@given(st.data(), st.floats(0, 0.9))
def test_groups_and_twins_stay_together_through_each_other(data, fraction):
    images, kinds = draw_images_with_twins(data)
    groups = draw_numbers(data, len(images), 9)
    labels, size = np.zeros(len(images), int), round(fraction * len(images))
    kept, held = stratified_split(
        hash_images(images), labels, size, groups=groups.tolist()
    )
    assert not set(kinds[kept]) & set(kinds[held])
    assert not set(groups[kept]) & set(groups[held])


@given(st.data(), st.floats(0, 0.9), st.randoms(use_true_random=False))
def test_the_cut_does_not_depend_on_the_order_of_files(data, fraction, random):
    images, kinds = draw_images_with_twins(data)
    labels, groups = kinds % 3, kinds // 2
    size = round(fraction * len(images))
    _, held = stratified_split(
        hash_images(images), labels, size, groups=groups.tolist()
    )
    order = list(range(len(images)))
    random.shuffle(order)
    _, again = stratified_split(
        hash_images(images[order]),
        labels[order],
        size,
        groups=groups[order].tolist(),
    )
    assert collections.Counter(kinds[held]) == collections.Counter(
        kinds[order][again]
    )


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(2, 9))
def test_folds_of_distinct_images_differ_by_one_image_at_most(labels, count):
    hashes = [bytes([i]) for i in range(len(labels))]
    labels = np.array(labels)
    folds = stratified_folds(hashes, labels, count)
    assert np.ptp(np.bincount(folds, minlength=count)) <= 1
    for label in set(labels):
        sizes = np.bincount(folds[labels == label], minlength=count)
        assert np.ptp(sizes) <= 1


@given(st.data(), st.integers(2, 5))
def test_groups_and_twins_are_in_one_fold(data, count):
    images, kinds = draw_images_with_twins(data)
    groups = (kinds // 2).tolist()
    labels = kinds % 3
    folds = stratified_folds(hash_images(images), labels, count, groups)
    for group in set(groups):
        assert len(set(folds[np.array(groups) == group])) == 1


def test_each_image_is_validated_in_one_fold_and_trained_on_in_the_others():
    split = Split(random_images(23), np.arange(23) % 3)
    hashes = hash_images(split.images)
    seen = collections.Counter()
    for number in range(1, 6):
        train, val = fold_split(split, number, 5, hashes)
        inside = hash_images(val.images)
        assert not set(inside) & set(hash_images(train.images))
        assert len(train) + len(val) == 23
        seen.update(inside)
    assert seen == collections.Counter(hashes)


@pytest.mark.parametrize(
    ("labels", "count", "words"),
    [([0, 0, 1, 1], 5, "do not fill 5 folds"), ([0, 0, 1], 3, "--classes")],
)
def test_folds_that_make_no_sense_are_refused(labels, count, words):
    split = Split(random_images(len(labels)), np.array(labels))
    hashes = hash_images(split.images)
    with pytest.raises(UserError, match=words):
        for number in range(1, count + 1):
            fold_split(split, number, count, hashes)


def test_an_exact_size_is_found_among_unequal_units():
    # In class 0 the units have 4, 3, 3, 2 and 2 images; 7 = 4 + 3 = 3 + 2 + 2.
    groups = np.repeat(np.arange(5), [4, 3, 3, 2, 2])
    labels = np.zeros(len(groups), int)
    for seed in range(5):
        _, held = cut(labels, 7, seed, groups=groups.tolist())
        assert len(held) == 7


@pytest.mark.parametrize("size", [1, 5, 9, 10])
def test_no_class_is_taken_as_a_whole_where_it_has_large_units(size):
    groups = np.repeat(np.arange(3), [4, 3, 3])
    labels = np.zeros(len(groups), int)
    kept, held = cut(labels, size, groups=groups.tolist())
    assert len(set(groups[kept])) >= 1
    assert len(set(groups[held])) >= 1


@given(st.lists(st.integers(1, 6), max_size=8))
def test_sums_are_those_of_all_choices(sizes):
    found = _subset_sums(sizes)
    for first, sums in enumerate(found):
        some = [0]
        for size in sizes[first:]:
            some += [total + size for total in some]
        reached = [s for s in range(-3, sum(sizes) + 9) if s in sums]
        assert reached == sorted(set(some))


def test_sums_of_many_images_take_no_memory():
    found = _subset_sums([3, 7, *[1] * 9_999])
    assert all(isinstance(sums, range) for sums in found)


def test_without_a_rule_there_are_no_groups():
    assert group_keys(["cat/1.png"], None) is None


def test_files_of_one_folder_are_a_group():
    names = ["cat/tom/1.png", "cat/tom/2.png", "cat/kit/1.png", "dog/tom/1.png"]
    keys = group_keys(names, "folder", class_depth=1)
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_a_class_may_be_called_train():
    assert group_keys(["train/obj/0.png"], "folder", 1) == ["train/obj"]


def test_a_match_is_the_key():
    assert group_keys(["a/p12_3.png", "b/p12_4.png"], r"p\d+") == ["p12"] * 2


def test_the_first_group_of_a_match_is_the_key():
    assert group_keys(["a/p12_3.png"], r"p(\d+)_(\d)") == ["12"]


@pytest.mark.parametrize(
    ("names", "rule", "depth", "words"),
    [
        (["cat/1.png"], "folder", 1, "cat/1.png is directly in the folder of"),
        (["Train/cat/1.png"], "folder", 2, "1.png is directly in the folder"),
        (["1.png"], "folder", 0, "1.png is in no folder"),
        (["a/p1.png", "a/x.png"], r"p\d+", 0, r"does not match a/x\.png"),
        (["a/x.png"], "[", 0, "not a valid regular expression"),
        ([], "folder", 0, "these images have none"),
    ],
)
def test_what_makes_no_groups_is_refused(names, rule, depth, words):
    with pytest.raises(UserError, match=words):
        group_keys(names, rule, depth)
