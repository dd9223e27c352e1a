"""Networks as tutorials write them become models of the zoo, or are refused."""

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo.errors import UserError
from zoo.models import (
    MODELS,
    build_standardized,
    create_model,
    register_model,
)

pytestmark = pytest.mark.usefixtures("table_of_models")
SHAPE = (8, 8, 1)
IMAGES = (
    np.random.default_rng(0).integers(0, 256, (5, *SHAPE)).astype("float32")
)


def standardized(builder, task="classification"):
    MODELS.discard("mine")
    register_model("mine", builder)
    return build_standardized(MODELS.find("mine"), 3, SHAPE, task=task)


def built_twice(builder):
    """Returns what a builder gives, and what the zoo makes of the same."""
    keras.utils.set_random_seed(0)
    plain = builder(SHAPE, 3)
    plain.build((None, *SHAPE))
    keras.utils.set_random_seed(0)
    return plain, standardized(builder)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def flat(input_shape):
    image = keras.Input(input_shape)
    return image, layers.Flatten()(image)


def beginning_with(*first, dtype=None):
    """Returns a builder of these layers, which ends in a dense one."""

    def build(input_shape, num_classes):
        image = x = keras.Input(input_shape, dtype=dtype)
        for layer in (*first, layers.Flatten(), layers.Dense(num_classes)):
            x = layer(x)
        return keras.Model(image, x)

    return build


def dense_end(input_shape, num_classes):
    image = keras.Input(input_shape)
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Dense(4, activation="relu")(layers.Flatten()(x))
    x = layers.Dropout(0.5)(x)
    return keras.Model(
        image, layers.Dense(num_classes, activation="softmax")(x)
    )


def layer_end(input_shape, num_classes):
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Flatten(),
            layers.Dense(num_classes),
            layers.Softmax(),
        ]
    )


def activation_end(input_shape, num_classes):
    return keras.Sequential(
        [
            layers.Flatten(),
            layers.Dense(num_classes),
            layers.Activation("softmax", dtype="float32"),
        ]
    )


def nested_end(input_shape, num_classes):
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.Sequential([layers.RandomFlip(), layers.Rescaling(1 / 255)]),
            keras.Sequential(
                [
                    layers.Flatten(),
                    layers.Dense(4, activation="relu"),
                    layers.Dense(num_classes, activation="softmax"),
                ]
            ),
        ]
    )


def operation_end(input_shape, num_classes):
    image, x = flat(input_shape)
    return keras.Model(image, keras.ops.softmax(layers.Dense(num_classes)(x)))


SOFTMAX = [dense_end, layer_end, activation_end, nested_end, operation_end]


@pytest.mark.parametrize("builder", SOFTMAX)
def test_a_softmax_at_the_end_becomes_logits_of_the_same_probabilities(builder):
    plain, found = built_twice(builder)
    wanted = np.asarray(plain(IMAGES, training=False))
    logits = np.asarray(found.model(IMAGES, training=False))
    np.testing.assert_allclose(softmax(logits), wanted, atol=1e-6)
    assert found.softmax
    assert abs(logits.sum(axis=1) - 1).min() > 1e-3
    assert found.model.get_layer("logits").output.shape == (None, 3)


def test_layers_are_called_features_and_logits_where_they_have_no_name():
    for builder in (dense_end, nested_end):
        model = standardized(builder).model
        names = [layer.name for layer in model.layers]
        assert names[-1] == "logits"
        assert model.get_layer("features").output.shape == (None, 4)
        assert names == [x.name for x in standardized(builder).model.layers]


def test_a_name_of_the_user_s_own_is_kept():
    def named(input_shape, num_classes):
        image, x = flat(input_shape)
        x = layers.Dense(4, name="embedding")(x)
        return keras.Model(image, layers.Dense(num_classes)(x))

    names = [layer.name for layer in standardized(named).model.layers]
    assert names[1:] == ["flatten", "embedding", "logits"]


NORMALIZATION = layers.Normalization(mean=[100.0], variance=[900.0])
FIXED = layers.Conv2D(2, 3, trainable=False)
PIPELINE = layers.Pipeline(
    [layers.RandomTranslation(0.1, 0.1), layers.Rescaling(1 / 255, name="in")]
)


@pytest.mark.parametrize(
    ("builder", "names"),
    [
        (dense_end, ("rescaling",)),
        (nested_end, ("rescaling",)),
        (beginning_with(NORMALIZATION), ("normalization",)),
        (beginning_with(layers.RandomBrightness(0.1)), ("random_brightness",)),
        (beginning_with(PIPELINE), ("in",)),
        (beginning_with(FIXED, layers.Rescaling(0.5)), ()),
        (layer_end, ()),
    ],
)
def test_preprocessing_before_the_first_weights_is_found(builder, names):
    assert standardized(builder).preprocessing == names


def test_preprocessing_inside_of_a_pretrained_network_is_found():
    def transferred(input_shape, num_classes):
        base_image = keras.Input(input_shape)
        x = layers.Rescaling(1 / 255)(base_image)
        base = keras.Model(base_image, layers.Conv2D(2, 3)(x))
        base.trainable = False
        image = keras.Input(input_shape)
        x = layers.GlobalAveragePooling2D()(base(image, training=False))
        return keras.Model(image, layers.Dense(num_classes)(x))

    plain, found = built_twice(transferred)
    assert found.preprocessing == ("rescaling",)
    assert len(found.model.trainable_weights) == 2
    np.testing.assert_allclose(found.model(IMAGES), plain(IMAGES), atol=1e-5)


def test_an_adapted_normalization_keeps_its_statistics():
    normalization = layers.Normalization()
    normalization.adapt(IMAGES)
    found = standardized(beginning_with(normalization))
    assert found.preprocessing == ("normalization",)
    layer = found.model.get_layer("normalization")
    wanted = (IMAGES - IMAGES.mean()) / IMAGES.std()
    np.testing.assert_allclose(layer(IMAGES), wanted, atol=1e-5)


def test_a_list_of_one_output_is_that_output():
    def listed(input_shape, num_classes):
        image, x = flat(input_shape)
        return keras.Model(image, [layers.Dense(num_classes)(x)])

    model = standardized(listed).model
    assert np.asarray(model(IMAGES)).shape == (5, 3)


def sigmoid(input_shape, num_classes):
    image, x = flat(input_shape)
    x = layers.Dense(num_classes, activation="sigmoid")(x)
    return keras.Model(image, x)


def test_a_number_may_come_from_any_activation():
    model = standardized(sigmoid, task="regression").model
    values = np.asarray(model(IMAGES / 1000))
    assert values.shape == (5, 1) and ((0 < values) & (values < 1)).all()


def too_few(input_shape, num_classes):
    image, x = flat(input_shape)
    return keras.Model(image, layers.Dense(1)(x))


def maps(input_shape, num_classes):
    image = keras.Input(input_shape)
    return keras.Model(image, layers.Conv2D(num_classes, 1)(image))


def named_outputs(input_shape, num_classes):
    image, x = flat(input_shape)
    return keras.Model(image, {"label": layers.Dense(num_classes)(x)})


def two_inputs(input_shape, num_classes):
    image, x = flat(input_shape)
    other, y = flat(input_shape)
    return keras.Model([image, other], layers.Dense(num_classes)(x + y))


def other_images(input_shape, num_classes):
    image, x = flat((28, 28, 1))
    return keras.Model(image, layers.Dense(num_classes)(x))


def weightless(input_shape, num_classes):
    image, x = flat(input_shape)
    return keras.Model(image, x[:, :num_classes])


def hidden_probabilities(input_shape, num_classes):
    image, x = flat(input_shape)
    x = keras.ops.exp(layers.Dense(num_classes)(x / 255))
    return keras.Model(image, x / keras.ops.sum(x, axis=1, keepdims=True))


class OwnLoss(keras.Model):
    """Functional, with a constructor and a loss of its own."""

    def __init__(self, input_shape, num_classes):
        image, x = flat(input_shape)
        super().__init__(image, layers.Dense(num_classes)(x))

    def compute_loss(self, *args, **kwargs):
        return 2 * super().compute_loss(*args, **kwargs)


class OwnStep(keras.Sequential):
    """Stands for a tutorial's own training step."""

    def train_step(self, data):
        return super().train_step(data)


class Scaled(keras.Sequential):
    """Computes something besides its layers."""

    def call(self, inputs, training=None, mask=None):
        return 5.0 * super().call(inputs, training=training)


class Half(layers.Layer):
    """A layer that cannot be made again, as it has no `get_config`."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


def stacked(kind):
    """Returns a builder of a subclass of keras.Sequential."""

    def build(input_shape, num_classes):
        return kind(
            [
                keras.Input(input_shape),
                layers.Rescaling(1 / 255),
                layers.Flatten(),
                layers.Dense(num_classes),
            ]
        )

    return build


def of_integers(input_shape, num_classes):
    image = keras.Input(input_shape, dtype="uint8")
    x = layers.Flatten()(keras.ops.cast(image, "float32") / 255)
    return keras.Model(image, layers.Dense(num_classes)(x))


def test_the_call_of_a_sequential_subclass_is_kept():
    plain, found = built_twice(stacked(Scaled))
    np.testing.assert_allclose(found.model(IMAGES), plain(IMAGES), rtol=1e-5)
    assert found.preprocessing == ("rescaling",)


def test_integers_that_the_model_rescales_are_raw_pixels():
    builder = beginning_with(layers.Rescaling(1 / 255), dtype="uint8")
    assert standardized(builder).preprocessing == ("rescaling",)


HALF = layers.Dense(4, dtype="mixed_float16", name="low")
LAMBDA = layers.Lambda(lambda x: x / 255)


@pytest.mark.parametrize(
    ("builder", "word"),
    [
        (stacked(OwnStep), "OwnStep, with a train_step"),
        (OwnLoss, "OwnLoss, with a compute_loss"),
        (beginning_with(LAMBDA), "Lambda"),
        (beginning_with(Half(0.5)), "Half"),
        (beginning_with(HALF), "float16, as in its layer low"),
        (of_integers, "dtype uint8"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused(builder, word, tmp_path):
    model = builder(SHAPE, 10)
    with pytest.raises(UserError, match=word):
        zoo.train(model, verbose=False, runs_dir=str(tmp_path / "r"))
    assert not (tmp_path / "r").exists()


class Tutorial(keras.Model):
    """A subclass of keras.Model, and the builder of it."""

    def __init__(self, input_shape, num_classes):
        super().__init__()
        self.flatten = layers.Flatten()
        self.dense = layers.Dense(num_classes)

    def call(self, inputs):
        return self.dense(self.flatten(inputs))


def test_a_subclass_is_left_as_it_is():
    model = Tutorial(SHAPE, 3)
    model.dense.activation = keras.activations.softmax
    name = model.dense.name
    assert standardized(lambda input_shape, num_classes: model).softmax
    assert model.dense.activation is keras.activations.softmax
    assert model.dense.name == name


class OwnTrainStep(Tutorial):
    def train_step(self, data):
        return super().train_step(data)


class OtherLayersInTraining(Tutorial):
    def call(self, inputs, training=False):
        return super().call(inputs * 2 if training else inputs)


class OtherFactorInTraining(Tutorial):
    def call(self, inputs, training=None):
        return super().call(inputs * (0.5 if training else 1))


class FailingInTraining(Tutorial):
    def call(self, inputs, training=None):
        return super().call(inputs.missing if training else inputs)


class ExplicitTraining(Tutorial):
    def __init__(self, input_shape, num_classes):
        super().__init__(input_shape, num_classes)
        self.norm = layers.BatchNormalization()

    def call(self, inputs):
        return super().call(self.norm(inputs, training=False))


class OwnWeight(Tutorial):
    def __init__(self, input_shape, num_classes):
        super().__init__(input_shape, num_classes)
        self.shift = self.add_weight(shape=(1, 1), name="shift")

    def call(self, inputs):
        return super().call(inputs + self.shift)


class WithoutReturn(Tutorial):
    def call(self, inputs):
        super().call(inputs)


class Untraceable(Tutorial):
    def call(self, inputs):
        return np.asarray(inputs) * 2


def shared_softmax(input_shape, num_classes):
    image, x = flat(input_shape)
    twice = layers.Dense(num_classes, "softmax")
    x = layers.Dense(num_classes)(x)
    return keras.Model(image, twice(twice(x)))


def regularized_softmax(input_shape, num_classes):
    image, x = flat(input_shape)
    last = layers.Dense(num_classes, "softmax", activity_regularizer="l2")
    return keras.Model(image, last(x))


@pytest.mark.parametrize(
    ("builder", "word"),
    [
        (sigmoid, "sigmoid"),
        (too_few, "(None, 1)"),
        (maps, "one logit per class"),
        (named_outputs, "dictionary"),
        (two_inputs, "2 inputs"),
        (other_images, "(28, 28, 1)"),
        (weightless, "no trainable weights"),
        (beginning_with(LAMBDA), "Lambda"),
        (beginning_with(layers.Normalization()), "adapted"),
        (hidden_probabilities, "sums to 1"),
        (OwnTrainStep, "train_step"),
        (stacked(OwnStep), "OwnStep, with a train_step"),
        (OtherLayersInTraining, "if training is true"),
        (OtherFactorInTraining, "if training is true"),
        (FailingInTraining, "cannot be traced"),
        (ExplicitTraining, "gives training=False to its layer"),
        (OwnWeight, "shift, which is in no layer"),
        (WithoutReturn, "cannot be traced"),
        (Untraceable, "cannot be traced"),
        (shared_softmax, "which is used elsewhere"),
        (regularized_softmax, "which is regularized"),
        (lambda input_shape, num_classes: None, "NoneType"),
        (lambda input_shape: None, "build(input_shape, num_classes"),
        (lambda input_shape, num_classes, units: None, "units"),
        ("no_such_module:build", "no_such_module"),
        ("zoo.models.linear:no_such", "no_such"),
    ],
)
def test_what_cannot_be_used_is_told_before_a_folder_is_made(
    builder, word, tmp_path
):
    register_model("mine", builder)
    with pytest.raises(UserError) as error:
        zoo.train(zoo.TrainConfig(model="mine", runs_dir=str(tmp_path / "r")))
    sentence = str(error.value)
    assert word in sentence and "mine" in sentence
    assert "\n" not in sentence and sentence.endswith(".")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    "option", [{"mean_subtraction": "channel"}, {"scale": "unit"}]
)
def test_scaling_twice_is_refused(option, tmp_path):
    register_model("mine", dense_end)
    config = zoo.TrainConfig(model="mine", runs_dir=str(tmp_path), **option)
    with pytest.raises(UserError, match="rescaling"):
        zoo.train(config)


def test_a_network_of_a_user_s_own_ends_at_its_features():
    register_model("mine", dense_end)
    assert create_model("mine", 0, SHAPE).output_shape == (None, 4)


class Subclass(Tutorial):
    """Layers and keras.ops in a `call` of its own."""

    def __init__(self, input_shape, num_classes):
        super().__init__(input_shape, num_classes)
        self.hidden = layers.Dense(16, activation="relu")
        self.dropout = layers.Dropout(0.1)

    def call(self, inputs, training=None):
        x = keras.ops.tanh(self.hidden(self.flatten(inputs)))
        return self.dense(self.dropout(x, training=training))


def train_one(model, tmp_path, pixels=None):
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), np.uint8)
    images = images if pixels is None else pixels(images)
    return zoo.train(
        model,
        (images, np.arange(60) % 3),
        epochs=1,
        summaries=("none",),
        verbose=False,
        runs_dir=str(tmp_path),
        data_dir=str(tmp_path / "data"),
    )


def test_a_subclass_is_trained_and_saved_without_its_class(tmp_path):
    run = train_one(Subclass(SHAPE, 3), tmp_path)
    network = run.load_model().get_layer("network")
    kinds = {type(layer).__name__ for layer in network.layers}
    assert {"Dense", "Dropout"} <= kinds and "Subclass" not in kinds
    assert run.metrics["parameters"] == 64 * 16 + 16 + 16 * 3 + 3


def test_what_is_frozen_inside_of_a_layer_or_alone_stays_so(tmp_path):
    image = keras.Input((8, 8, 1))
    attention = layers.MultiHeadAttention(2, 4)
    x = layers.Reshape((8, 8))(image)
    x = layers.Flatten()(attention(x, x))
    hidden = layers.Dense(5)
    model = keras.Model(image, layers.Dense(3)(hidden(x)))
    attention.trainable = False
    hidden.bias.trainable = False
    run = train_one(model, tmp_path)
    trainable = 64 * 5 + 5 * 3 + 3
    assert run.resolved["parameters"]["trainable"] == trainable


@pytest.mark.parametrize("given_in_units", [True, False])
def test_a_model_that_rescales_sees_the_range_in_which_pixels_were_given(
    tmp_path, given_in_units
):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(2.0, offset=-1.0),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    scaled = (lambda x: x / 255) if given_in_units else None
    run = train_one(model, tmp_path, scaled)
    raw = np.full((1, 8, 8, 1), 255, np.float32)
    whole = run.load_model()
    kernel, bias = whole.layers[-1].get_weights()
    seen = 1.0 if given_in_units else 509.0
    expected = seen * kernel.sum(axis=0) + bias
    np.testing.assert_allclose(whole(raw)[0], expected, rtol=1e-4, atol=1e-4)


def test_the_last_layer_of_a_model_in_half_precision_gives_the_logits():
    policy = "mixed_bfloat16"
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(5, dtype=policy),
            layers.Dense(3, dtype=policy),
        ]
    )
    found = standardized(lambda input_shape, num_classes: model).model
    assert [layer.name for layer in found.layers[-2:]] == ["features", "logits"]
    assert found.output.dtype == "float32" and found.layers[-1].weights


def test_the_model_of_a_builder_keeps_its_softmax():
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3, "softmax")]
    )
    assert standardized(lambda input_shape, num_classes: model).softmax
    assert np.asarray(model(np.zeros((1, 8, 8, 1)))).sum() == pytest.approx(1)


def test_a_model_that_ends_in_logits_had_no_softmax():
    assert not standardized(beginning_with()).softmax


def test_the_layer_that_cannot_be_loaded_again_is_named():
    def mine(x):
        return keras.ops.tanh(x)

    builder = beginning_with(layers.Flatten(), layers.Dense(4, mine))
    with pytest.raises(UserError, match="because of its layer Dense;"):
        standardized(builder)
