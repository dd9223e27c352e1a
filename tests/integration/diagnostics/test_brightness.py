"""Images of very different brightness: what fails on them, and what does not.

The recipes `low_contrast_lr_sgd` and `low_contrast_lr_adam_ms1`, as a reader
runs them.
"""

import dataclasses

import pytest

from zoo.cli import train as verb
from zoo.diagnostics import diagnose
from zoo.diagnostics.findings import INFO, RunStats
from zoo.training.console import TrainingConsole
from zoo.training.train import train

pytestmark = pytest.mark.slow


def run_of(recipe, seed, folder):
    """Trains a recipe, and returns its facts."""
    config, _ = verb.read([f"--recipe=lecture/{recipe}", f"--seed={seed}"])
    config = dataclasses.replace(config, runs_dir=str(folder), run_name="run")
    return RunStats.of(train(config, console=TrainingConsole(quiet=True)))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_brightness_drowns_the_classes_and_explain_names_it(seed, tmp_path):
    facts = run_of("low_contrast_lr_sgd", seed, tmp_path)
    assert facts.train_accuracy < 0.3
    assert max(facts.end["classes"]["predictions"]) > 0.4
    assert diagnose(facts)[0].name == "inputs"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_centered_images_are_learned_and_not_accused(seed, tmp_path):
    facts = run_of("low_contrast_lr_adam_ms1", seed, tmp_path)
    assert facts.val_accuracy > 0.95
    assert [f for f in diagnose(facts) if f.severity > INFO] == []
