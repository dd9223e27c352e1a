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


def test_a_softmax_that_overflows_learns_nothing():
    wrong, right = pitfalls_in_code.softmax_overflows(
        *pitfalls_in_code.digits()
    )
    assert wrong < 0.15 and right > 0.85


def test_the_logarithm_of_zero_is_not_finite():
    data = pitfalls_in_code.digits()
    assert pitfalls_in_code.logarithm_of_zero(*data) == (0.0, 1.0)
