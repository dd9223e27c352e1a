"""Data from Python: the same class is the same label in every part."""

import numpy as np
import pytest

from zoo.data import load_dataset, user_data
from zoo.data.examples import Examples
from zoo.errors import UserError

# The color of an image is its class: 0, 50, 100, ...
NAMES = ("cat", "dog", "owl")
COLORS = {name: 50 * i for i, name in enumerate(NAMES)}


def part(words, labels, class_names=None):
    """Examples whose images have the color of their true class."""
    x = np.zeros((len(words), 4, 4, 1), np.uint8)
    x += np.array([COLORS[word] for word in words], np.uint8)[
        :, None, None, None
    ]
    x[:, 0, 0, 0] = np.arange(len(words))  # so that no two are equal
    batches = [(x, np.asarray(labels), None)]
    return Examples(batches, len(x), class_names, in_memory=True)


def stored(tmp_path, train, val):
    """Returns the true and the stored class of each validation image."""
    name = user_data.store({"train": train, "val": val}, str(tmp_path))
    dataset = load_dataset(name, data_dir=str(tmp_path))
    val = dataset.val
    return [
        (NAMES[color // 50], dataset.class_names[label])
        for color, label in zip(val.images[:, 2, 2, 0], val.labels, strict=True)
    ]


TRAIN = ["cat", "dog", "owl"] * 4
IDS = [NAMES.index(word) for word in TRAIN]


@pytest.mark.parametrize(
    ("words", "labels", "class_names"),
    [
        (["cat", "owl"] * 2, [0, 1] * 2, ("cat", "owl")),
        (["owl", "dog"], [0, 1], ("owl", "dog", "cat")),
        (["owl", "dog"], np.eye(2), ("owl", "dog")),
        (["owl", "dog"], ["owl", "dog"], None),
    ],
)
@pytest.mark.parametrize("kind", ["numbers", "text", "text in order"])
def test_classes_of_another_part_are_found_by_name(
    tmp_path, words, labels, class_names, kind
):
    if kind == "numbers":
        train = part(TRAIN, IDS, NAMES)
    else:
        train = part(TRAIN, TRAIN, NAMES[::-1] if "order" in kind else None)
    found = stored(tmp_path, train, part(words, labels, class_names))
    assert found == [(word, word) for word in words]


def test_a_class_that_training_lacks_is_named(tmp_path):
    train = part(TRAIN, IDS, NAMES)
    val = part(["cat", "dog"], [0, 1], ("cat", "emu"))
    with pytest.raises(UserError, match="validation_data has the class emu"):
        stored(tmp_path, train, val)
    val = part(["cat", "dog"], [0, 2], ("cat", "dog"))
    with pytest.raises(UserError, match="class 2, and there are 2 class names"):
        stored(tmp_path, train, val)


def test_text_that_is_no_class_name_is_named(tmp_path):
    with pytest.raises(UserError, match="has the class owl, which is no class"):
        user_data.store({"train": part(TRAIN, TRAIN, NAMES[:2])}, str(tmp_path))


def test_without_names_in_training_numbers_are_what_they_were(tmp_path):
    val = part(["cat", "owl"], [0, 2], ("a", "b", "c"))
    found = stored(tmp_path, part(TRAIN, IDS), val)
    assert found == [("cat", "0"), ("owl", "2")]


# For an evaluation, by a run that knows the names of its classes.


def evaluated(labels, class_names, own_names=None):
    x = np.zeros((len(labels), 4, 4, 1), np.uint8)
    examples = Examples([(x, np.asarray(labels), None)], class_names=own_names)
    split = user_data.read_split(examples, "data", class_names, (4, 4, 1))
    return split.labels.tolist()


@pytest.mark.parametrize("count", [3, 11, 100])
@pytest.mark.parametrize("first", [0, 1])
def test_numbers_are_evaluated_as_they_were_trained(count, first):
    labels = np.arange(first, first + count)
    names = [str(label) for label in labels]
    assert evaluated(labels, names) == list(range(count))
    assert evaluated(labels.astype(str), names) == list(range(count))
    ids = np.arange(count)
    assert evaluated(ids, names, names) == list(range(count))
    assert evaluated(np.eye(count), names) == list(range(count))


@pytest.mark.parametrize("count", [11, 20, 100])
def test_names_that_are_numbers_in_the_order_of_text_are_names(count):
    names = sorted(map(str, range(count)))  # as a folder of classes has them
    assert evaluated(names, names) == list(range(count))
    assert evaluated(np.arange(count), names, names) == list(range(count))
    with pytest.raises(UserError, match="holds numbers and the training"):
        evaluated(np.arange(count), names)


def test_names_of_the_data_are_not_those_of_numbers():
    assert evaluated([0, 1, 2], ["0", "1", "2"], NAMES) == [0, 1, 2]
    assert evaluated([0, 1], ["cat", "dog", "owl"], ("owl", "cat")) == [2, 0]
