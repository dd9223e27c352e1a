"""A network at any weights, its directions and its shape, against NumPy."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo import metrics
from zoo.data import Split
from zoo.errors import UserError
from zoo.evaluation.landscape import LandscapeConfig
from zoo.evaluation.landscape.scan import (
    LossSurface,
    filter_normalized,
    is_convex,
    pooled_moments,
    random_direction,
    sample,
)
from zoo.training import losses

CROSS_ENTROPY = losses.make_loss("cross_entropy")


@settings(max_examples=25)
@given(
    shape=st.lists(st.integers(1, 4), min_size=2, max_size=4).map(tuple),
    seed=st.integers(0, 99),
)
def test_each_filter_of_a_direction_is_as_long_as_that_of_the_weights(
    shape, seed
):
    draw = np.random.default_rng(seed).standard_normal
    direction, weight = draw(shape), 3 * draw(shape)
    weight[..., 0] = 0
    found = filter_normalized(direction, weight)
    for index in range(shape[-1]):
        d, w, f = (x[..., index].ravel() for x in (direction, weight, found))
        expected = d * (w @ w) ** 0.5 / (d @ d) ** 0.5
        np.testing.assert_allclose(f, expected, atol=1e-12)


def test_biases_and_batch_norm_get_no_direction():
    weights = [np.ones((3, 3, 2, 4)), np.ones(4), np.float32(2.0)]
    kernel, bias, scalar = random_direction(weights, seed=0, index=0)
    assert np.abs(kernel).min() > 0
    assert not bias.any() and not scalar.any()


def small_net(classes=3):
    """Two layers with dropout and batch norm between them, on vectors."""
    inputs = keras.Input((5,))
    x = keras.layers.Dense(4, name="a")(inputs)
    x = keras.layers.Dropout(0.5, seed=1)(x)
    x = keras.layers.BatchNormalization(name="n", epsilon=1e-3)(x)
    body = keras.Model(inputs, keras.layers.Dense(classes, name="b")(x))
    outer = keras.Input((5,))
    return keras.Model(outer, body(outer)), body


def vectors(count, labels):
    random = np.random.default_rng(0)
    x = random.standard_normal((count, 5)).astype(np.float32)
    return Split(x, labels)


def test_measured_batch_norm_is_that_of_the_training_sample():
    model, body = small_net()
    part = vectors(600, np.arange(600, dtype=np.int32) % 3)
    parts = {"train": part, "val": part.take(np.arange(40))}
    surface = LossSurface(model, body, CROSS_ENTROPY, parts, True)
    weights = [w + 0.1 for w in body.get_weights()]
    surface.move_to(weights)
    a, a_bias, gamma, beta, _, _, b, b_bias = weights
    hidden = part.images @ a + a_bias
    scale = gamma / np.sqrt(hidden.var(axis=0) + 1e-3)
    logits = ((hidden - hidden.mean(axis=0)) * scale + beta) @ b + b_bias
    for name, size in (("train", 600), ("val", 40)):
        expected = metrics.cross_entropy(logits[:size], part.labels[:size])
        assert surface.score(name).loss == pytest.approx(expected, rel=1e-5)


def test_a_spoilt_point_does_not_spoil_the_next():
    model, body = small_net()
    part = vectors(20, np.arange(20, dtype=np.int32) % 3)
    surface = LossSurface(model, body, CROSS_ENTROPY, {"train": part}, True)
    weights = body.get_weights()
    surface.move_to(weights)
    before = surface.score("train")
    surface.move_to([np.full_like(w, np.inf) for w in weights])
    spoilt = surface.score("train")
    assert np.isnan([spoilt.loss, spoilt.accuracy]).all()
    surface.move_to(weights)
    assert surface.score("train") == before


def test_numbers_to_predict_have_no_accuracy():
    model, body = small_net(classes=1)
    part = vectors(20, np.linspace(0, 1, 20, dtype=np.float32))

    def squares(targets, outputs):
        return np.square(targets - outputs[:, 0])

    surface = LossSurface(model, body, squares, {"train": part}, False)
    surface.move_to(body.get_weights())
    outputs = model.predict(part.images, verbose=0)[:, 0]
    expected = np.square(outputs - part.labels).mean()
    assert surface.score("train").loss == pytest.approx(expected, rel=1e-6)
    assert surface.score("train").accuracy is None


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_pooled_statistics_are_those_of_all_examples(sizes):
    random = np.random.default_rng(sum(sizes))
    parts = [random.standard_normal((size, 2)) for size in sizes]
    mean, variance = pooled_moments(
        sizes, [p.mean(axis=0) for p in parts], [p.var(axis=0) for p in parts]
    )
    whole = np.concatenate(parts)
    np.testing.assert_allclose(mean, whole.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(variance, whole.var(axis=0), atol=1e-12)


def test_a_bowl_is_told_from_a_saddle_and_from_a_gap():
    x, y = np.mgrid[-3:4, -3:4] / 3.0
    assert is_convex(x**2 + y**2) is True
    assert is_convex(x**2 + 0 * y) is True
    assert is_convex(x**2 - y**2) is False
    assert is_convex(x * y) is False  # flat along rows and columns
    assert is_convex(np.sin(x[:, 0])) is False
    assert is_convex(np.array([1.0, np.nan, 1.0])) is None


def test_a_sample_is_drawn_once_and_keeps_its_order():
    part = vectors(50, np.arange(50, dtype=np.int32))
    few = sample(part, 10, seed=3)
    assert len(few) == 10 and (np.diff(few.labels) > 0).all()
    assert sample(part, 10, seed=3).labels.tolist() == few.labels.tolist()
    assert sample(part, 10, seed=4).labels.tolist() != few.labels.tolist()
    assert sample(part, 60, seed=3).labels.tolist() == list(range(50))


@pytest.mark.parametrize(
    "options, words",
    [
        ({"points": 24}, "--points=24 has no point at the center"),
        ({"points": 1}, "of at least 3|from 3"),
        ({"span": 0.0}, "--span=0"),
        ({"parts": ("hill",)}, "path, line or plane"),
        ({"parts": ()}, "--parts is empty"),
        ({"batch_norm": "off"}, "measured or kept"),
        ({"start": "final"}, "are the same weights"),
    ],
)
def test_a_request_that_cannot_work_is_refused(options, words):
    with pytest.raises(UserError, match=words):
        LandscapeConfig(**options)
