"""What `zoo inspect` shows of a dataset: text, JSON and a contact sheet.

The contact sheet has a few images of each class, and doubtful labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.console import format_table, pluralize
from zoo.data_checks.checks import (
    CRITICAL,
    SEVERITIES,
    DataFinding,
    format_size,
    size_range,
)
from zoo.data_checks.stats import DatasetStats, count_values
from zoo.errors import UserError
from zoo.io import OTHER_OUT, atomic_write
from zoo.summaries import drawing
from zoo.summaries.drawing import (
    GAP,
    INCORRECT,
    LINE_HEIGHT,
    MARGIN,
    MUTED,
    TEXT,
)

MAX_LINES = 8  # of images under a finding
MAX_VALUES = 4  # sizes, modes or formats in a line
HEADS = (
    "class", "images", "fraction", "unreadable", "duplicates", "sizes",
    "brightness",
)  # fmt: skip


def format_report(stats: DatasetStats, findings: Sequence[DataFinding]) -> str:
    """Returns a summary, numbered findings, and a table of the classes."""
    lines = [f"{head:<10} {text}" for head, text in _summary(stats).items()]
    lines.append("")
    if not findings:
        lines.append("No problems found in these images.")
    for number, finding in enumerate(findings, 1):
        lines.append(f"{number}. {finding.sentence}")
        # Of what makes training impossible, every file is listed.
        count = len(finding.images)
        shown = count if finding.severity == CRITICAL else MAX_LINES
        lines += [f"     {line}" for line in finding.images[:shown]]
        if count > shown:
            lines.append(f"     ... and {count - shown:,} more, all in --json")
    lines += ["", _class_table(stats)]
    return "\n".join(lines)


def _summary(stats: DatasetStats) -> dict[str, str]:
    images = stats.images
    summary = {
        "data": f"{stats.dataset}: {pluralize(len(images), 'image')} of "
        f"{pluralize(len(stats.class_names), 'class', 'classes')}",
        "sizes": _format_sizes(stats),
        "modes": _format_counts(image.mode for image in images),
    }
    if images[0].format:
        summary["formats"] = _format_counts(image.format for image in images)
    if stats.counts.all():
        sizes = {name: len(split) for name, split in stats.splits.items()}
        summary["training"] = (
            f"`zoo train` would use {sizes['train']:,} for training and "
            f"{sizes['val']:,} for validation"
        )
        if stats.num_test is None:
            summary["training"] += f", and hold out {sizes['test']:,} for test"
    summary["checked"] = _format_scope(stats)
    return summary


def _format_scope(stats: DatasetStats) -> str:
    if stats.num_test is None:
        return "every image; the test split is not held out yet"
    return (
        "training and validation images; of the "
        f"{pluralize(stats.num_test, 'test image')} of the held-out test set, "
        "whether they are copies of these"
    )


def _format_sizes(stats: DatasetStats) -> str:
    sizes = count_values(image.size for image in stats.images)
    (most, count), *_ = sizes.items()
    if len(sizes) == 1:
        return f"all {format_size(most)} pixels (height x width)"
    small, large = size_range(stats)
    return (
        f"{len(sizes):,}, most often {format_size(most)} ({count:,}); from "
        f"{format_size(small)} to {format_size(large)} pixels (height x width)"
    )


def _format_counts(values: Iterable[str]) -> str:
    parts = [f"{value} {n:,}" for value, n in count_values(values).items()]
    more = len(parts) - MAX_VALUES
    return ", ".join(parts[:MAX_VALUES] + [f"{more} more"] * (more > 0))


def _class_table(stats: DatasetStats) -> str:
    rows = [
        (
            row["class"],
            f"{row['images']:,}",
            f"{100 * row['fraction']:.1f}%",
            f"{row['unreadable']:,}" if row["unreadable"] else "-",
            f"{row['duplicates']:,}" if row["duplicates"] else "-",
            _format_class_sizes(row["sizes"]),
            "-" if row["brightness"] is None else f"{row['brightness']:.0f}",
        )
        for row in stats_by_class(stats)
    ]
    return format_table(HEADS, rows, right=(1, 2, 3, 4, 6))


def _format_class_sizes(sizes: dict[str, int]) -> str:
    if not sizes:
        return "-"
    first = next(iter(sizes))
    return first + f" and {len(sizes) - 1} more" * (len(sizes) > 1)


def stats_by_class(stats: DatasetStats) -> list[dict[str, Any]]:
    """Returns statistics of each class.

    `duplicates` counts images whose pixels occur in the dataset more than
    once; `brightness` is a mean gray level, 0..255.
    """
    duplicates = {i for group in stats.duplicates for i in group}
    rows = []
    for label, name in enumerate(stats.class_names):
        indices = np.flatnonzero(stats.labels == label)
        images = [stats.images[i] for i in indices]
        brightness = [image.brightness for image in images]
        formats = (image.format for image in images if image.format)
        rows.append(
            {
                "class": name,
                "images": len(images),
                "fraction": len(images) / len(stats.images),
                "unreadable": sum(f.label == label for f in stats.unreadable),
                "duplicates": len(duplicates.intersection(indices.tolist())),
                "sizes": count_values(format_size(im.size) for im in images),
                "modes": count_values(image.mode for image in images),
                "formats": count_values(formats),
                "brightness": float(np.mean(brightness))
                if brightness
                else None,
            }
        )
    return rows


def as_json(
    stats: DatasetStats,
    findings: Sequence[DataFinding],
    contact_sheet: str | None,
) -> dict[str, Any]:
    """Returns statistics and findings in JSON's types.

    Args:
        stats: Of the dataset.
        findings: The most severe first.
        contact_sheet: Path of the contact sheet, if one was written.
    """
    splits = {}
    if stats.counts.all():
        splits = {name: len(split) for name, split in stats.splits.items()}
    return {
        "dataset": stats.dataset,
        "images": len(stats.images),
        "held_out_test_images": stats.num_test,
        "splits": splits,
        "classes": stats_by_class(stats),
        "skipped_files": stats.skipped,
        "findings": [
            {
                "name": finding.name,
                "severity": SEVERITIES[finding.severity],
                "sentence": finding.sentence,
                "images": list(finding.images),
            }
            for finding in findings
        ],
        "contact_sheet": contact_sheet,
    }


TILE_SIDE = 96  # pixels
COLUMNS = 8
MAX_CLASSES = 40
MAX_PAIRS = 16
BACKGROUND = 244  # gray level around images that are not square


def check_sheet_path(path: Path, folder: Path | None) -> None:
    """Raises `UserError` if no contact sheet can be written to a path.

    Args:
        path: Path of the contact sheet.
        folder: Folder of the images, if they are in one.
    """
    if path.suffix.lower() != ".png":
        raise UserError(
            f"--out={path} is not the name of a PNG file; write for example "
            "--out=sheet.png."
        )
    if path.is_dir() or not path.parent.is_dir():
        problem = "is a folder" if path.is_dir() else "is in a missing folder"
        raise UserError(
            f"--out={path} {problem}; give the path of a file in an existing "
            "folder."
        )
    if folder and path.resolve().is_relative_to(folder.resolve()):
        raise UserError(
            f"--out={path} is among the images to inspect, and would become "
            "one of them; choose another folder."
        )


def write_contact_sheet(path: Path, stats: DatasetStats) -> None:
    """Writes the contact sheet atomically."""
    from PIL import Image

    sheet = draw_contact_sheet(stats)
    with atomic_write(path, OTHER_OUT) as file:
        Image.fromarray(sheet).save(file, "PNG")


def draw_contact_sheet(stats: DatasetStats) -> np.ndarray:
    """Returns the contact sheet, uint8 `[H, W, 3]`."""
    names = stats.class_names
    rows = [_class_row(stats, k) for k in range(len(names))[:MAX_CLASSES]]
    title = f"{stats.dataset}: {len(stats.images):,} images"
    if len(names) > MAX_CLASSES:
        title += f", the first {MAX_CLASSES} of {len(names)} classes"
    rows += _doubtful_rows(stats)
    sheet = np.concatenate(drawing.pad_to_widest(rows, align=0))
    return drawing.with_title(sheet, title)


def _class_row(stats: DatasetStats, label: int) -> np.ndarray:
    """Returns the name of a class, and images spread over it evenly."""
    indices = np.flatnonzero(stats.labels == label)
    shown = indices[_spread(len(indices), COLUMNS)]
    head = drawing.blank(LINE_HEIGHT + 4, COLUMNS * (TILE_SIDE + GAP))
    name = drawing.truncate(stats.class_names[label], head.shape[1] - 120)
    drawing.draw_text(head, name, 0, 2, TEXT)
    x = drawing.text_width(name) + GAP
    drawing.draw_text(head, f"{len(indices):,} images", x, 2, MUTED)
    if not len(shown):
        return head
    tiles = np.stack([tile(stats.pixels(i), TILE_SIDE) for i in shown])
    sheet = drawing.image_grid(tiles, columns=COLUMNS)
    return np.concatenate(drawing.pad_to_widest([head, sheet], align=0))


def _spread(count: int, wanted: int) -> np.ndarray:
    """Returns indices from the first to the last, evenly spaced."""
    return np.unique(
        np.linspace(0, count - 1, min(count, wanted)).round()
    ).astype(int)


def _doubtful_rows(stats: DatasetStats) -> list[np.ndarray]:
    """Returns duplicates and near-duplicates with different labels."""
    pairs = [
        pair
        for group in stats.duplicates
        for pair in zip(group, group[1:], strict=False)
    ]
    pairs += [(pair.first, pair.second) for pair in stats.near_duplicates]
    images = stats.images
    pairs = [(i, j) for i, j in pairs if images[i].label != images[j].label]
    if not pairs:
        return []
    head = drawing.blank(LINE_HEIGHT + MARGIN, COLUMNS * (TILE_SIDE + GAP))
    text = "Duplicates and near-duplicates with different labels"
    drawing.draw_text(head, text, 0, 2, INCORRECT)
    shown = [i for pair in pairs[:MAX_PAIRS] for i in pair]
    tiles = np.stack([tile(stats.pixels(i), TILE_SIDE) for i in shown])
    captions = [
        [(stats.class_of(i), INCORRECT), (Path(images[i].name).name, MUTED)]
        for i in shown
    ]
    return [head, drawing.image_grid(tiles, captions, columns=COLUMNS)]


def tile(pixels: np.ndarray, side: int) -> np.ndarray:
    """Returns an image centered in a square, uint8 `[side, side, 3]`.

    Small ones grow by a whole factor, so that their pixels can be seen.

    Args:
        pixels: Uint8 `[H, W, C]`.
        side: Side of the square in pixels.
    """
    from PIL import Image

    image = Image.fromarray(drawing.to_rgb(pixels))
    longest = max(image.size)
    if longest <= side:
        factor = side // longest
        width, height = (factor * length for length in image.size)
        image = image.resize((width, height), Image.Resampling.NEAREST)
    else:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (side, side), (BACKGROUND,) * 3)
    left, top = (side - length for length in image.size)
    square.paste(image, (left // 2, top // 2))
    return np.asarray(square)
