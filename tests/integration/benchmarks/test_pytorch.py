"""PyTorch beside TensorFlow can abort a process, so it has one of its own."""

import importlib.util
import pathlib
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).with_name("in_pytorch.py")


@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None,
    reason="PyTorch is not installed; the extra `bench` brings it",
)
def test_the_peer_in_pytorch_passes_its_tests():
    words = [sys.executable, "-m", "pytest", "-q", str(TESTS)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
