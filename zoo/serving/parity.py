"""Whether an export answers as the run does, on examples of the run's own."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator

import numpy as np

from zoo import backend, metrics
from zoo.errors import UserError
from zoo.evaluation.scoring import images_of
from zoo.runs import Run

MOST = 256  # examples
NOISE = 64  # examples, where the run has none to load
TOLERANCE = 1e-4  # between two logits
ROUNDING = 1e-6  # of the largest logit, where that is more

Answer = Callable[[np.ndarray], dict[str, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Parity:
    """How near two models are on the same examples.

    Attributes:
        examples: how many.
        about: what they are.
        logits: the largest difference of two logits.
        probabilities: the largest difference of two probabilities.
        equal: of how many examples the most probable class is the same.
        allowed: difference of logits that rounding explains.
    """

    examples: int
    about: str
    logits: float
    probabilities: float
    equal: int
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether the two models are one."""
        return self.logits <= self.allowed and self.probabilities <= TOLERANCE

    def __str__(self) -> str:
        return (
            f"{self.examples:,} {self.about}: logits differ by "
            f"{self.logits:.1e} at most, probabilities by "
            f"{self.probabilities:.1e}; {self.equal:,} of "
            f"{self.examples:,} answers are equal"
        )


def examples_of(run: Run) -> tuple[np.ndarray, str]:
    """Returns examples to hold an export against, and what they are.

    Returns:
        float32 `[N, ...]`, at most 256 of the run's validation examples; of
        its training examples if it has none; noise if its data cannot be
        loaded again.
    """
    data = run.resolved["data"]
    is_images = len(data["input_shape"]) == 3
    noun = "images" if is_images else "points"
    split, about = (
        ("val", "validation") if data["val"] else ("train", "training")
    )
    try:
        found = images_of(run, split).images[:MOST]
    except UserError:
        shape = (NOISE, *data["input_shape"])
        random = np.random.default_rng(0)
        noise = random.integers(0, 256, shape) if is_images else None
        noise = random.normal(size=shape) if noise is None else noise
        return noise.astype(np.float32), f"{noun} of noise, for want of data"
    return found.astype(np.float32), f"{about} {noun}"


def measure(
    wanted: np.ndarray, answer: Answer, examples: np.ndarray, about: str
) -> Parity:
    """Compares an export with the run.

    Args:
        wanted: the run's logits, `[N, K]`.
        answer: the export's outputs for float32 `[B, ...]`, by name.
        examples: float32 `[N, ...]`.
        about: what they are.
    """
    # Batches of two sizes, since the size is free.
    parts = [answer(part) for part in (examples[:1], examples[1:]) if len(part)]
    logits, shares = (
        np.concatenate([part[key] for part in parts])
        for key in ("logits", "probabilities")
    )
    allowed = max(TOLERANCE, ROUNDING * float(np.abs(wanted).max()))
    if not logits.shape == shares.shape == wanted.shape:
        return Parity(len(examples), about, math.inf, math.inf, 0, allowed)
    expected = np.exp(metrics.log_softmax(wanted))
    return Parity(
        len(examples),
        about,
        float(np.abs(logits - wanted).max()),
        float(np.abs(shares - expected).max()),
        int((shares.argmax(axis=1) == wanted.argmax(axis=1)).sum()),
        allowed,
    )


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Keeps a GPU from rounding float32 to the ten bits of TensorFloat-32.

    Other programs do not, and logits would differ by more than is allowed.
    """
    if backend.selected()[0] == "jax":
        import jax

        with jax.default_matmul_precision("highest"):
            yield
        return
    import tensorflow as tf

    experimental = tf.config.experimental
    before = experimental.tensor_float_32_execution_enabled()
    experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        experimental.enable_tensor_float_32_execution(before)
