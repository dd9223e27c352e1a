"""Folders of photographs as people have them, with all that may go wrong."""

import dataclasses
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from tests.unit.data.conftest import save
from zoo.data_checks import read_folder


@dataclasses.dataclass
class Made:
    """What was put into a folder, by names below it."""

    root: Path
    counts: dict  # readable pictures of each class
    bad: dict  # words of the reason, by name
    copies: list  # pairs, of one class
    mislabelled: tuple  # the same pixels under two labels
    near: list  # pairs that look alike


def make(root, images, labels, names, counts):
    """Writes PNG files of some classes, and what goes wrong with such.

    Args:
        images: uint8 `[N, H, W, 3]`.
        labels: int `[N]`, indices into `names`.
        counts: how many of each class to take.
    """
    for label, count in enumerate(counts):
        for index, pixels in enumerate(images[labels == label][:count]):
            save(root / names[label] / f"{index:03}.png", pixels)
    one, two = names[:2]
    copies = [(f"{one}/00{i}.png", f"{one}/copy{i}.png") for i in range(2)]
    wrong = (f"{one}/005.png", f"{two}/wrong.png")
    for source, target in [*copies, wrong]:
        (root / target).write_bytes((root / source).read_bytes())
    near = [
        (f"{two}/003.png", f"{two}/again.jpg"),
        (f"{two}/004.png", f"{two}/darker.png"),
    ]
    Image.open(root / near[0][0]).save(root / near[0][1], quality=90)
    dark = ImageEnhance.Brightness(Image.open(root / near[1][0])).enhance(0.8)
    dark.save(root / near[1][1])
    (root / one / "empty.png").write_bytes(b"")
    whole = (root / two / "000.png").read_bytes()
    (root / two / "cut.png").write_bytes(whole[: len(whole) // 2])
    found = dict(zip(names, counts, strict=True))
    found[one] += 2
    found[two] += 3
    bad = {f"{one}/empty.png": "empty", f"{two}/cut.png": "truncated"}
    return Made(root, found, bad, copies, wrong, near)


def textures(count, classes=3, seed=0):
    """Returns smooth random images `[N, 32, 32, 3]` and labels `[N]`.

    No two are alike, as photographs are not; classes differ in nothing.
    """
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 8, 8, 3), np.uint8)
    large = [
        Image.fromarray(c).resize((32, 32), Image.Resampling.BICUBIC)
        for c in coarse
    ]
    return np.stack([np.asarray(p) for p in large]), np.arange(count) % classes


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    """130 pictures of three unequal classes; do not write there."""
    root = tmp_path_factory.mktemp("here") / "photographs"
    return make(root, *textures(180), ("cat", "dog", "emu"), (60, 50, 20))


@pytest.fixture
def collect(tmp_path):
    """Returns a function: writes pictures by name, and looks at them."""

    def write_and_look(pictures):
        for name, pixels in pictures.items():
            save(tmp_path / name, pixels)
        return read_folder(str(tmp_path))

    return write_and_look


def bomb():
    """Returns a PNG of some bytes that claims 400 million pixels."""

    def chunk(kind, data):
        total = zlib.crc32(kind + data)
        return len(data).to_bytes(4) + kind + data + total.to_bytes(4)

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0"))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")
