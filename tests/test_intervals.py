"""The interval of a drop, against the paper it is from."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.intervals import difference
from zoo.scores import proportion

# Newcombe 1998, "Interval estimation for the difference between independent
# proportions: comparison of eleven methods", table II, method 10.
PUBLISHED = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0000),
    (10, 10, 0, 10, 0.6075, 1.0000),
]


@pytest.mark.parametrize("a, m, b, n, low, high", PUBLISHED)
def test_intervals_are_those_of_the_paper(a, m, b, n, low, high):
    found = difference(proportion(a, m), proportion(b, n))
    assert found.value == pytest.approx(a / m - b / n)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_with_many_examples_it_is_the_textbook_s_interval():
    found = difference(proportion(9300, 10_000), proportion(1700, 2000))
    error = math.sqrt(0.93 * 0.07 / 10_000 + 0.85 * 0.15 / 2000)
    assert found.value == pytest.approx(0.08)
    assert found.low == pytest.approx(0.08 - 1.96 * error, abs=1e-3)
    assert found.high == pytest.approx(0.08 + 1.96 * error, abs=1e-3)


counts = st.integers(1, 300).flatmap(
    lambda n: st.tuples(st.integers(0, n), st.just(n))
)


@given(counts, counts)
def test_it_holds_the_difference_stays_in_range_and_can_be_turned(one, other):
    first, second = proportion(*one), proportion(*other)
    found, turned = difference(first, second), difference(second, first)
    assert -1 - 1e-9 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1 + 1e-9
    assert turned.low == pytest.approx(-found.high)
    assert turned.high == pytest.approx(-found.low)
