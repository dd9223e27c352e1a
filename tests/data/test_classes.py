"""Some of the classes: which images stay, and what they are called then."""

import numpy as np
import pytest

from zoo.config import TrainConfig, parse_option
from zoo.data import Dataset, load_dataset
from zoo.data.seal import open_test
from zoo.errors import UserError
from zoo.evaluation import evaluate
from zoo.training.console import TrainingConsole
from zoo.training.train import train

SOME = ("7", "2", "5")  # in another order than the data set's


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
    images, labels = expected(open_test("digits"))
    found = open_test("digits", classes=SOME)
    np.testing.assert_array_equal(found.images, images)
    np.testing.assert_array_equal(found.labels, labels)


def test_a_test_part_that_is_cut_off_has_the_classes_alone(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (90, 6, 6), np.uint8)
    path = tmp_path / "data.npz"
    np.savez(path, x=images, y=np.arange(90) % 3)
    whole = open_test(f"npz:{path}")
    part = open_test(f"npz:{path}", classes=("0", "2"))
    kept = whole.labels != 1
    np.testing.assert_array_equal(part.images, whole.images[kept])
    np.testing.assert_array_equal(part.labels, whole.labels[kept] // 2)


def test_a_run_on_some_classes_is_scored_on_these(tmp_path):
    config = TrainConfig(
        model="lr", classes=SOME, steps=5, runs_dir=str(tmp_path)
    )
    run = train(config, console=TrainingConsole(quiet=True))
    images, labels = expected(open_test("digits"))
    found = evaluate.evaluate_run(run, "test", str(tmp_path))
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
        ("digits", ("3",), "one class only.*such as 3 or 0"),
        ("digits", ("3", "4", "3"), "names 3 twice"),
        ("sine", ("3", "4"), "sine has numbers to predict"),
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
