"""What is given from Python, taken apart into splits."""

import numpy as np
import pytest

from zoo.data.examples import split_parts

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
