"""Whether a run did what its recipe is known to do."""

import pytest

from zoo.models import MODELS
from zoo.training.results import EXPECTED, verdict


@pytest.mark.parametrize(
    "accuracy, word", [(0.9, "below"), (0.925, "within"), (0.95, "above")]
)
def test_an_accuracy_is_placed_beside_the_known_range(accuracy, word):
    text = verdict("lr", "mnist", accuracy)
    assert text.startswith(f"{word} the 92.2% to 93.2%")


def test_nothing_is_said_where_nothing_is_known():
    assert verdict("lr", "cifar10", 0.4) == ""


def test_every_range_is_of_a_model_of_the_zoo():
    for (model, _), (low, high) in EXPECTED.items():
        assert MODELS.find(model)
        assert 0 < low < high <= 1
