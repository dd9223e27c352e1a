"""Runs on JAX, without TensorFlow, beside the same ones on TensorFlow."""

import json
import subprocess

import keras
import numpy as np
import pytest

from tests.integration.backends import environment
from tests.integration.training.test_survival import curves, kill_after, result
from zoo.cli.train import read
from zoo.errors import UserError
from zoo.evaluation import evaluate
from zoo.run_store import RunStore, check_backend
from zoo.training.console import TrainingConsole
from zoo.training.resume import resume
from zoo.training.train import train

pytestmark = pytest.mark.jax

# Everything that has a state of its own, and every kind of summary.
WORDS = [
    "--model=mlp", "--model_arg=hidden=(32,16)", "--dropout=0.3",
    "--norm=batch", "--augment=crop", "--optimizer=nesterov",
    "--schedule=cosine", "--warmup_epochs=1.5", "--epochs=6",
    "--checkpoint_every=8", "--steps_per_execution=4", "--summaries=all",
]  # fmt: skip


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def on_jax(zoo, runs_dir):
    zoo("train", *WORDS, f"--runs_dir={runs_dir}", "--run_name=jax")
    return RunStore(str(runs_dir)).find("jax")


@pytest.fixture(scope="module")
def on_tensorflow(runs_dir):
    words = [*WORDS, f"--runs_dir={runs_dir}", "--run_name=tf"]
    config, _ = read(words)
    return train(config, console=TrainingConsole(quiet=True))


def test_a_kill_changes_nothing(python, zoo, runs_dir, on_jax):
    words = [*WORDS, f"--runs_dir={runs_dir}", "--run_name=killed"]
    process = subprocess.Popen(
        [python, "-m", "zoo", "train", *words],
        cwd=environment.ROOT,
        env=environment.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    kill_after(process, epochs=2, delay=0.1)
    killed = RunStore(str(runs_dir)).find("killed")
    assert killed.status == "killed"
    zoo("resume", killed.path)
    assert result(killed) == result(on_jax)


@pytest.mark.parametrize("split", ["train", "val"])
def test_tensorboard_has_the_same_tags_and_steps(on_jax, on_tensorflow, split):
    one, other = (
        {tag: [step for step, _ in points] for tag, points in found.items()}
        for found in (curves(on_jax, split), curves(on_tensorflow, split))
    )
    assert one == other
    assert len(one) > 3


def test_both_learn_alike_from_the_same_batches(on_jax, on_tensorflow):
    found = [
        run.metrics["best_val_accuracy"] for run in (on_jax, on_tensorflow)
    ]
    # Other initial weights and dropout; 144 images, after six epochs.
    assert min(found) > 0.5
    assert abs(found[0] - found[1]) < 0.2
    for name in ("data", "statistics", "parameters", "steps_per_epoch"):
        assert on_jax.resolved[name] == on_tensorflow.resolved[name]


def test_each_engine_scores_the_runs_of_both_alike(
    zoo, runs_dir, on_jax, on_tensorflow
):
    words = ["jax", "tf", "--json", f"--runs_dir={runs_dir}"]
    on_other = json.loads(zoo("evaluate", *words))["runs"]
    for run, there in zip((on_jax, on_tensorflow), on_other, strict=True):
        here = evaluate.evaluate_runs([run], "val", str(runs_dir))[0]
        assert there["accuracy"] == here["accuracy"]
        assert there["loss"] == pytest.approx(here["loss"], rel=1e-5)


def test_a_model_of_jax_says_the_same_on_tensorflow(zoo, runs_dir, on_jax):
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)
    np.save(runs_dir / "x.npy", images)
    words = [on_jax.path, runs_dir / "x.npy", "--top=10", "--json"]
    rows = json.loads(zoo("predict", *words))["predictions"]
    model = keras.models.load_model(on_jax.path / "model.keras")
    logits = model.predict(images.astype("float32"), verbose=0)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for row, expected in zip(rows, shares, strict=True):
        found = {int(x["class"]): x["probability"] for x in row["top"]}
        np.testing.assert_allclose(
            [found[k] for k in range(10)], expected, atol=1e-5
        )


def test_a_run_goes_on_on_its_engine_alone(zoo, runs_dir, on_tensorflow):
    config = on_tensorflow.config.replace(run_name="paused")
    quiet = TrainingConsole(quiet=True)
    paused = train(config, console=quiet, until_epoch=1)
    said = zoo("resume", paused.path, code=2)
    assert said.startswith("zoo: paused was started on TensorFlow")
    assert "KERAS_BACKEND=tensorflow" in said and said.count("\n") == 1
    assert resume(paused, console=quiet).status == "completed"


def test_a_sweep_is_trained_by_two_workers(zoo, runs_dir, monkeypatch):
    words = ["sweep", "--model=lr", "--trials=3", "--epochs=1"]
    words += ["--workers=2", "--retrain_seeds=0", "--sweep_name=sweep"]
    said = zoo(*words, f"--runs_dir={runs_dir}")
    assert "done: 3 trials" in said
    trials = RunStore(str(runs_dir / "sweep")).runs()
    assert [run.status for run in trials] == ["completed"] * 3
    with pytest.raises(UserError, match="sweep was started on JAX"):
        check_backend(runs_dir / "sweep", "sweep")


def test_lenet5_learns_digits(zoo, runs_dir):
    zoo("train", f"--runs_dir={runs_dir}", "--run_name=lenet5")
    run = RunStore(str(runs_dir)).find("lenet5")
    # As on TensorFlow: 0.965 to 1 are expected of this recipe.
    assert run.metrics["best_val_accuracy"] >= 0.965


@pytest.mark.parametrize("form", ["saved_model", "onnx"])
def test_what_only_tensorflow_can_write_is_refused(zoo, on_jax, form):
    said = zoo("export", on_jax.path, f"--format={form}", code=2)
    assert said.count("\n") == 1
    assert "KERAS_BACKEND=tensorflow" in said
