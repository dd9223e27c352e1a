"""Frozen layers: not one bit of them moves, and all the others learn."""

import keras
import numpy as np
import pytest

from tests.integration.training.consoles import QUIET
from tests.integration.training.weights import layer_weights, set_last_weights
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.models import register_model
from zoo.training.model import freeze
from zoo.training.setup import prepare
from zoo.training.train import train

# Everything that could move a weight: batch norm, penalties, decay, momentum.
OPTIONS = {
    "model": "mlp",
    "model_arg": {"hidden": (16, 8)},
    "norm": "batch",
    "l2": 0.1,
    "weight_decay": 0.1,
    "optimizer": "momentum",
    "epochs": 2,
    "batch_size": 100,
    "summaries": ("none",),
}


def asked(folder, **more):
    return TrainConfig(runs_dir=str(folder), **{**OPTIONS, **more})


def first_and_last(config, run):
    """Returns the weights before and after training."""
    model = prepare(config, None).model
    before = layer_weights(model)
    set_last_weights(model, run)
    return before, layer_weights(model)


def moved(config, run):
    """Returns for each layer which of its weights training has changed."""
    before, after = first_and_last(config, run)
    return {
        name: [
            not np.array_equal(old, new)
            for old, new in zip(before[name], after[name], strict=True)
        ]
        for name in before
    }


def test_what_is_frozen_keeps_every_bit_and_all_else_moves(tmp_path):
    # Every kind of summary looks at frozen layers too.
    config = asked(tmp_path, freeze="hidden1*", summaries=("all",))
    run = train(config, console=QUIET)
    assert moved(config, run) == {
        "hidden1": [False],
        "hidden1_norm": [False] * 4,  # gamma, beta and both averages
        "hidden2": [True],
        "hidden2_norm": [True] * 4,
        "logits": [True, True],
    }
    assert run.resolved["frozen"] == ["hidden1", "hidden1_norm"]


def test_features_are_all_before_the_logits(tmp_path):
    setup = prepare(asked(tmp_path, freeze="features"), None)
    trained = [v.path for v in setup.model.trainable_variables]
    assert trained == ["logits/kernel", "logits/bias"]
    # The count of updates, and momentum of these two alone.
    shapes = [tuple(v.shape) for v in setup.model.optimizer.variables]
    assert shapes == [(), (8, 10), (10,)]


def test_the_counts_are_of_what_learns_and_of_all_without_another_run(
    tmp_path,
):
    config = asked(tmp_path, freeze="features", steps=1, epochs=None)
    run = train(config, console=QUIET)
    assert run.resolved["weights"] is None
    before, after = first_and_last(config, run)
    np.testing.assert_array_equal(before["hidden1"][0], after["hidden1"][0])
    # 64*16 + 4*16 + 16*8 + 4*8 before the logits, 8*10 + 10 in them.
    found = run.resolved["parameters"]
    assert found == {"trainable": 90, "total": 1248 + 90}
    assert run.metrics["parameters"] == 90


def test_no_penalty_counts_frozen_weights(tmp_path):
    setup = prepare(asked(tmp_path, freeze="hidden1*,hidden2*"), None)
    kernel, bias = layer_weights(setup.model)["logits"]
    l2 = 0.1 * np.sum(kernel**2)
    decay = 0.05 * (np.sum(kernel**2) + np.sum(bias**2))
    found = float(sum(setup.model.losses))
    assert found == pytest.approx(l2 + decay, rel=1e-5)


def test_a_frozen_batch_norm_uses_its_averages_in_training(tmp_path):
    setup = prepare(asked(tmp_path, freeze="hidden1*", dropout=0.0), None)
    layer = setup.model.get_layer("network").get_layer("hidden1_norm")
    random = np.random.default_rng(0)
    gamma, beta, mean, variance = random.uniform(0.5, 2, (4, 16))
    layer.set_weights([gamma, beta, mean, variance])
    x = random.normal(size=(5, 16))
    expected = (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    found = np.asarray(layer(x, training=True))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_auxiliary_heads_are_not_among_the_features(tmp_path, table_of_models):
    def build(input_shape, num_classes, seed=0):
        image = keras.Input(input_shape)
        x = keras.layers.Flatten()(image)
        x = keras.layers.Dense(4, name="features")(x)
        names = ("logits", "other")
        heads = [keras.layers.Dense(num_classes, name=n)(x) for n in names]
        return keras.Model(image, heads)

    register_model("two_heads", build)
    config = TrainConfig(
        model="two_heads", freeze="features", runs_dir=str(tmp_path), steps=2,
        summaries=("none",),
    )  # fmt: skip
    assert train(config, console=QUIET).resolved["frozen"] == ["features"]


def test_features_that_hold_all_weights_cannot_be_frozen():
    config = TrainConfig(model="lenet5_1998", freeze="features")
    with pytest.raises(UserError, match="leaves nothing"):
        prepare(config, None)


def test_a_layer_inside_of_a_model_is_frozen_by_its_name():
    layers = keras.layers
    base = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(2, 3, name="conv1"),
            layers.Conv2D(2, 3, name="conv2"),
        ]
    )
    dense = layers.Dense(3, name="logits")
    body = keras.Sequential([base, layers.Flatten(), dense])
    freeze(body, "conv1", "mine")
    frozen = [weight.path for weight in body.non_trainable_weights]
    assert frozen == [weight.path for weight in base.get_layer("conv1").weights]
