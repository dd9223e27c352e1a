"""From a folder of picture files to a collection, whatever is in the files."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from zoo.data import folder, layout, pictures, walking
from zoo.data.parts import TEST, TRAIN
from zoo.data.splits import digest
from zoo.errors import UserError
from zoo.inspection.collection import SIDE, Bad, Collection, Look

WORDS = {
    "1": "black and white", "L": "grey", "LA": "grey", "La": "grey",
    "I": "16-bit grey", "I;16": "16-bit grey", "I;16B": "16-bit grey",
    "I;16L": "16-bit grey", "F": "32-bit grey", "P": "palette",
    "RGB": "colour", "RGBA": "colour", "RGBa": "colour", "PA": "palette",
}  # fmt: skip


def look(place: str) -> Collection:
    """Looks at every picture below a folder but those of its own `test/`.

    Raises:
        UserError: there is no such folder, no two classes, or no picture that
            can be read.
    """
    root = Path(place).expanduser()
    laid_out = layout.find(root)
    classes = folder.find_classes(laid_out.roots[TRAIN])
    files, others, sealed = [], [], None
    notes = list(laid_out.notes)
    for part, top in laid_out.roots.items():
        found = _files(part, top, classes)
        if missing := folder.missing_classes(top, classes):
            notes.append(missing)
        if part == TEST:
            sealed = len(found[0])
        else:
            files += found[0]
            others += found[1]
    looks, bad, channels = _look_at_all(root, files)
    if not looks:
        first = f", {bad[0].name} because {bad[0].why}" if bad else ""
        raise UserError(
            f"folder:{root} has no picture that can be read{first}; put "
            "pictures into the folders of its classes."
        )
    return Collection(
        f"folder:{place}",
        tuple(classes),
        tuple(looks),
        tuple(bad),
        walking.count_kinds(others),
        sealed,
        lambda index: pictures.decode(root / looks[index].name, 3),
        tuple(notes),
    )


def _files(part: str, top: Path, classes: list[str]) -> tuple[list, list[Path]]:
    """Returns (path, part, label) of each picture, and what else is there."""
    files, others = [], []
    for inside in walking.folders(top):
        if inside.name not in classes:
            raise folder.unknown_class(top, inside.name, classes)
        found, rest = walking.divide(inside)
        label = classes.index(inside.name)
        files += [(path, part, label) for path in found]
        others += rest
    return files, others


def _look_at_all(
    root: Path, files: list[tuple[Path, str, int]]
) -> tuple[list[Look], list[Bad], int]:
    """Reads headers, then pixels: whether all is grey decides how."""
    headers = _each(pictures.header, [path for path, _, _ in files])
    modes = {
        header.mode
        for header, (_, part, _) in zip(headers, files, strict=True)
        if part == TRAIN and isinstance(header, pictures.Header)
    }
    channels = 1 if modes <= set(pictures.GREY_MODES) else 3
    see = functools.partial(_see, channels=channels)
    seen = _each(see, [path for path, _, _ in files])
    looks, bad = [], []
    for (path, part, label), header, pixels in zip(
        files, headers, seen, strict=True
    ):
        name = path.relative_to(root).as_posix()
        if isinstance(header, str) or isinstance(pixels, str):
            why = header if isinstance(header, str) else pixels
            bad.append(Bad(name, label, why))
            continue
        looks.append(
            Look(
                name,
                part,
                label,
                header.size,
                _mode(header),
                header.format,
                header.frames,
                *pixels,
            )
        )
    return looks, bad, channels


def _each(function, paths: list[Path]) -> list:
    """Calls a function with each path; a reason comes back for a bad one."""

    def attempt(path: Path):
        try:
            return function(path)
        except pictures.Unreadable as error:
            return error.why

    with pictures.bombs_refused(), ThreadPoolExecutor() as pool:
        return list(pool.map(attempt, paths))


def _see(path: Path, channels: int) -> tuple[bytes, np.ndarray, int]:
    """Returns hash, thumbnail and largest pixel of a picture."""
    pixels = pictures.decode(path, channels)
    return digest(pixels), thumbnail(pixels), int(pixels.max())


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Returns uint8 `[32, 32]`, grey, of uint8 `[H, W, C]`."""
    from PIL import Image

    if pixels.shape[-1] == 3:
        picture = Image.fromarray(pixels).convert("L")
    else:
        picture = Image.fromarray(pixels.mean(axis=-1).astype(np.uint8))
    small = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small)


def _mode(header: pictures.Header) -> str:
    word = WORDS.get(header.mode, header.mode)
    return word + " with transparency" * header.is_transparent
