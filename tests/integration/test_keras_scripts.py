"""Scripts of five lines in the style of keras.io's examples, end to end.

Each is what a Keras user would write first, without reading anything: it runs,
it is as good as the same model under plain `fit`, and its run is evaluated.
"""

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo.evaluation.test_set import load_test_split

pytestmark = pytest.mark.slow

EPOCHS = 12
# Of the 360 test images: what chance alone does to a difference of two models.
TOLERANCE = 0.04


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch, table_of_models):
    """A script runs in a folder of its own, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture(scope="module")
def digits():
    """Returns (x_train, y_train), (x_test, y_test), as keras.datasets does."""
    data = zoo.load_dataset("digits", val_fraction=0)
    test = load_test_split("digits")
    return (
        (data.train.images, data.train.labels),
        (test.images, test.labels),
    )


def sequential(inputs=(8, 8, 1)):
    """A small convnet that ends in a softmax and rescales for itself."""
    return keras.Sequential(
        [
            keras.Input(shape=inputs),
            layers.Rescaling(1.0 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def functional():
    """The same as a functional model, compiled as keras.io does."""
    inputs = keras.Input(shape=(8, 8, 1))
    x = layers.Rescaling(1.0 / 255)(inputs)
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x))


def compiled(model, loss="sparse_categorical_crossentropy"):
    model.compile(loss=loss, optimizer="adam", metrics=["accuracy"])
    return model


def accuracy_of_keras(model, train, test):
    """Returns what plain Keras reaches on the test images."""
    keras.utils.set_random_seed(0)
    model.fit(*train, batch_size=32, epochs=EPOCHS, verbose=0)
    return model.evaluate(*test, verbose=0)[1]


def test_a_compiled_functional_model_on_arrays(digits):
    (x_train, y_train), (x_test, y_test) = digits
    expected = accuracy_of_keras(
        compiled(functional()), (x_train, y_train), (x_test, y_test)
    )

    model = compiled(functional())
    run = zoo.train(
        model, (x_train, y_train), test_data=(x_test, y_test), epochs=EPOCHS
    )
    scores = zoo.evaluate(run, "test")

    assert scores["accuracy"] >= expected - TOLERANCE
    assert run.metrics["best_val_accuracy"] > 0.9


def test_a_sequential_model_on_scaled_pixels_and_one_hot_labels(digits):
    # mnist_convnet of keras.io: pixels 0..1, to_categorical.
    (x_train, y_train), (x_test, y_test) = digits
    x_train = x_train.astype("float32") / 255
    x_test = x_test.astype("float32") / 255
    y_train = keras.utils.to_categorical(y_train, 10)
    y_test = keras.utils.to_categorical(y_test, 10)
    model = keras.Sequential(
        [
            keras.Input(shape=(8, 8, 1)),
            layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    plain = keras.models.clone_model(model)
    expected = accuracy_of_keras(
        compiled(plain, "categorical_crossentropy"),
        (x_train, y_train),
        (x_test, y_test),
    )

    model.compile(
        loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"]
    )
    run = zoo.train(
        model, (x_train, y_train), test_data=(x_test, y_test), epochs=EPOCHS
    )
    scores = zoo.evaluate(run, "test")

    assert scores["accuracy"] >= expected - TOLERANCE


def test_a_sequential_model_on_tf_data(digits):
    import tensorflow as tf

    (x_train, y_train), (x_test, y_test) = digits
    expected = accuracy_of_keras(
        compiled(sequential()), (x_train, y_train), (x_test, y_test)
    )

    train = tf.data.Dataset.from_tensor_slices((x_train, y_train)).batch(64)
    test = tf.data.Dataset.from_tensor_slices((x_test, y_test)).batch(64)
    run = zoo.train(
        compiled(sequential()), train, test_data=test, epochs=EPOCHS
    )
    scores = zoo.evaluate(run, "test")

    assert scores["accuracy"] >= expected - TOLERANCE


@pytest.fixture
def photographs(tmp_path):
    """A folder of 240 color pictures of two classes, of equal sizes."""
    from PIL import Image

    random = np.random.default_rng(0)
    for name, base in (("night", 60), ("day", 170)):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for i in range(120):
            pixels = random.normal(base, 50, (40, 48, 3)).clip(0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    return tmp_path / "photos"


def small(input_shape, num_classes):
    """Builds a convnet for whatever images there are."""
    return keras.Sequential(
        [
            keras.Input(shape=input_shape),
            layers.Rescaling(1.0 / 255),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(num_classes),
        ]
    )


def test_a_folder_of_photographs(photographs):
    run = zoo.train(small, "photos", image_size=32, learning_rate=0.01)
    scores = zoo.evaluate(run, "test")

    assert run.resolved["data"]["class_names"] == ["day", "night"]
    assert scores["accuracy"] >= 0.9


def test_a_folder_read_by_keras(photographs):
    # image_classification_from_scratch of keras.io: floats with fractions.
    train, val = keras.utils.image_dataset_from_directory(
        "photos",
        validation_split=0.2,
        subset="both",
        seed=1337,
        image_size=(32, 32),
        batch_size=16,
        verbose=False,
    )
    run = zoo.train(small, train, validation_data=val, learning_rate=0.01)

    assert run.resolved["data"]["class_names"] == ["day", "night"]
    assert zoo.evaluate(run)["accuracy"] >= 0.9
    images = next(iter(val))[0].numpy()
    assert run.load_model().predict(images, verbose=0).shape == (16, 2)
