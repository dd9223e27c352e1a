"""Fused batch norm and Adam, against Keras and plain NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.config import TrainConfig
from zoo.training import fused
from zoo.training.model import backbone_of
from zoo.training.setup import prepare

SHAPE = (6, 5, 4, 3)


def batch(seed=0, shape=SHAPE):
    values = np.random.default_rng(seed).normal(size=shape)
    return (values * [1, 10, 0.1] + [0, 5, -3]).astype("float32")


def network(kernel, trainable=True, **options):
    """A convolution between two batch norms."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(SHAPE[1:])
    x = keras.layers.BatchNormalization(momentum=0.8, **options)(inputs)
    x = keras.layers.Conv2D(3, 3, activation="tanh")(x)
    x = keras.layers.BatchNormalization(epsilon=1e-5)(x)
    model = keras.Model(inputs, x)
    for layer in model.layers:
        layer.trainable = trainable
    if kernel:
        model = fused.fuse(model)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def in_training(model, inputs):
    return keras.ops.convert_to_numpy(model(inputs, training=True))


def test_a_batch_is_normalized_and_followed_as_numpy_does():
    inputs = keras.Input(SHAPE[1:])
    layer = fused.FusedBatchNormalization(momentum=0.8, epsilon=1e-3)
    model = keras.Model(inputs, layer(inputs))
    gamma, beta = np.float32([1, 2, 3]), np.float32([-1, 0, 1])
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    x = batch()
    mean, variance = x.mean((0, 1, 2), "d"), x.var((0, 1, 2), "d")
    wanted = (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    np.testing.assert_allclose(in_training(model, x), wanted, atol=2e-5)
    # By n, not by n - 1.
    np.testing.assert_allclose(layer.moving_mean, 0.2 * mean, rtol=1e-5)
    np.testing.assert_allclose(
        layer.moving_variance, 0.8 + 0.2 * variance, rtol=1e-5
    )


@pytest.mark.parametrize("options", [{}, {"scale": False}])
def test_training_goes_the_same_way_as_in_keras(options):
    ours, theirs = network(True, **options), network(False, **options)
    assert type(ours.layers[1]) is fused.FusedBatchNormalization
    target = np.random.default_rng(2).normal(size=(6, 3, 2, 3))
    for seed in range(20):
        losses = [m.train_on_batch(batch(seed), target) for m in (ours, theirs)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("trainable", [True, False])
def test_in_use_and_where_frozen_it_is_keras_to_the_bit(trainable):
    ours, theirs = network(True, trainable), network(False, trainable)
    np.testing.assert_array_equal(
        ours.predict(batch(), verbose=0), theirs.predict(batch(), verbose=0)
    )
    if not trainable:
        np.testing.assert_array_equal(
            in_training(ours, batch()), in_training(theirs, batch())
        )
        assert (np.asarray(ours.layers[1].moving_mean) == 0).all()


@pytest.mark.parametrize(
    "options",
    [{"center": False}, {"axis": 1}, {"renorm": True}, {"synchronized": True}],
)
def test_what_the_kernel_does_not_do_is_left_to_keras(options):
    ours, theirs = network(True, **options), network(False, **options)
    np.testing.assert_allclose(
        in_training(ours, batch()), in_training(theirs, batch()), atol=1e-4
    )
    assert count_kernels(ours, batch()) == 1  # of its other batch norm


def test_what_a_mask_hides_is_no_part_of_the_statistics():
    mask = np.arange(6 * 5 * 4).reshape(6, 5, 4) % 3 > 0
    layer = fused.FusedBatchNormalization(momentum=0.0)
    layer(batch(), training=True, mask=mask)
    expected = batch()[mask].mean(axis=0)
    np.testing.assert_allclose(layer.moving_mean, expected, rtol=1e-4)


def count_kernels(model, inputs):
    """Returns how many kernels a training step of a model runs."""
    graph = tf.function(lambda x: model(x, training=True))
    concrete = graph.get_concrete_function(tf.convert_to_tensor(inputs))
    kinds = [op.type for op in concrete.graph.get_operations()]
    return kinds.count("FusedBatchNormV3")


def test_a_single_value_has_no_variance():
    inputs = keras.Input((1, 1, 3))
    layer = fused.FusedBatchNormalization(momentum=0.5)
    model = keras.Model(inputs, layer(inputs))
    assert (in_training(model, batch(shape=(1, 1, 1, 3))) == 0).all()
    np.testing.assert_allclose(layer.moving_variance, 0.5)


def test_a_saved_model_has_keras_s_own_layers(tmp_path):
    model = network(True)
    in_training(model, batch())  # moves the averages
    plain = fused.unfuse(keras.Model(model.input, model.output))
    plain.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert type(loaded.layers[1]) is keras.layers.BatchNormalization
    np.testing.assert_array_equal(
        loaded.predict(batch(), verbose=0), model.predict(batch(), verbose=0)
    )


def test_a_fused_model_is_saved_and_loaded_with_its_config(tmp_path):
    model = network(True)
    model.compile(fused.FusedAdam(0.02, beta_1=0.8), "mse")
    model.fit(batch(), np.zeros((6, 3, 2, 3)), verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert type(loaded.layers[1]) is fused.FusedBatchNormalization
    assert loaded.layers[1].momentum == 0.8
    assert type(loaded.optimizer) is fused.FusedAdam
    assert loaded.optimizer.beta_1 == 0.8
    for one, two in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("model", "norm", "layer", "by_kernel"),
    [("cnn_cpncpnfdf", None, "norm1", True), ("mlp", "batch", "h", False)],
)
def test_a_job_s_model_trains_by_the_kernel(model, norm, layer, by_kernel):
    config = TrainConfig(
        model=model, norm=norm, dataset="digits", precision="float32"
    )
    body = backbone_of(prepare(config, None).model)
    found = [
        x for x in body.layers if isinstance(x, keras.layers.BatchNormalization)
    ]
    assert found[0].name.startswith(layer)
    images = np.zeros((2, *body.input_shape[1:]), "float32")
    assert (count_kernels(body, images) > 0) == by_kernel


def test_layers_are_replaced_inside_a_model_inside_a_model():
    adapted = keras.layers.Normalization()
    adapted.adapt(batch())
    inputs = keras.Input(SHAPE[1:])
    model = keras.Model(inputs, network(False)(adapted(inputs)))
    images = batch(3)
    expected = keras.ops.convert_to_numpy(model(images))
    replaced = fused.fuse(model)
    inner = [type(layer) for layer in replaced.layers[-1].layers]
    assert inner.count(fused.FusedBatchNormalization) == 2
    assert [w.shape for w in replaced.weights] == [
        w.shape for w in model.weights
    ]
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(replaced(images)), expected
    )
    assert fused.unfuse(model) is model


def test_a_variable_that_is_fixed_alone_stays_so():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 3))
    layer = keras.layers.Conv2D(4, 2, name="fixed")
    x = keras.layers.BatchNormalization()(layer(inputs))
    model = keras.Model(inputs, x)
    layer.kernel.trainable = False  # its bias learns
    copy = fused.fuse(model)
    assert copy is not model
    paths = [[v.path for v in m.trainable_variables] for m in (model, copy)]
    assert paths[0] == paths[1]
    assert "fixed/kernel" not in paths[1] and "fixed/bias" in paths[1]
