"""Runs with --features, and runs that learn by heart, from end to end."""

import json
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from tests.integration.training.consoles import QUIET
from zoo.config import TrainConfig
from zoo.data import Dataset, load_dataset
from zoo.errors import UserError
from zoo.evaluation import evaluate
from zoo.metrics import binomial_ci
from zoo.runs import RunWriter
from zoo.training.resume import resume
from zoo.training.train import train

pytestmark = pytest.mark.filterwarnings(
    # Keras's own saving, with NumPy 2.4.
    "ignore:__array__ implementation:DeprecationWarning"
)


def trained(folder, **options):
    options = {"summaries": ("none",), **options}
    config = TrainConfig(runs_dir=str(folder), **options)
    return train(config, console=QUIET)


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def on_hog(runs_dir):
    return trained(runs_dir, model="lr", features="hog", epochs=3)


@pytest.fixture(scope="module")
def lenet(runs_dir):
    return trained(runs_dir, model="lenet5", epochs=5, run_name="lenet")


@pytest.fixture(scope="module")
def nearest(runs_dir):
    return trained(
        runs_dir,
        model="knn",
        model_arg={"neighbors": 3},
        summaries=("scalars",),
    )


def test_the_saved_model_takes_raw_pixels_and_scores_as_the_run_did(on_hog):
    scored = evaluate.evaluate_runs([on_hog], "val")[0]
    reached = on_hog.metrics["best_val_accuracy"]
    assert scored["accuracy"] == pytest.approx(reached)
    assert on_hog.load_model().input_shape == (None, 8, 8, 1)


def test_resolved_json_says_what_made_the_features(on_hog):
    found = on_hog.resolved["features"]
    assert (found["name"], found["size"]) == ("hog", 36)
    assert len(found["fingerprint"]) == 64
    assert on_hog.resolved["data"]["input_shape"] == [8, 8, 1]
    assert on_hog.resolved["parameters"]["trainable"] == 36 * 10 + 10


def test_checkpoints_hold_the_classifier_alone(on_hog):
    with np.load(on_hog.path / "checkpoints" / "last.npz") as saved:
        kept = [saved[n].shape for n in saved if n.startswith("weights/")]
    assert kept == [(36, 10), (10,)]


LOADER = """
    import sys
    sys.modules["zoo"] = None  # as where the zoo is not installed
    import keras, numpy as np
    saved = np.load(sys.argv[2])
    logits = keras.models.load_model(sys.argv[1])(saved["images"]).numpy()
    assert np.abs(logits - saved["logits"]).max() < 1e-4
"""


@pytest.mark.slow
def test_keras_alone_loads_the_whole(on_hog, tmp_path):
    images = load_dataset("digits").val.images.astype(np.float32)
    logits = on_hog.load_model().predict(images, verbose=0)
    np.savez(tmp_path / "saved.npz", images=images, logits=logits)
    model = str(on_hog.path / "model.keras")
    command = [sys.executable, "-c", textwrap.dedent(LOADER), model]
    command.append(str(tmp_path / "saved.npz"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_linear_classifier_on_a_networks_features_does_as_well(
    runs_dir, lenet
):
    run = trained(runs_dir, model="lr", features="lenet", epochs=10)
    count = run.resolved["data"]["val"]
    reached = binomial_ci(
        round(run.metrics["best_val_accuracy"] * count), count
    )
    # It may do better: these few epochs have not made the most of them.
    assert lenet.metrics["best_val_accuracy"] <= reached.high


def test_features_of_a_run_that_has_features_itself_are_those(runs_dir, on_hog):
    run = trained(
        runs_dir, model="lr", features=on_hog.name, epochs=1, run_name="chain"
    )
    assert run.resolved["features"]["size"] == 36


def test_the_last_run_is_remembered_by_its_name(runs_dir, on_hog):
    folder = runs_dir / "apart"
    shutil.copytree(on_hog.path, folder / "first")
    run = trained(folder, model="lr", features="last", epochs=1)
    assert run.config.features == "first"


def test_a_linear_support_vector_machine_learns_from_features(runs_dir):
    run = trained(
        runs_dir,
        model="lr",
        loss="hinge",
        features="bag_of_visual_words",
        epochs=5,
    )
    assert run.metrics["best_val_accuracy"] > 0.8


def test_a_run_whose_features_changed_does_not_go_on(runs_dir):
    run = trained(runs_dir / "changed", model="lr", features="hog", epochs=1)
    (run.path / "metrics.json").unlink()
    resolved = run.resolved
    resolved["features"]["fingerprint"] = "another"
    RunWriter(run).write("resolved.json", json.dumps(resolved))
    (run.path / "SHA256SUMS").unlink()
    with pytest.raises(UserError, match="computes other features"):
        resume(run, console=QUIET)


def test_images_given_as_arrays_have_features_too(runs_dir):
    digits = load_dataset("digits").train.take(np.arange(200))
    data = Dataset.from_arrays(digits.images, digits.labels, name="mine")
    config = TrainConfig(
        model="knn", features="hog", runs_dir=str(runs_dir),
        train_examples=90, summaries=("none",),
    )  # fmt: skip
    run = train(config, data, console=QUIET)
    assert run.resolved["data"]["train"] == 90
    assert run.status == "completed"


def test_learning_by_heart_takes_no_update_and_is_complete(nearest):
    metrics = nearest.metrics
    assert metrics["status"] == "completed"
    assert (metrics["epochs"], metrics["steps"]) == (0, 0)
    assert metrics["parameters"] == 0
    assert metrics["best_val_accuracy"] > 0.95
    assert metrics["val_accuracy"] == metrics["best_val_accuracy"]


def test_what_was_remembered_scores_the_same_from_its_folder(nearest):
    scored = evaluate.evaluate_runs([nearest], "val")[0]
    reached = nearest.metrics["val_accuracy"]
    assert scored["accuracy"] == pytest.approx(reached)
    assert scored["loss"] == pytest.approx(nearest.metrics["val_loss"], 1e-4)


def test_its_only_row_and_point_are_those_of_update_0(nearest):
    [row] = nearest.history
    assert (row["epoch"], row["step"], row["loss"]) == (0, 0, None)
    assert row["val_accuracy"] == nearest.metrics["val_accuracy"]
    assert list((nearest.path / "val").glob("*tfevents*"))


def test_the_nearest_example_of_a_training_image_is_itself(runs_dir):
    run = trained(runs_dir, model="knn", model_arg={"neighbors": 1})
    assert evaluate.evaluate_runs([run], "train")[0]["accuracy"] == 1


def test_a_memory_without_validation_images_is_complete(runs_dir):
    run = trained(runs_dir, model="knn", val_fraction=0, train_examples=50)
    assert run.metrics["status"] == "completed"
    assert run.metrics["val_accuracy"] is None


@pytest.mark.parametrize(
    "options, words",
    [
        (
            {"model": "lr", "features": "hog", "dataset": "moons"},
            "moons has vectors already",
        ),
        ({"model": "knn", "learning_rate": 0.1}, "--learning_rate=0.1 has"),
        ({"model": "knn", "optimizer": "sgd"}, "--optimizer=sgd has no"),
        ({"model": "knn", "loss": "hinge"}, "--loss=hinge has no effect"),
        ({"model": "knn", "weight_decay": 0.1}, "--weight_decay=0.1 has"),
        ({"model": "knn", "dropout": 0.5}, "does not apply to knn"),
        (
            {"model": "knn", "model_arg": {"num_examples": 9}},
            "--train_examples=N",
        ),
    ],
)  # fmt: skip
def test_what_has_no_place_is_refused_and_leaves_nothing(
    options, words, tmp_path
):
    with pytest.raises(UserError, match=words):
        trained(tmp_path, **options)
    assert not list(tmp_path.iterdir())
