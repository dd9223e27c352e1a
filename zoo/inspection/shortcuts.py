"""Findings on shortcuts: what gives a class away and is not in the picture.

Cows stood on grass and ships on water before (Geirhos et al. 2020, "Shortcut
learning in deep neural networks", arXiv 2004.07780). What can be seen without
a network is simpler: a class that alone was taken in the dark, with another
camera, or saved in another format.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zoo.errors import join_words
from zoo.inspection.collection import Collection
from zoo.inspection.finding import POOR, Finding

LEAST = 10  # images that a class must have, and all others together
GIVES_AWAY = 0.9  # balanced accuracy from one property; guessing has 0.5
MOST = 5_000  # images that are looked at
FOLDS = 5
REMEDIES = {
    "brightness": "take pictures of all classes in the same light, or "
    "subtract each image's own mean with --mean_subtraction=image",
    "size": "bring all to one size from originals of the same kind",
    "format": "save all pictures in one format",
    "mode": "save all pictures in one mode, grey or colour",
}


def giveaways(collection: Collection) -> Iterator[Finding]:
    """Classes that one property alone tells from all others.

    A tree of three leaves looks at that property, learns from four fifths of
    the images and is scored on the rest, in turn. It can find "darker than"
    and "between"; its balanced accuracy is 0.5 for guessing.
    """
    chosen = _sample(collection)
    labels = collection.labels[chosen]
    properties = _properties(collection, chosen)
    present = np.unique(labels).tolist()
    # Of two classes each tells from the other what the other tells from it.
    for label in present if len(present) > 2 else present[:1]:
        mine = labels == label
        if min(mine.sum(), (~mine).sum()) < LEAST:
            continue
        found = {
            name: separation(values, mine)
            for name, values in properties.items()
        }
        found = {n: share for n, share in found.items() if share >= GIVES_AWAY}
        if found:
            names = [collection.class_names[k] for k in present]
            rest = names[1] if len(names) == 2 else "the rest"
            yield _finding(collection.class_names[label], rest, found)


def _finding(name: str, rest: str, found: dict[str, float]) -> Finding:
    """Makes one finding of all that gives one class away."""
    told = [f"{word} ({100 * share:.0f} %)" for word, share in found.items()]
    tells = "tells" if len(found) == 1 else "each tell"
    return Finding(
        "shortcut",
        POOR,
        f"{join_words(told, 'and')} alone {tells} {name} from {rest}, where "
        "guessing is right in 50 % of the cases",
        "a network may learn that in place of what is in the picture, and "
        "fail on pictures from elsewhere",
        ", and ".join(REMEDIES[word] for word in found),
    )


def separation(values: np.ndarray, mine: np.ndarray) -> float:
    """Returns how well values tell one class from the rest, 0..1.

    Args:
        values: float `[N, P]`.
        mine: bool `[N]`, at least `LEAST` of both kinds.

    Returns:
        The cross-validated balanced accuracy of a tree of three leaves.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(
        max_leaf_nodes=3, class_weight="balanced", random_state=0
    )
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    said = cross_val_predict(tree, values, mine, cv=folds)
    return float((said[mine].mean() + 1 - said[~mine].mean()) / 2)


def _sample(collection: Collection) -> np.ndarray:
    order = np.random.default_rng(0).permutation(len(collection.looks))
    return np.sort(order[:MOST])


def _properties(
    collection: Collection, chosen: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns float `[N, P]` of each property in which images differ."""
    looks = [collection.looks[i] for i in chosen]
    found = {
        "brightness": np.array([[look.brightness] for look in looks]),
        "size": np.array(
            [(*look.size, _tallness(look.size)) for look in looks]
        ),
        "format": _one_hot([look.format for look in looks]),
        "mode": _one_hot([look.mode for look in looks]),
    }
    return {
        name: values
        for name, values in found.items()
        if (values != values[0]).any()
    }


def _tallness(size: tuple[int, int]) -> float:
    return size[0] / size[1]


def _one_hot(words: list[str]) -> np.ndarray:
    known = sorted(set(words))
    return np.array([[word == k for k in known] for word in words], float)
