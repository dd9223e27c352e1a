"""Cutting images into parts, by the images alone.

The cut goes by rank of a hash of the pixels, class by class. It depends on no
seed and on no order of files, so that it is the same on every machine, and
sizes are exact. Equal images, also of different classes, make one unit that
never crosses between parts; so do images of one group.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Sequence

import numpy as np


def digest(image: np.ndarray) -> bytes:
    """Returns a 16-byte hash of the pixels and the shape of one image."""
    header = f"{image.dtype.str} {image.shape} ".encode()
    return hashlib.blake2b(header + image.tobytes(), digest_size=16).digest()


def digests(images: Iterable[np.ndarray]) -> list[bytes]:
    """Returns the hash of every image, in order."""
    return [digest(image) for image in images]


def cut(
    hashes: Sequence[bytes],
    labels: np.ndarray,
    size: int,
    *,
    groups: Sequence[Hashable] | None = None,
    leave: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Divides images in two parts, stratified by class.

    The second part has `size` images unless units of several images, or
    classes that must have one there, make that impossible. A class that has
    more than `leave` units has at least one in the second part and `leave` in
    the first; a smaller class stays in the first.

    Args:
        hashes: one hash an image.
        labels: int `[N]`.
        size: images wanted in the second part.
        groups: one key an image; images with equal keys stay together.
        leave: units of every class that must stay in the first part.

    Returns:
        Two ascending int64 arrays of indices: what is kept, what is cut off.
    """
    units = _units(hashes, groups)
    by_class = _ranked_by_class(units, hashes, labels)
    taken = []
    for ranked, wanted in zip(
        by_class, _allocate(by_class, size, leave), strict=True
    ):
        taken += [i for unit in _choose(ranked, wanted, leave) for i in unit]
    is_cut = np.zeros(len(labels), bool)
    is_cut[taken] = True
    return np.flatnonzero(~is_cut), np.flatnonzero(is_cut)


def _units(
    hashes: Sequence[bytes], groups: Sequence[Hashable] | None
) -> list[list[int]]:
    """Joins the images that share a hash or a group, however indirectly."""
    parent = list(range(len(hashes)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for keys in (hashes, groups or ()):
        first: dict[Hashable, int] = {}
        for i, key in enumerate(keys):
            parent[root(i)] = root(first.setdefault(key, i))
    units: dict[int, list[int]] = {}
    for i in range(len(hashes)):
        units.setdefault(root(i), []).append(i)
    return list(units.values())


def _ranked_by_class(
    units: list[list[int]], hashes: Sequence[bytes], labels: np.ndarray
) -> list[list[list[int]]]:
    """Sorts units by hash within the class that most of their images have."""
    ranked: dict[int, list[tuple[bytes, list[int]]]] = {}
    for unit in units:
        label = (
            int(np.bincount(labels[unit]).argmax())
            if len(unit) > 1
            else (int(labels[unit[0]]))
        )
        # The hash of all members: with their least one, large units would
        # come first.
        rank = hashlib.blake2b(b"".join(sorted(hashes[i] for i in unit)))
        ranked.setdefault(label, []).append((rank.digest(), unit))
    return [[unit for _, unit in sorted(ranked[c])] for c in sorted(ranked)]


def _allocate(
    by_class: list[list[list[int]]], size: int, leave: int
) -> list[int]:
    """Shares `size` out among classes, by largest remainder."""
    counts = np.array([sum(map(len, ranked)) for ranked in by_class])
    can_give = np.array([len(ranked) > leave for ranked in by_class])
    least = can_give.astype(int)
    most = np.where(can_give, counts - leave, 0)
    quota = size * counts / max(counts.sum(), 1)
    share = np.clip(np.floor(quota).astype(int), least, most)
    while share.sum() > size and (share > least).any():
        share[np.where(share > least, share - quota, -np.inf).argmax()] -= 1
    while share.sum() < size and (share < most).any():
        share[np.where(share < most, quota - share, -np.inf).argmax()] += 1
    return share.tolist()


def _choose(
    ranked: list[list[int]], wanted: int, leave: int
) -> list[list[int]]:
    """Takes units whose sizes sum up as near to `wanted` as they can.

    Among those it prefers units of low rank. The `leave` largest stay.
    """
    if not wanted:
        return []
    by_size = sorted(range(len(ranked)), key=lambda i: len(ranked[i]))
    stay = set(by_size[len(ranked) - leave :])
    units = [unit for i, unit in enumerate(ranked) if i not in stay]
    reachable = _sums([len(unit) for unit in units])
    total = sum(map(len, units))
    rest = min(
        (s for s in range(1, total + 1) if s in reachable[0]),
        key=lambda s: abs(s - wanted),
    )
    chosen = []
    for i, unit in enumerate(units):
        if rest - len(unit) in reachable[i + 1]:
            chosen.append(unit)
            rest -= len(unit)
    return chosen


class _Bits:
    """Some whole numbers: s is one of them where bit s is set."""

    def __init__(self, bits: int):
        self.bits = bits

    def __contains__(self, number: int) -> bool:
        return number >= 0 and bool(self.bits >> number & 1)


def _sums(sizes: Sequence[int]) -> list[range | _Bits]:
    """Returns for each i what some of `sizes[i:]` can sum up to.

    With enough small ones that is everything up to a number: a range, which
    takes no memory. Bits of 50,000 sums of 50,000 images take 150 MB.
    """
    found: list[range | _Bits] = [range(1)]
    for size in reversed(sizes):
        last = found[-1]
        if isinstance(last, range) and size <= len(last):
            found.append(range(len(last) + size))
            continue
        bits = (1 << len(last)) - 1 if isinstance(last, range) else last.bits
        bits |= bits << size
        whole = bits == (1 << bits.bit_length()) - 1
        found.append(range(bits.bit_length()) if whole else _Bits(bits))
    return found[::-1]
