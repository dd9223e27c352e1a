"""What every model of the zoo promises, tried on each that learns.

A model joins these tests by standing in the table. What builds or trains a
large one is marked slow, and so is what a smaller one of the same family
shows. What learns by heart has promises of its own. They hold on every engine
of Keras: `make test-jax` tries them on JAX.
"""

import functools
import gc

import keras
import numpy as np
import pytest

from zoo.errors import UserError
from zoo.models import MODELS, create_model
from zoo.models.options import builder_options

NAMES = [entry.name for entry in MODELS if not entry.is_nonparametric]
HEAVY = (
    *("alexnet", "googlenet", "plain56", "resnet56", "resnet50"),
    *("wrn50_2", "wrn50_3", "densenet_bc100_12", "resnet18", "resnet34"),
    *("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"),
)
LARGE = (*HEAVY, "wrn40_4", "wrn16_8", "wrn28_10")
DEEP = ("plain20", "resnet20", "densenet40_12")  # small, but many layers
WIDER = ("wrn16_4", "wrn28_2")  # built as wrn16_1 is
SLOW = (*LARGE, *WIDER)
SMALL = [name for name in NAMES if name not in LARGE]
GREY, COLOR, TINY = (28, 28, 1), (32, 32, 3), (8, 8, 1)
CASES = [
    (name, shape)
    for name in NAMES
    for shape in (GREY, COLOR, TINY)
    if shape[0] >= MODELS.find(name).min_size
] + [
    (name, (MODELS.find(name).min_size,) * 2 + (3,))
    for name in NAMES
    if MODELS.find(name).min_size > 32
]


def slowly(cases, slow):
    """Marks as slow what is tried on the models of these names."""
    return [
        pytest.param(*one, marks=pytest.mark.slow if one[0] in slow else ())
        for one in ((c,) if isinstance(c, str) else c for c in cases)
    ]


@pytest.fixture(autouse=True)
def freed(request):
    """Frees the memory of a large model when its test ends.

    Models refer to themselves, and Python collects such circles late: all of
    them together would take more than ten gigabytes.
    """
    yield
    if request.node.get_closest_marker("slow"):
        small_model.cache_clear()
        gc.collect()


@functools.cache
def small_model(name):
    """Returns the model at the least size that it takes, made once."""
    return create_model(name, 10, least_shape(name))


def least_shape(name):
    side = max(8, MODELS.find(name).min_size)
    return (side, side, 1)


def known(name, **options):
    """Returns those of the options that a model has."""
    has = builder_options(MODELS.find(name))
    return {key: value for key, value in options.items() if key in has}


def some_images(shape, count=4, seed=0):
    values = np.random.default_rng(seed).normal(size=(count, *shape))
    return values.astype("float32")


def output(model, images, training=False):
    """Returns the logits as an array of NumPy."""
    if keras.backend.backend() == "jax":
        # Compiled whole: step by step, JAX compiles each layer by itself.
        import jax

        call = jax.jit(
            functools.partial(model.stateless_call, training=training)
        )
        logits, _ = call(*values_of(model), images)
    else:
        logits = model(images, training=training)
    return keras.ops.convert_to_numpy(logits)


def values_of(model):
    """Returns the trainable and the other values, as JAX wants them."""
    return (
        [variable.value for variable in model.trainable_variables],
        [variable.value for variable in model.non_trainable_variables],
    )


def gradients_of(model, images, labels):
    """Differentiates the loss by every trainable weight, on either engine."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True))
        return tape.gradient(value, [w.value for w in model.trainable_weights])
    import jax

    def value(*values):
        logits, _ = model.stateless_call(*values, images, training=True)
        return loss(labels, logits)

    return jax.jit(jax.grad(value))(*values_of(model))


def test_the_contract_covers_the_whole_table():
    assert len(NAMES) == len(set(NAMES)) == 35
    assert {name for name, _ in CASES} == set(NAMES)
    assert {*LARGE, *SMALL} == set(NAMES)
    # Eight are for large images alone; three others start at 28 pixels, and
    # one at 16.
    assert len(CASES) == 8 + 27 * 3 - 4


@pytest.mark.parametrize("name, shape", slowly(CASES, SLOW))
def test_logits_are_float32_finite_and_not_softmaxed(name, shape):
    model = create_model(name, 7, shape)
    logits = output(model, some_images(shape))
    assert logits.shape == (4, 7)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert not np.allclose(logits.sum(axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("name", slowly(NAMES, SLOW))
def test_features_are_one_vector_and_logits_a_dense_layer(name):
    model = small_model(name)
    assert len(model.get_layer("features").output.shape) == 2
    assert isinstance(model.get_layer("logits"), keras.layers.Dense)
    assert model.output is model.get_layer("logits").output
    assert not model.compiled


@pytest.mark.parametrize("name", slowly(SMALL, WIDER))
def test_no_classes_ends_at_the_same_features(name):
    whole = small_model(name)
    body = create_model(name, 0, least_shape(name))
    head = keras.Model(whole.input, whole.get_layer("features").output)
    images = some_images(least_shape(name))
    np.testing.assert_array_equal(output(body, images), output(head, images))


@pytest.mark.parametrize("name", slowly(NAMES, SLOW))
def test_every_trainable_weight_gets_a_gradient(name):
    model = small_model(name)
    found = gradients_of(model, some_images(least_shape(name), 8), np.arange(8))
    for weight, gradient in zip(model.trainable_weights, found, strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        assert np.any(gradient != 0), weight.path


@pytest.mark.parametrize("name", slowly(NAMES, SLOW))
def test_the_same_seed_gives_the_same_weights_and_another_others(name):
    shape = least_shape(name)
    first, again, other = (
        # All kernels drawn by lot, where some are the identity else.
        create_model(name, 10, shape, seed=seed, **known(name, identity=False))
        for seed in (3, 3, 4)
    )
    for one, two in zip(first.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(first.weights, other.weights, strict=True):
        if one.path.endswith("kernel"):
            assert not np.array_equal(one, two), one.path


@pytest.mark.parametrize("name", slowly(NAMES, SLOW))
def test_no_two_layers_share_a_seed(name):
    options = known(name, dropout=0.5)
    model = create_model(name, 10, least_shape(name), **options)
    seeds = []
    for layer in model.layers:
        if hasattr(layer, "kernel_initializer"):
            seeds.append(layer.kernel_initializer.seed)
        elif isinstance(layer, keras.layers.Dropout):
            seeds.append(layer.seed)
    assert seeds
    assert len(seeds) == len(set(seeds))


@pytest.mark.parametrize("name", slowly(SMALL, WIDER))
def test_predictions_are_repeatable_with_dropout_and_batch_norm(name):
    given = known(name, dropout=0.5, norm="batch")
    model = create_model(name, 10, least_shape(name), **given)
    images = some_images(least_shape(name))
    once = output(model, images)
    if given:
        assert not np.allclose(once, output(model, images, training=True))
        once = output(model, images)
    np.testing.assert_array_equal(once, output(model, images))


@pytest.mark.parametrize(
    "name",
    slowly(
        # Of the bottleneck nets the narrowest, resnet50, learns for all.
        [name for name in NAMES if not name.startswith("wrn50")],
        (
            *SLOW,
            *DEEP,
            "wrn16_1",
            "lenet5_1998",
            "alexnet_lite",
            "airbench94",
        ),
    ),
)
def test_eight_examples_can_be_learned_by_heart(name):
    options = known(name, dropout=0)
    model = create_model(name, 10, least_shape(name), **options)
    images, labels = some_images(least_shape(name), 8), np.arange(8)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    before = float(loss(labels, model(images, training=False)))
    # Twenty layers without batch norm bear smaller steps only, and fifty-six
    # without shortcuts need more of them.
    rate = 3e-4 if name == "googlenet" else 3e-3
    updates = 90 if name == "plain56" else 60
    model.compile(keras.optimizers.Adam(rate), loss)
    again = np.tile(images, (updates, 1, 1, 1)), np.tile(labels, updates)
    model.fit(*again, batch_size=8, shuffle=False, verbose=0)
    after = float(loss(labels, model(images, training=False)))
    assert after < before / 10


@pytest.mark.parametrize("name", slowly(NAMES, SLOW))
def test_an_unknown_option_is_refused_with_the_known_ones(name):
    with pytest.raises(UserError, match="initializer, l1 and l2") as error:
        create_model(name, wobble=3)
    assert isinstance(error.value, ValueError)
    assert name in str(error.value)


@pytest.mark.parametrize("name", slowly(NAMES, SLOW))
def test_layer_names_are_stable_and_fit_for_files(name):
    names = [layer.name for layer in small_model(name).layers]
    again = create_model(name, 10, least_shape(name))
    assert names == [layer.name for layer in again.layers]
    assert all(part.replace("_", "").isalnum() for part in names)
