"""How many training steps a compiled call has."""

import pytest

from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.resolve import steps_per_execution


def number(multiply_adds, total_steps=1000, **options):
    config = TrainConfig(batch_size=32, **options)
    return steps_per_execution(config, multiply_adds, total_steps)


def test_a_small_network_runs_many_updates_at_a_time():
    assert number(10_000) == 64


def test_a_large_network_runs_one_update_at_a_time():
    assert number(5_000_000_000) == 1


def test_a_short_run_has_one_step_a_call():
    assert number(10_000, total_steps=128) == 1
    assert number(10_000, total_steps=129) == 64
    assert number(10_000, 8, steps_per_execution=4) == 4


def test_the_number_divides_what_happens_every_so_many_updates():
    assert number(10_000, debug_every=100, checkpoint_every=24) == 4


def test_an_asked_number_that_divides_no_period_is_refused():
    with pytest.raises(UserError, match="not a multiple"):
        number(10_000, steps_per_execution=8, debug_every=100)


def test_an_asked_number_that_divides_every_period_is_taken():
    assert number(10_000, steps_per_execution=8, debug_every=104) == 8
