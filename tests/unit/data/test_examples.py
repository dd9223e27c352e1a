"""What is given from Python, taken apart into splits."""

import numpy as np
import pytest
from PIL import Image

from zoo.data import image_files
from zoo.data.examples import open_examples, split_parts
from zoo.errors import UserError

IMAGE = np.zeros((4, 4, 3), np.uint8)
IMAGES = np.stack([IMAGE, IMAGE])


@pytest.mark.parametrize(
    "labels", [[0, 1], ["cat", "dog"], [[1, 0], [0, 1]], np.eye(2)]
)
def test_two_images_and_two_labels_are_one_pair(labels):
    data = ([IMAGE, IMAGE], labels)
    assert split_parts(data, None, None) == {"train": data}


@pytest.mark.parametrize("images", [IMAGES, list(IMAGES)])
def test_what_keras_datasets_returns_has_a_test_set(images):
    pair = (images, [0, 1])
    parts = split_parts((pair, pair), None, None)
    assert parts == {"train": pair, "test": pair}


class Pipeline:
    """What is used of a tf.data.Dataset."""

    element_spec = None

    def __init__(self, elements):
        self._elements = elements

    def cardinality(self):
        return len(self._elements)

    def as_numpy_iterator(self):
        return iter(self._elements)


def images_of(data):
    batches = open_examples(data, "data").batches
    return np.concatenate([x for x, _, _ in batches])


def test_a_one_hot_label_as_long_as_the_image_is_high_is_one_label():
    singles = [(np.full((8, 8, 1), i), np.eye(8)[i]) for i in range(8)]
    assert images_of(Pipeline(singles)).shape == (8, 8, 8, 1)


def test_gray_images_in_batches_are_batches():
    batches = [(np.zeros((5, 8, 8)), np.arange(5))] * 2
    assert images_of(Pipeline(batches)).shape == (10, 8, 8)


def test_a_dataset_of_keras_without_a_length_is_explained():
    class Endless:
        @property
        def num_batches(self):
            raise NotImplementedError

        def __getitem__(self, index):
            return IMAGES, [0, 1]

    with pytest.raises(UserError, match="without __len__"):
        open_examples(Endless(), "data")


class ClassLabel:
    names = ("cat", "dog")


class HuggingFace:
    """What is used of a Dataset of Hugging Face, with images of Pillow."""

    def __init__(self, images):
        self._images = images
        self.features = {"image": Image.new("L", (1, 1)), "label": ClassLabel()}
        self.column_names = list(self.features)

    def __len__(self):
        return len(self._images)

    def __getitem__(self, rows):
        images = self._images[rows]
        return {"image": images, "label": [0] * len(images)}


RAMP = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1040


@pytest.mark.parametrize(
    ("image", "channels"),
    [
        (Image.fromarray(RAMP), 1),
        (Image.fromarray((RAMP // 257).astype(np.uint8)), 1),
        (Image.new("RGBA", (8, 8), (0, 0, 0, 100)), 3),
        (Image.new("LA", (8, 8), (0, 100)), 1),
        (Image.new("1", (8, 8), 1), 1),
        (Image.new("P", (8, 8), 3), 3),
    ],
)
def test_images_of_hugging_face_are_read_like_files(tmp_path, image, channels):
    image.save(tmp_path / "image.png")
    expected = image_files.decode(tmp_path / "image.png", channels)
    np.testing.assert_array_equal(images_of(HuggingFace([image]))[0], expected)


def test_floats_between_0_and_1_are_no_pixels():
    image = Image.fromarray(np.full((8, 8), 0.5, np.float32))
    with pytest.raises(UserError, match="has no raw pixels"):
        images_of(HuggingFace([image]))
