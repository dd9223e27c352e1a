"""The mistakes of `experiments/mistakes/in_code.py` cost what they show."""

import pytest

from experiments.mistakes import in_code

COSTLY = ("labels_shifted", "own_statistics", "inverted_momentum")
FLATTERING = ("chosen_on_test", "one_class_dominates")


@pytest.mark.slow
@pytest.mark.parametrize("name", COSTLY)
def test_a_mistake_costs_accuracy(name):
    wrong, right = getattr(in_code, name)(*in_code.digits())
    assert wrong < right - 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", FLATTERING)
def test_a_mistake_flatters(name):
    seems, is_so = getattr(in_code, name)(*in_code.digits())
    assert seems > is_so + 0.03
