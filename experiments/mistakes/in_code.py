"""Mistakes that are made in code, where no flag could: wrong and right.

    python -m experiments.mistakes.in_code

Each trains a small network on handwritten digits in plain Keras, once with
the mistake and once without, and prints both accuracies. The zoo makes none
of them: `zoo train` shuffles, measures training images alone, keeps labels
beside their images and the test split sealed.
"""

from __future__ import annotations

import sys

import numpy as np

from zoo.console import format_table

Arrays = tuple[np.ndarray, np.ndarray]
Pair = tuple[float, float]


def digits() -> tuple[Arrays, Arrays]:
    """Returns 1,200 images `[N, 64]` with labels to train on, and 597 others.

    In random order, pixels 0..16.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(images))
    images, labels = images[order].astype("float32"), labels[order]
    return (images[:1200], labels[:1200]), (images[1200:], labels[1200:])


def standardized(images: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Returns images less the mean of others, divided by their deviation."""
    return (images - measured.mean(0)) / (measured.std(0) + 1)


def network(norm_momentum: float | None = None):
    """Returns a compiled network of 64 units, perhaps with batch norm."""
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.Input((64,)), keras.layers.Dense(64, "relu")]
    if norm_momentum is not None:
        layers.append(keras.layers.BatchNormalization(momentum=norm_momentum))
    model = keras.Sequential([*layers, keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def right(model, images: np.ndarray, labels: np.ndarray) -> float:
    """Returns the share of images that a network is right on."""
    answers = model.predict(images, verbose=0).argmax(1)
    return float((answers == labels).mean())


def fitted(images, labels, test: Arrays, epochs=15, norm=None, **how) -> float:
    """Trains, and returns the accuracy on other images."""
    model = network(norm)
    model.fit(images, labels, epochs=epochs, verbose=0, **how)
    return right(model, *test)


def labels_shifted(train: Arrays, test: Arrays) -> Pair:
    """Labels are one place off their images, as after a lost line."""
    images, labels = train
    return fitted(images, np.roll(labels, 1), test), fitted(*train, test)


def sorted_by_class(train: Arrays, test: Arrays) -> Pair:
    """Images come class by class, as folders hold them, and unshuffled."""
    order = np.argsort(train[1], kind="stable")
    images, labels = train[0][order], train[1][order]
    wrong = fitted(images, labels, test, shuffle=False)
    return wrong, fitted(images, labels, test)


def own_statistics(train: Arrays, test: Arrays) -> Pair:
    """Test images are standardized by their own mean: here they are ones."""
    model = network()
    model.fit(standardized(train[0], train[0]), train[1], epochs=15, verbose=0)
    ones = test[0][test[1] == 1]
    truth = np.ones(len(ones))
    return (
        right(model, standardized(ones, ones), truth),
        right(model, standardized(ones, train[0]), truth),
    )


def inverted_momentum(train: Arrays, test: Arrays) -> Pair:
    """Batch norm keeps 0.01 of its averages, not 0.99: those of a batch."""
    how = {"batch_size": 4, "epochs": 15}
    wrong = fitted(*train, test, norm=0.01, **how)
    return wrong, fitted(*train, test, norm=0.99, **how)


def chosen_on_test(train: Arrays, test: Arrays) -> Pair:
    """The best epoch on 60 test images: what it seems, what it is on others.

    Five images a class to train on, and a rate that makes epochs differ.
    """
    model = network()
    model.optimizer.learning_rate = 0.03
    few = slice(0, 50)
    looks = []
    for _ in range(40):
        model.fit(train[0][few], train[1][few], verbose=0)
        looks.append(
            (
                right(model, test[0][:60], test[1][:60]),
                right(model, test[0][60:], test[1][60:]),
            )
        )
    return max(looks, key=lambda look: look[0])


def one_class_dominates(train: Arrays, test: Arrays) -> Pair:
    """Nineteen in twenty images are zeros: accuracy, and the mean recall."""
    parts = []
    for images, labels in (train, test):
        others = np.flatnonzero(labels != 0)
        zeros = np.resize(np.flatnonzero(labels == 0), 19 * 54)
        kept = np.concatenate([others[:54], zeros])
        parts.append((images[kept], labels[kept]))
    model = network()
    model.fit(*parts[0], epochs=2, verbose=0)
    recalls = [
        right(model, parts[1][0][parts[1][1] == k], np.full(1, k))
        for k in np.unique(parts[1][1])
    ]
    return right(model, *parts[1]), float(np.mean(recalls))


MISTAKES = (
    (labels_shifted, "with the mistake, without"),
    (sorted_by_class, "with the mistake, without"),
    (own_statistics, "with the mistake, without"),
    (inverted_momentum, "with the mistake, without"),
    (chosen_on_test, "as it seems, as it is"),
    (one_class_dominates, "as it seems, as it is"),
)


def main() -> int:
    """Makes every mistake once; returns the exit code."""
    train, test = digits()
    rows = []
    for mistake, words in MISTAKES:
        first, second = mistake(train, test)
        about = mistake.__doc__.partition("\n")[0].rstrip(".")
        rows.append((f"{first:.3f}", f"{second:.3f}", words, about))
    print(format_table(("accuracy", "", "", "mistake"), rows, (0, 1)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
