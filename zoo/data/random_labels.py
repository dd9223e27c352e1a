"""Labels that have nothing to do with the inputs: can they be learned?

As Zhang, Bengio, Hardt, Recht and Vinyals 2017, "Understanding deep learning
requires rethinking generalization", arXiv:1611.03530: each training label is
replaced, with a probability and independently of all others, by a class drawn
from all with equal chances; the true one may be drawn too. A network that
learns them knows nothing of others.

What happens to a label is a function of (seed, the example itself) alone: a
hash of both gives two numbers of 64 bits, the first of which says whether the
label is replaced and the second by which class. So it is the same on every
machine and for any --train_examples or --val_fraction, a larger share replaces
what a smaller one does and more, and equal examples get equal classes.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np

from zoo.data.dataset import Dataset, Split
from zoo.data.splits import digests
from zoo.errors import UserError

OPTION = "--randomize_labels"
STREAM = b"random labels"  # keeps these numbers apart from any others


@dataclasses.dataclass(frozen=True)
class RandomLabels:
    """What was done to the training labels.

    Attributes:
        share: probability with which each was replaced.
        replaced: how many were.
        changed: how many of these are another class than the true one.
        fingerprint: SHA-256, in hex, of the labels that are trained on.
    """

    share: float
    replaced: int
    changed: int
    fingerprint: str

    def to_json(self) -> dict[str, Any]:
        """Returns what `resolved.json` keeps."""
        return dataclasses.asdict(self)


def randomize(
    data: Dataset, share: float, seed: int
) -> tuple[Dataset, RandomLabels | None]:
    """Replaces a share of the training labels; validation keeps its own.

    Args:
        data: it is returned as it is for a share of 0.
        share: probability of each label to be replaced, 0..1.
        seed: of the run.

    Raises:
        UserError: the data have no classes.
    """
    if not share:
        return data, None
    if data.task != "classes":
        raise UserError(
            f"{OPTION}={share:g} draws classes, and {data.name} asks for "
            "numbers; leave it out."
        )
    replaced, labels = draw(data.train, share, seed, data.num_classes)
    train = dataclasses.replace(data.train, labels=labels)
    return dataclasses.replace(data, train=train), RandomLabels(
        share,
        int(replaced.sum()),
        int((labels != data.train.labels).sum()),
        hashlib.sha256(labels.astype("<i4").tobytes()).hexdigest(),
    )


def draw(
    split: Split, share: float, seed: int, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns which labels are replaced, bool `[N]`, and all, int32 `[N]`.

    Args:
        split: examples with their true labels.
        share: probability of each label to be replaced, 0..1.
        seed: another one draws other classes.
        num_classes: how many there are to draw from.
    """
    key = seed.to_bytes(8, "little")
    raw = b"".join(
        hashlib.blake2b(found, digest_size=16, key=key, person=STREAM).digest()
        for found in digests(split.images)
    )
    numbers = np.frombuffer(raw, "<u8").reshape(len(split), 2)
    # In [0, 1): of 53 bits, since a float64 would round 64 up to 1.
    replaced = (numbers[:, 0] >> np.uint64(11)) / 2**53 < share
    drawn = (numbers[:, 1] % np.uint64(num_classes)).astype(np.int32)
    return replaced, np.where(replaced, drawn, split.labels)
