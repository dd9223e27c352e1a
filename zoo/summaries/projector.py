"""Kind `projector`: what the classifier sees of each example, as a cloud.

Files for TensorBoard's projector, in the folder of the event file, where it
looks: features, labels and answers, and thumbnails where there are images.
"""

from __future__ import annotations

import io
import math
import pathlib

import numpy as np
from PIL import Image

from zoo import drawing
from zoo.io import atomic_write
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Judged, Snapshot

MOST = 1_000  # examples
MOST_FEATURES = 200  # numbers an example; a browser has to handle them all
SIDE = 40  # pixels, about, of a thumbnail
CONFIG = "projector_config.pbtxt"  # the name that TensorBoard looks for


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes the files, once, at the end of training."""
    if not snapshot.last:
        return
    judged = snapshot.judged
    some = Judged(
        judged.inputs[:MOST], judged.labels[:MOST], judged.logits[:MOST]
    )
    features = snapshot.view.features(some.inputs)
    if features is not None and np.isfinite(features).all():
        write_files(log.path.parent, some, features, snapshot.class_names)


def write_files(
    folder: pathlib.Path,
    judged: Judged,
    features: np.ndarray,
    names: tuple[str, ...],
) -> None:
    """Writes the files, that which names the others last.

    Args:
        features: float `[N, F]` of the judged examples.
    """
    points = principal(features, MOST_FEATURES)
    files = {
        "features.tsv": _table(points),
        "labels.tsv": _labels(judged, names),
    }
    side = None
    if judged.inputs.ndim == 4:
        files["thumbnails.png"], side = sprite(judged.inputs)
    reduced = points.shape[1] < features.shape[1]
    name = f"{points.shape[1]} principal components of " if reduced else ""
    files[CONFIG] = _config(f"{name}features", points.shape, side)
    for file_name, content in files.items():
        with atomic_write(folder / file_name) as file:
            file.write(content)


def principal(features: np.ndarray, most: int) -> np.ndarray:
    """Returns features, or so many principal components if there are more."""
    if features.shape[1] <= most:
        return features
    centred = features - features.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, :most] * sizes[:most]


def sprite(images: np.ndarray) -> tuple[bytes, tuple[int, int]]:
    """Returns thumbnails in a square sheet as PNG, and (width, height) of one.

    Args:
        images: raw, 0..255, `[N, H, W, C]`.
    """
    pixels = drawing.in_colour(drawing.to_pixels(images, 0, 255))
    tiles = drawing.resized(pixels, SIDE)
    count, height, width = tiles.shape[:3]
    columns = math.ceil(math.sqrt(count))  # the projector wants a square
    sheet = np.full((columns * columns, height, width, 3), 255, np.uint8)
    sheet[:count] = tiles
    sheet = sheet.reshape(columns, columns, height, width, 3)
    sheet = np.concatenate(np.concatenate(sheet, axis=1), axis=1)
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, "PNG")
    return file.getvalue(), (width, height)


def _table(points: np.ndarray) -> bytes:
    rows = ["\t".join(f"{x:.5g}" for x in point) for point in points]
    return ("\n".join(rows) + "\n").encode()


def _labels(judged: Judged, names: tuple[str, ...]) -> bytes:
    # A tab or a line's end in a name would make it two.
    names = [" ".join(name.split()) for name in names]
    answers = judged.logits.argmax(axis=1)
    rows = [
        f"{names[label]}\t{names[answer]}\t{'yes' if label == answer else 'no'}"
        for label, answer in zip(judged.labels, answers, strict=True)
    ]
    return ("\n".join(["label\tanswer\tright", *rows]) + "\n").encode()


def _config(name: str, shape: tuple[int, int], side) -> bytes:
    thumbnails = ""
    if side:
        width, height = side
        thumbnails = (
            '  sprite {\n    image_path: "thumbnails.png"\n'
            f"    single_image_dim: {width}\n"
            f"    single_image_dim: {height}\n  }}\n"
        )
    return (
        "embeddings {\n"
        f'  tensor_name: "{name}"\n'
        '  tensor_path: "features.tsv"\n'
        f"  tensor_shape: {shape[0]}\n  tensor_shape: {shape[1]}\n"
        '  metadata_path: "labels.tsv"\n'
        f"{thumbnails}}}\n"
    ).encode()
