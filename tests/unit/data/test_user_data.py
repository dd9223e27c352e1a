"""Data from Python: the same class is the same label in every part."""

import numpy as np
import pytest

from zoo.data import load_dataset, user_data
from zoo.data.examples import Examples, open_examples
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


# Examples without an index, which may come in another order.


class Pipeline:
    """What is used of a tf.data.Dataset, with another order each time."""

    element_spec = None

    def __init__(self, x, y, weight, seed, changes=False, is_shuffled=True):
        self._parts = x, y, weight
        self._random = np.random.default_rng(seed)
        self._changes = changes
        self._is_shuffled = is_shuffled

    def cardinality(self):
        return len(self._parts[0])

    def as_numpy_iterator(self):
        order = np.arange(len(self._parts[0]))
        if self._is_shuffled:
            order = self._random.permutation(len(order))
        x, y, weight = (part[order] for part in self._parts)
        if self._changes:
            x = self._random.integers(0, 256, x.shape, np.uint8)
        for start in range(0, len(x), 16):
            rows = slice(start, start + 16)
            yield x[rows], y[rows], weight[rows]


def numbered(count=60):
    """Examples whose label and weight follow from their image."""
    x = np.zeros((count, 4, 4, 1), np.uint8)
    x[:, 0, 0, 0] = np.arange(count)
    x[:, 1, 1, 0] = 255
    return x, np.arange(count) % 3, np.arange(count) / 10


def read_in(tmp_path, *arguments, **options):
    pipeline = Pipeline(*arguments, **options)
    examples = {"train": open_examples(pipeline, "data")}
    return user_data.store(examples, str(tmp_path), verbose=False)


def load(name, tmp_path):
    return load_dataset(name, data_dir=str(tmp_path), val_fraction=0)


def test_examples_in_another_order_each_time_are_one_dataset(tmp_path):
    names = [read_in(tmp_path / str(s), *numbered(), s) for s in range(3)]
    assert len(set(names)) == 1
    datasets = [load(names[0], tmp_path / str(s)) for s in range(3)]
    assert len({data.fingerprint for data in datasets}) == 1


def test_an_order_by_hash_keeps_each_image_with_its_label_and_weight(tmp_path):
    train = load(read_in(tmp_path, *numbered(), 0), tmp_path).train
    numbers = train.images[:, 0, 0, 0].astype(int)
    assert sorted(numbers) == list(range(60))
    np.testing.assert_array_equal(train.labels, numbers % 3)
    np.testing.assert_allclose(train.sample_weight, numbers / 10, rtol=1e-6)


def test_equal_images_of_several_labels_are_one_dataset_in_any_order(tmp_path):
    x, y, weight = numbered()
    x[30:] = x[:30]
    y[30:] = 2 - y[:30]
    weight[30:] = np.where(y[:30] == 1, weight[30:], weight[:30])
    names = {read_in(tmp_path, x, y, weight, seed) for seed in range(3)}
    assert len(names) == 1


def test_examples_that_come_in_one_order_keep_it(tmp_path):
    name = read_in(tmp_path, *numbered(), 0, is_shuffled=False)
    numbers = load(name, tmp_path).train.images[:, 0, 0, 0]
    np.testing.assert_array_equal(numbers, np.arange(60))


def test_examples_that_change_with_each_reading_are_noted(tmp_path):
    name = read_in(tmp_path, *numbered(), 0, changes=True)
    (note,) = load(name, tmp_path).notes
    assert note.startswith("data gives other examples at each reading")
    assert user_data.changing_parts(name, str(tmp_path)) == ["data"]


def test_a_pipeline_that_can_be_read_once_keeps_its_order(tmp_path):
    class Once(Pipeline):
        def as_numpy_iterator(self):
            parts, self._parts = self._parts, None
            yield parts

    examples = open_examples(Once(*numbered(), 0), "data")
    name = user_data.store({"train": examples}, str(tmp_path), verbose=False)
    numbers = load(name, tmp_path).train.images[:, 0, 0, 0]
    np.testing.assert_array_equal(numbers, np.arange(60))
