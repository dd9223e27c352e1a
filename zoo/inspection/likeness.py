"""Which images look nearly alike: a hash to find them, a look to be sure.

The hash is that of pHash (Zauner 2010, "Implementation and benchmarking of
perceptual image hash functions", section 3.2.1): the 64 lowest frequencies of
a 32x32 grey image, without those of frequency 0, each above or below their
median. Two of them are compared by counting bits that differ.

The bounds come from trying. Of 2,000 images of CIFAR-10 saved again as JPEG
of quality 50, enlarged twice, darkened, made grey or a little noisy, 95 in
100 differ from themselves in 4 bits at most and correlate by 0.96; brightened
until white is cut off, in 8. Of the 50 million pairs among 10,000 of them, 32
differ in 8 bits at most, and 11 of those correlate by 0.95 or more. At 10 and
12 bits there are 82 and 310 pairs to look at, with one and two more such.
Cropping by 2 pixels of 32 is beyond both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

MOST_BITS = 8  # of 64
LEAST_CORRELATION = 0.95
LEAST_COARSE = 0.94  # of 8x8 pixels, where noise plays less of a part
LEAST_CONTRAST = 1.0  # grey levels; what is flatter looks like anything flat
BLOCK = 512  # images compared with all others at once: 10,000 take a second
PAIRS = 20_000  # that are looked at together


class Pair(NamedTuple):
    """Two images, as indices, first < second."""

    first: int
    second: int
    bits: int
    correlation: float


def hashes(thumbnails: np.ndarray) -> np.ndarray:
    """Returns a perceptual hash an image, uint64 `[N]`.

    Args:
        thumbnails: uint8 `[N, 32, 32]`.
    """
    from scipy.fft import dctn

    found = np.empty(len(thumbnails), np.uint64)
    for start in range(0, len(thumbnails), PAIRS):
        block = thumbnails[start : start + PAIRS].astype(np.float32)
        low = dctn(block, axes=(1, 2), norm="ortho")[:, 1:9, 1:9]
        low = low.reshape(len(block), 64)
        above = low > np.median(low, axis=1, keepdims=True)
        found[start : start + PAIRS] = np.packbits(above, axis=1).view(
            np.uint64
        )[:, 0]
    return found


def pairs(thumbnails: np.ndarray, digests: Sequence[bytes]) -> list[Pair]:
    """Returns pairs that look nearly alike and have not the same pixels.

    Args:
        thumbnails: uint8 `[N, 32, 32]`.
        digests: a hash of the pixels of each.

    Returns:
        The most alike first.
    """
    # One image stands for all with its pixels.
    first = {digest: i for i, digest in reversed(list(enumerate(digests)))}
    shown = np.array(sorted(first.values()))
    shown = shown[thumbnails[shown].std(axis=(1, 2)) >= LEAST_CONTRAST]
    found = []
    coarse = _pooled(thumbnails[shown])
    for left, right, bits in _close(hashes(thumbnails[shown])):
        # Of digits a hundred times as many are close as are alike.
        maybe = correlations(coarse[left], coarse[right]) >= LEAST_COARSE
        left, right, bits = shown[left[maybe]], shown[right[maybe]], bits[maybe]
        alike = correlations(thumbnails[left], thumbnails[right])
        found += [
            Pair(int(i), int(j), int(b), float(c))
            for i, j, b, c in zip(left, right, bits, alike, strict=True)
            if c >= LEAST_CORRELATION
        ]
    return sorted(found, key=lambda pair: (-pair.correlation, pair))


def _pooled(thumbnails: np.ndarray) -> np.ndarray:
    """Returns means of 4x4 pixels, float32 `[N, 8, 8]`."""
    squares = thumbnails.reshape(len(thumbnails), 8, 4, 8, 4)
    return squares.mean(axis=(2, 4), dtype=np.float32)


def correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns Pearson's correlation of grey levels, `[M]`, of two `[M, ...]`.

    Brightness and contrast play no part in it.
    """
    first, second = (_centred(images) for images in (first, second))
    products = np.einsum("ij,ij->i", first, second)
    squares = np.square(first).sum(axis=1) * np.square(second).sum(axis=1)
    return products / np.sqrt(np.maximum(squares, 1e-12))


def _centred(images: np.ndarray) -> np.ndarray:
    flat = images.reshape(len(images), math.prod(images.shape[1:]))
    flat = flat.astype(np.float32)
    return flat - flat.mean(axis=1, keepdims=True)


def _close(codes: np.ndarray):
    """Yields indices of both, and the bits, of pairs that differ little.

    Every pair is counted: a tree over 64 bits is no faster, since all are
    about as far from each other.
    """
    for start in range(0, len(codes), BLOCK):
        block = codes[start : start + BLOCK, None]
        bits = np.bitwise_count(block ^ codes[None, start:])
        left, right = np.nonzero(bits <= MOST_BITS)
        later = right > left
        left, right = left[later], right[later]
        for at in range(0, len(left), PAIRS):
            i, j = left[at : at + PAIRS], right[at : at + PAIRS]
            yield i + start, j + start, bits[i, j]
