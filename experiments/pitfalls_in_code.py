"""Common mistakes in training code, each with and without the mistake.

    python -m experiments.pitfalls_in_code

Each trains a small network on handwritten digits in plain Keras, once with
the mistake and once without, and prints both accuracies. `zoo train` makes
none of them: it shuffles, takes statistics of training images alone, keeps
labels with their images, and holds out the test set.
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
    """Returns images less the mean of others, divided by their std."""
    return (images - measured.mean(0)) / (measured.std(0) + 1)


def build(norm_momentum: float | None = None):
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


def accuracy_of(model, images: np.ndarray, labels: np.ndarray) -> float:
    """Returns the fraction of images that a network classifies correctly."""
    predictions = model.predict(images, verbose=0).argmax(1)
    return float((predictions == labels).mean())


def train_on(
    images, labels, test: Arrays, epochs=15, norm=None, **how
) -> float:
    """Trains, and returns the accuracy on other images."""
    model = build(norm)
    model.fit(images, labels, epochs=epochs, verbose=0, **how)
    return accuracy_of(model, *test)


def labels_shifted(train: Arrays, test: Arrays) -> Pair:
    """Labels are shifted by one example, as after a lost line."""
    images, labels = train
    return train_on(images, np.roll(labels, 1), test), train_on(*train, test)


def sorted_by_class(train: Arrays, test: Arrays) -> Pair:
    """Examples are sorted by class, as in folders, and not shuffled."""
    order = np.argsort(train[1], kind="stable")
    images, labels = train[0][order], train[1][order]
    wrong = train_on(images, labels, test, shuffle=False)
    return wrong, train_on(images, labels, test)


def own_statistics(train: Arrays, test: Arrays) -> Pair:
    """Test images are standardized by their own mean; here all are ones."""
    model = build()
    model.fit(standardized(train[0], train[0]), train[1], epochs=15, verbose=0)
    ones = test[0][test[1] == 1]
    truth = np.ones(len(ones))
    return (
        accuracy_of(model, standardized(ones, ones), truth),
        accuracy_of(model, standardized(ones, train[0]), truth),
    )


def inverted_momentum(train: Arrays, test: Arrays) -> Pair:
    """Batch norm with momentum 0.01 in place of 0.99."""
    how = {"batch_size": 4, "epochs": 15}
    wrong = train_on(*train, test, norm=0.01, **how)
    return wrong, train_on(*train, test, norm=0.99, **how)


def chosen_on_test(train: Arrays, test: Arrays) -> Pair:
    """The epoch is selected on 60 test images: its score there and on others.

    Fifty images to train on, and a learning rate that makes epochs
    differ.
    """
    model = build()
    model.optimizer.learning_rate = 0.03
    few = slice(0, 50)
    scores = []
    for _ in range(40):
        model.fit(train[0][few], train[1][few], verbose=0)
        scores.append(
            (
                accuracy_of(model, test[0][:60], test[1][:60]),
                accuracy_of(model, test[0][60:], test[1][60:]),
            )
        )
    return max(scores, key=lambda score: score[0])


def one_class_dominates(train: Arrays, test: Arrays) -> Pair:
    """Nineteen of twenty images are zeros: accuracy, and balanced accuracy."""
    parts = []
    for images, labels in (train, test):
        others = np.flatnonzero(labels != 0)
        zeros = np.resize(np.flatnonzero(labels == 0), 19 * 54)
        kept = np.concatenate([others[:54], zeros])
        parts.append((images[kept], labels[kept]))
    model = build()
    model.fit(*parts[0], epochs=2, verbose=0)
    recalls = [
        accuracy_of(model, parts[1][0][parts[1][1] == k], np.full(1, k))
        for k in np.unique(parts[1][1])
    ]
    return accuracy_of(model, *parts[1]), float(np.mean(recalls))


def softmax_overflows(train: Arrays, test: Arrays) -> Pair:
    """Softmax as written, on pixels 0..16 scaled up, and from logits.

    The exponential of a logit above 88 is infinite in float32, and infinity
    over infinity is not a number: the weights become NaN with it.
    """
    return (
        softmax_regression(train, test, 255 / 16, stable=False),
        softmax_regression(train, test, 255 / 16, stable=True),
    )


def logarithm_of_zero(train: Arrays, test: Arrays) -> Pair:
    """The loss is the logarithm of a probability that was rounded to 0.

    A logit 1000 below the largest has a probability of 0 in float32, an
    infinite loss and a gradient that is not a number. With softmax and
    logarithm as one function, both are finite. No data are needed.
    """
    import tensorflow as tf

    def is_finite(loss_of) -> float:
        logits = tf.Variable([[1000.0, 0.0]])
        with tf.GradientTape() as tape:
            loss = loss_of(logits)[0, 1]
        gradient = tape.gradient(loss, logits)
        return float(np.isfinite(loss) and np.isfinite(gradient).all())

    return (
        is_finite(lambda logits: -tf.math.log(tf.nn.softmax(logits))),
        is_finite(lambda logits: -tf.nn.log_softmax(logits)),
    )


def softmax_regression(
    train: Arrays, test: Arrays, scale: float, stable: bool
) -> float:
    """Trains softmax regression in NumPy; returns the accuracy.

    Args:
        train: Images `[N, D]` and labels `[N]`.
        test: The same, to measure accuracy.
        scale: Factor of the pixels.
        stable: Whether the largest logit is subtracted before `exp`.
    """
    images, labels = np.float32(train[0] * scale), train[1]
    weights = np.zeros((images.shape[1], 10), np.float32)
    targets = np.eye(10, dtype=np.float32)[labels]
    with np.errstate(all="ignore"):
        for _ in range(50):
            logits = images @ weights
            if stable:
                logits -= logits.max(axis=1, keepdims=True)
            exponentials = np.exp(logits)
            sums = exponentials.sum(axis=1, keepdims=True)
            error = exponentials / sums - targets
            weights -= 0.001 * images.T @ error / len(images)
        outputs = np.float32(test[0] * scale) @ weights
    predictions = np.nan_to_num(outputs).argmax(axis=1)
    return float((predictions == test[1]).mean())


PITFALLS = (
    (softmax_overflows, "with the mistake, without"),
    (logarithm_of_zero, "is finite: with, without"),
    (labels_shifted, "with the mistake, without"),
    (sorted_by_class, "with the mistake, without"),
    (own_statistics, "with the mistake, without"),
    (inverted_momentum, "with the mistake, without"),
    (chosen_on_test, "biased, unbiased"),
    (one_class_dominates, "biased, unbiased"),
)


def main() -> int:
    """Trains with and without each mistake; returns the exit code."""
    train, test = digits()
    rows = []
    for pitfall, columns in PITFALLS:
        first, second = pitfall(train, test)
        about = pitfall.__doc__.partition("\n")[0].rstrip(".")
        rows.append((f"{first:.3f}", f"{second:.3f}", columns, about))
    print(format_table(("accuracy", "", "", "mistake"), rows, (0, 1)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
