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


def read(request: Request) -> Parts:
    """Reads the digits and seals the same 360 of them every time."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    # Cells count 0..16 dark pixels; 255 is all of them.
    images = np.round(raw.images * (255 / 16)).astype(np.uint8)[..., None]
    everything = Split(images, raw.target.astype(np.int32))
    names = tuple(str(digit) for digit in range(10))
    splits = seal_off(everything, TEST_IMAGES)
    return in_memory(splits, names, request.image_size)
