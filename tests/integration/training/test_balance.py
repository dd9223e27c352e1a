"""Unequal classes: weights, what is minimized, and what is reported."""

import io
import json

import keras
import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.metrics import balanced_accuracy_score
from sklearn.utils.class_weight import compute_class_weight

from tests.integration.training.consoles import QUIET
from zoo import metrics
from zoo.config import TrainConfig
from zoo.data import Dataset, load_dataset
from zoo.errors import UserError
from zoo.training import losses
from zoo.training.console import TrainingConsole
from zoo.training.model import Logs
from zoo.training.results import has_unbalanced_classes
from zoo.training.setup import prepare
from zoo.training.train import train

LABELS = np.repeat(np.arange(3), (60, 25, 15))


def unequal(counts=(60, 25, 15), val_fraction=0.2):
    """Grey images of which every class has another number, one brightness."""
    labels = np.repeat(np.arange(len(counts)), counts)
    random = np.random.default_rng(3)
    noise = random.integers(0, 120, (len(labels), 4, 4, 1))
    images = (noise + 40 * labels[:, None, None, None]).astype(np.uint8)
    return Dataset.from_arrays(
        images,
        labels,
        val_fraction=val_fraction,
        class_names=[f"class{k}" for k in range(len(counts))],
    )


def asked(**more):
    settings = {"model": "lr", "batch_size": 16, "summaries": ("none",)}
    return TrainConfig(**{**settings, **more})


def test_weights_are_those_of_scikit_learn():
    expected = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    found = losses.class_weights(LABELS, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found[LABELS].mean() == pytest.approx(1)


@pytest.mark.parametrize("name", ["cross_entropy", "hinge", "squared_error"])
def test_a_weighted_loss_counts_each_example_by_its_class(name):
    random = np.random.default_rng(0)
    labels = np.array([0, 2, 1, 2])
    logits = random.normal(size=(4, 3)).astype(np.float32)
    plain = losses.make_loss(name)
    weights = np.array([0.5, 2, 4], np.float32)
    found = losses.by_class(plain, weights)(labels, logits)
    expected = weights[labels] * np.asarray(plain(labels, logits))
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-6)


def test_an_update_follows_the_weighted_gradient():
    data = unequal(val_fraction=0)
    setup = prepare(
        asked(
            class_weight="balanced",
            optimizer="sgd",
            learning_rate=0.5,
            schedule="constant",
            warmup_epochs=0.0,
            batch_size="full",
            mean_subtraction="none",
            scale="unit",
        ),
        data,
    )
    before = [w.astype(np.float64) for w in setup.model.get_weights()]
    kernel = next(w for w in before if w.ndim == 2)
    bias = next(w for w in before if w.shape == (3,))
    x = data.train.images.reshape(len(data.train), -1) / 255.0
    y = data.train.labels
    weight = compute_class_weight("balanced", classes=np.arange(3), y=y)[y]
    slope = (softmax(x @ kernel + bias, axis=1) - np.eye(3)[y]) / len(y)
    slope *= weight[:, None]
    setup.model.train_on_batch(data.train.images.astype(np.float32), y)
    after = setup.model.get_weights()
    np.testing.assert_allclose(
        next(w for w in after if w.ndim == 2),
        kernel - 0.5 * x.T @ slope,
        atol=1e-6,
    )
    np.testing.assert_allclose(
        next(w for w in after if w.shape == (3,)),
        bias - 0.5 * slope.sum(axis=0),
        atol=1e-6,
    )


@pytest.mark.parametrize("l2", [None, 0.01])
def test_the_reported_loss_has_no_weights_and_the_penalty_neither(l2):
    data = unequal()
    model = prepare(asked(class_weight="balanced", l2=l2), data).model
    x, y = data.train.images.astype(np.float32), data.train.labels
    logits = model.predict(x, verbose=0)
    plain = -log_softmax(logits, axis=1)[np.arange(len(y)), y].mean()
    penalty = float(sum(model.losses)) if l2 else 0.0
    for step in (model.test_on_batch, model.train_on_batch):
        logs = Logs.of(step(x, y, return_dict=True))
        assert logs.loss == pytest.approx(plain, rel=1e-5)
        assert logs.regularization_loss == pytest.approx(penalty, abs=1e-6)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on unequal classes, its data, and what it said."""
    text, data = io.StringIO(), unequal()
    config = asked(
        class_weight="balanced",
        epochs=4,
        runs_dir=str(tmp_path_factory.mktemp("runs")),
    )
    return (
        train(config, data, console=TrainingConsole(text)),
        data,
        text.getvalue(),
    )


def test_the_opening_lines_tell_of_unequal_classes(trained):
    _, data, said = trained
    counts = np.bincount(data.train.labels)
    assert f"{counts[0]} training images are class0, {counts[2]} cl" in said
    weights = compute_class_weight(
        "balanced", classes=np.arange(3), y=data.train.labels
    )
    assert f"an example of class2 counts {weights[2]:.3g}" in said
    assert f"one of class0 {weights[0]:.3g}" in said


def test_balanced_accuracy_stands_beside_accuracy(trained):
    run, data, said = trained
    model = run.load_model()
    answers = model.predict(data.val.images, verbose=0).argmax(axis=1)
    expected = balanced_accuracy_score(data.val.labels, answers)
    recorded = json.loads((run.path / "metrics.json").read_text())
    assert recorded["best_val_balanced_accuracy"] == pytest.approx(expected)
    assert 0 <= recorded["val_balanced_accuracy"] <= 1
    assert f"balanced    {expected:.4f}" in said


def test_equal_classes_are_not_spoken_of(tmp_path):
    text = io.StringIO()
    run = train(
        asked(steps=1, runs_dir=str(tmp_path)),
        unequal((30, 30)),
        console=TrainingConsole(text),
    )
    assert "unequal" not in text.getvalue()
    assert "balanced" not in text.getvalue()
    assert run.metrics["val_balanced_accuracy"] is None


@pytest.mark.parametrize(
    "counts, expected", [((20, 40), False), ((20, 42), True)]
)
def test_over_twice_as_many_is_unequal(counts, expected):
    assert has_unbalanced_classes(unequal(counts, val_fraction=0)) == expected


def test_balanced_accuracy_is_that_of_scikit_learn():
    random = np.random.default_rng(1)
    labels, answers = random.integers(0, 4, (2, 200))
    # One class has no example.
    matrix = metrics.confusion_matrix(labels, answers, 5)
    assert metrics.balanced_accuracy(matrix) == pytest.approx(
        balanced_accuracy_score(labels, answers)
    )


@pytest.mark.parametrize(
    "options, words",
    [
        ({"model": "mlp", "dataset": "sine"}, "class_weight=balanced.*sine"),
        ({"model": "knn"}, "class_weight=balanced has no effect on knn"),
    ],
)
def test_weights_are_refused_where_they_mean_nothing(options, words):
    config = TrainConfig(**options, class_weight="balanced")
    with pytest.raises(UserError, match=words):
        prepare(config, None)


def test_nothing_changes_without_weights():
    setup = prepare(asked(), load_dataset("digits"))
    assert [m.name for m in setup.model.metrics] == ["loss", "compile_metrics"]
    assert "weighted_loss" not in setup.model.get_metrics_result()


def test_weights_a_callback_leaves_at_the_end_are_not_measured(tmp_path):
    class Zeros(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            self.model.set_weights([0 * w for w in self.model.get_weights()])

    data = unequal()
    config = asked(epochs=1, runs_dir=str(tmp_path))
    run = train(config, data, console=QUIET, callbacks=[Zeros()])
    answers = run.load_model().predict(data.val.images, verbose=0).argmax(1)
    expected = balanced_accuracy_score(data.val.labels, answers)
    assert expected > 0.4  # that of zeros is 1/3
    for name in ("val_balanced_accuracy", "best_val_balanced_accuracy"):
        assert run.metrics[name] == pytest.approx(expected)
