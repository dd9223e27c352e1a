"""One run on one device and on two, on TensorFlow: the same but for rounding.

JAX is held to the same table. Both train in float64, in processes of their
own, where rounding does not grow to what could be mistaken for a fault.
"""

import importlib.util
import json
import sys

import pytest

from tests.integration.backends import environment, shared_devices

pytestmark = pytest.mark.slow
each_engine = pytest.mark.parametrize(
    "engine", ["tensorflow", pytest.param("jax", marks=pytest.mark.jax)]
)
TOLERANCE = 1e-10  # of a loss in float64, as a fraction of it


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    """Returns a function that runs `shared_devices` once for all tests."""
    known = {}

    def asked(engine, what):
        if importlib.util.find_spec(engine) is None:
            pytest.skip(f"{engine} is not installed")
        if (engine, what) not in known:
            folder = tmp_path_factory.mktemp(what)
            module = "tests.integration.backends.shared_devices"
            done = environment.call(
                sys.executable, "-m", module, what, folder,
                KERAS_BACKEND=engine,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
            known[engine, what] = json.loads(done.stdout.splitlines()[-1])
        return known[engine, what]

    return asked


@pytest.mark.parametrize("case", shared_devices.CASES)
@each_engine
def test_55_updates_of_two_devices_are_those_of_one(engine, case, answer):
    one, two = answer(engine, "table")[case]
    assert len(one) == 5
    for before, now in zip(one, two, strict=True):
        assert now == pytest.approx(before, rel=TOLERANCE)


@pytest.mark.parametrize("case", shared_devices.CASES)
@each_engine
def test_the_first_update_in_float32_is_that_of_one_device(
    engine, case, answer
):
    [one], [two] = answer(engine, "first")[case]
    assert two == pytest.approx(one, rel=1e-6)


@each_engine
def test_a_run_goes_on_inside_an_epoch_with_other_devices(engine, answer):
    one, turns = answer(engine, "resumed")["losses"]
    assert len(turns) == 5
    tolerance = 1e-6 if engine == "jax" else TOLERANCE
    for before, now in zip(one, turns, strict=True):
        assert now == pytest.approx(before, rel=tolerance)


def test_checkpoints_of_two_devices_are_those_of_one(answer):
    one, two = answer("tensorflow", "resumed")["files"]
    assert one == two


def test_dropout_masks_of_two_devices_are_those_of_one(answer):
    one, two = answer("tensorflow", "masks")
    assert [len(mask) for mask in one] == [45, 45, 3]
    assert one[0] != one[1]
    assert one == two
