"""k-nearest neighbors, against scikit-learn's, and what it promises.

It stands apart from the contract of the other models: nothing in it is
learned by gradients.
"""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from zoo.errors import UserError
from zoo.models import create_model
from zoo.models.knn import fit_knn

LABELS_SEEN = 1300


@pytest.fixture(scope="module")
def split():
    """Real digits as vectors float32 `[N, 64]`, and their labels."""
    data = load_digits()
    # Whole numbers up to 16, so that no distance is rounded.
    return data.data.astype(np.float32), data.target


def trained(vectors, labels, neighbors, classes=10):
    model = create_model(
        "knn",
        classes,
        vectors.shape[1:],
        neighbors=neighbors,
        num_examples=len(vectors),
    )
    fit_knn(model, vectors, labels)
    return model


@pytest.mark.parametrize("neighbors", [1, 5, 20])
def test_the_votes_are_those_of_scikit_learn(split, neighbors):
    vectors, labels = split
    seen, asked = vectors[:LABELS_SEEN], vectors[LABELS_SEEN:]
    model = trained(seen, labels[:LABELS_SEEN], neighbors)
    theirs = KNeighborsClassifier(neighbors, algorithm="brute")
    theirs.fit(seen.astype(np.float64), labels[:LABELS_SEEN])
    shares = np.exp(model.predict_on_batch(asked))
    wanted = theirs.predict_proba(asked.astype(np.float64))
    # Where the k-th and the next are equally near, both vote here.
    distances, _ = theirs.kneighbors(asked, neighbors + 1)
    clear = distances[:, -1] > distances[:, -2] + 1e-6
    assert clear.mean() > 0.9
    np.testing.assert_allclose(shares[clear], wanted[clear], atol=1e-5)


def test_vectors_as_near_as_the_kth_vote_too():
    vectors = np.array([[1.0], [-1.0], [5.0]], np.float32)
    model = trained(vectors, np.array([0, 1, 1]), neighbors=1, classes=2)
    shares = np.exp(model.predict_on_batch(np.zeros((1, 1), np.float32)))
    np.testing.assert_allclose(shares, [[0.5, 0.5]])


def test_logits_are_finite_where_a_class_has_no_vote(split):
    vectors, labels = split
    model = trained(vectors[:50], labels[:50], neighbors=1)
    logits = model.predict_on_batch(vectors[:9])
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(logits.min(), np.log(1e-7), rtol=1e-5)


def test_before_it_is_fitted_it_finds_all_classes_equally_likely():
    model = create_model("knn", 4, (8, 8, 1), num_examples=30)
    images = np.ones((2, 8, 8, 1), np.float32)
    logits = model.predict_on_batch(images)
    np.testing.assert_allclose(logits, -np.log(4.0), rtol=1e-6)


def test_nothing_is_trained_and_the_last_layer_is_named_logits():
    model = create_model("knn", 10)
    assert not model.trainable_weights
    assert model.count_params() == 784 * 1000 + 1000 + 1000 * 10
    assert model.output is model.get_layer("logits").output
    assert len(model.get_layer("features").output.shape) == 2


def test_without_classes_it_ends_at_the_flattened_input():
    assert create_model("knn", 0, (8, 8, 1)).output_shape == (None, 64)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"neighbors": 0}, "neighbors=0 is invalid for knn"),
        ({"neighbors": -3}, "at least 1"),
        (
            {"neighbors": 31, "num_examples": 30},
            "more than the 30 training examples",
        ),
        ({"neighbors": 2.5}, "a whole number"),
        (
            {"num_examples": 1_000_000},
            "--train_examples=637755 keeps it below 2 GB",
        ),
        ({"dropout": 0.5}, "is non-parametric"),
    ],
)
def test_what_cannot_be_is_refused(options, words):
    with pytest.raises(UserError, match=words):
        create_model("knn", **options)
