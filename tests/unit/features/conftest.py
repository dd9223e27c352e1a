"""Images that tests of features look at."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def digits():
    """Real digits, uint8 `[64, 8, 8, 1]`, raw pixels 0..255."""
    from zoo.data import load_dataset

    return load_dataset("digits").train.images[:64]


@pytest.fixture(scope="session")
def pictures():
    """Random color images, uint8 `[6, 33, 24, 3]`: no side fits cells."""
    random = np.random.default_rng(0)
    smooth = random.integers(0, 256, (6, 11, 8, 3)).astype(float)
    whole = smooth.repeat(3, axis=1).repeat(3, axis=2)
    noise = random.normal(0, 20, whole.shape)
    return np.clip(whole + noise, 0, 255).astype(np.uint8)
