"""The zoo where JAX computes and TensorFlow is not installed."""

import json

import pytest

from tests.integration.backends import environment

pytestmark = pytest.mark.jax

# One process for all, since each imports Keras again.
COMMANDS = """
import sys
from zoo.cli.main import main
for command in sys.argv[2:]:
    code = main([*command.split(), "--runs_dir=" + sys.argv[1]])
    if code:
        sys.exit(code)
assert "tensorflow" not in sys.modules
"""


def test_the_environment_has_no_tensorflow(python):
    done = environment.call(python, "-c", "import jax, tensorflow")
    assert done.returncode == 1
    assert "No module named 'tensorflow'" in done.stderr


def test_a_run_is_trained_and_scored(python, tmp_path):
    done = environment.call(
        python, "-c", COMMANDS, tmp_path,
        "train --model=lr --epochs=2 --run_name=a", "evaluate a --json",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    resolved = json.loads((tmp_path / "a" / "resolved.json").read_text())
    assert resolved["machine"]["backend"] == "jax"
    assert resolved["machine"]["jax"]
    assert "tensorflow" not in resolved["machine"]
    metrics = json.loads((tmp_path / "a" / "metrics.json").read_text())
    assert metrics["status"] == "completed"
    assert metrics["best_val_accuracy"] > 0.7
