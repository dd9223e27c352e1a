"""An environment for JAX, and runs that were trained in it."""

import importlib.util
import os

import pytest

from tests.integration.backends import environment


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    """The Python of an environment that has JAX and no TensorFlow."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed; `pip install jax` does it")
    if os.name == "nt":
        pytest.skip("the environment is made of links")
    return environment.make(tmp_path_factory.mktemp("jax") / "venv")


@pytest.fixture(scope="session")
def zoo(python):
    """Returns a function that types a command on JAX, and checks its code."""

    def typed(*argv, code=0):
        done = environment.call(python, "-m", "zoo", *argv)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr if code else done.stdout

    return typed
