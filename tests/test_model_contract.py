"""What every model of the zoo promises, tried on each of them.

A model joins these tests by standing in the table. Large ones build and give
logits here like the others; what trains them is marked slow.
"""

import functools
import json
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.errors import UserError
from zoo.models import MODELS, create_model
from zoo.models.options import builder_options

NAMES = MODELS.names()
LARGE = ("wrn40_4", "wrn16_8", "wrn28_10")
SMALL = [name for name in NAMES if name not in LARGE]
ALL_SLOWLY = [
    pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name
    for name in NAMES
]
GREY, COLOR, TINY = (28, 28, 1), (32, 32, 3), (8, 8, 1)
CASES = [
    (name, shape)
    for name in NAMES
    for shape in (GREY, COLOR, TINY)
    if shape[0] >= MODELS.find(name).smallest
]


@functools.cache
def small_model(name):
    """Returns the model at the least size that it takes, made once."""
    return create_model(name, 10, least_shape(name))


def least_shape(name):
    side = max(8, MODELS.find(name).smallest)
    return (side, side, 1)


def dropout_of(name, rate):
    """Returns the option for models that have it, nothing for others."""
    known = builder_options(MODELS.find(name))
    return {"dropout": rate} if "dropout" in known else {}


def some_images(shape, count=4, seed=0):
    values = np.random.default_rng(seed).normal(size=(count, *shape))
    return values.astype("float32")


def test_the_contract_covers_the_whole_table():
    assert len(NAMES) == len(set(NAMES)) == 11
    assert {name for name, _ in CASES} == set(NAMES)
    assert len(ALL_SLOWLY) == len(NAMES)
    assert len(CASES) == 2 * 11 + 9  # lenet5 and alexnet_lite start at 28


@pytest.mark.parametrize("name, shape", CASES)
def test_logits_are_float32_finite_and_not_softmaxed(name, shape):
    model = create_model(name, 7, shape)
    logits = model(some_images(shape), training=False).numpy()
    assert logits.shape == (4, 7)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert not np.allclose(logits.sum(axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_features_are_one_vector_and_logits_a_dense_layer(name):
    model = small_model(name)
    assert len(model.get_layer("features").output.shape) == 2
    assert isinstance(model.get_layer("logits"), keras.layers.Dense)
    assert model.output is model.get_layer("logits").output
    assert not model.compiled


@pytest.mark.parametrize("name", SMALL)
def test_no_classes_ends_at_the_same_features(name):
    whole = small_model(name)
    body = create_model(name, 0, least_shape(name))
    head = keras.Model(whole.input, whole.get_layer("features").output)
    images = some_images(least_shape(name))
    np.testing.assert_array_equal(body(images).numpy(), head(images).numpy())


@pytest.mark.parametrize("name", ALL_SLOWLY)
def test_every_trainable_weight_gets_a_gradient(name):
    model = small_model(name)
    images, labels = some_images(least_shape(name), 8), np.arange(8)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        value = loss(labels, model(images, training=True))
    weights = model.trainable_weights
    for weight, gradient in zip(
        weights, tape.gradient(value, [w.value for w in weights]), strict=True
    ):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        assert np.any(gradient != 0), weight.path


@pytest.mark.parametrize("name", ALL_SLOWLY)
def test_the_same_seed_gives_the_same_weights_and_another_others(name):
    shape = least_shape(name)
    first, again, other = (
        create_model(name, 10, shape, seed=seed) for seed in (3, 3, 4)
    )
    for one, two in zip(first.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(first.weights, other.weights, strict=True):
        if one.path.endswith("kernel"):
            assert not np.array_equal(one, two), one.path


@pytest.mark.parametrize("name", NAMES)
def test_no_two_layers_share_a_seed(name):
    model = create_model(name, 10, least_shape(name), **dropout_of(name, 0.5))
    seeds = []
    for layer in model.layers:
        if hasattr(layer, "kernel_initializer"):
            seeds.append(layer.kernel_initializer.seed)
        elif isinstance(layer, keras.layers.Dropout):
            seeds.append(layer.seed)
    assert seeds
    assert len(seeds) == len(set(seeds))


@pytest.mark.parametrize("name", SMALL)
def test_predictions_are_repeatable_with_dropout_and_batch_norm(name):
    given = dropout_of(name, 0.5)
    if "norm" in builder_options(MODELS.find(name)):
        given["norm"] = "batch"
    model = create_model(name, 10, least_shape(name), **given)
    images = some_images(least_shape(name))
    once = model(images, training=False).numpy()
    if given:
        assert not np.allclose(once, model(images, training=True))
        once = model(images, training=False).numpy()
    np.testing.assert_array_equal(once, model(images, training=False))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow)
        if name in (*LARGE, "wrn16_4", "wrn28_2")
        else name
        for name in NAMES
    ],
)
def test_eight_examples_can_be_learned_by_heart(name):
    model = create_model(name, 10, least_shape(name), **dropout_of(name, 0))
    images, labels = some_images(least_shape(name), 8), np.arange(8)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    before = float(loss(labels, model(images, training=False)))
    model.compile(keras.optimizers.Adam(3e-3), loss, jit_compile=False)
    data = tf.data.Dataset.from_tensors((images, labels)).repeat(60)
    model.fit(data, shuffle=False, verbose=0)
    after = float(loss(labels, model(images, training=False)))
    assert after < before / 10


VARIANTS = {
    **{name: (name, {}) for name in SMALL},
    "lenet5_variant": (
        "lenet5",
        {"activation": "leaky_relu", "norm": "batch", "dropout": 0.3},
    ),
    "mlp_variant": (
        "mlp",
        {"hidden": (9, 8), "activation": "none", "l1": 1e-5, "l2": 1e-4},
    ),
    "inception_variant": (
        "inception",
        {"reduced": False, "norm": "local_response", "initializer": "equal"},
    ),
}

LOADER = """
    import json, pathlib, sys
    sys.modules["zoo"] = None  # as where the zoo is not installed
    import keras, numpy as np
    found = {}
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.keras")):
        saved = np.load(path.with_suffix(".npz"))
        logits = keras.models.load_model(path)(saved["images"]).numpy()
        found[path.stem] = float(np.abs(logits - saved["logits"]).max())
    print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def differences(tmp_path_factory):
    """Saves every variant and lets a bare Keras load them all, once.

    Returns:
        the largest difference of the logits for each variant.
    """
    folder = tmp_path_factory.mktemp("saved")
    for label, (name, options) in VARIANTS.items():
        model = create_model(name, 10, least_shape(name), **options)
        images = some_images(least_shape(name))
        logits = model(images, training=False).numpy()
        model.save(folder / f"{label}.keras")
        np.savez(folder / f"{label}.npz", images=images, logits=logits)
    command = [sys.executable, "-c", textwrap.dedent(LOADER), str(folder)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# Keras's own saving, with NumPy 2.4.
@pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)
@pytest.mark.parametrize("label", VARIANTS)
def test_keras_alone_loads_it_and_gives_the_same_logits(differences, label):
    assert differences[label] < 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused_with_the_known_ones(name):
    with pytest.raises(UserError, match="initializer, l1 and l2") as error:
        create_model(name, wobble=3)
    assert isinstance(error.value, ValueError)
    assert name in str(error.value)


@pytest.mark.parametrize("name", NAMES)
def test_layer_names_are_stable_and_fit_for_files(name):
    names = [layer.name for layer in small_model(name).layers]
    again = create_model(name, 10, least_shape(name))
    assert names == [layer.name for layer in again.layers]
    assert all(part.replace("_", "").isalnum() for part in names)


def test_an_unknown_name_is_refused_with_near_ones():
    with pytest.raises(UserError, match="did you mean lenet5"):
        create_model("lenet")
