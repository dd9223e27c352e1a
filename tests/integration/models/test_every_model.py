"""Every model of the table trains on the dataset that is always there."""

import io

import keras
import numpy as np
import pytest

from zoo.config import TrainConfig
from zoo.models import MODELS
from zoo.training.console import TrainingConsole
from zoo.training.train import train

# In every test run: one that learns by gradients, one by heart.
QUICK = ("lr", "knn")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in MODELS.names()
    ],
)
def test_a_model_trains_on_digits_by_its_own_recipe(name, tmp_path):
    entry = MODELS.find(name)
    brief = {} if entry.is_nonparametric else {"steps": 2}
    screen = io.StringIO()
    run = train(
        TrainConfig(model=name, runs_dir=str(tmp_path), **brief),
        console=TrainingConsole(screen),
    )
    assert run.metrics["status"] == "completed"
    said = "images are enlarged to" in screen.getvalue()
    assert said == (entry.min_size > 8)
    model = keras.models.load_model(run.path / "model.keras", compile=False)
    logits = model.predict(np.zeros((2, 8, 8, 1)), verbose=0)
    assert logits.shape == (2, 10)
    assert np.isfinite(logits).all()
