"""Auxiliary heads: they teach with weight 0.3, and are gone afterwards."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy.special import softmax

from tests.integration.training.consoles import QUIET, Killed, KillingConsole
from tests.integration.training.weights import (
    assert_equal_weights,
    set_last_weights,
)
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.models import create_model, register_model
from zoo.run_store import RunStore
from zoo.training import model as trained_model
from zoo.training.model import Logs
from zoo.training.resume import resume
from zoo.training.setup import prepare
from zoo.training.train import train

WEIGHT = 0.3  # the paper's


def three_voices(input_shape, num_classes, *, dropout: float = 0.0, seed=0):
    """Builds a linear net whose features feed logits and two more heads."""
    image = keras.Input(input_shape)

    def dense(x, units, name):
        start = keras.initializers.RandomNormal(
            stddev=0.5, seed=seed + len(name)
        )
        return layers.Dense(units, name=name, kernel_initializer=start)(x)

    x = dense(layers.Flatten()(image), 5, "features")
    if dropout:
        x = layers.Dropout(dropout, seed=seed, name="dropout")(x)
    names = ("logits", "head_one", "the_head_two")
    return keras.Model(image, [dense(x, num_classes, n) for n in names])


@pytest.fixture
def named(table_of_models):
    register_model("three_voices", three_voices)


def asked(folder, **more):
    options = {
        "model": "three_voices",
        "epochs": 2,
        "batch_size": 200,
        "optimizer": "sgd",
        "learning_rate": 0.05,
        "deterministic": True,
    }
    return TrainConfig(runs_dir=str(folder), **{**options, **more})


def test_one_update_is_that_of_all_three_losses_by_hand():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(6, 4)), np.array([0, 1, 2, 2, 1, 0])
    inputs = keras.Input((4,))
    model = trained_model.with_auxiliary_heads(
        inputs, three_voices((4,), 3)(inputs), "joined"
    )
    kernels = [np.array(w, "float64") for w in model.trainable_variables[::2]]
    model.compile(keras.optimizers.SGD(0.1), loss=_cross_entropy)
    model.train_on_batch(x, y)

    hidden, back, expected = x @ kernels[0], 0, []
    for kernel, weight in zip(kernels[1:], (1, WEIGHT, WEIGHT), strict=True):
        error = (
            weight * (softmax(hidden @ kernel, axis=1) - np.eye(3)[y]) / len(y)
        )
        expected.append(kernel - 0.1 * hidden.T @ error)
        back = back + error @ kernel.T
    expected.insert(0, kernels[0] - 0.1 * x.T @ back)
    found = model.trainable_variables[::2]
    for variable, kernel in zip(found, expected, strict=True):
        np.testing.assert_allclose(variable, kernel, rtol=1e-5, atol=1e-6)


def _cross_entropy(labels, logits):
    return keras.losses.sparse_categorical_crossentropy(
        labels, logits, from_logits=True
    )


@pytest.mark.slow
def test_googlenet_learns_from_both_of_its_heads():
    body = create_model("googlenet", 10, (64, 64, 1), auxiliary=True)
    inputs = keras.Input((64, 64, 1))
    model = trained_model.with_auxiliary_heads(inputs, body(inputs), "joined")
    model.compile(keras.optimizers.SGD(1.0), loss=_cross_entropy)
    x = np.random.default_rng(0).normal(size=(4, 64, 64, 1)).astype("float32")
    y = np.array([0, 3, 5, 9])

    state = [v.value for v in model.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(state)
        # Dropout draws from the states given, as the update after it does.
        outputs, _ = model.stateless_call(
            state, model.non_trainable_variables, x, training=True
        )
        first, *others = [tf.reduce_mean(_cross_entropy(y, z)) for z in outputs]
        total = first + WEIGHT * sum(others)
    gradients = tape.gradient(total, state)
    before = [np.array(v) for v in state]
    loss = model.train_on_batch(x, y)
    np.testing.assert_allclose(loss, total, rtol=1e-5)
    moved = zip(before, model.trainable_variables, gradients, strict=True)
    for old, new, gradient in moved:
        np.testing.assert_allclose(
            old - np.array(new), gradient, rtol=1e-3, atol=1e-5
        )


def test_heads_speak_in_training_alone():
    inputs = keras.Input((4,))
    model = trained_model.with_auxiliary_heads(
        inputs, three_voices((4,), 3)(inputs), "joined"
    )
    x = np.ones((2, 4), "float32")
    assert len(model(x, training=True)) == 3
    assert model(x, training=False).shape == (2, 3)
    assert model.predict(x, verbose=0).shape == (2, 3)


def test_a_model_with_one_output_is_a_plain_model():
    inputs = keras.Input((4,))
    outputs = layers.Dense(3)(inputs)
    joined = trained_model.with_auxiliary_heads(inputs, outputs, "joined")
    assert type(joined) is type(keras.Model(inputs, outputs))


def test_the_reported_loss_is_the_logits_own_and_the_rest_is_penalty(named):
    model = prepare(asked("runs"), None).model
    x = np.random.default_rng(0).uniform(0, 255, (7, 8, 8, 1))
    y = np.arange(7)
    outputs = model(x, training=True)
    losses = [float(np.mean(_cross_entropy(y, z))) for z in outputs]
    trained = Logs.of(model.train_on_batch(x, y, return_dict=True))
    assert trained.loss == pytest.approx(losses[0], rel=1e-5)
    rest = WEIGHT * (losses[1] + losses[2])
    assert trained.regularization_loss == pytest.approx(rest, rel=1e-5)


def test_heads_play_no_part_in_validation(named):
    model = prepare(asked("runs"), None).model
    x = np.random.default_rng(0).uniform(0, 255, (7, 8, 8, 1))
    y = np.arange(7)
    tested = Logs.of(model.test_on_batch(x, y, return_dict=True))
    logits = model.predict(x, verbose=0)
    own = float(np.mean(_cross_entropy(y, logits)))
    assert tested.loss == pytest.approx(own, rel=1e-5)
    assert tested.regularization_loss == pytest.approx(0, abs=1e-6)


def test_the_saved_model_has_no_heads_and_the_same_logits(named, tmp_path):
    config = asked(tmp_path, val_fraction=0)
    run = train(config, console=QUIET)
    saved = run.load_model()
    assert type(saved) is type(keras.Model(saved.inputs, saved.outputs))
    body = saved.get_layer("network")
    assert [layer.name for layer in body.layers][-2:] == ["features", "logits"]
    # 64 * 5 + 5 and 5 * 10 + 10
    assert saved.count_params() == run.metrics["parameters"] == 385

    trained = prepare(config, None).model
    set_last_weights(trained, run)
    images = np.random.default_rng(0).uniform(0, 255, (9, 8, 8, 1))
    np.testing.assert_array_equal(
        saved.predict(images, verbose=0), trained.predict(images, verbose=0)
    )


@pytest.mark.slow
def test_a_killed_run_with_heads_comes_to_the_same_bits(named, tmp_path):
    options = {
        "epochs": 3,
        "checkpoint_every": 2,
        "steps_per_execution": 1,
        "optimizer": "adam",
        "dropout": 0.3,
    }
    undisturbed = train(asked(tmp_path, run_name="a", **options), console=QUIET)
    with pytest.raises(Killed):
        train(
            asked(tmp_path, run_name="b", **options),
            console=KillingConsole(2),
        )
    killed = resume(RunStore(str(tmp_path)).find("b"), console=QUIET)
    assert killed.metrics["status"] == "completed"
    assert_equal_weights(killed, undisturbed)
    first, second = (
        [{**row, "seconds": None} for row in run.history]
        for run in (undisturbed, killed)
    )
    assert first == second


def test_a_head_of_another_width_is_refused(table_of_models):
    def uneven(input_shape, num_classes):
        image = keras.Input(input_shape)
        x = layers.Flatten()(image)
        outputs = [layers.Dense(n)(x) for n in (num_classes, 3)]
        return keras.Model(image, outputs)

    register_model("uneven", uneven)
    with pytest.raises(UserError, match="one logit per class"):
        create_model("uneven", 10)
