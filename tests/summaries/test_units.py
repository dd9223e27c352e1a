"""Units that are dead, and units that are all alike."""

import numpy as np
import pytest

from zoo.summaries import units


@pytest.mark.parametrize(
    ("activation", "value", "expected"),
    [
        ("relu", 0.0, True),
        ("relu", 0.005, False),
        ("sigmoid", 0.995, True),
        ("sigmoid", 0.005, True),
        ("sigmoid", 0.5, False),
        ("tanh", -0.999, True),
        ("tanh", 0.005, False),
        ("elu", -0.995, True),
        ("softplus", 0.005, True),
        ("leaky_relu", -0.005, False),
    ],
)
def test_a_unit_is_dead_where_its_activation_is_flat(
    activation, value, expected
):
    outputs = np.full((5, 1), value, np.float32)
    assert units.dead(outputs, activation).tolist() == [expected]


def test_a_unit_that_jumps_between_both_limits_is_alive():
    outputs = np.array([[-1.0], [1.0]], np.float32)
    assert not units.dead(outputs, "tanh").any()


def test_equal_units_have_no_spread_however_examples_differ():
    outputs = np.repeat(np.array([[1.0], [5.0], [-2.0]]), 4, axis=1)
    assert units.spread(outputs) == 0


def test_spread_is_relative_to_the_size_of_the_outputs():
    outputs = np.random.default_rng(0).normal(size=(50, 20))
    assert units.spread(outputs) == pytest.approx(
        np.sqrt(outputs.var(axis=1).mean()) / np.sqrt((outputs**2).mean())
    )
    assert units.spread(1000 * outputs) == pytest.approx(units.spread(outputs))


def test_units_that_are_all_zero_have_no_spread():
    assert units.spread(np.zeros((3, 2))) == 0
