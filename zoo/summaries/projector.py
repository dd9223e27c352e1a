"""Features of the validation set, for TensorBoard's Projector tab.

The files are in the folder of the event file: features, labels and
predictions, and thumbnails of images.
"""

from __future__ import annotations

import io
import math
import pathlib

import numpy as np
from PIL import Image

from zoo.io import atomic_write
from zoo.summaries import drawing
from zoo.summaries.events import EventWriter
from zoo.summaries.inspector import ScoredExamples, Snapshot

MAX_EXAMPLES = 1_000
MAX_FEATURES = 200  # numbers an example, all of which a browser handles
SIDE = 40  # pixels, about, of a thumbnail
CONFIG_FILE = "projector_config.pbtxt"  # the name that TensorBoard expects


def write_projector(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the files, once, at the end of training."""
    if not snapshot.last:
        return
    scored = snapshot.scored
    examples = ScoredExamples(
        scored.inputs[:MAX_EXAMPLES],
        scored.labels[:MAX_EXAMPLES],
        scored.logits[:MAX_EXAMPLES],
    )
    features = snapshot.inspector.features(examples.inputs)
    if features is not None and np.isfinite(features).all():
        folder = writer.path.parent
        write_files(folder, examples, features, snapshot.class_names)


def write_files(
    folder: pathlib.Path,
    examples: ScoredExamples,
    features: np.ndarray,
    names: tuple[str, ...],
) -> None:
    """Writes the files, the config file last.

    Args:
        features: float `[N, F]` of the examples.
    """
    points = principal_components(features, MAX_FEATURES)
    files = {
        "features.tsv": _table(points),
        "labels.tsv": _labels(examples, names),
    }
    side = None
    if examples.inputs.ndim == 4:
        files["thumbnails.png"], side = sprite(examples.inputs)
    reduced = points.shape[1] < features.shape[1]
    name = f"{points.shape[1]} principal components of " if reduced else ""
    files[CONFIG_FILE] = _config(f"{name}features", points.shape, side)
    for file_name, content in files.items():
        with atomic_write(folder / file_name) as file:
            file.write(content)


def principal_components(features: np.ndarray, number: int) -> np.ndarray:
    """Returns the first principal components, or the features if fewer."""
    if features.shape[1] <= number:
        return features
    centered = features - features.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centered, full_matrices=False)
    return left[:, :number] * sizes[:number]


def sprite(images: np.ndarray) -> tuple[bytes, tuple[int, int]]:
    """Returns thumbnails in a square sheet as PNG, and (width, height) of one.

    Args:
        images: raw, 0..255, `[N, H, W, C]`.
    """
    pixels = drawing.to_rgb(drawing.to_pixels(images, 0, 255))
    tiles = drawing.resize(pixels, SIDE)
    count, height, width = tiles.shape[:3]
    columns = math.ceil(math.sqrt(count))  # the sprite must be square
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


def _labels(examples: ScoredExamples, names: tuple[str, ...]) -> bytes:
    # A tab or a line break in a name would split it.
    names = [" ".join(name.split()) for name in names]
    predictions = examples.logits.argmax(axis=1)
    rows = [
        f"{names[true]}\t{names[predicted]}\t"
        f"{'yes' if true == predicted else 'no'}"
        for true, predicted in zip(examples.labels, predictions, strict=True)
    ]
    header = "label\tprediction\tcorrect"
    return ("\n".join([header, *rows]) + "\n").encode()


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
