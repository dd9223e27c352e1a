"""Schedules against the formulas that their names stand for."""

import math

import keras
import numpy as np
import pytest

from zoo.config import TrainConfig
from zoo.training import losses, optimizers


def rates(total, per_epoch=10, **options):
    config = TrainConfig(**{"learning_rate": 0.1, **options})
    schedule = optimizers.make_schedule(config, per_epoch, total)
    return np.array([float(schedule(step)) for step in range(total)])


def test_constant_stays_the_same():
    np.testing.assert_allclose(rates(30, schedule="constant"), 0.1)


def test_cosine_falls_from_the_rate_to_zero_over_all_updates():
    expected = [0.05 * (1 + math.cos(math.pi * k / 40)) for k in range(40)]
    np.testing.assert_allclose(
        rates(40, schedule="cosine"), expected, rtol=1e-5, atol=1e-8
    )


def test_linear_falls_in_a_straight_line():
    expected = [0.1 * (1 - k / 40) for k in range(40)]
    np.testing.assert_allclose(
        rates(40, schedule="linear"), expected, rtol=1e-5
    )


def test_step_multiplies_at_the_first_update_after_each_epoch_given():
    found = rates(
        40, schedule="step", schedule_epochs=(1, 3), schedule_factor=0.2
    )
    np.testing.assert_allclose(found[:10], 0.1, rtol=1e-6)
    np.testing.assert_allclose(found[10:30], 0.02, rtol=1e-6)
    np.testing.assert_allclose(found[30:], 0.004, rtol=1e-6)


def test_exponential_multiplies_after_every_epoch():
    found = rates(30, schedule="exponential", schedule_factor=0.5)
    np.testing.assert_allclose(found, np.repeat([0.1, 0.05, 0.025], 10))


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
def test_warmup_rises_in_a_straight_line_to_the_full_rate(schedule):
    found = rates(40, schedule=schedule, warmup_epochs=0.5)
    np.testing.assert_allclose(
        found[:6], [0.02, 0.04, 0.06, 0.08, 0.1, 0.1], rtol=1e-5
    )


def test_warmup_leaves_the_epochs_of_a_step_schedule_where_they_are():
    found = rates(
        40,
        schedule="step",
        schedule_epochs=(2,),
        schedule_factor=0.1,
        warmup_epochs=1,
    )
    assert found[19] == pytest.approx(0.1)
    assert found[20] == pytest.approx(0.01)


def test_warmup_longer_than_training_ends_before_the_last_update():
    found = rates(5, schedule="constant", warmup_epochs=9)
    assert found[-1] == pytest.approx(0.1)


@pytest.mark.parametrize(
    "name, kind, facts",
    [
        ("sgd", keras.optimizers.SGD, {"momentum": 0.0}),
        ("momentum", keras.optimizers.SGD, {"nesterov": False}),
        ("nesterov", keras.optimizers.SGD, {"nesterov": True}),
        ("rmsprop", keras.optimizers.RMSprop, {"momentum": 0.8}),
        ("adam", keras.optimizers.Adam, {"global_clipnorm": 1.5}),
        ("adamw", keras.optimizers.AdamW, {"weight_decay": 0.02}),
        ("muon", keras.optimizers.Muon, {"momentum": 0.8}),
    ],
)
def test_each_name_gives_its_keras_optimizer(name, kind, facts):
    options = {"optimizer": name, "clip_norm": 1.5}
    if name in ("momentum", "nesterov", "rmsprop", "muon"):
        options["momentum"] = 0.8
    if name == "adamw":
        options["weight_decay"] = 0.02
    optimizer = optimizers.make_optimizer(TrainConfig(**options), 0.1)
    assert isinstance(optimizer, kind)
    for attribute, expected in facts.items():
        assert getattr(optimizer, attribute) == expected


# The smaller one is left to Keras.
@pytest.mark.parametrize("shape", [(7, 5), (200, 200)])
@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_one_pass_over_the_weights_does_what_keras_composes(name, shape):
    plain = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}
    options = {"learning_rate": 0.01, "weight_decay": 0.1}
    if name == "adam":
        del options["weight_decay"]
    config = TrainConfig(optimizer=name, **options)
    ours = optimizers.make_optimizer(config, 0.01)
    random = np.random.default_rng(0)
    start = random.normal(size=shape).astype("float32")
    found, expected = keras.Variable(start), keras.Variable(start)
    theirs = plain[name](**options)
    for _ in range(20):
        gradient = keras.ops.convert_to_tensor(
            random.normal(size=start.shape), "float32"
        )
        ours.apply([gradient], [found])
        theirs.apply([gradient], [expected])
    assert np.abs(expected - start).max() > 0.05
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_muon_moves_hidden_kernels_alone_in_all_directions_equally():
    """The update of a hidden kernel has singular values near each other."""
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(8, use_bias=False, name="hidden"),
            keras.layers.Dense(8, use_bias=False, name="logits"),
        ]
    )
    config = TrainConfig(optimizer="muon", momentum=0.95, weight_decay=0.0)
    ours = optimizers.make_optimizer(config, 0.01)
    before = [np.array(w) for w in model.trainable_weights]
    random = np.random.default_rng(0)
    # Singular values from 1 down to 1/128.
    left, _, right = np.linalg.svd(random.normal(size=(8, 8)))
    gradient = left @ np.diag(0.5 ** np.arange(8)) @ right
    tensor = keras.ops.convert_to_tensor(gradient, "float32")
    ours.build(model.trainable_weights)
    ours.apply([tensor, tensor])
    moved = [
        np.linalg.svd(b - np.array(w))[1]
        for b, w in zip(before, model.trainable_weights, strict=True)
    ]
    hidden, logits = (values[:4].max() / values[:4].min() for values in moved)
    # Newton-Schulz brings them to 0.7 .. 1.2; the step of Adam does not.
    assert hidden < 1.8 < logits


def test_a_warmup_and_a_straight_fall_make_a_triangle():
    found = rates(
        40,
        schedule="linear",
        warmup_epochs=1,
        warmup_start=0.2,
        schedule_end=0.1,
    )
    # Update 10 has the full rate as well, and the end would be update 40.
    expected = 0.1 * np.interp(range(40), [-1, 9, 10, 40], [0.2, 1, 1, 0.1])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_cosine_ends_at_the_share_that_is_given():
    found = rates(400, schedule="cosine", schedule_end=0.25)
    assert found[-1] == pytest.approx(0.025, rel=1e-3)


def test_lookahead_is_that_of_the_paper_in_numpy():
    """Every 3 of 8 updates, and at the last one, weights are averaged."""
    config = TrainConfig(optimizer="sgd", lookahead_every=3)
    weights = keras.Variable(np.float32([1.0, -2.0]))
    ours = optimizers.make_optimizer(config, 0.1, total_steps=8)
    ours.build([weights])
    random = np.random.default_rng(0)
    fast = slow = np.array([1.0, -2.0])
    for done in range(1, 9):
        gradient = random.normal(size=2)
        ours.apply([keras.ops.convert_to_tensor(gradient, "float32")])
        fast = fast - 0.1 * gradient
        if done % 3 == 0:
            share = 0.95**3 * (done / 8) ** 3
            fast = slow = share * slow + (1 - share) * fast
        elif done == 8:
            fast = slow
        np.testing.assert_allclose(weights, fast, rtol=1e-5)


def test_training_that_is_shorter_than_a_lookahead_keeps_its_weights():
    config = TrainConfig(optimizer="sgd", lookahead_every=3)
    weights = keras.Variable(np.float32([1.0, -2.0]))
    ours = optimizers.make_optimizer(config, 0.1, total_steps=2)
    ours.build([weights])
    for _ in range(2):
        ours.apply([keras.ops.ones(2)])
    np.testing.assert_allclose(weights, [0.8, -2.2], rtol=1e-6)


def test_biases_of_norms_learn_faster_and_decay_as_the_others_do():
    """Against the rule of Torch, with coupled decay, in NumPy.

    Per variable: g + (w / factor) v at factor times the rate.
    """
    inputs = keras.Input((3,))
    norm = keras.layers.BatchNormalization(scale=False, name="norm")
    model = keras.Model(inputs, keras.layers.Dense(2)(norm(inputs)))
    config = TrainConfig(
        optimizer="nesterov", momentum=0.85, norm_bias_factor=64.0
    )
    biases = optimizers.norm_biases(model)
    assert biases == [norm.beta]
    losses.add_weight_decay(model, 0.01, biases, 64.0)
    norm.beta.assign([0.5, -1.0, 2.0])
    ours = optimizers.make_optimizer(config, 0.001, biases=biases)
    variables = model.trainable_variables
    ours.build(variables)
    rates = [0.064 if v is norm.beta else 0.001 for v in variables]
    decays = [0.01 * 0.001 / rate for rate in rates]
    values = [np.array(v, "float64") for v in variables]
    moments = [np.zeros_like(v) for v in values]
    random = np.random.default_rng(0)
    for _ in range(5):
        grads = [random.normal(size=v.shape) for v in values]
        # Keras differentiates the penalty with the loss: L2(d) gives 2 d v.
        given = [
            g + 2 * float(v.regularizer.l2) * np.array(v)
            for g, v in zip(grads, variables, strict=True)
        ]
        ours.apply([keras.ops.convert_to_tensor(g, "float32") for g in given])
        for place, gradient in enumerate(grads):
            total = gradient + decays[place] * values[place]
            moments[place] = 0.85 * moments[place] + total
            step = total + 0.85 * moments[place]
            values[place] = values[place] - rates[place] * step
    for found, expected in zip(variables, values, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_biases_that_are_frozen_or_missing_do_not_learn():
    frozen = keras.layers.BatchNormalization(trainable=False)
    without = keras.layers.BatchNormalization(center=False)
    learns = keras.layers.BatchNormalization()
    model = keras.Sequential([keras.Input((3,)), frozen, without, learns])
    assert list(map(id, optimizers.norm_biases(model))) == [id(learns.beta)]
