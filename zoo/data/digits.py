"""Scikit-learn's handwritten digits, which come with its package.

They are the test part of "Optical Recognition of Handwritten Digits"
(E. Alpaydin and C. Kaynak, 1998, UCI Machine Learning Repository): 1,797 real
digits by 13 writers, scanned and averaged down to 8x8 cells of 0..16.
"""

from __future__ import annotations

import numpy as np

from zoo.data.dataset import Split
from zoo.data.parts import Parts, Request, in_memory, seal_off

TEST_IMAGES = 360
DARKEST = 16  # dark pixels in a cell that has no other


def read(request: Request) -> Parts:
    """Reads the digits and seals the same 360 of them every time."""
    cells, labels = _digits()
    images = np.round(cells * (255 / DARKEST)).astype(np.uint8)
    return _parts(images, labels, request)


def read_faint(request: Request) -> Parts:
    """Reads them as they are written on grounds of very different brightness.

    A cell adds its count of dark pixels, 0..16, to a ground of 0..239 that is
    drawn for the image: to the eye there is nothing but the ground, as long
    as nobody subtracts it.
    """
    cells, labels = _digits()
    # NumPy's legacy generator, whose stream never changes.
    ground = np.random.RandomState(0).randint(
        0, 256 - DARKEST, (len(cells), 1, 1, 1)
    )
    return _parts((ground + cells).astype(np.uint8), labels, request)


def _digits() -> tuple[np.ndarray, np.ndarray]:
    """Returns cells `[N, 8, 8, 1]`, 0..16, and labels `[N]`."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    return raw.images[..., None], raw.target.astype(np.int32)


def _parts(images: np.ndarray, labels: np.ndarray, request: Request) -> Parts:
    names = tuple(str(digit) for digit in range(10))
    splits = seal_off(Split(images, labels), TEST_IMAGES)
    return in_memory(splits, names, request.image_size)
