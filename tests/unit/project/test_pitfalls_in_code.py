"""The mistakes of `experiments/pitfalls_in_code.py` have their effects."""

import pytest

from experiments import pitfalls_in_code

COSTLY = ("labels_shifted", "own_statistics", "inverted_momentum")
FLATTERING = ("chosen_on_test", "one_class_dominates")


@pytest.mark.slow
@pytest.mark.parametrize("name", COSTLY)
def test_a_mistake_costs_accuracy(name):
    wrong, right = getattr(pitfalls_in_code, name)(*pitfalls_in_code.digits())
    assert wrong < right - 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", FLATTERING)
def test_a_mistake_flatters(name):
    seems, is_so = getattr(pitfalls_in_code, name)(*pitfalls_in_code.digits())
    assert seems > is_so + 0.03
