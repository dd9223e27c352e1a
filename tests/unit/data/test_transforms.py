"""Fewer classes, fewer training examples, random labels."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from zoo.config import TrainConfig, parse_option
from zoo.data import Dataset, load_dataset
from zoo.data.dataset import Split
from zoo.data.transforms import draw_labels, randomize_labels
from zoo.errors import UserError
from zoo.evaluation import evaluate
from zoo.evaluation.test_set import load_test_split
from zoo.training.console import TrainingConsole
from zoo.training.train import train

SOME = ("7", "2", "5")  # in another order than the dataset's


@pytest.fixture(scope="module")
def whole():
    return load_dataset("digits")


@pytest.fixture(scope="module")
def part():
    return load_dataset("digits", classes=SOME)


def expected(split):
    """Returns the images of 2, 5 and 7 with labels 0, 1 and 2, by hand."""
    kept = np.isin(split.labels, (2, 5, 7))
    renumber = {2: 0, 5: 1, 7: 2}
    labels = [renumber[label] for label in split.labels[kept].tolist()]
    return split.images[kept], np.array(labels)


@pytest.mark.parametrize("name", ["train", "val"])
def test_labels_are_counted_anew_in_the_order_of_the_data_set(
    whole, part, name
):
    images, labels = expected(getattr(whole, name))
    found = getattr(part, name)
    np.testing.assert_array_equal(found.images, images)
    np.testing.assert_array_equal(found.labels, labels)
    assert found.labels.dtype == np.int32
    assert part.class_names == ("2", "5", "7")


def test_the_sealed_test_images_are_those_of_the_classes():
    images, labels = expected(load_test_split("digits"))
    found = load_test_split("digits", classes=SOME)
    np.testing.assert_array_equal(found.images, images)
    np.testing.assert_array_equal(found.labels, labels)


def test_a_test_part_that_is_cut_off_has_the_classes_alone(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (90, 6, 6), np.uint8)
    path = tmp_path / "data.npz"
    np.savez(path, x=images, y=np.arange(90) % 3)
    whole = load_test_split(f"npz:{path}")
    part = load_test_split(f"npz:{path}", classes=("0", "2"))
    kept = whole.labels != 1
    np.testing.assert_array_equal(part.images, whole.images[kept])
    np.testing.assert_array_equal(part.labels, whole.labels[kept] // 2)


def test_a_run_on_some_classes_is_scored_on_these(tmp_path):
    config = TrainConfig(
        model="lr", classes=SOME, steps=5, runs_dir=str(tmp_path)
    )
    run = train(config, console=TrainingConsole(quiet=True))
    images, labels = expected(load_test_split("digits"))
    found = evaluate.evaluate_runs([run], "test", str(tmp_path))[0]
    answers = run.load_model().predict(images, verbose=0).argmax(axis=1)
    assert found["examples"] == len(labels)
    assert found["correct"] == (answers == labels).sum()
    assert [row["class"] for row in found["classes"]] == ["2", "5", "7"]


def test_fewer_examples_are_counted_within_the_classes():
    found = load_dataset("digits", classes=SOME, train_examples=30)
    assert np.bincount(found.train.labels).tolist() == [10, 10, 10]


def test_arrays_of_ones_own_can_be_restricted_too(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 6, 6), np.uint8)
    names = ("cat", "dog", "cow")
    data = Dataset.from_arrays(images, np.arange(60) % 3, class_names=names)
    config = TrainConfig(
        model="lr", classes=("cow", "cat"), steps=1, runs_dir=str(tmp_path)
    )
    run = train(config, data, console=TrainingConsole(quiet=True))
    assert run.resolved["data"]["class_names"] == ["cat", "cow"]
    assert run.load_model().output_shape == (None, 2)


@pytest.mark.parametrize(
    ("name", "classes", "words"),
    [
        ("digits", ("3", "12"), "no class of digits '12'; did you mean"),
        ("digits", ("3",), "only one class.*such as 3 or 0"),
        ("digits", ("3", "4", "3"), "names 3 twice"),
        ("sine", ("3", "4"), "sine is a regression"),
    ],
)
def test_what_are_no_two_classes_is_refused(name, classes, words):
    with pytest.raises(UserError, match=words):
        load_dataset(name, classes=classes)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("cats,dogs,emu", ("cats, dogs", "emu")),
        ("emu,cats,dogs", ("cats, dogs", "emu")),
        ("cats,emu", ("cats", "emu")),
    ],
)
def test_a_class_may_have_a_comma_in_its_name(tmp_path, typed, kept):
    x = np.random.default_rng(0).integers(0, 256, (40, 4, 4), np.uint8)
    names = np.array(["cats", "cats, dogs", "emu", "owl"])
    np.savez(tmp_path / "x.npz", x=x, y=np.arange(40) % 4, class_names=names)
    classes = parse_option("classes", typed)
    data = load_dataset(f"npz:{tmp_path}/x.npz", classes=classes)
    assert data.class_names == kept


def keys(split):
    return {image.tobytes() for image in split.images}


def test_there_are_exactly_so_many_of_every_class_its_share(whole):
    few = load_dataset("digits", train_examples=200)
    assert len(few.train) == 200
    counts = np.bincount(few.train.labels)
    shares = np.bincount(whole.train.labels) * 200 / len(whole.train)
    assert np.abs(counts - shares).max() < 1


def test_they_are_training_images_in_their_order(whole):
    few = load_dataset("digits", train_examples=200)
    places = [
        np.flatnonzero((whole.train.images == image).all(axis=(1, 2, 3)))[0]
        for image in few.train.images
    ]
    assert places == sorted(places)


def test_the_validation_part_stays_as_it_is(whole):
    few = load_dataset("digits", train_examples=200)
    np.testing.assert_array_equal(few.val.images, whole.val.images)
    assert not keys(few.val) & keys(few.train)
    assert few.fingerprint != whole.fingerprint


def test_all_of_them_is_the_whole_data_set(whole):
    all_of_them = load_dataset("digits", train_examples=len(whole.train))
    assert all_of_them.fingerprint == whole.fingerprint


@pytest.mark.parametrize(
    "count, words", [(9, "at least 10"), (1294, "more than the 1,293")]
)
def test_too_few_and_too_many_are_refused(count, words):
    with pytest.raises(UserError, match=words):
        load_dataset("digits", train_examples=count)


def noise(count, seed=0):
    """A split of images that are all different, of class 0 to 9 by turns."""
    shape = (count, 4, 4, 1)
    images = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return Split(images, np.arange(count, dtype=np.int32) % 10)


def test_a_share_of_0_changes_nothing(whole):
    assert randomize_labels(whole, 0.0, 0) == (whole, None)


def test_nothing_but_the_labels_for_training_changes(whole):
    data, told = randomize_labels(whole, 1.0, 0)
    assert told.replaced == len(whole.train)
    assert data.train.images is whole.train.images
    assert data.val is whole.val
    assert dataclasses.replace(data, train=whole.train) == whole


def test_what_is_told_is_what_was_done(whole):
    data, told = randomize_labels(whole, 0.5, 3)
    changed = (data.train.labels != whole.train.labels).sum()
    replaced, _ = draw_labels(whole.train, 0.5, 3, 10)
    assert (told.changed, told.replaced) == (changed, replaced.sum())
    assert told.changed < told.replaced < len(data.train)
    assert data.train.labels.dtype == np.int32


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_the_share_replaced_is_within_chance_of_the_share_asked(share):
    replaced, _ = draw_labels(noise(20_000), share, 0, 10)
    deviation = np.sqrt(20_000 * share * (1 - share))
    assert abs(replaced.sum() - 20_000 * share) <= 4 * deviation


def test_drawn_classes_are_uniform_and_independent_of_the_true_ones():
    split = noise(20_000)
    _, labels = draw_labels(split, 1.0, 0, 10)
    pairs = np.bincount(split.labels * 10 + labels, minlength=100)
    assert chisquare(pairs).pvalue > 0.001


def test_whether_and_what_are_drawn_independently():
    split = noise(20_000)
    replaced, labels = draw_labels(split, 0.3, 0, 10)
    assert chisquare(np.bincount(labels[replaced])).pvalue > 0.001


@settings(max_examples=20)
@given(st.integers(0, 2**31 - 1), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_replaces_all_that_a_smaller_one_does(seed, a, b):
    split = noise(200)
    low, high = sorted((a, b))
    few, some = draw_labels(split, low, seed, 10)
    many, more = draw_labels(split, high, seed, 10)
    assert not (few & ~many).any()
    assert (some[few] == more[few]).all()


def test_a_label_depends_on_no_other_example():
    split = noise(300)
    order = np.random.default_rng(1).permutation(300)[:100]
    _, labels = draw_labels(split, 0.7, 5, 10)
    _, fewer = draw_labels(split.take(order), 0.7, 5, 10)
    np.testing.assert_array_equal(fewer, labels[order])


def test_another_seed_draws_other_labels():
    one, other = (draw_labels(noise(300), 1.0, seed, 10)[1] for seed in (0, 1))
    assert 0.5 < (one != other).mean() < 1


def test_the_labels_are_the_same_on_every_machine_and_for_ever():
    # Runs that were recorded rest on these.
    images = np.arange(8 * 16, dtype=np.uint8).reshape(8, 4, 4, 1)
    split = Split(images, np.zeros(8, np.int32))
    # BLAKE2b of the image, then of that under the seed; the second half of it.
    expected = [0, 0, 3, 7, 7, 5, 9, 5]
    assert draw_labels(split, 1.0, 0, 10)[1].tolist() == expected


def test_points_have_random_labels_too():
    data, told = randomize_labels(load_dataset("xor"), 1.0, 0)
    assert 0.4 < told.changed / len(data.train) < 0.6


def test_numbers_to_predict_are_refused():
    with pytest.raises(UserError, match="--randomize_labels=0.5 .*sine"):
        randomize_labels(load_dataset("sine"), 0.5, 0)
