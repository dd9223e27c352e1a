"""Pairs of images that look nearly the same.

A perceptual hash finds candidates, and the correlation of thumbnails confirms
them. The hash is that of pHash (Zauner 2010, "Implementation and benchmarking
of perceptual image hash functions", section 3.2.1): the 64 lowest frequencies
of a 32x32 gray image, without those of frequency 0, each above or below their
median. Two hashes are compared by the number of bits that differ.

The thresholds were measured. Of 2,000 images of CIFAR-10 saved again as JPEG
of quality 50, enlarged twice, darkened, converted to gray or a little noisy,
95% differ from the original in at most 4 bits and correlate by 0.96;
brightened until white is cut off, in 8. Of the 50 million pairs among 10,000
of them, 32 differ in at most 8 bits, and 11 of those correlate by 0.95 or
more. At 10 and 12 bits there are 82 and 310 candidates, with one and two more
such pairs. Cropping by 2 pixels of 32 is beyond both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

MAX_BITS = 8  # of 64
MIN_CORRELATION = 0.95
MIN_COARSE_CORRELATION = 0.94  # of 8x8 pixels, where noise matters less
MIN_CONTRAST = 1.0  # gray levels; flatter images all look the same
BLOCK_SIZE = 512  # hashes compared with all others at once
CHUNK_SIZE = 20_000  # images hashed, or pairs correlated, at once


class Pair(NamedTuple):
    """Two images that look nearly the same.

    Attributes:
        first: Index of one image.
        second: Index of the other, larger than the first.
        bits: Number of bits in which their hashes differ.
        correlation: Pearson's correlation of their thumbnails.
    """

    first: int
    second: int
    bits: int
    correlation: float


def perceptual_hashes(thumbnails: np.ndarray) -> np.ndarray:
    """Returns the perceptual hash of each image, uint64 `[N]`.

    Args:
        thumbnails: Uint8 `[N, 32, 32]`.
    """
    from scipy.fft import dctn

    hashes = np.empty(len(thumbnails), np.uint64)
    for start in range(0, len(thumbnails), CHUNK_SIZE):
        chunk = thumbnails[start : start + CHUNK_SIZE].astype(np.float32)
        low = dctn(chunk, axes=(1, 2), norm="ortho")[:, 1:9, 1:9]
        low = low.reshape(len(chunk), 64)
        bits = low > np.median(low, axis=1, keepdims=True)
        hashes[start : start + CHUNK_SIZE] = np.packbits(bits, axis=1).view(
            np.uint64
        )[:, 0]
    return hashes


def find_pairs(thumbnails: np.ndarray, digests: Sequence[bytes]) -> list[Pair]:
    """Returns pairs that look nearly the same and differ in their pixels.

    Args:
        thumbnails: Uint8 `[N, 32, 32]`.
        digests: A hash of the pixels of each image.

    Returns:
        Pairs, the highest correlation first.
    """
    # The first of several images with the same pixels stands for all.
    first = {digest: i for i, digest in reversed(list(enumerate(digests)))}
    kept = np.array(sorted(first.values()))
    kept = kept[thumbnails[kept].std(axis=(1, 2)) >= MIN_CONTRAST]
    pairs = []
    coarse = _pooled(thumbnails[kept])
    for left, right, bits in _close_hashes(perceptual_hashes(thumbnails[kept])):
        # Of written digits, most candidates differ at first glance.
        maybe = correlations(coarse[left], coarse[right])
        maybe = maybe >= MIN_COARSE_CORRELATION
        left, right, bits = kept[left[maybe]], kept[right[maybe]], bits[maybe]
        values = correlations(thumbnails[left], thumbnails[right])
        pairs += [
            Pair(int(i), int(j), int(b), float(c))
            for i, j, b, c in zip(left, right, bits, values, strict=True)
            if c >= MIN_CORRELATION
        ]
    return sorted(pairs, key=lambda pair: (-pair.correlation, pair))


def find_groups(thumbnails: np.ndarray, digests: Sequence[bytes]) -> list[str]:
    """Returns one key per image; those of images that look alike are equal.

    Of a chain of pairs all images have the same key.

    Args:
        thumbnails: Uint8 `[N, 32, 32]`.
        digests: A hash of the pixels of each image.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = find_pairs(thumbnails, digests)
    first, second = [p.first for p in pairs], [p.second for p in pairs]
    count = len(thumbnails)
    graph = coo_array(
        (np.ones(len(pairs), bool), (first, second)), (count, count)
    )
    return [str(label) for label in connected_components(graph)[1]]


def _pooled(thumbnails: np.ndarray) -> np.ndarray:
    """Returns means of 4x4 pixels, float32 `[N, 8, 8]`."""
    blocks = thumbnails.reshape(len(thumbnails), 8, 4, 8, 4)
    return blocks.mean(axis=(2, 4), dtype=np.float32)


def correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns Pearson's correlation of gray levels, `[M]`, of two `[M, ...]`.

    It does not depend on brightness and contrast.
    """
    first, second = (_centered(images) for images in (first, second))
    products = np.einsum("ij,ij->i", first, second)
    squares = np.square(first).sum(axis=1) * np.square(second).sum(axis=1)
    return products / np.sqrt(np.maximum(squares, 1e-12))


def _centered(images: np.ndarray) -> np.ndarray:
    flat = images.reshape(len(images), math.prod(images.shape[1:]))
    flat = flat.astype(np.float32)
    return flat - flat.mean(axis=1, keepdims=True)


def _close_hashes(
    hashes: np.ndarray,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yields indices of both, and the bits, of pairs that differ little.

    By brute force: a tree over 64 bits is no faster, since most hashes are
    at about the same distance of each other.
    """
    for start in range(0, len(hashes), BLOCK_SIZE):
        block = hashes[start : start + BLOCK_SIZE, None]
        bits = np.bitwise_count(block ^ hashes[None, start:])
        left, right = np.nonzero(bits <= MAX_BITS)
        later = right > left
        left, right = left[later], right[later]
        for at in range(0, len(left), CHUNK_SIZE):
            i, j = left[at : at + CHUNK_SIZE], right[at : at + CHUNK_SIZE]
            yield i + start, j + start, bits[i, j]
