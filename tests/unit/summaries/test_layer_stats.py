"""Statistics of the layers of a small network against NumPy."""

import json
import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from zoo.summaries import layer_stats
from zoo.summaries.inspector import ModelInspector
from zoo.training.losses import cross_entropy

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(40, 3)).astype(np.float32)
LABELS = np.arange(40, dtype=np.int32) % 3


def in_a_run(network, scale=1.0):
    """An inspector of a network that plain SGD trains."""
    inputs = keras.Input(network.input_shape[1:])
    scaled = keras.layers.Rescaling(scale)(inputs)
    model = keras.Model(inputs, network(scaled))
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=cross_entropy())
    model.optimizer.build(model.trainable_variables)
    return ModelInspector(model, network, cross_entropy())


@pytest.fixture(scope="module")
def inspector():
    """Looks into softmax regression with a hidden layer and batch norm."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    x = keras.layers.Dense(4, name="hidden1")(inputs)
    x = keras.layers.BatchNormalization(momentum=0.9, name="norm")(x)
    x = keras.layers.Activation("relu", name="features")(x)
    x = keras.layers.Dense(3, name="logits")(x)
    return in_a_run(keras.Model(inputs, x, name="network"), scale=2.0)


def row(snapshot, inspector, **given):
    facts = {"inspector": inspector, "inputs": INPUTS, "labels": LABELS}
    moment = snapshot(**{**facts, **given})
    del vars(moment)["logits"]
    return layer_stats.measure(moment, 1)


def test_updates_of_accumulated_gradients_are_those_of_their_mean():
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    looked_into = in_a_run(network)
    model, rate = looked_into.model, 0.1
    sgd = keras.optimizers.SGD(rate, gradient_accumulation_steps=4)
    model.compile(sgd, cross_entropy())
    sgd.build(model.trainable_variables)
    gradients = [np.ones(v.shape, np.float32) for v in model.weights]
    for _ in range(6):  # two steps after an update
        sgd.apply([2 * gradient for gradient in gradients])
        before = [v.numpy() for v in (*model.weights, *sgd.variables)]
        for update in looked_into.weight_updates(gradients):
            np.testing.assert_allclose(update, -rate, rtol=1e-5)
        after = [v.numpy() for v in (*model.weights, *sgd.variables)]
        assert all(map(np.array_equal, before, after))


def test_the_row_of_a_training_network_says_what_numpy_says(
    snapshot, inspector
):
    found = row(snapshot, inspector)
    assert found["step"] == 3 and found["examples"] == 40
    assert found["layers"].keys() == {"hidden1", "norm", "logits"}
    kernel = inspector.network.get_layer("logits").kernel.numpy()
    layer = found["layers"]["logits"]
    assert layer["weight_norm"] == pytest.approx(
        np.sqrt((kernel**2).sum()), rel=1e-5
    )
    # Plain SGD moves by the rate times the gradient.
    assert layer["update_ratio"] == pytest.approx(
        0.1 * layer["gradient_norm"] / layer["weight_norm"], rel=1e-4
    )
    hidden = np.maximum(0, before_activation(inspector))
    features = found["hidden"]["features"]
    assert features["mean"] == pytest.approx(hidden.mean(), rel=1e-4)
    assert features["std"] == pytest.approx(hidden.std(), rel=1e-4)
    assert features["function"] == "relu"


def before_activation(inspector):
    """What the first layer and batch norm, still without averages, give."""
    kernel, bias = (
        v.numpy() for v in inspector.network.get_layer("hidden1").weights
    )
    return (2 * INPUTS @ kernel + bias) / np.sqrt(1 + 1e-3)


def test_classes_are_counted_and_compared_with_guessing(snapshot, inspector):
    found = row(snapshot, inspector)["classes"]
    logits = inspector.logits(INPUTS)
    shares = np.bincount(logits.argmax(1), minlength=3) / 40
    assert found["predictions"] == pytest.approx(list(shares), abs=1e-5)
    assert found["accuracy"] == (logits.argmax(1) == LABELS).mean()
    assert found["chance_loss"] == pytest.approx(math.log(3), rel=1e-5)
    assert found["largest_class"] == 0.35


def test_batch_norm_is_tried_with_the_averages_of_its_batch(
    snapshot, inspector
):
    found = row(snapshot, inspector, config={"batch_size": 40})["batch_norm"]
    logits = inspector.logits_in_training(INPUTS)
    assert found["momentum"] == 0.9
    assert found["accuracy_in_training"] == (logits.argmax(1) == LABELS).mean()
    assert row(snapshot, inspector, step=0)["batch_norm"] is None


def test_measuring_changes_nothing_in_the_network(snapshot, inspector):
    before = [v.numpy() for v in inspector.model.variables]
    row(snapshot, inspector)
    for old, variable in zip(before, inspector.model.variables, strict=True):
        np.testing.assert_array_equal(old, variable.numpy())


def test_inputs_are_described_before_training_alone(snapshot, inspector):
    assert "inputs" not in row(snapshot, inspector)
    found = row(snapshot, inspector, step=0)["inputs"]
    assert found["mean"] == pytest.approx(2 * INPUTS.mean(), rel=1e-4)
    assert found["std"] == pytest.approx(2 * INPUTS.std(), rel=1e-4)


def test_brightness_is_the_variance_between_whole_images():
    bright = np.full((2, 4, 4, 1), 10.0)
    bright[1] = 200.0
    assert layer_stats.input_stats(bright, bright)["brightness_fraction"] == 1
    same = np.tile(np.arange(16.0).reshape(1, 4, 4, 1), (2, 1, 1, 1))
    assert layer_stats.input_stats(same, same)["brightness_fraction"] == 0


def test_images_without_any_variance_are_described():
    gray = np.full((3, 4, 4, 1), 128.0)
    found = layer_stats.input_stats(gray, gray)
    assert found == {"mean": 128, "std": 0, "brightness_fraction": 0}


def test_a_regression_has_no_classes(snapshot, inspector):
    def squared(labels, outputs):
        return keras.ops.sum(keras.ops.square(outputs), axis=-1)

    moment = {"class_names": (), "labels": np.zeros(40, np.float32)}
    flat = ModelInspector(inspector.model, inspector.network, squared)
    found = row(snapshot, flat, **moment)
    assert found["classes"] is None and found["batch_norm"] is None


def test_weights_that_are_no_numbers_leave_a_row_that_json_can_hold(
    snapshot, inspector
):
    kernel = inspector.network.get_layer("logits").kernel
    whole = kernel.numpy()
    try:
        kernel.assign(np.full_like(whole, np.nan))
        found = row(snapshot, inspector)
    finally:
        kernel.assign(whole)
    json.dumps(found, allow_nan=False)
    assert found["layers"]["logits"]["weight_norm"] is None
    assert found["classes"]["confidence"] is None


def test_measurements_are_due_ever_more_rarely_and_at_the_end():
    due = [n for n in range(21) if layer_stats.should_measure(n, n == 20)]
    assert due == [0, 1, 2, 4, 8, 16, 20]


def test_numbers_keep_six_digits_and_none_stands_for_the_others():
    value = {"a": [1 / 3, math.inf], "b": {"c": math.nan, "d": 7}, "e": "x"}
    assert layer_stats.to_json(value) == {
        "a": [0.333333, None], "b": {"c": None, "d": 7}, "e": "x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("activation", "value", "expected"),
    [
        ("relu", 0.0, True),
        ("relu", 0.005, False),
        ("sigmoid", 0.995, True),
        ("sigmoid", 0.005, True),
        ("sigmoid", 0.5, False),
        ("tanh", -0.999, True),
        ("tanh", 0.005, False),
        ("elu", -0.995, True),
        ("softplus", 0.005, True),
        ("leaky_relu", -0.005, False),
    ],
)
def test_a_unit_is_dead_where_its_activation_is_flat(
    activation, value, expected
):
    outputs = np.full((5, 1), value, np.float32)
    assert layer_stats.dead_units(outputs, activation).tolist() == [expected]


def test_a_unit_that_jumps_between_both_limits_is_alive():
    outputs = np.array([[-1.0], [1.0]], np.float32)
    assert not layer_stats.dead_units(outputs, "tanh").any()


def test_equal_units_have_no_spread_however_examples_differ():
    outputs = np.repeat(np.array([[1.0], [5.0], [-2.0]]), 4, axis=1)
    assert layer_stats.unit_spread(outputs) == 0


def test_spread_is_relative_to_the_size_of_the_outputs():
    outputs = np.random.default_rng(0).normal(size=(50, 20))
    assert layer_stats.unit_spread(outputs) == pytest.approx(
        np.sqrt(outputs.var(axis=1).mean()) / np.sqrt((outputs**2).mean())
    )
    assert layer_stats.unit_spread(1000 * outputs) == pytest.approx(
        layer_stats.unit_spread(outputs)
    )


def test_units_that_are_all_zero_have_no_spread():
    assert layer_stats.unit_spread(np.zeros((3, 2))) == 0


LAYERS = {
    "hidden1": np.arange(6, dtype=np.float32).reshape(2, 3),
    "logits": np.full((3, 2), 2, np.float32),
}


def count(points):
    """How many numbers the buckets of the one point of a tag hold."""
    ((step, buckets),) = points
    assert step == 3
    return buckets[:, 2].sum()


def test_margins_of_incorrect_predictions_lie_below_zero(
    writer, read, snapshot
):
    layer_stats.write_logits(writer, snapshot())
    tags = read(writer)
    assert {tag: count(points) for tag, points in tags.items()} == {
        "logits": 12, "margins": 4,
    }  # fmt: skip
    ((_, buckets),) = tags["margins"]
    assert buckets[buckets[:, 1] <= 0][:, 2].sum() == 1
    assert buckets[buckets[:, 0] >= 0][:, 2].sum() == 3


def test_a_regression_has_logits_and_no_margins(writer, read, snapshot):
    moment = snapshot(
        class_names=(),
        labels=np.zeros((4,), np.float32),
        logits=np.ones((4, 1), np.float32),
    )
    layer_stats.write_logits(writer, moment)
    assert read(writer).keys() == {"logits"}


def test_each_layer_has_a_histogram_of_its_weights(writer, read, snapshot):
    layer_stats.write_weights(writer, snapshot(weights=LAYERS))
    tags = read(writer)
    assert count(tags["weights/hidden1"]) == 6
    assert count(tags["weights/logits"]) == 6
    assert len(tags) == 2


def test_weights_that_are_no_numbers_are_left_out(writer, read, snapshot):
    broken = {"a": np.array([1, np.nan, np.inf]), "b": np.array([np.nan])}
    layer_stats.write_weights(writer, snapshot(weights=broken))
    tags = read(writer)
    assert tags.keys() == {"weights/a"}
    assert count(tags["weights/a"]) == 1


def test_the_update_ratio_is_the_quotient_of_two_norms(writer, read, snapshot):
    updates = {
        "hidden1": np.full((2, 3), 0.1, np.float32),
        "logits": np.array([[0.3, 0], [0, 0.4], [0, 0]], np.float32),
    }
    moment = snapshot(weights=LAYERS, gradients=LAYERS, updates=updates)
    layer_stats.write_gradients(writer, moment)
    tags = read(writer)
    assert count(tags["gradients/hidden1"]) == 6
    ((step, first),) = tags["update_ratio/hidden1"]
    ((_, last),) = tags["update_ratio/logits"]
    assert step == 3
    assert first == pytest.approx(np.sqrt(0.06 / 55))
    assert last == pytest.approx(0.5 / np.sqrt(24))


@pytest.mark.parametrize("value", [0, np.nan])
def test_weights_without_size_have_no_update_ratio(
    writer, read, snapshot, value
):
    weights = {"logits": np.full((2, 2), value, np.float32)}
    updates = {"logits": np.ones((2, 2), np.float32)}
    moment = snapshot(weights=weights, gradients=updates, updates=updates)
    layer_stats.write_gradients(writer, moment)
    assert read(writer).keys() == {"gradients/logits"}


def test_dead_units_are_a_share_of_each_hidden_layer(writer, read, snapshot):
    outputs = np.zeros((4, 2, 2, 4), np.float32)
    outputs[1, 0, 1, 2] = 0.5  # one place of one image keeps a channel alive
    inspector = SimpleNamespace(activation_names={"conv1": "relu"})
    moment = snapshot(activations={"conv1": outputs}, inspector=inspector)
    layer_stats.write_activations(writer, moment)
    tags = read(writer)
    assert count(tags["activations/conv1"]) == 64
    assert tags["dead_units/conv1"] == [(3, 0.75)]


def test_auxiliary_outputs_have_their_part_in_the_gradients():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    first = keras.layers.Dense(3, name="logits")(inputs)
    second = keras.layers.Dense(3, name="auxiliary")(inputs)
    found = in_a_run(keras.Model(inputs, [first, second]))
    variables = [v.path.split("/")[0] for v in found.model.trainable_variables]
    gradients = dict(
        zip(variables[::2], found.gradients(INPUTS, LABELS)[::2], strict=True)
    )
    expected = {}
    for name, weight in {"logits": 1.0, "auxiliary": 0.3}.items():
        layer = found.network.get_layer(name)
        outputs = INPUTS @ layer.kernel.numpy() + layer.bias.numpy()
        chances = np.exp(outputs) / np.exp(outputs).sum(1, keepdims=True)
        error = weight * (chances - np.eye(3)[LABELS]) / len(LABELS)
        expected[name] = INPUTS.T @ error
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected[name], atol=1e-5)


def base():
    """A model to put inside a network: dense layer, batch norm, ReLU."""
    inputs = keras.Input((3,))
    x = keras.layers.Dense(4, name="c1")(inputs)
    x = keras.layers.BatchNormalization(momentum=0.9, name="norm")(x)
    x = keras.layers.ReLU(name="relu")(x)
    return keras.Model(inputs, x, name="base")


def around(inner):
    inputs = keras.Input((3,))
    logits = keras.layers.Dense(3, name="logits")(inner(inputs))
    return keras.Model(inputs, logits)


def test_layers_of_an_inner_model_are_measured(snapshot):
    keras.utils.set_random_seed(0)
    inner = base()
    found = row(snapshot, in_a_run(around(inner)))
    assert list(found["layers"]) == ["base/c1", "base/norm", "logits"]
    assert found["layers"]["base/c1"]["gradient_norm"] > 0
    assert found["batch_norm"]["momentum"] == 0.9
    assert list(found["hidden"]) == ["base/relu"]
    assert found["hidden"]["base/relu"]["function"] == "relu"
    mean = inner(INPUTS, training=False).numpy().mean()
    assert found["hidden"]["base/relu"]["mean"] == pytest.approx(mean, rel=1e-4)
    assert "unmeasured" not in found


def test_a_frozen_batch_norm_is_not_tried_with_its_batch(snapshot):
    inner = base()
    inner.trainable = False
    found = row(snapshot, in_a_run(around(inner)))
    assert found["batch_norm"] is None
    assert list(found["layers"]) == ["logits"]


def test_hidden_layers_out_of_sight_are_named(snapshot):
    class Base(keras.Model):
        def __init__(self):
            super().__init__(name="base")
            self.dense = keras.layers.Dense(4, name="c1")

        def call(self, inputs):
            return keras.ops.relu(self.dense(inputs))

    found = row(snapshot, in_a_run(around(Base())))
    assert found["layers"].keys() == {"base/c1", "logits"}
    assert (found["hidden"], found["unmeasured"]) == ({}, ["base"])


def test_each_call_of_a_hidden_layer_is_measured(snapshot):
    inputs = keras.Input((3,))
    relu = keras.layers.ReLU(name="relu")
    x = relu(keras.layers.Dense(4, name="first")(inputs))
    x = relu(keras.layers.Dense(5, name="second")(x))
    network = keras.Model(inputs, keras.layers.Dense(3, name="logits")(x))
    found = in_a_run(network).activations(INPUTS)
    widths = {name: x.shape[1] for name, x in found.items()}
    assert widths == {"relu": 4, "relu_1": 5}
