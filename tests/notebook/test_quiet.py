"""TensorFlow says nothing where a notebook wants to be quiet."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = """
import os, sys
import zoo
zoo.quiet()
import tensorflow as tf
tf.constant(1) + 1
tf.get_logger().warning("a hint")
tf.get_logger().error("an error")
os.write(2, b"still here")
print("still there")
"""


@pytest.mark.slow  # TensorFlow starts in a process of its own
def test_nothing_but_errors_is_printed_from_then_on():
    # As a notebook: whoever set the level has not asked to be quiet.
    level = "TF_CPP_MIN_LOG_LEVEL"
    unset = {k: v for k, v in os.environ.items() if k != level}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=ROOT,
        env=unset,
        capture_output=True,
        text=True,
        check=True,
    )
    printed = (done.stdout + done.stderr).splitlines()
    told = [line for line in printed if "an error" not in line]
    assert sorted(told) == ["still here", "still there"]
    assert len(printed) == 3
